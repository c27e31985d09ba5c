package flowfile

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"aftercare/shared/command"
	"aftercare/shared/script"
)

// room is how many base64 characters a script must leave for the values of
// parameters that are known only when the flow starts.
const room = 2 << 10

// run checks a command with content, except its expressions (flow rule 84).
func (r *reader) run(run *command.Run, path string) {
	if !r.Sound(path) {
		return
	}
	if run.Type == "" && !r.Said(path+".type") && !r.Said("defaults.run.type") {
		r.Add(r.Place(path), "run needs the key type: write RunShellScript, RunBatScript or RunPowerShellScript, here or under run of defaults")
	}
	known, dynamic := *run, false
	known.Parameters, dynamic = withoutExpressions(run.Parameters)
	left := 0
	if dynamic {
		left = room
	}
	wrong := r.commandMistakes(known.CheckWithin(left), path)
	if run.Type != "" && run.Content != "" && !wrong["content"] {
		r.script(run, path, wrong)
	}
}

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
	if checked {
		for _, m := range script.Check(command.Run{Content: run.Content}.Text(), interpreter, run.Parameters) {
			r.Add(r.inText(content, run.OffsetIn(m.At)), "%s", m.Text)
		}
	}
}

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

// runDefaults checks the defaults of commands.
func (r *reader) runDefaults(d runDefaults) {
	complete := command.Run{Name: "any", Type: d.Type, Content: "true", Timeout: d.Timeout, WorkingDir: d.WorkingDir, Username: d.Username}
	r.wrongDefaults = r.commandMistakes(complete.Check(), "defaults.run")
}

// invoke checks a saved command, except its expressions (flow rules 24, 84).
func (r *reader) invoke(invoke *command.Invoke, path string) {
	if !r.Sound(path) {
		return
	}
	known := *invoke
	known.Parameters, _ = withoutExpressions(invoke.Parameters)
	r.commandMistakes(known.Check(), path)
}

// commandMistakes adds a command's mistakes at their places in the file, and
// returns the fields that are wrong. It skips fields that could not be decoded
// or are missing, which have their own mistakes, and mistakes in the defaults,
// which are reported there.
func (r *reader) commandMistakes(list []command.Mistake, path string) map[string]bool {
	wrong := map[string]bool{}
	for _, m := range list {
		wrong[m.Field] = true
		own, inherited := path+"."+m.Field, "defaults.run."+m.Field
		switch {
		case r.Said(own) && !r.Sound(own):
		case r.Said(own) && m.At < 0:
			r.Add(r.Key(own), "%s", m)
		case r.Said(own):
			r.Add(r.inText(own, m.At), "%s", m)
		case r.Said(inherited) && r.Sound(inherited) && !r.wrongDefaults[m.Field]:
			r.Add(r.Place(path), "%s", m)
		}
	}
	return wrong
}

// expressions are those of a text, also one that is not closed.
var expressions = regexp.MustCompile(`(?s)\$\{\{.*?(?:\}\}|$)`)

// withoutExpressions returns the values of parameters with each expression
// replaced by a filler of the same length, and whether there are any.
func withoutExpressions(values map[string]string) (known map[string]string, dynamic bool) {
	known = make(map[string]string, len(values))
	for name, text := range values {
		known[name] = expressions.ReplaceAllStringFunc(text, func(one string) string {
			dynamic = true
			return strings.Repeat("x", len(one))
		})
	}
	return known, dynamic
}

// named lists the names of parameters in the order of the file.
func (r *reader) named(values map[string]string, path string) []string {
	return slices.SortedFunc(maps.Keys(values), func(a, b string) int {
		return r.Key(path + "." + a).Compare(r.Key(path + "." + b))
	})
}
