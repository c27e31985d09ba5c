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

// Flow is how one flow differs.
type Flow struct {
	Flow string `json:"flow"`
	What string `json:"what"` // added, removed or changed
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

// Compare returns the flows that differ: those that go live first, the others in the
// order of the new file, and those that are removed last.
func Compare(old, is []flow.Definition) []Flow {
	var live, others []Flow
	for _, d := range is {
		f := Flow{Flow: d.Name, What: "added", GoesLive: d.Mode == flow.ModeLive}
		if i := find(old, d.Name); i >= 0 {
			f = Flow{d.Name, "changed", f.GoesLive && old[i].Mode != flow.ModeLive, changes(values(old[i]), values(d))}
		}
		switch {
		case f.What == "changed" && f.Changes == nil:
		case f.GoesLive:
			live = append(live, f)
		default:
			others = append(others, f)
		}
	}
	for _, d := range old {
		if find(is, d.Name) < 0 {
			others = append(others, Flow{Flow: d.Name, What: "removed"})
		}
	}
	return append(live, others...)
}

func find(flows []flow.Definition, name string) int {
	return slices.IndexFunc(flows, func(d flow.Definition) bool { return d.Name == name })
}

func changes(old, is map[string]string) (list []Change) {
	all := maps.Clone(old)
	maps.Copy(all, is)
	for _, key := range slices.Sorted(maps.Keys(all)) {
		if old[key] != is[key] {
			list = append(list, Change{key, old[key], is[key]})
		}
	}
	return list
}

// values are the values of a flow by their keys.
func values(d flow.Definition) map[string]string {
	var v any
	b, _ := json.Marshal(d) // it was read from a file
	_ = json.Unmarshal(b, &v)
	all := map[string]string{}
	walk("", v, all)
	return all
}

// walk adds the values under a key.
func walk(key string, v any, all map[string]string) {
	switch v := v.(type) {
	case map[string]any:
		for name, part := range v {
			walk(strings.TrimPrefix(key+"."+name, "."), part, all)
		}
	case []any:
		walk(key, named(v), all)
	default:
		all[key] = fmt.Sprint(v)
		if strings.Contains(all[key], "\n") {
			all[key] = strconv.Quote(all[key])
		}
	}
}

// named are the mappings of a list, steps by their ids and others by their numbers. A
// list of texts is one value.
func named(list []any) any {
	all, before := map[string]any{}, "the start"
	for i, v := range list {
		mapping, is := v.(map[string]any)
		if !is {
			return fmt.Sprint(list)
		}
		name := strconv.Itoa(i + 1)
		if id, step := mapping["id"].(string); step {
			delete(mapping, "id")
			mapping["follows"], before, name = before, id, id
		}
		all[name] = mapping
	}
	return all
}
