package event

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode/utf8"
)

// object is a JSON object whose values are not decoded yet.
type object struct {
	// path is the prefix of a field's name in a reason, for example "data.".
	path    string
	members map[string]json.RawMessage
}

// objectOf splits raw, which must be a valid JSON object, into its members.
func objectOf(path string, raw []byte) object {
	o := object{path: path}
	_ = json.Unmarshal(raw, &o.members) // it is valid
	return o
}

// elements returns a decoder that stands before the first element of a valid
// JSON array.
func elements(array []byte) *json.Decoder {
	d := json.NewDecoder(bytes.NewReader(array))
	_, _ = d.Token() // the opening bracket
	return d
}

// value returns a member as it came; nil if it is missing or null.
func (o object) value(name string) []byte {
	if value := o.members[name]; len(value) > 0 && value[0] != 'n' {
		return value
	}
	return nil
}

// object returns a member that is an object, or a string that holds one.
func (o object) object(name string) (object, bool) {
	value := o.value(name)
	if value == nil {
		return object{}, false
	}
	if value[0] == '"' {
		inner, _, err := unwrap(value, 1)
		if err != nil || nesting(inner) > maxNesting {
			return object{}, false
		}
		value = inner
	}
	if value[0] != '{' {
		return object{}, false
	}
	return objectOf(o.path+name+".", value), true
}

// nesting returns how deeply objects and arrays are nested in a document, which
// may be invalid.
func nesting(document []byte) (deepest int) {
	depth, quoted := 0, false
	for i := 0; i < len(document); i++ {
		switch c := document[i]; {
		case c == '"':
			quoted = !quoted
		case quoted:
			if c == '\\' {
				i++
			}
		case c == '{' || c == '[':
			depth++
			deepest = max(deepest, depth)
		case c == '}' || c == ']':
			depth--
		}
	}
	return deepest
}

// unquote returns the text of a valid JSON string. Bytes that are not UTF-8
// become U+FFFD, so that every text can be stored.
func unquote(raw []byte) string {
	if inner := raw[1 : len(raw)-1]; bytes.IndexByte(inner, '\\') < 0 {
		if utf8.Valid(inner) {
			return string(inner)
		}
		return strings.ToValidUTF8(string(inner), "\uFFFD")
	}
	var text string
	if json.Unmarshal(raw, &text) != nil {
		return ""
	}
	return text
}

// typeOf names the type of a valid JSON value.
func typeOf(value []byte) string {
	switch value[0] {
	case '{':
		return "an object"
	case '[':
		return "an array"
	case '"':
		return "a string"
	case 't', 'f':
		return "a boolean"
	case 'n':
		return "null"
	}
	return "a number"
}
