// Package flowdiff compares two files of flows, flow by flow, in the words of the
// file. It knows no key but mode, and that steps have ids: whatever else a flow has,
// it compares as JSON.
package flowdiff

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"aftercare/shared/flow"
)

// What became of a flow.
const (
	Added   = "added"
	Removed = "removed"
	Changed = "changed"
)

// Flow is how one flow differs.
type Flow struct {
	Flow string `json:"flow"`
	What string `json:"what"`
	// GoesLive: it is live in the new file and not in the old one.
	GoesLive bool     `json:"goesLive,omitempty"`
	Changes  []Change `json:"changes,omitempty"`
}

// Change is one difference. Old or New is empty if the key is not there.
type Change struct {
	// Key is where it is, such as steps.two.when.
	Key string `json:"key"`
	Old string `json:"old,omitempty"`
	New string `json:"new,omitempty"`
}

// Compare returns the flows that differ: those that go live first, the others in the
// order of the new file, and those that are removed last.
func Compare(old, is []flow.Definition) []Flow {
	before := map[string]flow.Definition{}
	for _, d := range old {
		before[d.Name] = d
	}
	var live, others []Flow
	for _, d := range is {
		was, known := before[d.Name]
		delete(before, d.Name)
		f := Flow{Flow: d.Name, What: Changed, GoesLive: d.Mode == flow.ModeLive && was.Mode != flow.ModeLive}
		if !known {
			f.What = Added
		} else if f.Changes = compare("", values(was), values(d)); f.Changes == nil {
			continue
		}
		if f.GoesLive {
			live = append(live, f)
		} else {
			others = append(others, f)
		}
	}
	for _, d := range old {
		if _, gone := before[d.Name]; gone {
			others = append(others, Flow{Flow: d.Name, What: Removed})
		}
	}
	return append(live, others...)
}

func values(d flow.Definition) (v map[string]any) {
	b, _ := json.Marshal(d) // it was read from a file
	_ = json.Unmarshal(b, &v)
	return v
}

// compare lists how a value changed.
func compare(key string, old, is any) (changes []Change) {
	was, wasParts := parts(old)
	now, nowParts := parts(is)
	if !wasParts || !nowParts {
		if o, n := brief(old), brief(is); o != n {
			return []Change{{key, o, n}}
		}
		return nil
	}
	all := maps.Clone(was)
	maps.Copy(all, now)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		changes = append(changes, compare(strings.TrimPrefix(key+"."+name, "."), was[name], now[name])...)
	}
	return changes
}

// parts are the keys of a mapping, or the steps of a list by their ids.
func parts(v any) (map[string]any, bool) {
	if list, ok := v.([]any); ok {
		steps, before := map[string]any{}, "the start"
		for _, s := range list {
			step, _ := s.(map[string]any)
			id, _ := step["id"].(string)
			if id == "" {
				return nil, false
			}
			step = maps.Clone(step)
			delete(step, "id")
			step["follows"], steps[id], before = before, step, id
		}
		return steps, true
	}
	m, ok := v.(map[string]any)
	return m, ok
}

// brief is a value in one line, in quotes if it is a text of several.
func brief(v any) string {
	var list []string
	switch v := v.(type) {
	case nil:
	case string:
		if strings.Contains(v, "\n") {
			return strconv.Quote(v)
		}
		return v
	case []any:
		for _, e := range v {
			list = append(list, brief(e))
		}
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			list = append(list, name+" "+brief(v[name]))
		}
	default:
		return fmt.Sprint(v)
	}
	return strings.Join(list, ", ")
}

// String says it in one line.
func (c Change) String() string {
	switch {
	case c.Old == "":
		return c.Key + " added: " + c.New
	case c.New == "":
		return c.Key + " removed, was " + c.Old
	}
	return c.Key + " was " + c.Old + ", is " + c.New
}
