package flow

import (
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"aftercare/shared/script"

	"github.com/goccy/go-yaml/ast"
)

const (
	// markerLen is what Aftercare adds to a command's name: a space and the
	// task id's 32 hex digits in brackets. The limits are Cloud Assistant's
	// and count characters.
	markerLen  = 35
	maxName    = 128 - markerLen
	maxDir     = 200
	maxUser    = 255
	minTimeout = 10 * time.Second
	maxTimeout = 24 * time.Hour

	defaultTimeout = 60 * time.Second

	// room is what a script must leave, as base64, for the values of
	// parameters that are known only when the flow starts.
	room = 2 << 10
)

// marked reports whether name ends like a marker: a space and 32 hex digits in
// brackets.
func marked(name string) bool {
	at := len(name) - markerLen
	return at >= 0 && strings.HasPrefix(name[at:], " [") && strings.HasSuffix(name, "]") &&
		strings.Trim(name[at+2:len(name)-1], "0123456789abcdef") == ""
}

func (c *flowCompiler) run(n ast.Node, f *compiledFlow, step *compiledStep) {
	m := c.mapping(n, "run", "name", "type", "content", "timeout", "workingDir", "username", "parameters")
	if m == nil {
		return
	}
	r := &step.run
	r.Type = c.commandType(m)
	r.Timeout = c.timeout(m)
	r.WorkingDir = c.attribute(m, "workingDir", maxDir)
	r.Username = c.attribute(m, "username", maxUser)
	c.name(m, f, step)
	content := c.required(m, "run", "content", "write the script")
	if content != nil {
		r.Content = c.content(content)
	}
	if p := m.find("parameters"); p != nil {
		step.parameters = c.parameters(p, r, f.on)
	}
	if r.Content != "" && r.Type != "" {
		c.size(content, step)
	}
}

// plain reads text that takes no expressions.
func (c *flowCompiler) plain(n ast.Node, what string) (scalar, bool) {
	sc, ok := c.scalar(n, what, false)
	if !ok {
		return sc, false
	}
	if i := strings.Index(sc.text, opening); i >= 0 {
		c.add(c.locate(sc, utf8.RuneCountInString(sc.text[:i])),
			"${{ is only evaluated in the values of parameters: set a parameter there, and use it here as a variable of the script")
		return sc, false
	}
	return sc, true
}

func (c *flowCompiler) commandType(m *mapping) string {
	n := c.required(m, "run", "type", "write RunShellScript, RunBatScript or RunPowerShellScript")
	if n == nil {
		return ""
	}
	sc, ok := c.plain(n, "type")
	if !ok {
		return ""
	}
	if err := script.CheckType(sc.text); err != nil {
		known := []string{script.RunShellScript, script.RunBatScript, script.RunPowerShellScript}
		c.add(c.at(sc.node), "there is no type %.60q%s", sc.text, suggest(sc.text, "the types", known))
		return ""
	}
	return sc.text
}

func (c *flowCompiler) timeout(m *mapping) time.Duration {
	n := m.find("timeout")
	if n == nil {
		return defaultTimeout
	}
	sc, ok := c.scalar(n, "timeout", true)
	if !ok {
		return 0
	}
	d, err := time.ParseDuration(sc.text)
	switch {
	case err != nil:
		c.add(c.at(sc.node), "timeout is a number with a unit, such as 60s, 5m or 2h; this is %.40q", sc.text)
	case d < minTimeout || d > maxTimeout:
		c.add(c.at(sc.node), "timeout must be from 10s to 24h; this is %.40q", sc.text)
	case d%time.Second != 0:
		c.add(c.at(sc.node), "timeout must be in whole seconds; this is %.40q", sc.text)
	}
	return d
}

// attribute reads a line of text of limited length that need not be there.
func (c *flowCompiler) attribute(m *mapping, key string, limit int) string {
	n := m.find(key)
	if n == nil {
		return ""
	}
	sc, ok := c.plain(n, key)
	if !ok {
		return ""
	}
	at := c.at(sc.node)
	switch length := utf8.RuneCountInString(sc.text); {
	case strings.TrimSpace(sc.text) != sc.text || sc.text == "":
		c.add(at, "%s must neither be empty nor begin or end with a space or line break: remove those, or the key", key)
	case strings.ContainsFunc(sc.text, unicode.IsControl):
		c.add(at, "%s must be one line without control characters", key)
	case length > limit:
		c.add(at, "%s has %d characters: at most %d are allowed", key, length, limit)
	}
	return sc.text
}

