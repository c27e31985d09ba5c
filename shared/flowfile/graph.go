package flowfile

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"aftercare/shared/flow"
)

// Graph draws a flow as a Mermaid flowchart, which GitHub, GitLab and many
// editors show as a picture. A step with a when stands behind a diamond; a
// dotted edge is the way after a step that did not succeed. The graph leaves out
// rare ways: an alert's text or a when that cannot be evaluated, and a run that
// times out. The same flow always gives the same text.
func Graph(d flow.Definition) string {
	g := &graph{d: d}
	g.printf("---\ntitle: %q\n---\nflowchart TD\n", d.Name)
	g.node("start", "([", "])", g.start()...)
	g.section(flow.SectionSteps, d.Steps)
	g.section(flow.SectionOnFailure, d.OnFailure)
	g.section(flow.SectionFinally, d.Finally)
	for _, result := range []string{flow.ResultSucceeded, flow.ResultFailed, ended} {
		if g.reaches(result) {
			text := result
			if result == flow.ResultFailed {
				text = "failed or timed out"
			}
			g.node(result, "([", "])", text)
		}
	}
	g.edge(edge{from: "start", to: g.first(flow.SectionSteps, flow.ResultSucceeded)})
	for _, e := range g.edges {
		g.edge(e)
	}
	return g.text.String()
}

// ended is the node of the end after finally, which keeps the earlier result.
const ended = "ended"

type graph struct {
	d     flow.Definition
	text  strings.Builder
	edges []edge
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
func (g *graph) section(name flow.Section, steps []flow.Step) {
	if len(steps) == 0 {
		return
	}
	if name != flow.SectionSteps {
		g.printf("  subgraph %s\n", name)
	}
	for i, s := range steps {
		id := stepNode(name, i)
		if s.When != "" {
			g.node(question(id), "{", "}", conjuncts(s.When)...)
		}
		g.node(id, shapes[s.Kind()][0], shapes[s.Kind()][1], describeStep(s)...)
	}
	if name != flow.SectionSteps {
		g.printf("  end\n")
	}
	for i, s := range steps {
		g.ways(name, steps, i, s)
	}
}

// ways collects the edges from a step.
func (g *graph) ways(section flow.Section, steps []flow.Step, i int, s flow.Step) {
	id := stepNode(section, i)
	next := g.after(section)
	if i+1 < len(steps) {
		next = gate(section, steps, i+1)
	}
	if s.When != "" {
		g.edges = append(g.edges,
			edge{from: question(id), to: id, label: "yes"},
			edge{from: question(id), to: next, label: "no"})
	}
	if s.Kind() == flow.KindStop {
		to := g.first(flow.SectionFinally, s.Stop)
		if section == flow.SectionFinally {
			to = ended
		}
		g.edges = append(g.edges, edge{from: id, to: to})
		return
	}
	bad := g.bad(section, steps, i, s, next)
	switch {
	case bad == "":
		g.edges = append(g.edges, edge{from: id, to: next})
	case bad == next:
		g.edges = append(g.edges, edge{from: id, to: next, label: "in any case"})
	default:
		g.edges = append(g.edges, edge{from: id, to: next}, edge{from: id, to: bad, label: "not succeeded", dotted: true})
	}
}

// bad is the node after a step that did not succeed; empty for a step that
// hardly ever fails.
func (g *graph) bad(section flow.Section, steps []flow.Step, i int, s flow.Step, next string) string {
	jumps := s.OnFailure != "" && s.OnFailure != flow.FailureStop && s.OnFailure != flow.FailureContinue
	switch fails := s.Run != nil || s.Invoke != nil || s.Timeout > 0; {
	case jumps:
	case !fails:
		return ""
	case s.OnFailure == flow.FailureContinue:
		return next
	case section == flow.SectionSteps:
		return g.first(flow.SectionOnFailure, flow.ResultFailed)
	case section == flow.SectionOnFailure:
		return g.after(section)
	default:
		return next
	}
	to := slices.IndexFunc(steps, func(other flow.Step) bool { return other.ID == s.OnFailure })
	if to <= i {
		return next
	}
	return gate(section, steps, to)
}

// first is the node at which a section begins, or the one after it if it is
// empty, in the end the node of the result.
func (g *graph) first(section flow.Section, result string) string {
	lists := []struct {
		section flow.Section
		steps   []flow.Step
	}{{flow.SectionSteps, g.d.Steps}, {flow.SectionOnFailure, g.d.OnFailure}, {flow.SectionFinally, g.d.Finally}}
	for _, l := range lists {
		wanted := l.section == section || l.section == flow.SectionFinally
		if wanted && len(l.steps) > 0 {
			return gate(l.section, l.steps, 0)
		}
	}
	return result
}

// after is the node after the last step of a section.
func (g *graph) after(section flow.Section) string {
	switch section {
	case flow.SectionSteps:
		return g.first(flow.SectionFinally, flow.ResultSucceeded)
	case flow.SectionOnFailure:
		return g.first(flow.SectionFinally, flow.ResultFailed)
	}
	return ended
}

func (g *graph) reaches(node string) bool {
	return slices.ContainsFunc(g.edges, func(e edge) bool { return e.to == node })
}

// stepNode names a step's node. Ids are not used: Mermaid has words of its own.
func stepNode(section flow.Section, i int) string {
	return string(section) + strconv.Itoa(i+1)
}

func question(node string) string { return node + "when" }

// gate is the node at which a step begins.
func gate(section flow.Section, steps []flow.Step, i int) string {
	if steps[i].When != "" {
		return question(stepNode(section, i))
	}
	return stepNode(section, i)
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
