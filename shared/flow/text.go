package flow

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"regexp/syntax"
	"strconv"
	"strings"
)

// What takes values out of text, and what that costs. [17]

// pattern is a regular expression, whose cost is in proportion to the text.
type pattern struct {
	*regexp.Regexp
	parts int // of the machine that looks for it
}

// unreadable is what is wrong with a pattern that cannot be read.
var unreadable = map[syntax.ErrorCode]string{
	syntax.ErrMissingBracket: "a [ in it is never closed", syntax.ErrMissingParen: "a ( in it is never closed", syntax.ErrUnexpectedParen: "a ) in it closes nothing",
	syntax.ErrMissingRepeatArgument: "*, + or ? repeats nothing", syntax.ErrInvalidRepeatOp: "two of *, + and ? stand together",
	syntax.ErrInvalidRepeatSize: "a repetition such as {2,5} is too large, or ends before it begins", syntax.ErrInvalidCharRange: "a range such as a-z ends before it begins (write a-zA-Z for both cases)",
	syntax.ErrInvalidEscape: `what stands after a \ has no meaning there`, syntax.ErrTrailingBackslash: `nothing stands after the last \`,
	syntax.ErrInvalidPerlOp: "(? begins what does not exist here", syntax.ErrInvalidUTF8: "it is no text",
}

// UnreadablePattern says what an error of package regexp means.
func UnreadablePattern(err error) string {
	var wrong *syntax.Error
	if errors.As(err, &wrong) && unreadable[wrong.Code] != "" {
		return unreadable[wrong.Code]
	}
	return "it is too long, or its parts are too deep in one another"
}

func compilePattern(text string) (*pattern, error) {
	tree, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return nil, errors.New("the pattern cannot be read: " + UnreadablePattern(err))
	}
	machine, err := syntax.Compile(tree.Simplify())
	if err != nil {
		return nil, err
	}
	if parts := len(machine.Inst); parts > maxPattern {
		return nil, fmt.Errorf("the pattern has %d parts, counting its repetitions: at most %d are allowed", parts, maxPattern)
	}
	return &pattern{regexp.MustCompile(text), len(machine.Inst)}, nil
}

// spend counts steps, and refuses those beyond the budget.
func (e *evaluation) spend(steps int) error {
	if e.work += steps; e.work > workBudget {
		return errCostly
	}
	return nil
}

var errCostly = fmt.Errorf("the expression takes more than %d steps on these values: take a smaller part of them first", workBudget)

// cost is how many steps it takes to read or make values.
func cost(values ...any) int {
	bytes, times := 0, 1
	for _, v := range values {
		switch v := v.(type) {
		case string:
			bytes += len(v)
		case []any:
			bytes += len(v)
		case map[string]any:
			bytes += len(v)
		case *pattern:
			times = v.parts
		}
	}
	return bytes * times
}

// match returns what a group of the pattern found, the whole of it without a
// group, and nil if the pattern or the group found nothing.
func match(args []any) (any, error) {
	text, ok := args[0].(string)
	if !ok {
		return nil, fmt.Errorf("match takes text, but this is %s", typeOf(args[0]))
	}
	group := 0
	if len(args) > 2 {
		group = args[2].(int)
	}
	at := args[1].(*pattern).FindStringSubmatchIndex(text)
	if at == nil || at[2*group] < 0 {
		return nil, nil
	}
	return text[at[2*group]:at[2*group+1]], nil
}

// lines takes text apart at its newlines. The one that ends it begins no line.
func lines(t []string) (any, error) {
	list := []any{}
	for line := range strings.Lines(t[0]) {
		list = append(list, strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r"))
	}
	return list, nil
}

// fromJSON reads one value of JSON. Whole numbers are ints if they fit.
func fromJSON(t []string) (any, error) {
	d := json.NewDecoder(strings.NewReader(t[0]))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil {
		return nil, errors.New("fromJSON got text that is not JSON")
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("fromJSON got text with something after the JSON")
	}
	return plain(v, maxNested)
}

// plain replaces the numbers of JSON in a value, in which lists and mappings may
// stand so deep in one another.
func plain(v any, deep int) (any, error) {
	switch v.(type) {
	case []any, map[string]any:
		if deep == 0 {
			return nil, fmt.Errorf("fromJSON got more than %d lists and mappings in one another", maxNested)
		}
	}
	var err error
	switch v := v.(type) {
	case json.Number:
		if i, err := strconv.Atoi(v.String()); err == nil {
			return i, nil
		}
		f, err := v.Float64()
		if err != nil {
			return nil, errors.New("fromJSON got a number that is too large")
		}
		if f == math.Trunc(f) && math.Abs(f) < 1<<53 {
			return int(f), nil
		}
		return f, nil
	case []any:
		for i := range v {
			if v[i], err = plain(v[i], deep-1); err != nil {
				return nil, err
			}
		}
	case map[string]any:
		for name := range v {
			if v[name], err = plain(v[name], deep-1); err != nil {
				return nil, err
			}
		}
	}
	return v, nil
}
