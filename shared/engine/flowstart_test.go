package engine_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/event"
	"aftercare/shared/flow"
)

// queueOf is a state in which a run of the flow is under way since a minute
// ago, and further ones wait for it, from oldest to newest.
func queueOf(t *testing.T, p decide.Policy, waiting int) decide.State {
	t.Helper()
	s := state(decide.BootBootable)
	for i := range waiting + 1 {
		s = decideAt(t, now.Add(time.Duration(i-waiting-1)*time.Second), s, happened(fmt.Sprint("t-", i)), decide.Facts{}, p).Next
	}
	if len(s.Runs) != waiting+1 || len(s.Tasks) > 1 {
		t.Fatalf("%d runs and %d tasks, want %d and at most the first one's task", len(s.Runs), len(s.Tasks), waiting+1)
	}
	return s
}

// refusedAll is the result of the only command that is claimed.
func refusedAll(t *testing.T, s decide.State) decide.Results {
	t.Helper()
	for _, e := range s.Sends {
		if e.Kind == decide.SendRun {
			return results(decide.Result{Key: e.Key, Commit: e.Claim.Commit, Kind: decide.ResultInvalid, Reason: "why"})
		}
	}
	t.Fatal("no command is claimed")
	return decide.Results{}
}

// [52] Whatever ends a run, those that waited for it get their turn, also
// behind one that is refused.
func TestRunsThatWaitedGetTheirTurn(t *testing.T) {
	p := flows(with(define("f", onEnd, byOthers, run("only", "f/only", "true")), func(d *flow.Definition) {
		d.Limits.PerInstance = flow.InstanceLimit{Max: 1, Window: flow.Duration(time.Hour)}
	}))
	p.AlertOn = nil // so that there is nothing else to do
	for _, c := range []struct {
		name string
		end  func(s decide.State) decide.Input
	}{
		{"after the end of its command", func(s decide.State) decide.Input { return endOf(only(t, s.Tasks), event.StatusSuccess, "") }},
		{"after a result", func(s decide.State) decide.Input { return refusedAll(t, s) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := queueOf(t, p, 3)
			d := must(t, s, c.end(s), decide.Facts{}, p)
			if len(d.Next.Runs) > 0 && (!d.More || d.WakeBy.IsZero()) {
				t.Fatalf("runs %v wait, more %v, woken by %s, want somebody to see to them", d.Next.Runs, d.More, d.WakeBy)
			}
			if next, _ := settled(t, d, p); len(next.Runs) > 0 {
				t.Errorf("runs %v are left, want each refused, because the limit is reached", next.Runs)
			}
		})
	}
	t.Run("after one that is newer by the clock of the function that made it", func(t *testing.T) {
		s := queueOf(t, p, 2)
		for id, r := range s.Runs {
			if !r.StartedAt.IsZero() {
				r.CreatedAt = now.Add(30 * time.Second)
				s.Runs[id] = r
			}
		}
		d := must(t, s, endOf(only(t, s.Tasks), event.StatusSuccess, ""), decide.Facts{}, p)
		if len(d.Next.Runs) > 0 || len(d.Changes.EndedRuns) != 3 {
			t.Errorf("runs %v are left, want each refused, because the limit is reached", d.Next.Runs)
		}
	})
}

