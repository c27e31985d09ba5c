package handler

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"aftercare/shared/command"
	"aftercare/shared/suggest"
)

// document reads a JSON object into a struct by its json tags, and collects
// every mistake on the way. Unlike encoding/json it replaces nothing: bytes that
// are not UTF-8, half a surrogate pair, a key that is unknown or given twice,
// and a value of another type are mistakes.
type document struct {
	d        *json.Decoder
	mistakes []string
	// wrong holds the paths of values with mistakes.
	wrong map[string]bool
}

// readDocument reads payload into a pointer to a struct. It returns an error if
// payload is not JSON; otherwise the document holds the mistakes.
func readDocument(payload []byte, into any) (*document, error) {
	payload = bytes.TrimPrefix(payload, []byte("\ufeff"))
	begin := bytes.TrimSpace(payload)
	if len(begin) == 0 {
		return nil, errors.New("it is empty")
	}
	if at := invalidUTF8(payload); at >= 0 {
		return nil, fmt.Errorf("it is not UTF-8 at byte %d", at+1)
	}
	var raw json.RawMessage
	if err := json.Unmarshal(payload, &raw); err != nil {
		return nil, errors.New(syntaxMistake(err))
	}
	if at := halfPair(payload); at >= 0 {
		return nil, fmt.Errorf("it has half of a surrogate pair at byte %d: write the whole character", at+1)
	}
	if begin[0] != '{' {
		return nil, errors.New("it is not a JSON object")
	}
	r := &document{d: json.NewDecoder(bytes.NewReader(payload)), wrong: map[string]bool{}}
	r.d.UseNumber()
	r.value(reflect.ValueOf(into).Elem(), "")
	return r, nil
}

func invalidUTF8(text []byte) int {
	for i, r := range string(text) {
		if r == utf8.RuneError && !bytes.HasPrefix(text[i:], []byte("\ufffd")) {
			return i
		}
	}
	return -1
}

func syntaxMistake(err error) string {
	var syntax *json.SyntaxError
	switch {
	case !errors.As(err, &syntax):
		return "it is not JSON"
	case strings.Contains(syntax.Error(), "after top-level value"):
		return "something follows its JSON object"
	case strings.Contains(syntax.Error(), "unexpected end"):
		return "it is cut off"
	}
	return fmt.Sprintf("it is not JSON, or nested too deeply, at byte %d", syntax.Offset)
}

// escape matches an escape of valid JSON: two for one character, half of such a
// pair, which a decoder would replace, or any other.
var escape = regexp.MustCompile(`\\(?:u[dD][89abAB]..\\u[dD][c-fC-F]..|(u[dD][89a-fA-F]..)|.)`)

// halfPair returns where valid JSON has half of a pair; -1 if nowhere.
func halfPair(text []byte) int {
	for _, found := range escape.FindAllSubmatchIndex(text, -1) {
		if found[2] >= 0 {
			return found[0]
		}
	}
	return -1
}

func (r *document) add(path, format string, args ...any) {
	r.wrong[path] = true
	what := fmt.Sprintf(format, args...)
	if path == "" {
		path = "the payload"
	}
	r.mistakes = append(r.mistakes, path+" "+what)
}

