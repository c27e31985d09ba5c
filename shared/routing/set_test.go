package routing_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/dispatch"
	"aftercare/shared/flow"
	"aftercare/shared/routing"

	"github.com/google/go-cmp/cmp"
)

// tree is the routes of these tests.
func tree() *routing.Set {
	return routing.NewSet(routing.Route{
		Channels: []string{"ops"}, GroupBy: []string{"kind"}, GroupWait: flow.Duration(time.Minute),
		Routes: []routing.Route{
			{Name: "pages", Match: &routing.Match{Severity: []string{"critical"}}, Continue: true, Channels: []string{"pager"}},
			{Name: "database", Match: &routing.Match{Tags: map[string][]string{"team": {"database"}}}, Routes: []routing.Route{
				{Name: "backups", Match: &routing.Match{Command: []string{"backup-*"}}, Continue: true},
				{Name: "nightly", Match: &routing.Match{Command: []string{"*-nightly"}}},
			}},
			{Name: "security", OnlyNamed: true, Channels: []string{"guards"}},
			{Name: "flows", Match: &routing.Match{Flow: []string{"*"}}},
			{Name: "mend", Match: &routing.Match{Flow: []string{"mend"}}},
		},
	}, nil)
}

func routesOf(s *routing.Set, a decide.Alert) string {
	var names []string
	for _, target := range s.Of(a) {
		names = append(names, target.Route)
	}
	return strings.Join(names, " ")
}

// [1] [2] [4]
func TestTheFirstRouteThatMatchesTakesAnAlert(t *testing.T) {
	database := map[string]string{"team": "database"}
	for _, c := range []struct {
		name  string
		alert decide.Alert
		want  string
	}{
		{"what no route takes stays at the root", decide.Alert{}, "default"},
		{"a flow's", decide.Alert{Flow: "mend"}, "flows"},
		{"the next ones are tried after continue", decide.Alert{Severity: decide.SeverityCritical, Flow: "mend"}, "pages flows"},
		{"what only a route with continue takes does not stay at the root", decide.Alert{Severity: decide.SeverityCritical}, "pages"},
		{"what no route under it takes stays", decide.Alert{Tags: database, Flow: "mend"}, "database"},
		{"a route under it takes it", decide.Alert{Tags: database, CommandName: "x-nightly"}, "nightly"},
		{"so do two of them after continue", decide.Alert{Tags: database, CommandName: "backup-nightly"}, "backups nightly"},
		{"a route that is asked for takes it alone", decide.Alert{Severity: decide.SeverityCritical, Flow: "mend", Route: "security"}, "security"},
		{"whatever that matches", decide.Alert{Route: "backups"}, "backups"},
		{"the root, too", decide.Alert{Route: "default", Flow: "mend"}, "default"},
		{"a route that is not there is not asked for", decide.Alert{Flow: "mend", Route: "guards"}, "flows"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := routesOf(tree(), c.alert); got != c.want {
				t.Errorf("it goes to %q, want %q", got, c.want)
			}
		})
	}
}

