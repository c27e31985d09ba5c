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
	g := newReach(flows)
	found := 0
	for first := range flows {
		next := g.wayBack(first)
		for second := range flows {
			if second < first || g.by[first][second] == nil || next[second] < 0 {
				continue
			}
			if found++; found > maxCycles {
				return
			}
			path := []int{first}
			for at := second; at != first; at = next[at] {
				path = append(path, at)
			}
			r.cycle(flows, path, *g.by[path[len(path)-1]][first])
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
	what := "the commands of these flows can start each other"
	if len(path) == 1 {
		what = "the commands of this flow can start it again"
	}
	r.Add(r.Place(at), "%s, %s: %s run.depth == 0, or %s", what, strings.Join(names, " -> "), verb, except)
}

// reach is which flows can start which: by[a][b] is the first command of a that
// can start b, nil if no command can.
type reach struct{ by [][]*flow.Command }

func newReach(flows []*placedFlow) reach {
	g := reach{by: make([][]*flow.Command, len(flows))}
	commands := make([][]flow.Command, len(flows))
	for i, p := range flows {
		g.by[i] = make([]*flow.Command, len(flows))
		commands[i] = p.commands()
	}
	for b, p := range flows {
		if !p.sound {
			continue
		}
		starts := flow.Starters(*p.Definition)
		for a := range flows {
			if i := slices.IndexFunc(commands[a], starts); i >= 0 {
				g.by[a][b] = &commands[a][i]
			}
		}
	}
	return g
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
// the file: for each flow the next one, -1 if there is no way.
func (g reach) wayBack(first int) []int {
	next := slices.Repeat([]int{-1}, len(g.by))
	next[first] = first
	for queue := []int{first}; len(queue) > 0; queue = queue[1:] {
		to := queue[0]
		for from := first + 1; from < len(g.by); from++ {
			if next[from] < 0 && g.by[from][to] != nil {
				next[from] = to
				queue = append(queue, from)
			}
		}
	}
	return next
}