// [52] A run whose turn has come, and for which a decision has no room, has
// the next one or a wake-up.
func TestARunForWhichThereIsNoRoomIsWokenFor(t *testing.T) {
	large := run("only", "f/only", strings.Repeat("<", 15<<10))
	f := define("f", onEnd, byOthers, large)
	for i := range 9 {
		step := large
		step.ID, step.When = fmt.Sprint("more-", i), "event.exitCode == 99"
		f.Steps = append(f.Steps, step)
	}
	list := []flow.Definition{f}
	for i := range 10 {
		other := run("only", "other", strings.Repeat("<", 15<<10))
		list = append(list, define(fmt.Sprint("other-", i), onEnd, `event.commandName == "f/only"`, other))
	}
	p := flows(list...)
	s := queueOf(t, p, 1)
	end := endOf(only(t, s.Tasks), event.StatusSuccess, "")
	end.Event.ErrorDesc = strings.Repeat("<", 16<<10)
	d := must(t, s, end, decide.Facts{}, p)
	begun := func(s decide.State) (n int) {
		for _, r := range s.Runs {
			if !r.StartedAt.IsZero() && r.Flow == "f" {
				n++
			}
		}
		return n
	}
	if begun(d.Next) != 0 || !d.More || d.WakeBy.After(now) {
		t.Errorf("%d runs of it are under way, more %v, woken by %s, want it to wait for more room, and now", begun(d.Next), d.More, d.WakeBy)
	}
	if next, _ := settled(t, d, p); begun(next) != 1 {
		t.Error("it never begins")
	}
}

// [52]
func TestOneRunOfAFlowOnAnInstanceAtATime(t *testing.T) {
	f := define("f", onEnd, byOthers, run("only", "f/only", "true"))
	g := define("g", onEnd, byOthers, run("only", "g/only", "true"))
	drop := func(d *flow.Definition) { d.WhenBusy = flow.BusyDrop }
	t.Run("a second one waits, and begins when the first has ended", func(t *testing.T) {
		p := flows(f)
		s := queueOf(t, p, 2)
		oldest := ""
		for _, r := range s.Runs {
			if r.StartedAt.IsZero() && (oldest == "" || r.CreatedAt.Before(s.Runs[oldest].CreatedAt)) {
				oldest = r.ID
			}
		}
		d := must(t, s, endOf(only(t, s.Tasks), event.StatusFailed, ""), decide.Facts{}, p)
		if r := d.Next.Runs[oldest]; r.StartedAt.IsZero() || only(t, d.Next.Tasks).RunID != oldest || len(claims(d)) != 1 {
			t.Errorf("run %+v, claimed %v, want the oldest one begun", r, claims(d))
		}
	})
	t.Run("at most 20 wait", func(t *testing.T) {
		p := flows(f)
		s := queueOf(t, p, 20)
		d := must(t, s, happened("t-21"), decide.Facts{}, p)
		if got := said(t, d, "f"); got.What != decide.FlowDropped || len(d.Next.Runs) != 21 || d.Changes.EndedRuns[0].Result != flow.ResultDropped {
			t.Errorf("%+v, %d runs, want it dropped, and recorded", got, len(d.Next.Runs))
		}
	})
	t.Run("with drop it is dropped", func(t *testing.T) {
		p := flows(with(f, drop))
		s := queueOf(t, p, 0)
		d := must(t, s, happened("t-1"), decide.Facts{}, p)
		if got := said(t, d, "f"); got.What != decide.FlowDropped || len(d.Next.Runs) != 1 || d.Changes.EndedRuns[0].Result != flow.ResultDropped {
			t.Errorf("%+v, %d runs, want it dropped, and recorded", got, len(d.Next.Runs))
		}
	})
	t.Run("other flows do not wait", func(t *testing.T) {
		d := must(t, state(decide.BootBootable), happened("s-1"), decide.Facts{}, flows(f, g))
		if len(claims(d)) != 2 {
			t.Errorf("claimed %v, want both flows' commands", claims(d))
		}
	})
}

