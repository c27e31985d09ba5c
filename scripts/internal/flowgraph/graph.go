// Package flowgraph draws flows.
package flowgraph

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"aftercare/shared/flow"
)

// Draw draws a flow as a Mermaid flowchart, which GitHub, GitLab and many
// editors show as a picture. A step with a when stands behind a diamond; a
// dotted edge is the way after a step that did not succeed. The graph leaves out
// rare ways: an alert's text or a when that cannot be evaluated, and a run that
// times out. The same flow always gives the same text.
func Draw(d flow.Definition) string {
	finally := section{flow.SectionFinally, d.Finally, ended, ""}
	failed := finally.first(flow.ResultFailed)
	onFailure := section{flow.SectionOnFailure, d.OnFailure, failed, failed}
	steps := section{flow.SectionSteps, d.Steps, finally.first(flow.ResultSucceeded), onFailure.first(failed)}
	g := &graph{d: d, finally: finally}
	g.printf("---\ntitle: %q\n---\nflowchart TD\n", d.Name)
	g.node("start", "([", "])", g.start()...)
	for _, s := range []section{steps, onFailure, finally} {
		g.section(s)
	}
	for _, result := range []string{flow.ResultSucceeded, flow.ResultFailed, ended} {
		if slices.ContainsFunc(g.edges, func(e edge) bool { return e.to == result }) {
			text := result
			if result == flow.ResultFailed {
				text = "failed or timed out"
			}
			g.node(result, "([", "])", text)
		}
	}
	for _, e := range append([]edge{{from: "start", to: steps.first(steps.then)}}, g.edges...) {
		g.edge(e)
	}
	return g.text.String()
}

// ended is the node of the end after finally, which keeps the earlier result.
const ended = "ended"

type graph struct {
	d       flow.Definition
	finally section
	text    strings.Builder
	edges   []edge
}

// section is a list of steps. Then is the node after the last of them, and bad that
// after one that did not succeed; empty for the next step.
type section struct {
	name      flow.Section
	steps     []flow.Step
	then, bad string
}

// first is the node at which the section begins; if it is empty, that otherwise.
func (s section) first(otherwise string) string {
	if len(s.steps) == 0 {
		return otherwise
	}
	return s.gate(0)
}

// node names a step's node. Ids are not used: Mermaid has words of its own.
func (s section) node(i int) string { return string(s.name) + strconv.Itoa(i+1) }

func question(node string) string { return node + "when" }

// gate is the node at which a step begins.
func (s section) gate(i int) string {
	if s.steps[i].When != "" {
		return question(s.node(i))
	}
	return s.node(i)
}

type edge struct {
	from, to string
	label    string
	dotted   bool
}

func (g *graph) printf(format string, args ...any) { fmt.Fprintf(&g.text, format, args...) }

// node draws a node with the brackets that make its shape.
func (g *graph) node(id, begin, end string, lines ...string) {
	for i := range lines {
		lines[i] = escape(lines[i])
	}
	g.printf("  %s%s\"%s\"%s\n", id, begin, strings.Join(lines, "<br/>"), end)
}

func (g *graph) edge(e edge) {
	arrow := "-->"
	if e.dotted {
		arrow = "-.->"
	}
	if e.label != "" {
		arrow += "|\"" + escape(e.label) + "\"|"
	}
	g.printf("  %s %s %s\n", e.from, arrow, e.to)
}

// start lists what starts the flow.
func (g *graph) start() []string {
	lines := []string{"on " + strings.Join(g.d.On, " or ")}
	if g.d.Schedule != nil {
		lines = append(lines, g.d.Schedule.String())
	}
	lines = append(lines, g.d.Instances.Words()...)
	lines = append(lines, conjuncts(g.d.When)...)
	if g.d.Mode == flow.ModeDryRun {
		lines = append(lines, "(dry-run)")
	}
	return lines
}

// section draws a list of steps, and collects the edges from them.
func (g *graph) section(in section) {
	if len(in.steps) == 0 {
		return
	}
	if in.name != flow.SectionSteps {
		g.printf("  subgraph %s\n", in.name)
	}
	for i, s := range in.steps {
		id := in.node(i)
		if s.When != "" {
			g.node(question(id), "{", "}", conjuncts(s.When)...)
		}
		g.node(id, shapes[s.Kind()][0], shapes[s.Kind()][1], describeStep(s)...)
	}
	if in.name != flow.SectionSteps {
		g.printf("  end\n")
	}
	for i, s := range in.steps {
		g.ways(in, i, s)
	}
}

