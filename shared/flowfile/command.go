package flowfile

import (
	"maps"
	"slices"
	"strings"

	"aftercare/shared/command"
)

// room is how many base64 characters a script must leave for the values of
// parameters that are known only when the flow starts.
const room = 2 << 10

// run checks a command with content, except its expressions (flow rule 84).
func (r *reader) run(run *command.Run, path string) {
	if !r.sound(path) {
		return
	}
	if run.Type == "" && !r.said(path+".type") && !r.said("defaults.run.type") {
		r.add(r.place(path), "run needs the key type: write RunShellScript, RunBatScript or RunPowerShellScript, here or under run of defaults")
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

// runDefaults checks the defaults of commands.
func (r *reader) runDefaults(d runDefaults) {
	complete := command.Run{Name: "any", Type: d.Type, Content: "true", Timeout: d.Timeout, WorkingDir: d.WorkingDir, Username: d.Username}
	r.wrongDefaults = r.commandMistakes(complete.Check(), "defaults.run")
}

// invoke checks a saved command, except its expressions (flow rules 24, 84).
func (r *reader) invoke(invoke *command.Invoke, path string) {
	if !r.sound(path) {
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
		v := r.values[own]
		switch {
		case r.said(own) && !r.sound(own):
		case r.said(own) && m.At < 0:
			r.add(v.key, "%s", m)
		case r.said(own):
			if sc, ok := textOf(v.node, true); ok {
				r.mistake(sc, characters(sc.text, m.At), m.String())
			} else {
				r.add(v.key, "%s", m)
			}
		case r.said(inherited) && r.sound(inherited) && !r.wrongDefaults[m.Field]:
			r.add(r.place(path), "%s", m)
		}
	}
	return wrong
}

// withoutExpressions returns the values of parameters with each expression
// replaced by a filler of the same length, and whether there are any.
func withoutExpressions(values map[string]string) (known map[string]string, dynamic bool) {
	known = make(map[string]string, len(values))
	for name, text := range values {
		var b strings.Builder
		for {
			before, after, found := strings.Cut(text, opening)
			b.WriteString(before)
			if !found {
				break
			}
			dynamic = true
			inside, rest, closed := strings.Cut(after, "}}")
			b.WriteString(strings.Repeat("x", len(opening)+len(inside)))
			if closed {
				b.WriteString("xx")
			}
			text = rest
		}
		known[name] = b.String()
	}
	return known, dynamic
}

// named lists the names of parameters in the order of the file.
func (r *reader) named(values map[string]string, path string) []string {
	return slices.SortedFunc(maps.Keys(values), func(a, b string) int {
		x, y := r.values[path+"."+a].key, r.values[path+"."+b].key
		if x.line != y.line {
			return x.line - y.line
		}
		return x.column - y.column
	})
}
