package engine_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/engine"
)

// (decide rule 2)
func TestAnAnswerThatDoesNotComeLeavesTimeToCommit(t *testing.T) {
	for name, boot := range map[string]decide.BootState{"the agent's status": decide.BootUnknown, "a send": decide.BootBootable} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDesk()
				d.store(state(boot))
				d.wait = hanging("agent", "send")
				mustHandle(t, d.real(d.engine(policy())), submission("a"))
				if took := time.Since(now); took != timeLimit-2*time.Second || strings.Count(d.calls(), "commit") == 0 {
					t.Errorf("calls %s after %s, want a commit 2 s before the end", d.calls(), took)
				}
			})
		})
	}
}

// (decide rules 51, 92)
func TestNoResultWaitsForAnAlert(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk()
		d.store(state(decide.BootBootable, task("a"), task("b", running("t-b"))))
		d.wait = hanging("alert")
		start := time.Now()
		out := mustHandle(t, d.engine(policy()), ended("t-b", "b", "Failed", "ExitCodeNonzero"))
		if took := time.Since(start); took != 3*time.Second || out.Left != 1 {
			t.Errorf("it took %s with %d effects left, want the 3 s of an alert, which is left", took, out.Left)
		}
		if got, want := d.calls(), "load queue arm commit send commit arm commit"; got != want {
			t.Errorf("calls: %s\nwant:  %s", got, want)
		}
	})
}

// A channel that does not answer costs the invocation the time of one message,
// also if there are more instances than are handled side by side.
// (decide rule 51)
func TestMessagesThatHangCostAnArrayTheTimeOfOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := fleetDesk(100)
		all := func(invokeID string) (map[string]reported, time.Duration) {
			var parts []engine.Part
			for n := range 100 {
				parts = append(parts, ends(fmt.Sprint("i-", n), invokeID))
			}
			e, began := d.real(d.engine(policy())), time.Now()
			return handleAll(t.Context(), t, e, parts...), time.Since(began)
		}
		d.wait = hanging("alert")
		r, took := all("a")
		if took != policy().MessageTime {
			t.Errorf("it took %s, want %s", took, policy().MessageTime)
		}
		for input, o := range r {
			if o.err != nil || o.Left != 1 {
				t.Fatalf("input %s: %+v, want its alert left", input, o)
			}
		}
		// Also if the time of some begins when others have taken a part of it.
		d.wait = func(_ context.Context, what, _ string) error {
			if what == "alert" {
				time.Sleep(policy().MessageTime * 2 / 3)
			}
			return nil
		}
		if _, took := all("b"); took > policy().MessageTime*4/3 {
			t.Errorf("it took %s, want a round and what is left of the time", took)
		}
	})
}

// A sweep waits for it once, and sends the commands of all.
// (decide rule 51)
func TestMessagesThatHangCostASweepTheTimeOfOneInstance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := fleetDesk(9, task("a"), func(s *decide.State) {
			m := decide.Message{Key: id("m"), Rev: 1, Kind: decide.MessageAlert, Alert: &decide.Alert{}, PlannedAt: now}
			s.Messages[m.Row()] = m
		})
		d.wait = hanging("alert")
		out, err := sweep(t, d.real(d.engine(policy())), 54*time.Second, 3)
		if took, sends := time.Since(now), d.count("send"); err != nil || out.Woken != 9 || took != policy().MessageTime || sends != 9 {
			t.Errorf("the sweep woke %d, %v, took %s and sent %d commands, want nine, %s and nine", out.Woken, err, took, sends, policy().MessageTime)
		}
	})
}
