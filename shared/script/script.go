// Package script finds what is wrong with scripts of sh and bash: their syntax, and
// variables that nothing sets. It is pure.
package script

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"aftercare/shared/suggest"

	"mvdan.cc/sh/v3/syntax"
)

// Mistake is what is wrong with a script, at a byte of it.
type Mistake struct {
	At   int
	Text string
}

// Check finds the mistakes of a script whose interpreter is sh or bash: the first of its
// syntax, or the variables that neither it nor its parameters set, each at its first use.
func Check(content, interpreter string, parameters map[string]string) (list []Mistake) {
	tree, mistake := parse(content, interpreter)
	if mistake != nil {
		return []Mistake{*mistake}
	}
	for _, u := range unsetIn(tree, parameters) {
		hint := fmt.Sprintf(": set it, add it to parameters, or write ${%s:-} if it may be empty", u.name)
		if slices.Contains(roots, u.name) {
			hint = ": a script reads no expressions; set a parameter to ${{ " + u.name + ". … }}, and use its variable"
		} else if meant := suggest.Nearest(u.name, u.known); meant != "" && len(u.name) > 2 {
			hint = suggest.DidYouMean(meant)
		}
		list = append(list, Mistake{int(u.at), fmt.Sprintf("nothing sets the variable %.60s%s", u.name, hint)})
	}
	return list
}

// roots are names of expressions of flows, which scripts do not know.
var roots = []string{"event", "instance", "run", "steps", "inputs"}

// parse parses a script as its interpreter does. Cloud Assistant runs a
// script without a shebang line with sh, which is taken for POSIX. The parser
// may panic on some input.
func parse(content, interpreter string) (tree *syntax.File, mistake *Mistake) {
	defer func() {
		if recover() != nil {
			tree, mistake = nil, &Mistake{0, "the script cannot be read: write it in another way"}
		}
	}()
	if at := tooDeep(content); at >= 0 {
		return nil, &Mistake{at, "the script is nested too deep: write it in another way"}
	}
	read := func(variant syntax.LangVariant) (*syntax.File, error) {
		return syntax.NewParser(syntax.Variant(variant)).Parse(strings.NewReader(content), "")
	}
	variant := map[string]syntax.LangVariant{"bash": syntax.LangBash, "sh": syntax.LangPOSIX}[interpreter]
	tree, err := read(variant)
	if mistake = mistakeOf(err); mistake != nil && interpreter == "sh" {
		if _, err := read(syntax.LangBash); err == nil {
			mistake.Text = "sh cannot read this, but bash could: begin the script with #!/bin/bash, or write it in another way"
		}
	}
	return tree, mistake
}

// maxNesting bounds how deep brackets may be nested: the parser's time grows
// with its square.
const maxNesting = 200

// tooDeep returns where brackets are nested too deep, or -1. Brackets in quotes
// and comments count too.
func tooDeep(content string) int {
	depth := 0
	for i, c := range content {
		switch c {
		case '(', '{', '[':
			depth++
		case ')', '}', ']':
			depth = max(0, depth-1)
		}
		if depth > maxNesting {
			return i
		}
	}
	return -1
}

// plainer rewrites the parser's messages in words that fit a script.
var plainer = strings.NewReplacer(
	`"foo(" must be followed by )`, "a ( is not allowed here: put it in quotes",
	`"for foo [in words]"`, "for name in words", `"for foo"`, "for and a name", "reached EOF", "the script ends",
)

// mistakeOf turns the parser's error into a mistake; nil without an error.
func mistakeOf(err error) *Mistake {
	var parse syntax.ParseError
	var lang syntax.LangError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &lang):
		return &Mistake{int(lang.Pos.Offset()), "the script's syntax: its shell has no " + lang.Feature}
	case errors.As(err, &parse):
		return &Mistake{int(parse.Pos.Offset()), "the script's syntax: " + plainer.Replace(parse.Text)}
	}
	return &Mistake{0, "the script's syntax: " + err.Error()}
}
