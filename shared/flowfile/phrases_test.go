package flowfile_test

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"aftercare/shared/flow"
	"aftercare/shared/flowfile"
)

// foreign are words of the parsers of YAML, expressions and patterns. People read
// ours.
var foreign = regexp.MustCompile(`unexpected token|mismatched type|invalid operation|not terminated|found character|is not allowed in this context|` +
	`unrecognized character|invalid char escape|unable to unescape|bad number syntax|unclosed comment|expected bool|cannot use .* as (type|argument)|` +
	`not enough arguments|too many arguments|invalid number of arguments|invalid argument|builtin|predicate|interface \{|\[\]string|map\[|` +
	`non-map value|map key|mapping value|could not find|must be specified|reserved character|unexpected (key|scalar|map|anchor|alias|tag|end)|header option|` +
	`sequence end|block sequence|unknown escape|invalid key|error parsing regexp|is not callable|unknown (field|name|operator)|out of range|exceeds maximum|reflect|%!|Operator\(`)

// spoilt calls a function with variants of a text: at places that are some steps
// apart, a character is missing, one more is there, or another.
func spoilt(text, with string, step int, try func(string)) {
	runes := []rune(text)
	for i := 0; i < len(runes); i += step {
		before, after := string(runes[:i]), string(runes[i+1:])
		try(before + after)
		for _, c := range with {
			try(before + string(c) + string(runes[i:]))
			try(before + string(c) + after)
		}
	}
}

// [87]
func TestNoMessageSpeaksTheParsersWords(t *testing.T) {
	seen, mistakes := map[string]bool{}, 0
	check := func(src, message string) {
		mistakes++
		if words := foreign.FindString(message); words != "" && !seen[words] {
			seen[words] = true
			t.Errorf("a message has %q: %s\n%s", words, message, src)
		}
	}
	places := 20
	if testing.Short() {
		places = 2
	}
	for _, text := range expressions(t) {
		spoilt(text, "=!&|<>()[]{}'\"`.,:;?#~@$%^*\\/+-_ 0x“…\n", len(text)/places+1, func(text string) {
			for _, m := range flowfile.NewChecker().Condition(text, flow.Scope{On: []string{flow.TaskCompleted}, Steps: []string{"one", "get-disk"}}) {
				check(text, m.Text)
			}
		})
	}
	for _, file := range fixture(t, "good") {
		src := string(read(t, file))
		spoilt(src, "\t:'\"{}[] -\n#&*!|>@`%,?x\\=", len(src)/places+1, func(src string) {
			found := flowfile.Inspect(nil, "f", []byte(src), nil, time.Time{})
			for _, m := range append(found.Mistakes, found.Warnings...) {
				check(src, m.Text)
			}
		})
	}
	if mistakes < 500*places {
		t.Errorf("only %d mistakes were seen", mistakes)
	}
}

// expressions are good ones, each with many kinds of parts.
func expressions(t *testing.T) []string {
	return strings.Split(strings.TrimSpace(string(read(t, "testdata/expressions.txt"))), "\n")
}