// [2]
func TestEachRouteSaysWhyItTakesAnAlertOrNot(t *testing.T) {
	got := tree().Explain(decide.Alert{Severity: decide.SeverityError, CommandName: "backup-1", Flow: "mend", Tags: map[string]string{"team": "database"}})
	want := []routing.Verdict{
		{Route: "default", Why: "a route under it takes the alert"},
		{Route: "pages", Depth: 1, Why: "severity is error, not critical"},
		{Route: "database", Depth: 1, Why: "a route under it takes the alert"},
		{Route: "backups", Depth: 2, Takes: true, Why: "it matches"},
		{Route: "nightly", Depth: 2, Why: "command is backup-1, not *-nightly"},
		{Route: "security", Depth: 1, Why: "database takes the alert before it"},
		{Route: "flows", Depth: 1, Why: "database takes the alert before it"},
		{Route: "mend", Depth: 1, Why: "database takes the alert before it"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	got = tree().Explain(decide.Alert{Route: "security"})
	if diff := cmp.Diff([]routing.Verdict{{Route: "security", Takes: true, Why: "the flow's step asks for it"}}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	got = tree().Explain(decide.Alert{})
	if v := got[0]; !v.Takes || v.Why != "no other route takes the alert" {
		t.Errorf("the root says %+v", v)
	}
	if v := got[3]; v.Takes || v.Why != "no step of a flow asks for it" {
		t.Errorf("a route with onlyNamed says %+v", v)
	}
	if v := got[4]; v.Takes || v.Why != "the alert has no flow" {
		t.Errorf("the route of flows says %+v", v)
	}
}

// [6]
func TestAGroupIsWhatHasTheSameValues(t *testing.T) {
	group := func(by []string, a decide.Alert) dispatch.Target {
		return routing.NewSet(routing.Route{GroupBy: by}, nil).Of(a)[0]
	}
	a := decide.Alert{Kind: decide.AlertFlow, Flow: "mend", InstanceID: "i-1", Labels: map[string]string{"b": "1"}}
	other := a
	other.InstanceID = "i-2"
	by := []string{"kind", "flow", "labels.b"}
	one := group(by, a)
	if !cmp.Equal(one, group(by, other)) {
		t.Error("alerts of two instances are in two groups, but groupBy does not name the instance")
	}
	if diff := cmp.Diff(map[string]string{"kind": "flow", "flow": "mend", "labels.b": "1"}, one.By); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if strings.Contains(one.Group, ".") {
		t.Errorf("the key %s has a dot", one.Group)
	}
	if group([]string{"labels.b", "flow", "kind"}, a).Group != one.Group {
		t.Error("the order of groupBy makes another group")
	}
	for name, differs := range map[string]dispatch.Target{
		"another value":   group(by, decide.Alert{Kind: decide.AlertFlow, Flow: "mend", Labels: map[string]string{"b": "2"}}),
		"no value":        group(by, decide.Alert{Kind: decide.AlertFlow, Flow: "mend"}),
		"a further name":  group(append(slices.Clone(by), "instance"), a),
		"one name less":   group(by[:2], a),
		"a tag, no label": group([]string{"kind", "flow", "tags.b"}, decide.Alert{Kind: decide.AlertFlow, Flow: "mend", Tags: a.Labels}),
		"another route": routing.NewSet(routing.Route{Routes: []routing.Route{{Name: "x", GroupBy: by}}}, nil).Of(
			decide.Alert{Kind: a.Kind, Flow: a.Flow, Labels: a.Labels})[0],
	} {
		if differs.Group == one.Group {
			t.Errorf("%s makes no other group", name)
		}
	}
}

// [5] Whatever else changes with the recovery, the groups stay.
func TestAnAlertAndItsRecoveryGoToTheSameGroups(t *testing.T) {
	a := decide.Alert{
		Kind: decide.AlertExecution, Severity: decide.SeverityCritical, Flow: "mend", Step: "fix", CommandName: "backup-1", InstanceID: "i-1", Region: "r",
		Tags: map[string]string{"team": "database"}, Labels: map[string]string{"x": "y"},
	}
	s := routing.NewSet(routing.Route{
		GroupBy: []string{"severity", "kind", "flow", "step", "command", "region", "instance", "tags.team", "labels.x"},
		Routes:  []routing.Route{{Name: "pages", Match: &routing.Match{Severity: []string{"critical"}}, Continue: true}},
	}, nil)
	same := []string{"Kind", "Severity", "Flow", "Step", "CommandName", "InstanceID", "Region", "Tags", "Labels", "Route"}
	want := s.Of(a)
	v := reflect.ValueOf(&a).Elem()
	for i := range v.NumField() {
		name := v.Type().Field(i).Name
		if slices.Contains(same, name) {
			continue
		}
		before := a
		switch f := v.Field(i); f.Interface().(type) {
		case string:
			f.SetString("other")
		case bool:
			f.SetBool(true)
		case decide.Kept:
			f.Field(0).Set(reflect.ValueOf("other"))
		case *int64:
			f.Set(reflect.ValueOf(new(int64)))
		case time.Time:
			f.Set(reflect.ValueOf(time.Unix(1, 0)))
		default:
			t.Fatalf("the field %s is of another type", name)
		}
		if diff := cmp.Diff(want, s.Of(a)); diff != "" {
			t.Errorf("%s changes where it goes (-want +got):\n%s", name, diff)
		}
		a = before
	}
}

// [7]
func TestARouteThatIsGoneHasTheSettingsOfTheRoot(t *testing.T) {
	s := tree()
	if diff := cmp.Diff(dispatch.Route{Channels: []string{"ops"}, GroupWait: time.Minute}, s.Route("default")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(s.Route("default"), s.Route("gone")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := s.Route("security").Channels; !slices.Equal(got, []string{"guards"}) {
		t.Errorf("a route has the channels %v, want its own", got)
	}
}

// [9] [5]
func TestTheFileSaysHowSevereAKindIs(t *testing.T) {
	s := routing.NewSet(routing.Route{
		Routes: []routing.Route{{Name: "pages", Match: &routing.Match{Severity: []string{"critical"}}}},
	}, nil).Rating(map[decide.AlertKind]decide.Severity{
		decide.AlertTaskExpired: decide.SeverityCritical, decide.AlertBreakerOpened: decide.SeverityWarning, decide.AlertFlow: decide.SeverityInfo,
	})
	for _, c := range []struct {
		kind        decide.AlertKind
		with, want  decide.Severity
		route, name string
	}{
		{decide.AlertTaskExpired, decide.SeverityWarning, decide.SeverityCritical, "pages", "the file's counts"},
		{decide.AlertBreakerOpened, decide.SeverityCritical, decide.SeverityWarning, "default", "also if it is lower"},
		{decide.AlertExecution, decide.SeverityError, decide.SeverityError, "default", "another kind keeps its own"},
		{decide.AlertFlow, decide.SeverityCritical, decide.SeverityCritical, "pages", "a step's counts more"},
	} {
		for _, recovered := range []bool{false, true} {
			a := decide.Alert{Kind: c.kind, Severity: c.with, Recovered: recovered}
			if got := s.Rated(a).Severity; got != c.want {
				t.Errorf("%s: severity %s of %s is %s, want %s", c.name, c.with, c.kind, got, c.want)
			}
			if got := routesOf(s, a); got != c.route {
				t.Errorf("%s: %s goes to %s, want %s", c.name, c.kind, got, c.route)
			}
		}
	}
}
