package eventbridge

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// parseUnique reads one JSON value, and refuses objects with a key twice: the
// second would silently replace the first. Numbers stay json.Number.
func parseUnique(text string) (any, error) {
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	value, err := parseValue(dec, 0)
	if err == io.EOF {
		return nil, errors.New("is empty")
	}
	if err != nil {
		return nil, err
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, errors.New("has something after its JSON value")
	}
	return value, nil
}

// maxDepth bounds the nesting of patterns.
const maxDepth = 64

func parseValue(dec *json.Decoder, depth int) (any, error) {
	token, err := dec.Token()
	if err != nil {
		return nil, err
	}
	delim, opens := token.(json.Delim)
	if !opens {
		return token, nil
	}
	if depth == maxDepth {
		return nil, fmt.Errorf("is nested deeper than %d", maxDepth)
	}
	object, list := map[string]any{}, []any{}
	for dec.More() {
		key := ""
		if delim == '{' {
			token, err := dec.Token()
			if err != nil {
				return nil, err
			}
			key = token.(string) // the decoder accepts no other key
			if _, twice := object[key]; twice {
				return nil, fmt.Errorf("has the key %q twice in one object", key)
			}
		}
		value, err := parseValue(dec, depth+1)
		if err != nil {
			return nil, err
		}
		if delim == '{' {
			object[key] = value
		} else {
			list = append(list, value)
		}
	}
	if _, err := dec.Token(); err != nil { // the closing bracket
		return nil, err
	}
	if delim == '{' {
		return object, nil
	}
	return list, nil
}

// kindOf names the type of a JSON value, for messages.
func kindOf(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "a boolean"
	case string:
		return "a string"
	case json.Number:
		return "a number"
	case []any:
		return "an array"
	}
	return "an object"
}

// literal returns a JSON value as a person writes it.
func literal(v any) string {
	var out strings.Builder
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return kindOf(v)
	}
	return strings.TrimSuffix(out.String(), "\n")
}