// [53] It is 05:06 on a Wednesday.
func TestRunsBeginWithinTheirWindows(t *testing.T) {
	from := func(from, to, outside string) func(*flow.Definition) {
		return func(d *flow.Definition) {
			d.Windows = &flow.Windows{TimeZone: "UTC", Outside: outside, Open: []flow.Window{{Days: []string{"wed"}, From: from, To: to}}}
		}
	}
	f := define("f", onEnd, byOthers, run("one", "f/one", "true"), wait("rest", "3h"), run("two", "f/two", "true"))
	at := func(hour, minute int) time.Time {
		return time.Date(now.Year(), now.Month(), now.Day(), hour, minute, 0, 0, time.UTC)
	}
	t.Run("within, one begins", func(t *testing.T) {
		d := must(t, state(decide.BootBootable), happened("s-1"), decide.Facts{}, flows(with(f, from("05:00", "06:00", flow.OutsideWait))))
		if said(t, d, "f").What != decide.FlowStarted || len(claims(d)) != 1 {
			t.Errorf("claimed %v", claims(d))
		}
	})
	t.Run("outside, one is dropped", func(t *testing.T) {
		d := must(t, state(decide.BootBootable), happened("s-1"), decide.Facts{}, flows(with(f, from("06:00", "07:00", flow.OutsideDrop))))
		if said(t, d, "f").What != decide.FlowDropped || len(d.Next.Runs) > 0 || d.Changes.EndedRuns[0].Result != flow.ResultDropped {
			t.Errorf("runs %v, want it dropped, and recorded", d.Next.Runs)
		}
	})
	waiting := flows(with(f, from("06:00", "07:00", flow.OutsideWait)))
	t.Run("outside, one waits until the next one opens, and has a wake-up for it", func(t *testing.T) {
		d := must(t, state(decide.BootBootable), happened("s-1"), decide.Facts{}, waiting)
		if said(t, d, "f").What != decide.FlowWaits || !d.WakeBy.Equal(at(6, 0)) || len(claims(d)) > 0 {
			t.Fatalf("woken by %s, claimed %v, want 06:00, and nothing", d.WakeBy, claims(d))
		}
		early := decideAt(t, at(5, 59), d.Next, decide.WakeUp{}, decide.Facts{}, waiting)
		if !early.Changes.Empty() {
			t.Errorf("changes %+v before it opens", early.Changes)
		}
		d = decideAt(t, at(6, 0), d.Next, decide.WakeUp{}, decide.Facts{}, waiting)
		if only(t, d.Next.Runs).StartedAt.IsZero() || len(claims(d)) != 1 {
			t.Errorf("claimed %v when it has opened, want the first command", claims(d))
		}
	})
	t.Run("one that is looked at too late waits for the next", func(t *testing.T) {
		s := must(t, state(decide.BootBootable), happened("s-1"), decide.Facts{}, waiting).Next
		d := decideAt(t, at(7, 0), s, decide.WakeUp{}, decide.Facts{}, waiting)
		if want := at(6, 0).AddDate(0, 0, 7); !only(t, d.Next.Runs).StartedAt.IsZero() || !d.WakeBy.Equal(want) {
			t.Errorf("woken by %s, want %s", d.WakeBy, want)
		}
	})
	t.Run("a run that has begun continues outside", func(t *testing.T) {
		p := flows(with(f, from("05:00", "06:00", flow.OutsideWait)))
		s := must(t, state(decide.BootBootable), happened("s-1"), decide.Facts{}, p).Next
		s = must(t, s, endOf(only(t, s.Tasks), event.StatusSuccess, ""), decide.Facts{}, p).Next
		d := decideAt(t, now.Add(3*time.Hour), s, decide.WakeUp{}, decide.Facts{}, p)
		if only(t, d.Next.Tasks).Step != "two" || len(claims(d)) != 1 {
			t.Errorf("tasks %v, want the second step's", d.Next.Tasks)
		}
	})
	t.Run("one that waited for another waits for its window, too", func(t *testing.T) {
		p := flows(with(f, from("05:00", "06:00", flow.OutsideWait)))
		s := queueOf(t, p, 1)
		s = must(t, s, endOf(only(t, s.Tasks), event.StatusFailed, ""), decide.Facts{}, p).Next
		if only(t, s.Tasks).Step != "one" {
			t.Errorf("tasks %v, want the waiting run's first", s.Tasks)
		}
		s = queueOf(t, p, 1)
		d := decideAt(t, at(6, 1), s, endOf(only(t, s.Tasks), event.StatusFailed, ""), decide.Facts{}, p)
		if want := at(5, 0).AddDate(0, 0, 7); !only(t, d.Next.Runs).CheckAt.Equal(want) || !d.WakeBy.Equal(want) {
			t.Errorf("woken by %s, want %s", d.WakeBy, want)
		}
	})
	t.Run("one whose window has come while another is under way waits for that one, without being looked at", func(t *testing.T) {
		s := must(t, state(decide.BootBootable), happened("s-1"), decide.Facts{}, waiting).Next
		r := only(t, s.Runs)
		// A function whose clock is behind has begun another one.
		other := r
		other.ID, other.CreatedAt = "other", r.CreatedAt.Add(time.Second)
		other.StartedAt, other.Section, other.Deadline = at(6, 0), flow.SectionSteps, at(9, 0)
		other.Pending, other.CheckAt = flow.Pending{State: flow.PendingWait, Until: at(8, 0)}, time.Time{}
		other.Steps = []flow.StepRecord{{ID: "one", Kind: flow.KindWait}}
		s.Runs[other.ID] = other
		d := decideAt(t, at(6, 0), s, decide.WakeUp{}, decide.Facts{}, waiting)
		if !d.Next.Runs[r.ID].StartedAt.IsZero() || !d.WakeBy.Equal(at(8, 0)) {
			t.Errorf("run %+v, woken by %s, want it to wait until 08:00", d.Next.Runs[r.ID], d.WakeBy)
		}
	})
}

