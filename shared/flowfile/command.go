package flowfile

import (
	"maps"
	"slices"
	"strings"

	"aftercare/shared/flow"
	"aftercare/shared/script"
)

const (
	// maxName is Cloud Assistant's limit of a command's name in characters,
	// less the marker. [84]
	maxName = 128 - markerLen

	// room is what a script must leave, as base64, for the values of
	// parameters that are known only when the flow starts.
	room = 2 << 10

	// maxInvokeParameters and maxInvokeName are Cloud Assistant's limits for
	// the parameters of a saved command, the latter in bytes.
	maxInvokeParameters = 10
	maxInvokeName       = 64
)

// run checks a command with content, but for its expressions.
func (r *reader) run(run *flow.RunCommand, path string) {
	if !r.sound(path) {
		return
	}
	if run.Type == "" && !r.said(path+".type") && !r.said("defaults.run.type") {
		r.add(r.place(path), "run needs the key type: write RunShellScript, RunBatScript or RunPowerShellScript, here or under run of defaults")
	}
	if r.sound(path + ".parameters") {
		r.runParameters(run, path)
	}
	if run.Content == "" || run.Type == "" {
		return
	}
	if r.size(run, path) {
		r.script(run, path)
	}
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

func (r *reader) runParameters(run *flow.RunCommand, path string) {
	at := path + ".parameters"
	names := r.named(run.Parameters, at)
	if len(names) == 0 {
		return
	}
	if run.Type != "" && run.Content != "" {
		if err := script.CheckInterpreter(run.Type, run.Content); err != nil {
			r.add(r.place(at), "%s", err)
		}
	}
	if len(names) > script.MaxParameters {
		r.add(r.values[at+"."+names[script.MaxParameters]].key, "this is parameter %d: at most %d are allowed", script.MaxParameters+1, script.MaxParameters)
	}
	commandType := run.Type
	if commandType == "" {
		commandType = script.RunShellScript
	}
	folded := map[string]string{}
	for _, name := range names {
		v := r.values[at+"."+name]
		if err := script.CheckName(commandType, name); err != nil {
			r.add(v.key, "%s", err)
		}
		key := script.FoldName(commandType, name)
		if other, ok := folded[key]; ok {
			r.add(v.key, "%s and %s are the same variable on Windows: rename one", name, other)
		}
		folded[key] = name
		if err := script.CheckValue(run.Parameters[name]); err != nil && v.sound {
			r.add(r.at(v.node), "%s", err)
		}
	}
}

// size checks that the script fits with what is known of its parameters. [84]
func (r *reader) size(run *flow.RunCommand, path string) bool {
	limit, known := script.MaxEncoded, map[string]string{}
	for name, text := range run.Parameters {
		static, dynamic := staticText(text)
		if dynamic {
			limit = script.MaxEncoded - room
		}
		known[name] = static
	}
	n := script.EncodedLenWith(run.Type, run.Content, known)
	if n <= limit {
		return true
	}
	at := r.place(path + ".content")
	if limit == script.MaxEncoded {
		r.add(at, "the script has %d characters as base64 with its parameters: at most %d are allowed", n, limit)
	} else {
		r.add(at, "the script has %d characters as base64 with its parameters: at most %d are allowed, because %d are kept for the values of ${{ }}", n, limit, room)
	}
	return false
}

// staticText is a text without its expressions, and whether there are any. It
// need not be exact for texts with faults.
func staticText(text string) (static string, dynamic bool) {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(text, opening)
		b.WriteString(before)
		if !found {
			return b.String(), dynamic
		}
		dynamic = true
		_, text, _ = strings.Cut(after, "}}")
	}
}

// invoke checks a saved command, but for its expressions. [24] [84]
func (r *reader) invoke(invoke *flow.InvokeCommand, path string) {
	at := path + ".parameters"
	if !r.sound(path) || !r.sound(at) {
		return
	}
	names := r.named(invoke.Parameters, at)
	if len(names) > maxInvokeParameters {
		r.add(r.values[at+"."+names[maxInvokeParameters]].key, "this is parameter %d: a saved command takes at most %d", maxInvokeParameters+1, maxInvokeParameters)
	}
	folded := map[string]string{}
	for _, name := range names {
		v := r.values[at+"."+name]
		if name == "" || len(name) > maxInvokeName || strings.Trim(name, invokeNameCharacters) != "" {
			r.add(v.key, "%.70q cannot be a saved command's parameter: use letters, digits, _ and -, at most %d characters", name, maxInvokeName)
			continue
		}
		lower := strings.ToLower(name)
		if other, ok := folded[lower]; ok {
			r.add(v.key, "%s and %s are the same parameter, because Cloud Assistant ignores the case: remove one", name, other)
		}
		folded[lower] = name
		if v.sound {
			r.unquoted(v, name)
		}
	}
}

const (
	letters              = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	invokeNameCharacters = letters + "_-"
	// safe is what may stand in a value that is put into a script without
	// quoting. [24]
	safe = letters + "_.:/@=+,-"
)

// unquoted finds what a saved command would not be sent with.
func (r *reader) unquoted(v value, name string) {
	sc, _ := textOf(v.node, true)
	rest, offset := sc.text, 0
	for rest != "" {
		before, after, found := strings.Cut(rest, opening)
		if i := strings.IndexFunc(before, func(c rune) bool { return !strings.ContainsRune(safe, c) }); i >= 0 {
			bad := []rune(before[i:])[0]
			r.fault(sc, characters(sc.text, offset+i), "parameter "+name+": the character "+quoted(bad)+
				" is not allowed, because a saved command gets its parameters without quotes: use letters, digits and _ . : / @ = + , - only")
			return
		}
		if !found {
			return
		}
		end := strings.Index(after, "}}")
		if end < 0 {
			return
		}
		offset += len(before) + len(opening) + end + len("}}")
		rest = after[end+len("}}"):]
	}
}

// quoted is a character as a person can read it.
func quoted(c rune) string {
	switch c {
	case ' ':
		return "space"
	case '\n':
		return "line break"
	}
	return strings.TrimSpace(string(c))
}
