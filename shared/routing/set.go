package routing

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/dispatch"
	"aftercare/shared/timetable"
)

// Set is the routes of a file. It is safe for concurrent use.
type Set struct {
	root   *Route
	byName map[string]*Route
	mute   map[string]*timetable.Windows
	// severities are by kind. [9]
	severities map[decide.AlertKind]decide.Severity
}

var _ dispatch.Routes = (*Set)(nil)

// NewSet returns the routes under a root, which is called Default. Mute holds the
// mute times by their names.
func NewSet(root Route, mute map[string]*timetable.Windows) *Set {
	root.Name = Default
	s := &Set{root: &root, byName: map[string]*Route{}, mute: mute}
	s.add(s.root)
	return s
}

func (s *Set) add(r *Route) {
	s.byName[r.Name] = r
	for i := range r.Routes {
		s.add(&r.Routes[i])
	}
}

// Rating sets how severe alerts of these kinds are, and returns the set. [9]
func (s *Set) Rating(severities map[decide.AlertKind]decide.Severity) *Set {
	s.severities = severities
	return s
}

// Rated returns the alert with the severity that its kind has here. [9]
func (s *Set) Rated(a decide.Alert) decide.Alert {
	if a.Kind != decide.AlertFlow {
		a.Severity = cmp.Or(s.severities[a.Kind], a.Severity)
	}
	return a
}

// Names are the names of all routes, sorted.
func (s *Set) Names() []string { return slices.Sorted(maps.Keys(s.byName)) }

// Verdict is what becomes of an alert at one route.
type Verdict struct {
	Route string
	// Depth is how many routes it is under.
	Depth int
	// Takes: the alert is a member of a group of this route.
	Takes bool
	Why   string
}

// Explain returns the verdict of each route that the alert comes to, in the order
// of the file, the root first.
func (s *Set) Explain(a decide.Alert) []Verdict {
	a = s.Rated(a)
	if asked := s.byName[a.Route]; asked != nil {
		return []Verdict{{Route: asked.Name, Takes: true, Why: "the flow's step asks for it"}}
	}
	var list []Verdict
	s.visit(s.root, a, 0, &list)
	return list
}

// visit adds the verdicts of a route and those under it, and reports whether one
// of them takes the alert. [2]
func (s *Set) visit(r *Route, a decide.Alert, depth int, list *[]Verdict) (taken bool) {
	i := len(*list)
	*list = append(*list, Verdict{Route: r.Name, Depth: depth})
	if why := r.refuses(a); why != "" {
		(*list)[i].Why = why
		return false
	}
	by := ""
	for j := range r.Routes {
		under := &r.Routes[j]
		if by != "" {
			*list = append(*list, Verdict{Route: under.Name, Depth: depth + 1, Why: by + " takes the alert before it"})
			continue
		}
		if s.visit(under, a, depth+1, list) {
			taken = true
			if !under.Continue {
				by = under.Name
			}
		}
	}
	v := &(*list)[i]
	switch v.Takes = !taken; {
	case taken:
		v.Why = "a route under it takes the alert"
	case r == s.root:
		v.Why = "no other route takes the alert"
	default:
		v.Why = "it matches"
	}
	return true
}

func (r *Route) refuses(a decide.Alert) string {
	if r.OnlyNamed {
		return "no step of a flow asks for it"
	}
	return r.Match.refuses(a)
}

// Of returns the groups of an alert, at least one.
func (s *Set) Of(a decide.Alert) []dispatch.Target {
	a = s.Rated(a)
	var list []dispatch.Target
	for _, v := range s.Explain(a) {
		if v.Takes {
			list = append(list, s.byName[v.Route].target(a))
		}
	}
	return list
}

// target is the alert's group of the route. [6]
func (r *Route) target(a decide.Alert) dispatch.Target {
	t := dispatch.Target{Route: r.Name, By: map[string]string{}}
	parts := []string{"group", r.Name}
	for _, name := range slices.Sorted(slices.Values(r.GroupBy)) {
		value := Value(a, name)
		parts = append(parts, name, value)
		if value != "" {
			t.By[name] = value
		}
	}
	t.Group = decide.Key(parts...)
	return t
}

// Route returns the settings of a route by its name; those of the root if it is
// not there anymore. [7]
func (s *Set) Route(name string) dispatch.Route {
	r := s.named(name)
	return dispatch.Route{
		GroupWait: time.Duration(r.GroupWait), GroupInterval: time.Duration(r.GroupInterval), RepeatInterval: time.Duration(r.RepeatInterval),
		Channels: r.Channels, Fallback: r.Fallback,
	}
}

func (s *Set) named(name string) *Route {
	if r := s.byName[name]; r != nil {
		return r
	}
	return s.root
}

// maxMuted is how far ahead MutedUntil looks: mute times that leave a gap in each
// week leave one within it.
const maxMuted = 8 * 24 * time.Hour

// MutedUntil returns until when a route is muted, at most a little more than a
// week ahead; zero if it is not muted at now. A mute time whose time zone is not
// known, which no file has, mutes nothing. [8]
func (s *Set) MutedUntil(name string, now time.Time) time.Time {
	var windows []*timetable.Windows
	for _, mute := range s.named(name).MuteTimes {
		windows = append(windows, s.mute[mute])
	}
	return mutedUntil(windows, now)
}

func mutedUntil(windows []*timetable.Windows, now time.Time) time.Time {
	end := now
	for end.Before(now.Add(maxMuted)) {
		last := end
		for _, w := range windows {
			if closes, err := w.OpenUntil(end); err == nil && closes.After(last) {
				last = closes
			}
		}
		if last.Equal(end) {
			break
		}
		end = last
	}
	if end.Equal(now) {
		return time.Time{}
	}
	return end.UTC()
}

// Ends reports whether mute times end: messages would wait for ever otherwise.
func Ends(windows []*timetable.Windows, now time.Time) bool {
	return mutedUntil(windows, now).Before(now.Add(maxMuted))
}