// ways collects the edges from a step.
func (g *graph) ways(in section, i int, s flow.Step) {
	id, next := in.node(i), in.then
	if i+1 < len(in.steps) {
		next = in.gate(i + 1)
	}
	if s.When != "" {
		g.edges = append(g.edges, edge{from: question(id), to: id, label: "yes"}, edge{from: question(id), to: next, label: "no"})
	}
	switch bad := in.afterFailure(i, s, next); {
	case s.Kind() == flow.KindStop && in.name == flow.SectionFinally:
		g.edges = append(g.edges, edge{from: id, to: ended})
	case s.Kind() == flow.KindStop:
		g.edges = append(g.edges, edge{from: id, to: g.finally.first(s.Stop)})
	case bad == "":
		g.edges = append(g.edges, edge{from: id, to: next})
	case bad == next:
		g.edges = append(g.edges, edge{from: id, to: next, label: "in any case"})
	default:
		g.edges = append(g.edges, edge{from: id, to: next}, edge{from: id, to: bad, label: "not succeeded", dotted: true})
	}
}

// afterFailure is the node after a step that did not succeed; empty for a step that
// hardly ever fails.
func (in section) afterFailure(i int, s flow.Step, next string) string {
	switch {
	case s.OnFailure != "" && s.OnFailure != flow.FailureStop && s.OnFailure != flow.FailureContinue:
		if to := slices.IndexFunc(in.steps, func(other flow.Step) bool { return other.ID == s.OnFailure }); to > i {
			return in.gate(to)
		}
		return next
	case s.Run == nil && s.Invoke == nil && s.Timeout == 0:
		return ""
	case s.OnFailure == flow.FailureContinue:
		return next
	}
	return cmp.Or(in.bad, next)
}

// shapes are the brackets of the steps of each kind.
var shapes = map[string][2]string{
	flow.KindRun: {"[", "]"}, flow.KindInvoke: {"[[", "]]"}, flow.KindAlert: {">", "]"}, flow.KindWait: {"{{", "}}"}, flow.KindStop: {"(", ")"},
}

// describeStep is a step's label.
func describeStep(s flow.Step) []string {
	lines := []string{s.Kind() + " " + s.ID}
	switch s.Kind() {
	case flow.KindInvoke:
		lines = append(lines, s.Invoke.CommandID)
	case flow.KindAlert:
		lines = append(lines, short(flow.Action{Alert: s.Alert, Severity: s.Severity, Route: s.Route}.Announced()))
	case flow.KindWait:
		lines = append(lines, s.Wait)
	case flow.KindStop:
		lines = append(lines, s.Stop)
	}
	if s.Wait != "" && s.Timeout > 0 {
		lines = append(lines, "at most "+s.Timeout.String())
	}
	if r := s.Retry; r != nil && !reflect.DeepEqual(*r, flow.DefaultRetry()) {
		lines = append(lines, fmt.Sprintf("again up to %d × after %s", r.Max, retryOn(r.On)))
	}
	if s.Capture {
		lines = append(lines, "captures its output")
	}
	return lines
}

// retryOn lists the ends that a retry is for. It writes the many codes of
// scripts that never started as "no start".
func retryOn(on []string) string {
	rest := slices.DeleteFunc(slices.Clone(on), func(w string) bool { return slices.Contains(flow.NotStarted, w) })
	if len(on)-len(rest) == len(flow.NotStarted) {
		return strings.Join(append(rest, "no start"), ", ")
	}
	return strings.Join(on, ", ")
}

// conjuncts is a condition with a line for each part between &&.
func conjuncts(when string) []string {
	if when == "" {
		return nil
	}
	lines := strings.SplitAfter(strings.Join(strings.Fields(when), " "), " && ")
	for i := range lines {
		lines[i] = short(strings.TrimSpace(lines[i]))
	}
	return lines
}

// short is one line of at most 80 characters.
func short(text string) string { return flow.Shorten(strings.Join(strings.Fields(text), " "), 80) }

// escape writes a text so that Mermaid shows it as it is: every character that
// Mermaid or Markdown may take for markup becomes an entity. So does the colon,
// because Mermaid looks for "style…:" in texts with entities.
func escape(text string) string {
	var b strings.Builder
	for _, r := range text {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune(" .,-/=+…×", r):
			b.WriteRune(r)
		case r < ' ':
			b.WriteByte(' ')
		case !unicode.IsGraphic(r): // it could turn the label around
			fmt.Fprintf(&b, "#%d;", unicode.ReplacementChar)
		default:
			fmt.Fprintf(&b, "#%d;", r)
		}
	}
	return b.String()
}
