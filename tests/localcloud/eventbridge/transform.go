package eventbridge

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Transform says which part of an event its target gets. The zero value is the
// complete event. The forms follow
// https://www.alibabacloud.com/help/en/eventbridge/latest/event-target-parameters
type Transform struct {
	Form TransformForm
	// Value is a path for JSONPATH, the text for CONSTANT, and for TEMPLATE a
	// JSON object of names and paths.
	Value string
	// Template is the text for TEMPLATE, with ${name} where values go.
	Template string
}

// TransformForm is a way to make the target's payload.
type TransformForm string

// The forms. An empty form is Original.
const (
	Original TransformForm = "ORIGINAL"
	JSONPath TransformForm = "JSONPATH"
	Constant TransformForm = "CONSTANT"
	Template TransformForm = "TEMPLATE"
)

// maxTransformChars bounds values and templates.
const maxTransformChars = 10240

// compile checks a transform and returns how it makes a payload.
func (t Transform) compile() (func(event []byte) ([]byte, error), error) {
	if utf8.RuneCountInString(t.Value) > maxTransformChars || utf8.RuneCountInString(t.Template) > maxTransformChars {
		return nil, fmt.Errorf("transform: value or template has more than %d characters", maxTransformChars)
	}
	switch t.Form {
	case "", Original:
		return func(event []byte) ([]byte, error) { return event, nil }, nil
	case Constant:
		return func([]byte) ([]byte, error) { return []byte(t.Value), nil }, nil
	case JSONPath:
		path, err := parsePath(t.Value)
		if err != nil {
			return nil, fmt.Errorf("transform: %w", err)
		}
		return path.text, nil
	case Template:
		return t.compileTemplate()
	}
	return nil, fmt.Errorf("transform: form %q is not ORIGINAL, JSONPATH, CONSTANT or TEMPLATE", t.Form)
}

var placeholder = regexp.MustCompile(`\$\{([A-Za-z0-9_.-]+)\}`)

func (t Transform) compileTemplate() (func(event []byte) ([]byte, error), error) {
	var values map[string]string
	if err := json.Unmarshal([]byte(t.Value), &values); err != nil {
		return nil, fmt.Errorf("transform: value must be a JSON object of names and paths: %w", err)
	}
	paths := make(map[string]jsonPath, len(values))
	for name, text := range values {
		path, err := parsePath(text)
		if err != nil {
			return nil, fmt.Errorf("transform: variable %s: %w", name, err)
		}
		paths[name] = path
	}
	for _, used := range placeholder.FindAllStringSubmatch(t.Template, -1) {
		if _, ok := paths[used[1]]; !ok {
			return nil, fmt.Errorf("transform: template uses ${%s}, which the value does not define", used[1])
		}
	}
	return func(event []byte) ([]byte, error) {
		var failed error
		out := placeholder.ReplaceAllStringFunc(t.Template, func(use string) string {
			text, err := paths[use[2:len(use)-1]].text(event)
			if err != nil {
				failed = err
			}
			return string(text)
		})
		return []byte(out), failed
	}, nil
}

// jsonPath is a list of steps: names and indexes.
type jsonPath []string

var pathStep = regexp.MustCompile(`^(?:\.([A-Za-z0-9_-]+)|\['([^']*)'\]|\[([0-9]+)\])`)

// parsePath reads $, followed by .name, ['name'] and [0]. Other JSONPath
// syntax is refused.
func parsePath(text string) (jsonPath, error) {
	rest, ok := strings.CutPrefix(text, "$")
	if !ok {
		return nil, fmt.Errorf("path %q does not start with $", text)
	}
	path := jsonPath{}
	for rest != "" {
		step := pathStep.FindStringSubmatch(rest)
		if step == nil {
			return nil, fmt.Errorf("path %q: %q is not .name, ['name'] or [0]", text, rest)
		}
		path = append(path, step[1]+step[2]+step[3])
		rest = rest[len(step[0]):]
	}
	return path, nil
}

// text returns the value at the path: a string without its quotes, other values
// as JSON, and nil for a missing value.
func (p jsonPath) text(event []byte) ([]byte, error) {
	raw := json.RawMessage(event)
	for _, step := range p {
		var object map[string]json.RawMessage
		var list []json.RawMessage
		switch {
		case json.Unmarshal(raw, &object) == nil:
			raw = object[step]
		case json.Unmarshal(raw, &list) == nil:
			i, err := strconv.Atoi(step)
			if err != nil || i >= len(list) {
				return nil, nil
			}
			raw = list[i]
		default:
			return nil, nil
		}
		if raw == nil {
			return nil, nil
		}
	}
	var text string
	if bytes.HasPrefix(raw, []byte(`"`)) && json.Unmarshal(raw, &text) == nil {
		return []byte(text), nil
	}
	return raw, nil
}
