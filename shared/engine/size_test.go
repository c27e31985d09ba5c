package engine_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/engine"
	"aftercare/shared/event"
	"aftercare/shared/flow"
)

// manyFlows are n flows that start on every end, each with a script of so
// many bytes.
func manyFlows(n, bytes int) *flow.Set {
	var list []flow.Definition
	for i := range n {
		name := fmt.Sprintf("flow-%03d", i)
		list = append(list, define(name, onEnd, "", run("only", name+"/only", strings.Repeat("<", bytes))))
	}
	return flow.NewSet(list)
}

// settled makes decisions until there is nothing left to claim at once, and
// returns the last state and how many effects were claimed.
func settled(t *testing.T, d decide.Decision, p decide.Policy) (decide.State, int) {
	t.Helper()
	claimed := len(claims(d))
	for n := 0; d.More; n++ {
		if n > 100 {
			t.Fatal("there is always more to do")
		}
		d = must(t, d.Next, decide.Continue{}, decide.Facts{}, p)
		claimed += len(claims(d))
	}
	return d.Next, claimed
}

// Each decision's rows and bytes are checked by decide.
// (decide rules 1, 100, 101)
func TestEveryDecisionFitsIntoOneCommit(t *testing.T) {
	many := func(n int, change ...func(*decide.Task)) func(*decide.State) {
		return func(s *decide.State) {
			for i := range n {
				task(fmt.Sprintf("a%d", i), change...)(s)
			}
		}
	}
	large := func(t *decide.Task) { t.Command.Run.Content = strings.Repeat("<", 18<<10) }
	due := func(t *decide.Task) { t.Deadline = now }
	cases := []struct {
		name  string
		state decide.State
		in    decide.Input
		facts decide.Facts
		flows *flow.Set
		// claimed is how many effects are claimed in the end.
		claimed int
	}{
		{"100 queued tasks are released", state(decide.BootWaiting, many(100)), beat(0, time.Minute), decide.Facts{}, nil, 100},
		{"25 queued tasks of the largest size are released", state(decide.BootWaiting, many(25, large)), beat(0, time.Minute), decide.Facts{}, nil, 25},
		{"100 queued tasks expire, with an alert each", state(decide.BootWaiting, many(100, expired)), decide.WakeUp{}, decide.Facts{}, nil, 100},
		{"30 of 40 flows start while 40 tasks expire", state(decide.BootBootable, many(40, expired)), ended("t-1", "", "Success", ""), decide.Facts{}, manyFlows(40, 10), 71},
		{"300 flows react to one end", state(decide.BootBootable), ended("t-1", "", "Success", ""), decide.Facts{}, manyFlows(300, 10), 31},
		{"flows of the largest size react to one end", state(decide.BootBootable), ended("t-1", "", "Success", ""), decide.Facts{}, manyFlows(40, 15<<10), 17},
		{"20 running tasks are not known any more", state(decide.BootBootable, many(20, running("t"), due, missing)), decide.WakeUp{},
			decide.Facts{Invocations: map[string]*decide.Invocation{"t": nil}}, nil, 20},
		{"an end's texts are as long as an event may be", state(decide.BootBootable, task("a", saved, releasing), effect("a", claimedBy(held), firstSent(time.Second))),
			func() decide.Ended {
				e := ended("t-1", "", "Failed", strings.Repeat("<", 100<<10))
				e.Event.CommandID, e.Event.ErrorDesc = savedCommand, strings.Repeat("<", 400<<10)
				return e
			}(), decide.Facts{}, nil, 1},
		{"30 flows react to an end whose every text is as long as an event may be", state(decide.BootBootable), func() decide.Ended {
			long := strings.Repeat("<", 8<<10)
			e := ended("t-1", "", "Success", long)
			e.Event.CommandID, e.Event.CommandName, e.Event.ErrorDesc, e.Event.RepeatMode = long, long, long, long
			e.Event.OwnerUID, e.Event.PlayerUID = long, long
			return e
		}(), decide.Facts{}, manyFlows(30, 10), 8},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			p := policy()
			p.Flows = c.flows
			_, claimed := settled(t, must(t, c.state, c.in, c.facts, p), p)
			if claimed != c.claimed {
				t.Errorf("%d effects were claimed, want %d", claimed, c.claimed)
			}
		})
	}
	t.Run("three ends find their tasks at once, and of 40 flows 30 start on the first and wait on the others", func(t *testing.T) {
		s := state(decide.BootBootable)
		for i := range 3 {
			short := fmt.Sprintf("b%d", i)
			task(short, saved, running("t-"+short))(&s)
			e := ended("t-"+short, "", event.StatusSuccess, "").Event
			s.Unmatched[e.InvokeID] = decide.Unmatched{Event: e, Received: now}
		}
		p := policy()
		p.Flows = manyFlows(40, 10)
		p.MaxQueued = 1000
		next, claimed := settled(t, must(t, s, decide.WakeUp{}, decide.Facts{}, p), p)
		// Each end's ten others are one alert.
		if claimed != 30+3 || len(next.Runs) != 90 || len(next.Unmatched) > 0 {
			t.Errorf("%d effects were claimed, %d runs are live and %d ends are unmatched, want 33, 90 and none", claimed, len(next.Runs), len(next.Unmatched))
		}
	})
}

