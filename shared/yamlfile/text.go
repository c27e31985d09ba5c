package yamlfile

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"aftercare/shared/flow"
	"aftercare/shared/suggest"

	"github.com/goccy/go-yaml/ast"
)

// text decodes a text by the words or the form of its key.
func (r *Reader) text(n ast.Node, k Key) (string, bool) {
	_, isBool := n.(*ast.BoolNode)
	sc, ok := textOf(n, k.free() || k.own.Numbers && (!isBool || k.own.Truths))
	if !ok {
		may := k.Hint
		if len(k.words) > 0 {
			may = "write " + Listed(k.words, "or")
		}
		r.Add(r.at(n), "%s is text, but here is %s%s", k.Name, describe(n), advice(cmp.Or(may, "write one text, in quotes")))
		return "", false
	}
	if unmeant := r.format.Unmeant; unmeant != nil && !k.own.Foreign && !k.free() {
		if at, mistake := unmeant(k, sc.Text); mistake != "" {
			r.Add(r.Locate(sc, utf8.RuneCountInString(sc.Text[:at])), "%s", mistake)
			return "", false
		}
	}
	if mistake := k.wrong(sc.Text); mistake != "" {
		r.Add(r.at(n), "%s", mistake)
		return "", false
	}
	return sc.Text, true
}

// wrong returns what is wrong with a text for its key; empty if it is right.
func (k Key) wrong(text string) string {
	switch {
	case len(k.words) > 0 && !slices.Contains(k.words, text):
		return UnknownWord(k.Name, text, k.words)
	case len(k.words) == 0 && k.own.Wrong != nil:
		return k.own.Wrong(k, text)
	}
	return ""
}

// free reports whether a key's texts can be anything, numbers too.
func (k Key) free() bool { return len(k.words) == 0 && (k.Form == "" || k.Form == "texts") }

// forms are those of every format.
var forms = map[string]Form{
	"identifier": {
		Wrong: func(k Key, text string) string {
			if flow.ValidName(text) {
				return ""
			}
			return fmt.Sprintf("%s must consist of a-z, 0-9 and -, begin with a letter or digit, and have at most 63 characters; this is %.70q", k.Name, text)
		},
		Schema: func(Key) map[string]any { return pattern(flow.NamePattern) },
	},
	"time": {
		Wrong:  func(k Key, text string) string { return wrongTime(k.Name, text) },
		Schema: func(Key) map[string]any { return pattern(timePattern) },
	},
	"zone": {
		Wrong:  func(_ Key, text string) string { return wrongZone(text) },
		Schema: notEmpty,
	},
	"text": {Schema: notEmpty},
	"line": {Schema: func(k Key) map[string]any {
		return map[string]any{"type": "string", "minLength": literal(k.least, reflect.TypeFor[int]()), "maxLength": literal(k.most, reflect.TypeFor[int]())}
	}},
}

func pattern(p string) map[string]any { return map[string]any{"type": "string", "pattern": p} }

func notEmpty(Key) map[string]any { return map[string]any{"type": "string", "minLength": 1} }

// UnknownWord returns what to write instead of a word that a key cannot have.
func UnknownWord(name, word string, words []string) string {
	if strings.ContainsAny(word, "，：") {
		return fmt.Sprintf("%s cannot be %.60q: it has a comma or colon of a Chinese keyboard, write , or : and a blank", name, word)
	}
	if strings.Contains(strings.ToLower(word), "python") {
		return fmt.Sprintf("%s cannot be %.60q: write RunShellScript, and begin the script with #!/usr/bin/env python3", name, word)
	}
	if meant := suggest.Nearest(word, words); meant != "" {
		return fmt.Sprintf("%s cannot be %.60q%s", name, word, suggest.DidYouMean(meant))
	}
	return fmt.Sprintf("%s cannot be %.60q: write %s", name, word, Listed(words, "or"))
}

// Listed lists words with "or" or "and" before the last, as in a sentence.
func Listed(words []string, before string) string {
	if len(words) == 1 {
		return words[0]
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " " + before + " " + words[last]
}
