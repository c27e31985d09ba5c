package routing_test

import (
	"regexp"
	"strings"
	"testing"

	"aftercare/shared/decide"
	"aftercare/shared/routing"

	"pgregory.net/rapid"
)

// takes reports whether a match takes an alert, in a route under the root.
func takes(m *routing.Match, a decide.Alert) bool {
	s := routing.NewSet(routing.Route{Routes: []routing.Route{{Name: "it", Match: m}}}, nil)
	return s.Of(a)[0].Route == "it"
}

// [3]
func TestAMatchFitsIfEachOfItsKeysDoes(t *testing.T) {
	a := decide.Alert{
		Kind: decide.AlertFlow, Severity: decide.SeverityWarning, Flow: "mend", Step: "fix", CommandName: "backup-1", Region: "cn-hangzhou",
		Tags: map[string]string{"team": "database"}, Labels: map[string]string{"ticket": "7"},
	}
	all := func() *routing.Match {
		return &routing.Match{
			Severity: []string{"warning"}, Kind: []string{"flow"}, Flow: []string{"mend"}, Step: []string{"fix"}, Command: []string{"backup-?"},
			Region: []string{"cn-*"}, Tags: map[string][]string{"team": {"*base"}}, Labels: map[string][]string{"ticket": {"*"}},
		}
	}
	if !takes(all(), a) {
		t.Fatal("a match does not fit though each of its keys does")
	}
	if !takes(nil, a) || !takes(&routing.Match{}, a) {
		t.Error("an empty match does not fit")
	}
	if !takes(&routing.Match{Flow: []string{"x", "me*"}}, a) {
		t.Error("one of several patterns is not enough")
	}
	for name, change := range map[string]func(*routing.Match){
		"severity":        func(m *routing.Match) { m.Severity = []string{"error"} },
		"kind":            func(m *routing.Match) { m.Kind = []string{"execution"} },
		"flow":            func(m *routing.Match) { m.Flow = []string{"men"} },
		"step":            func(m *routing.Match) { m.Step = []string{"fix?"} },
		"command":         func(m *routing.Match) { m.Command = []string{"backup"} },
		"region":          func(m *routing.Match) { m.Region = []string{"us-*"} },
		"a tag":           func(m *routing.Match) { m.Tags["team"] = []string{"web"} },
		"a missing tag":   func(m *routing.Match) { m.Tags["role"] = []string{"*"} },
		"a label":         func(m *routing.Match) { m.Labels["ticket"] = []string{"8"} },
		"a missing label": func(m *routing.Match) { m.Labels["role"] = []string{"*"} },
	} {
		m := all()
		change(m)
		if takes(m, a) {
			t.Errorf("a match fits though %s does not", name)
		}
	}
	if !takes(&routing.Match{Severity: []string{"error"}}, decide.Alert{}) {
		t.Error("an alert without a severity is no error")
	}
	if takes(&routing.Match{Flow: []string{"*"}}, decide.Alert{}) {
		t.Error("* fits a value that is missing")
	}
}

// patterns are texts of few characters, so that they often fit.
func patterns(alphabet string) *rapid.Generator[string] {
	return rapid.StringOfN(rapid.SampledFrom([]rune(alphabet)), 1, 6, -1)
}

// [3] Regular expressions are another way to read a pattern.
func TestPatternsFitAsRegularExpressionsDo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pattern, text := patterns("ab世*?").Draw(t, "pattern"), patterns("ab世").Draw(t, "text")
		form := strings.NewReplacer("*", ".*", "?", ".").Replace(pattern)
		want := regexp.MustCompile("^" + form + "$").MatchString(text)
		if got := takes(&routing.Match{Flow: []string{pattern}}, decide.Alert{Flow: text}); got != want {
			t.Errorf("%s fits %s: %v, want %v", pattern, text, got, want)
		}
	})
}

func TestAMatchThatCoversAnotherFitsAllThatThatFits(t *testing.T) {
	n, covered := 0, 0
	match := func(t *rapid.T, name string) *routing.Match {
		m := &routing.Match{
			Flow: rapid.SliceOfN(patterns("ab*?"), 0, 2).Draw(t, name+"'s flow"),
			Step: rapid.SliceOfN(patterns("ab*?"), 0, 1).Draw(t, name+"'s step"),
			Tags: map[string][]string{},
		}
		if tag := rapid.SliceOfN(patterns("ab*?"), 0, 1).Draw(t, name+"'s tag"); len(tag) > 0 {
			m.Tags["a"] = tag
		}
		return m
	}
	rapid.Check(t, func(t *rapid.T) {
		wide, narrow := match(t, "wide"), match(t, "narrow")
		if n++; n%2 == 0 { // by chance, few cover another
			wide = &routing.Match{Flow: narrow.Flow, Tags: narrow.Tags}
		}
		if !wide.Covers(narrow) {
			return
		}
		covered++
		for range 20 {
			text := patterns("ab")
			a := decide.Alert{Flow: text.Draw(t, "flow"), Step: text.Draw(t, "step"), Tags: map[string]string{"a": text.Draw(t, "tag")}}
			if takes(narrow, a) && !takes(wide, a) {
				t.Fatalf("%+v covers %+v, and does not fit %+v", wide, narrow, a)
			}
		}
	})
	if covered == 0 {
		t.Error("no match covered another")
	}
}

func TestCoveringIsSeen(t *testing.T) {
	one := func(patterns ...string) *routing.Match { return &routing.Match{Command: patterns} }
	for _, c := range []struct {
		wide, narrow *routing.Match
		want         bool
	}{
		{nil, nil, true},
		{nil, one("a"), true},
		{one("a"), nil, false},
		{one("*"), one("a*"), true},
		{one("a*"), one("a*b", "ab"), true},
		{one("a*"), one("a", "b"), false},
		{one("a?"), one("a*"), false},
		{one("a*"), one("a?"), true},
		{one("a"), &routing.Match{Command: []string{"a"}, Flow: []string{"f"}}, true},
		{&routing.Match{Command: []string{"a"}, Flow: []string{"f"}}, one("a"), false},
		{&routing.Match{Tags: map[string][]string{"a": {"*"}}}, &routing.Match{Labels: map[string][]string{"a": {"b"}}}, false},
	} {
		if got := c.wide.Covers(c.narrow); got != c.want {
			t.Errorf("%+v covers %+v: %v, want %v", c.wide, c.narrow, got, c.want)
		}
	}
}
