package routing

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"aftercare/shared/decide"
	"aftercare/shared/flow"
)

// Value is what an alert has under a name of groupBy; empty if it has nothing. It
// does not differ between an alert and its recovery. [5]
func Value(a decide.Alert, name string) string {
	switch name {
	case "severity":
		return string(cmp.Or(a.Severity, decide.SeverityError))
	case "kind":
		return string(a.Kind)
	case "flow":
		return a.Flow
	case "step":
		return a.Step
	case "command":
		return a.CommandName
	case "region":
		return a.Region
	case "instance":
		return a.InstanceID
	}
	if tag, ok := strings.CutPrefix(name, TagPrefix); ok {
		return a.Tags[tag]
	}
	return a.Labels[strings.TrimPrefix(name, LabelPrefix)]
}

// clause is one key of a match, under its name of groupBy.
type clause struct {
	name     string
	patterns []string
}

// clauses lists the keys of a match; none for nil.
func (m *Match) clauses() []clause {
	if m == nil {
		return nil
	}
	all := []clause{{"severity", m.Severity}, {"kind", m.Kind}, {"flow", m.Flow}, {"step", m.Step}, {"command", m.Command}, {"region", m.Region}, {"instance", m.Instance}}
	for _, name := range slices.Sorted(maps.Keys(m.Tags)) {
		all = append(all, clause{TagPrefix + name, m.Tags[name]})
	}
	for _, name := range slices.Sorted(maps.Keys(m.Labels)) {
		all = append(all, clause{LabelPrefix + name, m.Labels[name]})
	}
	return slices.DeleteFunc(all, func(c clause) bool { return len(c.patterns) == 0 })
}

// refuses returns why a match does not fit an alert; empty if it does. [3]
func (m *Match) refuses(a decide.Alert) string {
	for _, c := range m.clauses() {
		value := Value(a, c.name)
		if value == "" {
			return fmt.Sprintf("the alert has no %s", c.name)
		}
		if !slices.ContainsFunc(c.patterns, func(p string) bool { return flow.Fits(p, value) }) {
			return fmt.Sprintf("%s is %s, not %s", c.name, value, strings.Join(c.patterns, " or "))
		}
	}
	return ""
}

// Covers reports whether a match certainly fits every alert that another fits.
func (m *Match) Covers(other *Match) bool {
	for _, c := range m.clauses() {
		theirs := other.clauses()
		i := slices.IndexFunc(theirs, func(d clause) bool { return d.name == c.name })
		if i < 0 {
			return false
		}
		for _, narrow := range theirs[i].patterns {
			if !slices.ContainsFunc(c.patterns, func(wide string) bool { return flow.Fits(wide, narrow) }) {
				return false
			}
		}
	}
	return true
}
