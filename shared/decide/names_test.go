package decide_test

import (
	"fmt"
	"maps"
	"regexp"
	"slices"

	"aftercare/shared/decide"
)

// names are short names for ids, so that a story can be read.
type names struct{ ids, names map[string]string }

func newNames() names { return names{map[string]string{}, map[string]string{}} }

// add names an id, and returns the id. A name that is taken gets a number.
func (n names) add(id, name string) string {
	if _, known := n.names[id]; known {
		return id
	}
	free := name
	for i := 2; n.ids[free] != ""; i++ {
		free = fmt.Sprintf("%s#%d", name, i)
	}
	n.ids[free], n.names[id] = id, free
	return id
}

// id is the id of this name, or the made up one of nothing that is there.
func (n names) id(name string) string {
	if id, known := n.ids[name]; known {
		return id
	}
	return n.add(decide.Key(name), name)
}

// name is the name of an id, or the id itself.
func (n names) name(id string) string {
	if name, known := n.names[id]; known {
		return name
	}
	return id
}

var hex = regexp.MustCompile(`\b[0-9a-f]{32}\b`)

// in replaces the ids in a text.
func (n names) in(text string) string { return hex.ReplaceAllStringFunc(text, n.name) }

// list shows which ids the names stand for.
func (n names) list() (lines []string) {
	for _, name := range slices.Sorted(maps.Keys(n.ids)) {
		lines = append(lines, n.ids[name]+" "+name)
	}
	return lines
}

// attempt is the name of an attempt.
func attempt(name string, n int) string {
	if n > 1 {
		return fmt.Sprintf("%s.%d", name, n)
	}
	return name
}

// learn names what a decision adds.
func (n names) learn(c decide.Changes) {
	for _, r := range c.Runs {
		if r.After != nil {
			n.add(r.After.ID, r.After.Flow)
		}
	}
	for _, r := range c.EndedRuns {
		n.add(r.ID, r.Flow)
	}
	task := func(t decide.Task) {
		if t.RunID != "" {
			n.add(t.ID, attempt(n.name(t.RunID)+"/"+t.Step, t.StepAttempt))
		}
	}
	for _, t := range c.Tasks {
		if t.After != nil {
			task(*t.After)
		}
	}
	for _, t := range c.EndedTasks {
		task(t)
	}
	for _, s := range c.Sends {
		if s.After != nil {
			n.add(s.After.Key, string(s.After.Kind)+":"+attempt(n.name(s.After.TaskID), s.After.Attempt))
		}
	}
	for _, m := range c.Messages {
		if m.After != nil {
			n.add(m.After.Key, n.about(*m.After))
		}
	}
}

// about names a message by what it is about.
func (n names) about(m decide.Message) string {
	switch a := m.Alert; {
	case a == nil && m.Fleet.RunID != "":
		return string(m.Kind) + ":" + n.name(m.Fleet.RunID)
	case a == nil:
		return string(m.Kind) + ":" + m.Fleet.Flow
	case a.RunID != "":
		return string(a.Kind) + ":" + a.Flow
	case a.TaskID != "" && a.Kind != decide.AlertExecution:
		return string(a.Kind) + ":" + n.name(a.TaskID)
	case a.Kind == decide.AlertExecution:
		return string(a.Kind) + ":" + a.InvokeID
	case a.Flow != "":
		return string(a.Kind) + ":" + a.Flow
	default:
		return string(a.Kind)
	}
}
