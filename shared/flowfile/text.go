package flowfile

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"aftercare/shared/flow"

	"github.com/goccy/go-yaml/ast"
)

// text decodes a text by the words or the form of its key.
func (r *reader) text(n ast.Node, k key) (string, bool) {
	_, isBool := n.(*ast.BoolNode)
	sc, ok := textOf(n, k.free() || k.form == "condition" || k.form == "wait" && !isBool)
	if !ok {
		may := k.hint
		if len(k.words) > 0 {
			may = "write " + alternatives(k.words)
		}
		r.add(r.at(n), "%s is text, but here is %s%s", k.name, describe(n), advice(may))
		return "", false
	}
	if i := strings.Index(sc.text, opening); i >= 0 && k.form != "template" && !k.free() {
		mistake := "${{ is only evaluated in the values of parameters and in the texts of alerts: set a parameter there, and use it here as a variable of the script"
		switch {
		case k.form == "condition":
			mistake = "when is an expression already: write it without ${{ and }}"
		case k.form != "text":
			mistake = "${{ is only evaluated in the values of parameters and in the texts of alerts: write the text itself here"
		}
		r.add(r.locate(sc, utf8.RuneCountInString(sc.text[:i])), "%s", mistake)
		return "", false
	}
	if mistake := k.wrong(sc.text); mistake != "" {
		r.add(r.at(n), "%s", mistake)
		return "", false
	}
	return sc.text, true
}

// wrong returns what is wrong with a text for its key; empty if it is right.
func (k key) wrong(text string) string {
	if len(k.words) > 0 {
		if slices.Contains(k.words, text) {
			return ""
		}
		return unknownWord(k.name, text, k.words)
	}
	switch k.form {
	case "template":
		switch {
		case strings.TrimSpace(text) == "":
			if k.need != "" {
				return k.name + " is empty: " + k.need
			}
			return k.name + " is empty: write its text"
		case strings.ContainsRune(text, 0):
			return k.name + " contains a NUL character: remove it"
		}
	case "identifier":
		if !flow.ValidName(text) {
			return fmt.Sprintf("%s must consist of a-z, 0-9 and -, begin with a letter or digit, and have at most 63 characters; this is %.70q", k.name, text)
		}
	case "jump":
		if text == "" {
			return k.name + " is empty: " + k.hint
		}
	case "wait":
		if text != flow.WaitNextBoot {
			_, mistake := k.parse(text)
			return mistake
		}
	case "ends":
		return wrongEnd(text)
	case "time":
		return wrongTime(k.name, text)
	case "zone":
		return wrongZone(text)
	}
	return ""
}

// unknownWord returns what to write instead of a word that a key cannot have.
func unknownWord(name, word string, words []string) string {
	if meant := flow.Nearest(word, words); meant != "" {
		return fmt.Sprintf("%s cannot be %.60q%s", name, word, flow.DidYouMean(meant))
	}
	return fmt.Sprintf("%s cannot be %.60q: write %s", name, word, alternatives(words))
}

// alternatives lists words with "or", as in a sentence.
func alternatives(words []string) string {
	if len(words) == 1 {
		return words[0]
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}
