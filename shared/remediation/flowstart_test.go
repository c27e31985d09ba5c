package remediation_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"aftercare/shared/event"
	"aftercare/shared/flow"
	"aftercare/shared/remediation"
)

// queueOf is a state in which a run of the flow is under way since a minute
// ago, and further ones wait for it, from oldest to newest.
func queueOf(t *testing.T, p remediation.Policy, waiting int) remediation.State {
	t.Helper()
	s := state(remediation.BootBootable)
	for i := range waiting + 1 {
		s = decideAt(t, now.Add(time.Duration(i-waiting-1)*time.Second), s, happened(fmt.Sprint("t-", i)), remediation.Facts{}, p).Next
	}
	if len(s.Runs) != waiting+1 || len(s.Tasks) > 1 {
		t.Fatalf("%d runs and %d tasks, want %d and at most the first one's task", len(s.Runs), len(s.Tasks), waiting+1)
	}
	return s
}

// refusedAll is the result of the only command that is claimed.
func refusedAll(t *testing.T, s remediation.State) remediation.Results {
	t.Helper()
	for _, e := range s.Effects {
		if e.Kind == remediation.EffectRun {
			return results(remediation.Result{Key: e.Key, Commit: e.Claim.Commit, Kind: remediation.ResultInvalid, Reason: "why"})
		}
	}
	t.Fatal("no command is claimed")
	return remediation.Results{}
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
		end  func(s remediation.State) remediation.Input
	}{
		{"after the end of its command", func(s remediation.State) remediation.Input { return endOf(only(t, s.Tasks), event.StatusSuccess, "") }},
		{"after a result", func(s remediation.State) remediation.Input { return refusedAll(t, s) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := queueOf(t, p, 3)
			d := decide(t, s, c.end(s), remediation.Facts{}, p)
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
		d := decide(t, s, endOf(only(t, s.Tasks), event.StatusSuccess, ""), remediation.Facts{}, p)
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
	d := decide(t, s, end, remediation.Facts{}, p)
	begun := func(s remediation.State) (n int) {
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
