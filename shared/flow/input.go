package flow

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"aftercare/shared/suggest"
)

// The types of an input.
const (
	InputText    = "text"
	InputNumber  = "number"
	InputBoolean = "boolean"
)

// Bounds of inputs. [49]
const (
	MaxInputs     = 20
	maxInputValue = 1000 // characters
)

// Wrong returns what is wrong with a value of an input; empty if it is right.
func (i Input) Wrong(value string) string {
	switch n := utf8.RuneCountInString(value); {
	case n > maxInputValue:
		return fmt.Sprintf("has %d characters, at most %d are allowed", n, maxInputValue)
	case strings.ContainsRune(value, 0):
		return "contains a NUL character"
	case i.Type == InputNumber && math.IsNaN(number(value)):
		return fmt.Sprintf("must be a number, this is %.60q", value)
	case i.Type == InputBoolean && value != "true" && value != "false":
		return fmt.Sprintf("must be true or false, this is %.60q", value)
	case i.Pattern == "":
		return ""
	}
	whole, err := Whole(i.Pattern)
	if err != nil || !whole.MatchString(value) {
		return fmt.Sprintf("must match %s as a whole, this is %.60q", i.Pattern, value)
	}
	return ""
}

// Whole compiles a pattern that a whole text must match.
func Whole(pattern string) (*regexp.Regexp, error) {
	if _, err := regexp.Compile(pattern); err != nil {
		return nil, err
	}
	return regexp.Compile(`^(?s:` + pattern + `)$`)
}

// number is a text's finite number; not a number for any other text.
func number(text string) float64 {
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsInf(v, 0) || strings.ContainsAny(text, "xX_") {
		return math.NaN()
	}
	return v
}

// WrongInputs says in one line what is wrong with the inputs that were given to start
// a flow; empty if nothing is. [49]
func WrongInputs(inputs map[string]Input, given map[string]string) string {
	var wrong []string
	known := slices.Sorted(maps.Keys(inputs))
	for _, name := range slices.Sorted(maps.Keys(given)) {
		input, there := inputs[name]
		switch {
		case !there && len(known) == 0:
			wrong = append(wrong, fmt.Sprintf("the flow has no inputs: leave out %.60q", name))
		case !there:
			wrong = append(wrong, fmt.Sprintf("the flow has no input %.60q%s", name, suggest.Hint(name, "its inputs", known)))
		default:
			if mistake := input.Wrong(given[name]); mistake != "" {
				wrong = append(wrong, "the input "+name+" "+mistake)
			}
		}
	}
	for _, name := range known {
		if _, there := given[name]; !there && inputs[name].Default == nil {
			wrong = append(wrong, "the input "+name+" is missing: write "+name+"=VALUE, a "+cmp.Or(inputs[name].Type, InputText))
		}
	}
	return strings.Join(wrong, "; ")
}

// inputValues are what expressions see as inputs: what was given, and otherwise the
// defaults. What cannot be read is nil.
func inputValues(inputs map[string]Input, given map[string]string) map[string]any {
	values := make(map[string]any, len(inputs))
	for name, input := range inputs {
		values[name] = nil
		if text, there := given[name]; there {
			values[name] = input.value(text)
		} else if input.Default != nil {
			values[name] = input.value(*input.Default)
		}
	}
	return values
}

func (i Input) value(text string) any {
	switch i.Type {
	case InputNumber:
		return number(text)
	case InputBoolean:
		return text == "true"
	}
	return text
}
