package flow_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"aftercare/shared/flow"

	"github.com/google/go-cmp/cmp"
)

// [18]
func TestWhatIsOnlyKeptIfSomebodyAsksForIt(t *testing.T) {
	const word = "failedBefore"
	asks := func(where string, d flow.Definition, want bool) {
		t.Helper()
		flows := []flow.Definition{definition(runStep("other")), d}
		for _, set := range []*flow.Set{flow.NewSet(flows), load(t, stored(t, flows))} {
			if got := set.Mentions(word); got != want {
				t.Errorf("%s: got %t, want %t", where, got, want)
			}
		}
	}
	d := definition(runStep("a", "x", word))
	d.Steps[0].Run.Content = "echo $" + word
	asks("in a parameter", d, true)
	d.Steps[0].Run.Parameters = nil
	asks("in a script only", d, false)
	d.When = "event.failedBefore > 2"
	asks("in the flow's when", d, true)
	asks("in a step's when", definition(when(runStep("a"), "event.failedBefore > 2")), true)
	d = definition(runStep("a"))
	d.OnFailure = []flow.Step{alertStep("b", "${{ event.failedBefore }} times")}
	asks("in an alert of onFailure", d, true)
	d.OnFailure, d.Finally = nil, []flow.Step{invokeStep("b", "x", "${{ event.failedBefore }}")}
	asks("in an invoke's parameter of finally", d, true)
	if (*flow.Set)(nil).Mentions(word) {
		t.Error("no set asks for it")
	}
}

func TestOnlyFlowsOfTheEventsKindAnswer(t *testing.T) {
	var flows []flow.Definition
	for i, on := range [][]string{both[:1], both[1:], both} {
		d := definition(runStep("a"))
		d.Name, d.On = fmt.Sprint("flow-", i), on
		flows = append(flows, d)
	}
	set := flow.NewSet(flows)
	other := ended()
	other.Kind = "other"
	for kind, test := range map[string]struct {
		ev   flow.Event
		want []string
	}{
		"task": {ended(), []string{"flow-0", "flow-2"}}, "heartbeat": {booted(), []string{"flow-1", "flow-2"}}, "other": {other, nil},
	} {
		var got []string
		for _, o := range set.Match(test.ev, instance, 0) {
			got = append(got, o.Flow)
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: got %q, want %q", kind, got, test.want)
		}
	}
	if got := (*flow.Set)(nil).Match(ended(), instance, 0); got != nil {
		t.Errorf("no set answers %v", got)
	}
}

func TestASetServesManyEventsAtOnce(t *testing.T) {
	flows := manyFlows(20)
	flows = append(flows, definition(runStep("a")))
	flows[20].When = `event.nothing == 1`
	for i := range 20 {
		d := definition(runStep("a"))
		d.Name, d.On, d.When = fmt.Sprint("boot-", i), both[1:], fmt.Sprintf(`event.uptime > %d`, i)
		flows = append(flows, d)
	}
	text := stored(t, flows)
	want := load(t, text).Explain(ended(), instance, 0)
	shared := load(t, text)
	start := make(chan struct{})
	var wait sync.WaitGroup
	for i := range 8 {
		wait.Go(func() {
			<-start
			if i%2 == 0 {
				shared.Match(booted(), instance, 0) // whose flows are others
			}
			for _, set := range []*flow.Set{shared, load(t, text)} {
				if diff := cmp.Diff(set.Explain(ended(), instance, 0), want); diff != "" {
					t.Errorf("-got +want:\n%s", diff)
				}
				set.Match(booted(), instance, 0)
				set.Mentions("failedBefore")
				if _, err := set.Definition("flow-7"); err != nil || len(set.Flows()) != 41 {
					t.Error(err)
				}
				r := flow.NewRun("run-1", definition(runStep("a", "x", "${{ event.id }}")), ended(), 0)
				r.Begin(at(0))
			}
		})
	}
	close(start)
	wait.Wait()
}
