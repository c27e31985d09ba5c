package flowfile

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"aftercare/shared/command"
	"aftercare/shared/suggest"

	"mvdan.cc/sh/v3/syntax"
)

// script finds mistakes in a script's text: its syntax, parameters that it does
// not mention, and variables that nothing sets (flow rules 82, 83). It skips
// parameters that are wrong themselves.
func (r *reader) script(run *command.Run, path string, wrong map[string]bool) {
	content, interpreter := path+".content", command.Interpreter(run.Content)
	checked := run.Type == command.RunShellScript && (interpreter == "sh" || interpreter == "bash")
	if !checked {
		r.unchecked = append(r.unchecked, r.Place(content))
	}
	if checked || run.Type == command.RunPowerShellScript {
		r.unmentioned(run, path, wrong)
	}
	if !checked {
		return
	}
	add := func(offset uint, text string) { r.Add(r.inText(content, run.OffsetIn(int(offset))), "%s", text) }
	tree, err := parseShell(command.Run{Content: run.Content}.Text(), interpreter)
	if err != nil {
		add(err.at, err.text)
		return
	}
	for _, u := range unsetIn(tree, run.Parameters) {
		hint := fmt.Sprintf(": set it, add it to parameters, or write ${%s:-} if it may be empty", u.name)
		if slices.Contains(roots, u.name) {
			hint = ": a script reads no expressions; set a parameter to ${{ " + u.name + ". … }}, and use its variable"
		} else if meant := suggest.Nearest(u.name, u.known); meant != "" && len(u.name) > 2 {
			hint = suggest.DidYouMean(meant)
		}
		add(u.at, fmt.Sprintf("nothing sets the variable %.60s%s", u.name, hint))
	}
}

// roots are names of expressions, which scripts do not know.
var roots = []string{"event", "instance", "run", "steps", "inputs"}

// unmentioned finds parameters that the script does not mention: a shell script by
// their names, one of PowerShell as variables of the environment, or in quotes for a
// call that reads one.
func (r *reader) unmentioned(run *command.Run, path string, wrong map[string]bool) {
	mention, use := `\b%s\b`, `"$%.64s"`
	if run.Type == command.RunPowerShellScript {
		mention, use = `(?i)(?:env:|['"])%s\b`, "$env:%.64s"
	}
	for _, name := range r.named(run.Parameters, path+".parameters") {
		if wrong["parameters."+name] || regexp.MustCompile(fmt.Sprintf(mention, regexp.QuoteMeta(name))).MatchString(run.Content) {
			continue
		}
		r.Add(r.Key(path+".parameters."+name), "the script never mentions the parameter %.64s: use "+use+" in it, or remove the parameter", name, name)
	}
}

// shellMistake is what is wrong with a script, at a byte of it.
type shellMistake struct {
	at   uint
	text string
}

// parseShell parses a script as its interpreter does. Cloud Assistant runs a
// script without a shebang line with sh, which is taken for POSIX. The parser
// may panic on some input.
func parseShell(content, interpreter string) (tree *syntax.File, mistake *shellMistake) {
	defer func() {
		if recover() != nil {
			tree, mistake = nil, &shellMistake{0, "the script cannot be read: write it in another way"}
		}
	}()
	if at := tooDeep(content); at >= 0 {
		return nil, &shellMistake{uint(at), "the script is nested too deep: write it in another way"}
	}
	parse := func(variant syntax.LangVariant) (*syntax.File, error) {
		return syntax.NewParser(syntax.Variant(variant)).Parse(strings.NewReader(content), "")
	}
	variant := map[string]syntax.LangVariant{"bash": syntax.LangBash, "sh": syntax.LangPOSIX}[interpreter]
	tree, err := parse(variant)
	if mistake = shellMistakeOf(err); mistake != nil && interpreter == "sh" {
		if _, err := parse(syntax.LangBash); err == nil {
			mistake.text = "sh cannot read this, but bash could: begin the script with #!/bin/bash, or write it in another way"
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

// shellMistakeOf turns the parser's error into a mistake; nil without an error.
func shellMistakeOf(err error) *shellMistake {
	var parse syntax.ParseError
	var lang syntax.LangError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &lang):
		return &shellMistake{lang.Pos.Offset(), "the script's syntax: its shell has no " + lang.Feature}
	case errors.As(err, &parse):
		return &shellMistake{parse.Pos.Offset(), "the script's syntax: " + plainer.Replace(parse.Text)}
	}
	return &shellMistake{0, "the script's syntax: " + err.Error()}
}