// value reads the next value. The syntax has been checked.
func (r *document) value(into reflect.Value, path string) {
	token, _ := r.d.Token()
	if token == nil {
		return // null is as if it were not there
	}
	if into.Kind() == reflect.Pointer {
		if token != json.Delim('{') && into.Type().Elem().Kind() == reflect.Struct {
			into = reflect.Zero(into.Type().Elem())
		} else {
			into.Set(reflect.New(into.Type().Elem()))
			into = into.Elem()
		}
	}
	text, isText := token.(string)
	number, isNumber := token.(json.Number)
	switch kind := into.Kind(); {
	case into.Type() == reflect.TypeFor[time.Time]() && isText:
		if into.Addr().Interface().(*time.Time).UnmarshalText([]byte(text)) != nil {
			r.add(path, "must be a time with its zone, such as 2026-03-01T02:00:00+08:00")
		}
	case into.Type() != reflect.TypeFor[time.Time]() && kind == reflect.Struct && token == json.Delim('{'):
		r.object(into, path)
	case kind == reflect.Map && token == json.Delim('{'):
		r.texts(into, path)
	case kind == reflect.Slice && token == json.Delim('['):
		for i := 0; r.d.More(); i++ {
			if text, ok := r.text(path, "hold texts"); ok {
				into.Set(reflect.Append(into, reflect.ValueOf(text)))
			}
		}
		_, _ = r.d.Token()
	case kind == reflect.Bool && token == true:
		into.SetBool(true)
	case kind == reflect.String && isText:
		into.SetString(text)
	case kind == reflect.Int && isNumber:
		n, err := strconv.Atoi(number.String())
		if err != nil {
			r.add(path, "must be a whole number")
		}
		into.SetInt(int64(n))
	case into.Type() == reflect.TypeFor[command.Duration]() && isText:
		switch d := into.Addr().Interface().(*command.Duration); {
		case d.UnmarshalText([]byte(text)) != nil:
			r.add(path, "must be a duration such as 90s, 5m or 24h")
		case *d == 0:
			r.add(path, "must not be 0: leave it out for the default")
		}
	default:
		r.skip(token)
		r.add(path, "must be %s", jsonKind(into.Type()))
	}
}

// jsonKind describes in JSON's words what a value must be.
func jsonKind(t reflect.Type) string {
	switch {
	case t == reflect.TypeFor[command.Duration]():
		return "a text with a duration such as 90s, 5m or 24h"
	case t == reflect.TypeFor[time.Time]():
		return "a text with a time and its zone, such as 2026-03-01T02:00:00+08:00"
	case t.Kind() == reflect.String:
		return "a text"
	case t.Kind() == reflect.Bool:
		return "true, or left out"
	case t.Kind() == reflect.Int:
		return "a whole number"
	case t.Kind() == reflect.Slice:
		return "a list"
	}
	return "a JSON object"
}

// skip skips the rest of a value that begins with token.
func (r *document) skip(token json.Token) {
	if token == json.Delim('{') || token == json.Delim('[') {
		for r.d.More() {
			next, _ := r.d.Token()
			r.skip(next)
		}
		_, _ = r.d.Token()
	}
}

// object reads the members of an object.
func (r *document) object(into reflect.Value, path string) {
	var known []string
	for i := range into.NumField() {
		name, _, _ := strings.Cut(into.Type().Field(i).Tag.Get("json"), ",")
		known = append(known, name)
	}
	r.members(path, func(name string) {
		i := slices.Index(known, name)
		if i < 0 {
			token, _ := r.d.Token()
			r.skip(token)
			r.add(path, "has no field %.60q%s", name, suggest.Hint(name, "its fields", known))
			return
		}
		r.value(into.Field(i), join(path, name))
	})
}

// texts reads an object whose members are texts.
func (r *document) texts(into reflect.Value, path string) {
	into.Set(reflect.MakeMap(into.Type()))
	r.members(path, func(name string) {
		if text, ok := r.text(path, "hold texts"); ok {
			into.SetMapIndex(reflect.ValueOf(name), reflect.ValueOf(text))
		}
	})
}

// members calls each for every member of an object, and each reads its value.
func (r *document) members(path string, each func(name string)) {
	seen := map[string]bool{}
	for r.d.More() {
		token, _ := r.d.Token()
		name := token.(string)
		if seen[name] {
			r.add(path, "has the field %.60q twice: remove one", name)
		}
		seen[name] = true
		each(name)
	}
	_, _ = r.d.Token()
}

// text reads the next value, which must be a text.
func (r *document) text(path, must string) (string, bool) {
	token, _ := r.d.Token()
	text, ok := token.(string)
	if !ok {
		r.skip(token)
		if !r.wrong[path] {
			r.add(path, "must %s", must)
		}
	}
	return text, ok
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}
