package flow

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// condition is a when, taken apart into the clauses that must all hold.
type condition []clause

type clause struct {
	text string
	tree *node
	// names are what it reads, such as event.exitCode, and state those of them
	// that are not the event's own.
	names, state []string
}

// compileCondition compiles a when; the empty one holds always.
func compileCondition(text string, s Scope) (condition, []Mistake) {
	if text == "" {
		return nil, nil
	}
	tree, mistakes := compile(text, s)
	if len(mistakes) > 0 {
		return nil, mistakes
	}
	var early, late condition
	for _, n := range outermost(tree) {
		names := namesIn(n)
		state := slices.DeleteFunc(slices.Clone(names), func(name string) bool {
			return (!strings.HasPrefix(name, "instance\x00") || name == "instance\x00id") && name != "event\x00failedBefore"
		})
		if c := (clause{text: oneLine(n.written), tree: n, names: names, state: state}); c.late() {
			late = append(late, c)
		} else {
			early = append(early, c)
		}
	}
	return append(early, late...), nil
}

// early are the clauses before those that read event.output. [45]
func (c condition) early() condition {
	if i := slices.IndexFunc(c, clause.late); i >= 0 {
		return c[:i]
	}
	return c
}

// late reports whether the clause reads event.output.
func (c clause) late() bool { return slices.Contains(c.names, "event\x00output") }

// oneLine is a clause as a reason shows it.
func oneLine(text string) string {
	return Shorten(strings.Join(strings.Fields(text), " "), 300)
}

// Shorten cuts text to a number of characters, the last being an ellipsis.
func Shorten(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	runes := []rune(text)
	if len(runes) <= limit {
		return text
	}
	return string(runes[:limit-1]) + "…"
}

// saw returns the values of instance.* and event.failedBefore that were read,
// up to the clause that was false, if one was: what can be another value when the
// same event is decided again.
func (c condition) saw(end *clause, env map[string]any) (saw []Value) {
	for i := range c {
		saw = append(saw, valuesOf(c[i].state, env)...)
		if &c[i] == end {
			break
		}
	}
	return saw
}

// holds evaluates the clauses in order. It returns the first that is false,
// nil if all hold.
func (c condition) holds(env map[string]any) (*clause, error) {
	for i := range c {
		value, err := run(c[i].tree, env)
		if u, ok := value.(unknown); ok {
			value, err = u.truth(env, c[i].tree, nil)
		}
		if err != nil {
			return &c[i], err
		}
		if holds, ok := value.(bool); !ok {
			return &c[i], errors.New("the condition is neither true nor false")
		} else if !holds {
			return &c[i], nil
		}
	}
	return nil, nil
}

// valuesOf returns the values of names, in their order.
func valuesOf(names []string, env map[string]any) []Value {
	if len(names) == 0 {
		return nil
	}
	out := make([]Value, 0, len(names))
	for _, name := range names {
		out = append(out, Value{Name: written(name), Value: shown(valueOf(name, env))})
	}
	return out
}

func valueOf(name string, env map[string]any) any {
	var v any = env
	for part := range strings.SplitSeq(name, "\x00") {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[part]
	}
	return v
}

// said are clauses with the values that they read, but for what commands printed or
// said of their errors, which can hold secrets. [72] [94]
func (c condition) said(env map[string]any) string {
	var texts, names []string
	for _, clause := range c {
		texts = append(texts, clause.text)
		for _, name := range clause.names {
			switch valueOf(name, env).(type) {
			case nil, bool, int, float64, string:
				if !strings.HasSuffix(name, "\x00output") && name != "event\x00errorDesc" && !slices.Contains(names, name) {
					names = append(names, name)
				}
			}
		}
	}
	return strings.Join(texts, " && ") + Said(valuesOf(names, env))
}

// Said lists values as the end of a sentence; empty without any.
func Said(values []Value) string {
	var parts []string
	for _, v := range values {
		parts = append(parts, v.Name+" is "+v.Value)
	}
	if parts == nil {
		return ""
	}
	return " (" + strings.Join(parts, ", ") + ")"
}

// shown is a value as one would write it in an expression, shortened.
func shown(v any) string {
	switch v := v.(type) {
	case nil:
		return "nil"
	case string:
		return fmt.Sprintf("%q", Shorten(v, 200))
	case map[string]any, []any:
		text, _ := json.Marshal(v) // it was made of texts and numbers
		return Shorten(string(text), 200)
	}
	return Shorten(fmt.Sprint(v), 200)
}

// written is a name as people write it: event.exitCode, steps["the-id"].status.
func written(name string) string {
	out, rest, more := strings.Cut(name, "\x00")
	for part := ""; more; {
		part, rest, more = strings.Cut(rest, "\x00")
		if strings.ContainsFunc(part, func(r rune) bool { return r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
			out += fmt.Sprintf("[%q]", part)
		} else {
			out += "." + part
		}
	}
	return out
}

// Value is the value of a name in an expression, as one would write it there:
// text in quotes.
type Value struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// namesIn lists the values that an expression reads, each once, in order. The
// parts of a name are joined by NUL.
func namesIn(n *node) []string {
	var names []string
	var visit func(*node)
	visit = func(n *node) {
		if n == nil {
			return
		}
		for _, arg := range n.args {
			visit(arg)
		}
		if name := nameOf(n); strings.Contains(name, "\x00") && !slices.Contains(names, name) {
			// Visits come from the inside: steps.x before steps.x.status.
			names = slices.DeleteFunc(names, func(known string) bool { return strings.HasPrefix(name, known+"\x00") })
			names = append(names, name)
		}
	}
	visit(n)
	return names
}

// nameOf returns the name that a node stands for; empty if it is not a name.
func nameOf(n *node) string {
	switch n.op {
	case opName:
		if name := n.value.(string); slices.Contains(roots, name) {
			return name
		}
	case opChain:
		return nameOf(n.args[0])
	case opMember, opSafe:
		part, ok := n.args[1].text()
		if base := nameOf(n.args[0]); ok && base != "" {
			return base + "\x00" + part
		}
	}
	return ""
}