// [57]
func TestARunEndsByTheDefinitionThatItBeganWith(t *testing.T) {
	old := flows(define("f", onEnd, byOthers, run("one", "f/one", "echo old"), say("tell", "old ${{ event.invokeId }}")))
	for name, p := range map[string]decide.Policy{
		"the flow is another one": flows(define("f", onEnd, byOthers, run("one", "f/one", "echo new"), say("tell", "new"))),
		"the flow is gone":        flows(define("g", onEnd, byOthers, run("one", "g/one", "echo new"))),
		"there are no flows":      policy(),
	} {
		t.Run(name, func(t *testing.T) {
			s := must(t, state(decide.BootBootable), happened("s-1"), decide.Facts{}, old).Next
			d := must(t, s, endOf(only(t, s.Tasks), event.StatusSuccess, ""), decide.Facts{}, p)
			if got := only(t, d.Next.Messages).Alert.Summary; got != "old s-1" || len(d.Next.Runs) > 0 {
				t.Errorf("it alerts %q, want its own text about its own event", got)
			}
		})
	}
	t.Run("what cannot be compiled any more ends the step as invalid", func(t *testing.T) {
		s := must(t, state(decide.BootBootable), happened("s-1"), decide.Facts{}, old).Next
		for id, r := range s.Runs {
			r.Definition.Steps[1].When = "event.noSuchField == 1"
			r.Definition.Finally = []flow.Step{say("done", "it is over")}
			s.Runs[id] = r
		}
		d := must(t, s, endOf(only(t, s.Tasks), event.StatusSuccess, ""), decide.Facts{}, old)
		r := d.Changes.EndedRuns[0]
		if r.Result != flow.ResultFailed || r.Steps[1].Status != flow.StepInvalid || alerts(d) != "flow" {
			t.Errorf("run %+v, alerts %q, want it failed, and finally run", r, alerts(d))
		}
	})
}

// [58]
func TestSoManyFlowsStartFromOneEvent(t *testing.T) {
	for name, c := range map[string]struct {
		flows   *flow.Set
		started int
	}{
		"30 of 40 start": {manyFlows(40, 10), 30},
		"of 40 flows of 90 KB as many as fit into one commit": {manyFlows(40, 15<<10), 16},
	} {
		t.Run(name, func(t *testing.T) {
			p := policy()
			p.Flows = c.flows
			d := must(t, state(decide.BootBootable), happened("s-1"), decide.Facts{}, p)
			if len(d.Next.Runs) != c.started || alerts(d) != "flow-stopped" {
				t.Errorf("%d runs, alerts %q, want %d and one", len(d.Next.Runs), alerts(d), c.started)
			}
			if got := said(t, d, "flow-039"); got.What != decide.FlowStopped {
				t.Errorf("the last flow: %+v", got)
			}
		})
	}
}