// name reads the command's name, which is <flow>/<step> if it is not given.
func (c *flowCompiler) name(m *mapping, f *compiledFlow, step *compiledStep) {
	if n := m.find("name"); n != nil {
		step.run.Name = c.attribute(m, "name", maxName)
		if marked(step.run.Name) {
			c.add(c.at(c.resolve(n)), "name must not end like a marker of Aftercare, which is cut off: remove the digits in brackets")
		}
		return
	}
	step.run.Name = f.name + "/" + step.id
	if length := len(step.run.Name); length > maxName {
		c.add(m.at, "the command's name %s has %d characters, at most %d are allowed: add a shorter name to run", step.run.Name, length, maxName)
	}
}

func (c *flowCompiler) content(n ast.Node) string {
	sc, ok := c.plain(n, "content")
	if !ok {
		return ""
	}
	switch {
	case strings.TrimSpace(sc.text) == "":
		c.add(c.at(sc.node), "content is empty: write the script")
		return ""
	case strings.ContainsRune(sc.text, 0):
		c.add(c.at(sc.node), "content contains a NUL character: remove it")
		return ""
	}
	return sc.text
}

func (c *flowCompiler) parameters(n ast.Node, r *Run, on kinds) []compiledParameter {
	m := c.mapping(n, "parameters")
	if m == nil || len(m.entries) == 0 {
		return nil
	}
	if r.Type != "" && r.Content != "" {
		if err := script.CheckInterpreter(r.Type, r.Content); err != nil {
			c.add(m.at, "%s", err)
		}
	}
	if len(m.entries) > script.MaxParameters {
		c.add(m.entries[script.MaxParameters].at, "this is parameter %d: at most %d are allowed", script.MaxParameters+1, script.MaxParameters)
	}
	commandType := r.Type
	if commandType == "" {
		commandType = script.RunShellScript
	}
	var list []compiledParameter
	folded := map[string]string{}
	for _, e := range m.entries {
		if err := script.CheckName(commandType, e.key); err != nil {
			c.add(e.at, "%s", err)
		}
		key := script.FoldName(commandType, e.key)
		if other, ok := folded[key]; ok {
			c.add(e.at, "%s and %s are the same variable on Windows: rename one", e.key, other)
		}
		folded[key] = e.key
		list = append(list, compiledParameter{e.key, c.parameterValue(e, on)})
	}
	slices.SortFunc(list, func(a, b compiledParameter) int { return strings.Compare(a.name, b.name) })
	return list
}

func (c *flowCompiler) parameterValue(e entry, on kinds) template {
	sc, ok := c.scalar(e.value, "a parameter's value", true)
	if !ok {
		return nil
	}
	if err := script.CheckValue(sc.text); err != nil {
		c.add(c.at(sc.node), "%s", err)
		return nil
	}
	value, mistakes := c.compileTemplate(sc.text, on)
	c.mistakes(sc, "parameter "+shorten(e.key, 64), mistakes)
	return value
}

// size checks that the script fits with what is known of its parameters.
func (c *flowCompiler) size(content ast.Node, step *compiledStep) {
	r := step.run
	limit := script.MaxEncoded
	for _, p := range step.parameters {
		if p.value.dynamic() {
			limit = script.MaxEncoded - room
		}
		if r.Parameters == nil {
			r.Parameters = map[string]string{}
		}
		r.Parameters[p.name] = p.value.static()
	}
	n := script.EncodedLenWith(r.Type, r.Content, r.Parameters)
	if n <= limit {
		return
	}
	at := c.at(c.resolve(content))
	if limit == script.MaxEncoded {
		c.add(at, "the script has %d characters as base64 with its parameters: at most %d are allowed", n, limit)
		return
	}
	c.add(at, "the script has %d characters as base64 with its parameters: at most %d are allowed, because %d are kept for the values of ${{ }}", n, limit, room)
}