// (decide rule 67)
func TestAWakeUpAsksForABatchOfInvocationsAndStopsInTime(t *testing.T) {
	s := state(decide.BootBootable)
	for i := range 50 {
		task(fmt.Sprint(i), running(fmt.Sprint("t-", i)), func(t *decide.Task) { t.Deadline = now })(&s)
	}
	first := needs(s, decide.WakeUp{}).Invocations
	if len(first) != 20 {
		t.Fatalf("%d invocations are asked about, want 20", len(first))
	}
	for range 10 {
		if again := needs(s, decide.WakeUp{}).Invocations; fmt.Sprint(again) != fmt.Sprint(first) {
			t.Fatalf("asked about %v, then about %v", first, again)
		}
	}
	d := newDesk()
	d.store(s)
	d.on = func(what, _ string) fate {
		if what == "find-id" {
			d.clock = d.clock.Add(timeLimit / 10)
			return refused
		}
		return fate{}
	}
	ctx, cancel := context.WithTimeout(t.Context(), timeLimit)
	defer cancel()
	if _, err := d.engine(policy()).Handle(ctx, "i-1", decide.WakeUp{}); err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(d.calls(), "find-id"); got < 5 || got > 10 {
		t.Errorf("%d invocations were asked about in %s, want about 9", got, timeLimit)
	}
}

// talkative are n flows whose runs end with as many alerts as a flow may have,
// and count for a breaker if they fail.
func talkative(n int) *flow.Set {
	var list []flow.Definition
	for i := range n {
		f := define(fmt.Sprintf("flow-%03d", i), onEnd, byOthers, run("only", "only", "true"))
		f.Limits.Fleet = &flow.FleetLimit{MaxFailures: 1000, Window: flow.Duration(time.Hour), ResumeAfter: flow.Duration(time.Hour)}
		for j := range 5 {
			f.Finally = append(f.Finally, say(fmt.Sprint("tell-", j), "it is over"))
		}
		list = append(list, f)
	}
	return flow.NewSet(list)
}

// (decide rules 100, 101)
func TestManyRunsThatEndAtOnceFitIntoCommits(t *testing.T) {
	p := policy()
	p.Flows = talkative(20)
	for _, c := range []struct {
		name string
		end  func(d *desk)
	}{
		{"when their commands are refused for good", func(d *desk) {
			d.on = func(what, _ string) fate {
				if what == "send" {
					return fate{err: engine.ErrInvalid}
				}
				return fate{}
			}
		}},
		{"when nobody knows their commands any more", func(d *desk) {
			mustHandle(t, d.engine(p), happened("s-before"))
			d.cloud.invocations = nil
			for i := range 10 {
				d.clock = now.Add(time.Duration(i+1) * time.Hour)
				mustHandle(t, d.engine(p), decide.WakeUp{})
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newDesk()
			d.table.broken = t.Errorf
			d.store(state(decide.BootBootable))
			c.end(d)
			mustHandle(t, d.engine(p), happened("s-1"))
			ended := 0
			for _, r := range logged[decide.FlowRun](d.table, "i-1", "flow") {
				if r.Result == flow.ResultFailed {
					ended++
				}
			}
			if ended != 20 {
				t.Errorf("%d runs have failed, want 20", ended)
			}
		})
	}
}

// (decide rules 90, 101)
func TestEndsThatAreLeftForWantOfRoomAreWokenFor(t *testing.T) {
	s := state(decide.BootBootable)
	for i := range 6 {
		e := happened(fmt.Sprint("s-", i)).Event
		s.Unmatched[e.InvokeID] = decide.Unmatched{Event: e, Received: now}
	}
	var list []flow.Definition
	for i := range 30 {
		list = append(list, define(fmt.Sprint("flow-", i), onEnd, byOthers, wait("w", "3h")))
	}
	d := must(t, s, decide.WakeUp{}, decide.Facts{}, flows(list...))
	if len(d.Next.Unmatched) == 0 || !d.More || d.WakeBy.After(now) {
		t.Errorf("%d ends are left, more %v, woken by %s, want both at once", len(d.Next.Unmatched), d.More, d.WakeBy)
	}
}
