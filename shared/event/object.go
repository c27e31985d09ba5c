package event

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode/utf8"
)

// object is a JSON object whose values are not decoded yet. They are slices of
// the document, so reading a few fields of a large event copies only those.
type object struct {
	// path is the prefix of a field's name in a reason, for example "data.".
	path    string
	members []member
}

type member struct{ key, value []byte }

// objectOf splits raw, which must be a valid JSON object, into its members.
func objectOf(path string, raw []byte) object {
	o := object{path: path, members: make([]member, 0, 16)}
	for i := skipTo(raw, 1); raw[i] != '}'; i = skipTo(raw, i) {
		end := stringEnd(raw, i)
		key := raw[i+1 : end-1]
		if bytes.IndexByte(key, '\\') >= 0 {
			key = []byte(unquote(raw[i:end]))
		}
		i = skipTo(raw, end)
		end = valueEnd(raw, i)
		o.members = append(o.members, member{key, raw[i:end:end]})
		i = end
	}
	return o
}

// nextElement returns the first element of the rest of a valid JSON array, and
// what comes after it. The opening bracket is already gone. The element is nil
// at the end of the array.
func nextElement(array []byte) (element, rest []byte) {
	i := skipTo(array, 0)
	if array[i] == ']' {
		return nil, array[i:]
	}
	end := valueEnd(array, i)
	return array[i:end:end], array[end:]
}

// countElements counts the elements of such an array.
func countElements(array []byte) (n int) {
	for {
		var element []byte
		if element, array = nextElement(array); element == nil {
			return n
		}
		n++
	}
}

// value returns a member as it came; nil if it is missing or null.
func (o object) value(name string) []byte {
	for i := len(o.members) - 1; i >= 0; i-- {
		if m := o.members[i]; string(m.key) == name {
			if m.value[0] == 'n' {
				return nil
			}
			return m.value
		}
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

// skipTo returns the place of the next key, value or closing bracket at or after
// i.
func skipTo(raw []byte, i int) int {
	for {
		switch raw[i] {
		case ' ', '\t', '\r', '\n', ',', ':':
			i++
		default:
			return i
		}
	}
}

// valueEnd returns the place after the value that begins at i.
func valueEnd(raw []byte, i int) int {
	switch raw[i] {
	case '"':
		return stringEnd(raw, i)
	case '{', '[':
		for depth := 0; ; i++ {
			switch raw[i] {
			case '"':
				i = stringEnd(raw, i) - 1
			case '{', '[':
				depth++
			case '}', ']':
				if depth--; depth == 0 {
					return i + 1
				}
			}
		}
	}
	return i + bytes.IndexAny(raw[i:], ",]} \t\r\n")
}

// stringEnd returns the place after the closing quote of the string that
// begins at i.
func stringEnd(raw []byte, i int) int {
	for i++; raw[i] != '"'; i++ {
		if raw[i] == '\\' {
			i++
		}
	}
	return i + 1
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
