package flow

import (
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"aftercare/shared/script"

	"github.com/goccy/go-yaml/ast"
)

const (
	version  = "1"
	maxSteps = 20

	// markerLen is what Aftercare adds to a command's name: a space and the
	// task id's 32 hex digits in brackets. Both limits count characters and
	// are Cloud Assistant's.
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

var (
	identifier = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)
	marker     = regexp.MustCompile(` \[[0-9a-f]{32}\]$`)
)

// flowCompiler turns a parsed file into flows. Its methods add a fault for
// whatever they cannot use and go on.
type flowCompiler struct {
	*source
	*expressions
}

func (c *flowCompiler) file() []*compiledFlow {
	m := c.mapping(c.root, "a flows file", "version", "flows")
	if m == nil {
		return nil
	}
	if n := c.required(m, "a flows file", "version", "write version: "+version); n != nil {
		if n = c.resolve(n); n != nil {
			if i, ok := n.(*ast.IntegerNode); !ok || i.GetToken().Value != version {
				c.add(c.at(n), "this version is not known: write version: %s", version)
			}
		}
	}
	var flows []*compiledFlow
	names := map[string]position{}
	for _, n := range c.list(c.required(m, "a flows file", "flows", "write flows: [] for none"), "flows") {
		if f := c.flow(n, names); f != nil {
			flows = append(flows, f)
		}
	}
	return flows
}

// required returns the value of a key, and adds a fault if there is none.
func (c *flowCompiler) required(m *mapping, what, key, advice string) ast.Node {
	e := m.entry(key)
	switch {
	case e.value == nil:
		c.add(e.at, "%s needs the key %s: %s", what, key, advice)
		return nil
	case e.value.Type() == ast.NullType:
		c.add(e.at, "%s has no value: %s", key, advice)
		return nil
	}
	return e.value
}

func (c *flowCompiler) flow(n ast.Node, names map[string]position) *compiledFlow {
	m := c.mapping(n, "a flow", "name", "on", "when", "steps")
	if m == nil {
		return nil
	}
	f := &compiledFlow{}
	f.name = c.identifier(c.required(m, "a flow", "name", "name it, for example collect-logs"), "a flow's name", names)
	f.on = c.kind(c.required(m, "a flow", "on", "say for which event it is, "+TaskCompleted+" or "+FirstHeartbeat))
	if when := m.find("when"); when != nil {
		f.when = c.condition(when, f.on)
	}
	steps := c.required(m, "a flow", "steps", "list at least one step")
	items := c.list(steps, "steps")
	if steps != nil && items != nil && len(items) == 0 {
		c.add(c.at(steps), "steps is empty: list at least one step")
	}
	if len(items) > maxSteps {
		c.add(c.at(items[maxSteps]), "this is step %d: a flow has at most %d", maxSteps+1, maxSteps)
		return f
	}
	ids := map[string]position{}
	for _, item := range items {
		f.steps = append(f.steps, c.step(item, f, ids))
	}
	return f
}

// identifier reads a name that stands for something and must be there once.
func (c *flowCompiler) identifier(n ast.Node, what string, seen map[string]position) string {
	if n == nil {
		return ""
	}
	sc, ok := c.scalar(n, what, false)
	if !ok {
		return ""
	}
	at := c.at(sc.node)
	if !identifier.MatchString(sc.text) {
		c.add(at, "%s must consist of a-z, 0-9 and -, begin with a letter or digit, and have at most 63 characters; this is %.70q", what, sc.text)
		return ""
	}
	first, again := seen[sc.text]
	switch {
	case !again:
		seen[sc.text] = at
	case first == at:
		c.add(at, "%s must be there once, but an alias repeats %s: write it out with another one", what, sc.text)
	default:
		c.add(at, "%s must be there once: %s is already in line %d", what, sc.text, first.line)
	}
	return sc.text
}

// kind reads the event that a flow is for. If it cannot be read, the result is
// 0, under which expressions may name every field.
func (c *flowCompiler) kind(n ast.Node) kinds {
	if n == nil {
		return 0
	}
	sc, ok := c.scalar(n, "on", false)
	if !ok {
		return 0
	}
	on := kindOf(sc.text)
	if on == 0 {
		c.add(c.at(sc.node), "there is no event %.60q%s", sc.text, suggest(sc.text, "the events", kindNames(ofAny)))
	}
	return on
}

func (c *flowCompiler) condition(n ast.Node, on kinds) *condition {
	sc, ok := c.scalar(n, "when", true)
	if !ok {
		return nil
	}
	if i := strings.Index(sc.text, opening); i >= 0 {
		c.add(c.locate(sc, utf8.RuneCountInString(sc.text[:i])), "when is an expression already: write it without ${{ and }}")
		return nil
	}
	program, mistakes := c.compile(sc.text, use{on: on, condition: true})
	c.mistakes(sc, "when", mistakes)
	return &condition{text: oneLine(sc.text), program: program}
}

func (c *flowCompiler) mistakes(sc scalar, what string, mistakes []mistake) {
	for _, m := range mistakes {
		at := c.locate(sc, m.offset)
		if c.commentFollows(sc, at) {
			m.text += " (here # begins a comment of YAML: put the text in quotes)"
		}
		c.add(at, "%s: %s", what, m.text)
	}
}

func (c *flowCompiler) step(n ast.Node, f *compiledFlow, ids map[string]position) compiledStep {
	var step compiledStep
	m := c.mapping(n, "a step", "id", "run")
	if m == nil {
		return step
	}
	step.id = c.identifier(c.required(m, "a step", "id", "name it, for example collect"), "a step's id", ids)
	if n := c.required(m, "a step", "run", "say which command to run"); n != nil {
		c.run(n, f, &step)
	}
	return step
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
		if marker.MatchString(step.run.Name) {
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
