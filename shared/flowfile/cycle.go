package flowfile

import (
	"fmt"
	"slices"
	"strings"

	"aftercare/shared/flow"
	"aftercare/shared/yamlfile"
)

// maxCycles is how many cycles are reported.
const maxCycles = yamlfile.MaxMistakes

// cycles finds flows whose commands can start each other. [81] It reports a
// cycle at its first flow in the file. If several cycles continue from there
// with the same flow, it reports the shortest.
func (r *reader) cycles(flows []*placedFlow) {
	starters := startersOf(flows)
	found := 0
	for first := range flows {
		next := wayBack(flows, starters, first)
		for second := first; second < len(flows); second++ {
			if next[second] < 0 || !slices.ContainsFunc(starters[second], func(by starter) bool { return by.flow == first }) {
				continue
			}
			if found++; found > maxCycles {
				return
			}
			path := []int{first}
			for at := second; at != first; at = next[at] {
				path = append(path, at)
			}
			last := slices.IndexFunc(starters[first], func(by starter) bool { return by.flow == path[len(path)-1] })
			r.cycle(flows, path, starters[first][last].command)
		}
	}
}

// cycle adds the mistake of a cycle that a command closes.
func (r *reader) cycle(flows []*placedFlow, path []int, last flow.Command) {
	first := flows[path[0]]
	names := make([]string, len(path), len(path)+1)
	for i, at := range path {
		names[i] = flows[at].Name
	}
	names = append(names, first.Name)
	at, verb := first.path+".when", "add to this when"
	if !r.Said(at) {
		at, verb = first.path+".name", "write a when:"
	}
	except := fmt.Sprintf("event.commandName != %q", last.Name)
	if last.Name == "" {
		except = fmt.Sprintf("event.commandId != %q", last.ID)
	}
	if slices.ContainsFunc(first.known, func(f fact) bool { return f.only && (f.name == "event.commandName" || f.name == "event.commandId") }) {
		except = "name another command there"
	}
	what := "the commands of these flows can start each other"
	if len(path) == 1 {
		what = "the commands of this flow can start it again"
	}
	r.Add(r.Place(at), "%s, %s: %s run.depth == 0, or %s", what, strings.Join(names, " -> "), verb, except)
}

// starter is a flow whose commands can start another one, and the first of them.
type starter struct {
	flow    int
	command flow.Command
}

// startersOf lists for each flow what can start it.
func startersOf(flows []*placedFlow) [][]starter {
	starters, commands := make([][]starter, len(flows)), make([][]flow.Command, len(flows))
	for i, p := range flows {
		commands[i] = p.commands()
	}
	for i, p := range flows {
		starts := p.starts()
		for from, other := range flows {
			if at := slices.IndexFunc(commands[from], starts); at >= 0 && !other.excludes(p) {
				starters[i] = append(starters[i], starter{from, commands[from][at]})
			}
		}
	}
	return starters
}

// starts returns a predicate: can the end of this command start the flow? What the
// flow's facts exclude need not be weighed.
func (p *placedFlow) starts() func(flow.Command) bool {
	depths := make([]any, flow.MaxDepth)
	for i := range depths {
		depths[i] = i + 1
	}
	if !p.sound || slices.ContainsFunc(p.known, func(f fact) bool { return !together(f, oneOf("run.depth", depths...)) }) {
		return func(flow.Command) bool { return false }
	}
	names := slices.DeleteFunc(slices.Clone(p.known), func(f fact) bool { return f.name != "event.commandName" })
	weigh := flow.Starters(*p.Definition)
	return func(c flow.Command) bool {
		other := func(f fact) bool { return f.only && !slices.Contains(f.samples, any(c.Name)) || !f.holds(c.Name) }
		return (c.Name == "" || !slices.ContainsFunc(names, other)) && weigh(c)
	}
}

// excludes reports whether no instance starts both flows.
func (p *placedFlow) excludes(other *placedFlow) bool {
	return slices.ContainsFunc(p.known, func(a fact) bool {
		return strings.HasPrefix(a.name, "instance.") && slices.ContainsFunc(other.known, func(b fact) bool { return !together(a, b) })
	})
}

// commands lists the commands that a flow can send.
func (p *placedFlow) commands() []flow.Command {
	var list []flow.Command
	for _, l := range p.lists {
		for _, s := range l.steps {
			switch {
			case s.Run != nil && s.Run.Name != "":
				list = append(list, flow.Command{Name: s.Run.Name})
			case s.Invoke != nil && s.Invoke.CommandID != "":
				list = append(list, flow.Command{ID: s.Invoke.CommandID})
			}
		}
	}
	return list
}

// wayBack finds the shortest ways back to a flow through the flows after it in
// the file that are for its instances: for each flow the next one, -1 if there is no way.
func wayBack(flows []*placedFlow, starters [][]starter, first int) []int {
	next := slices.Repeat([]int{-1}, len(flows))
	next[first] = first
	for queue := []int{first}; len(queue) > 0; queue = queue[1:] {
		for _, by := range starters[queue[0]] {
			if by.flow > first && next[by.flow] < 0 && !flows[by.flow].excludes(flows[first]) {
				next[by.flow] = queue[0]
				queue = append(queue, by.flow)
			}
		}
	}
	return next
}
