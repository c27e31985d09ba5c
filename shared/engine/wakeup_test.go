package engine_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"aftercare/shared/command"
	"aftercare/shared/decide"
	"aftercare/shared/engine"
	"aftercare/shared/event"
	"aftercare/shared/flow"
)

// Each call to the ledger costs the invocation a round trip: these are all
// that each kind of input needs, in order.
// (decide rule 2)
func TestCallsOfEachInput(t *testing.T) {
	p := policy()
	p.Flows = nil
	bad := ended("t-1", "", "Failed", "ExitCodeNonzero")
	cases := []struct {
		name  string
		state decide.State
		in    decide.Input
		want  string
	}{
		{"an end without follow-up and alert", state(decide.BootBootable), ended("t-1", "", "Success", ""), "load commit"},
		{"an end with an alert", state(decide.BootBootable), bad, "load arm commit alert commit"},
		{"a heartbeat, nothing queued", state(decide.BootWaiting), beat(0, time.Second), "load commit"},
		{"the same heartbeat again", state(decide.BootBootable), beat(time.Hour, time.Minute), "load"},
		{"a heartbeat, two tasks queued", state(decide.BootWaiting, task("a"), task("b")), beat(0, time.Second),
			"load queue arm commit send send commit"},
		{"a submission to a bootable instance", state(decide.BootBootable), submission("a"), "load arm commit send commit"},
		{"a submission to a waiting instance", state(decide.BootWaiting), submission("a"), "load arm commit"},
		{"a wake-up with nothing due", state(decide.BootWaiting, task("a")), decide.WakeUp{}, "load"},
		{"a try after an unknown outcome", state(decide.BootBootable, task("a", releasing), sent("a", time.Minute)),
			decide.WakeUp{}, "load arm commit find-token send commit"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			d := newDesk()
			d.store(c.state)
			mustHandle(t, d.engine(p), c.in)
			if got := d.calls(); got != c.want {
				t.Errorf("calls: %s\nwant:  %s", got, c.want)
			}
		})
	}
	t.Run("a duplicate", func(t *testing.T) {
		d := newDesk()
		d.store(state(decide.BootBootable))
		mustHandle(t, d.engine(p), ended("t-1", "", "Success", ""))
		d.made = nil
		if out := mustHandle(t, d.engine(p), ended("t-1", "", "Success", "")); !out.Duplicate || d.calls() != "load commit recorded" {
			t.Errorf("duplicate %v, calls: %s, want load commit recorded", out.Duplicate, d.calls())
		}
	})
	t.Run("a heartbeat, 45 tasks queued", func(t *testing.T) {
		d := newDesk()
		s := state(decide.BootWaiting)
		for i := range 45 {
			task(string(rune('a'+i/26)) + string(rune('a'+i%26)))(&s)
		}
		d.store(s)
		mustHandle(t, d.engine(p), beat(0, time.Second))
		counts := map[string]int{}
		for _, name := range d.made {
			counts[name]++
		}
		if counts["send"] != 45 || counts["commit"] != 6 || counts["load"] != 1 || counts["arm"] != 1 {
			t.Errorf("calls %v, want 45 sends, 6 commits, a load and an arm", counts)
		}
	})
}

// (decide rule 91)
func TestAWakeUpIsArmedBeforeTheCommitThatNeedsIt(t *testing.T) {
	grace := decide.DefaultPolicy().ClaimGrace
	armedAt := func(in time.Duration) func(*decide.State) {
		return func(s *decide.State) { s.Instance.WakeAt = now.Add(in).Truncate(time.Minute) }
	}
	cases := []struct {
		name  string
		state decide.State
		armed bool
	}{
		{"with none armed", state(decide.BootBootable), true},
		{"with one that is due before the commit can have landed", state(decide.BootBootable, armedAt(timeLimit+grace)), true},
		{"with one that is due later than the work", state(decide.BootBootable, armedAt(10*time.Minute)), true},
		{"but not with one in between", state(decide.BootBootable, armedAt(timeLimit+grace+time.Minute)), false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDesk()
				d.store(c.state)
				order := ""
				d.on = func(what, _ string) fate {
					if what == "arm" || what == "commit" {
						order += what + " "
					}
					return fate{}
				}
				mustHandle(t, d.engine(policy()), submission("a"))
				want := "commit commit "
				if c.armed {
					want = "arm commit commit "
				}
				if order != want {
					t.Errorf("order: %s, want %s", order, want)
				}
				for w := range d.table.armed {
					if earliest := now.Add(timeLimit + grace); w.Due.Before(earliest) || w.Due.After(earliest.Add(time.Minute)) {
						t.Errorf("armed for %s, want within a minute after %s", w.Due, earliest)
					}
					if at := d.table.state("i-1").Instance.WakeAt; !at.Equal(w.Due) {
						t.Errorf("the instance says that it is armed for %s, and it is for %s", at, w.Due)
					}
				}
			})
		})
	}
	t.Run("and if it cannot be, nothing is committed", func(t *testing.T) {
		d := newDesk()
		d.store(state(decide.BootBootable))
		d.on = failing("arm", 1, refused)
		if _, err := handle(t, d.engine(policy()), submission("a")); err == nil || d.calls() != "load arm" {
			t.Errorf("error %v after the calls %s, want one after load and arm", err, d.calls())
		}
	})
}

// (decide rule 93)
func TestASweepArmsTheNextWakeUpBeforeItRemovesTheDueOne(t *testing.T) {
	due := engine.Wakeup{InstanceID: "i-1", Due: now.Add(-7 * time.Second)}
	sweep := func(t *testing.T, d *desk) engine.Sweep {
		t.Helper()
		d.table.armed[due] = true
		ctx, cancel := context.WithTimeout(t.Context(), timeLimit)
		defer cancel()
		s, err := d.engine(policy()).Sweep(ctx, 2)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	cases := []struct {
		name  string
		state decide.State
		calls string
		next  time.Duration // of the wake-up that is left; 0 if none is
	}{
		{"nothing is left to do", state(decide.BootBootable), "due load disarm", 0},
		{"work is due later", state(decide.BootWaiting, task("a")), "due load arm disarm", 2*time.Minute - 7*time.Second},
		{"work is due later, and a wake-up is armed for it", state(decide.BootWaiting, task("a"),
			func(s *decide.State) { s.Instance.WakeAt = now.Add(53 * time.Second) }), "due load disarm", 0},
		{"the armed wake-up is too late for it", state(decide.BootWaiting, task("a"),
			func(s *decide.State) { s.Instance.WakeAt = now.Add(time.Hour) }), "due load arm disarm", 2*time.Minute - 7*time.Second},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			d := newDesk()
			d.store(c.state)
			s := sweep(t, d)
			if got := d.calls(); got != c.calls || s.Woken != 1 || s.Failed != 0 || !s.Complete {
				t.Errorf("calls: %s, sweep %+v; want %s", got, s, c.calls)
			}
			for w := range d.table.armed {
				if want := now.Add(c.next); !w.Due.Equal(want) {
					t.Errorf("a wake-up is left for %s, want %s", w.Due, want)
				}
			}
			if len(d.table.armed) == 0 && c.next > 0 {
				t.Error("no wake-up is left")
			}
		})
	}
	later := engine.Wakeup{InstanceID: "i-1", Due: now.Add(2*time.Minute - 7*time.Second)}
	for _, call := range []string{"load", "commit"} {
		t.Run("the due one moves to a later minute if the "+call+" fails", func(t *testing.T) {
			d := newDesk()
			d.store(state(decide.BootBootable, task("a")))
			d.on = failing(call, 1, refused)
			if s := sweep(t, d); s.Failed != 1 || s.Complete || d.table.armed[due] || !d.table.armed[later] {
				t.Errorf("sweep %+v, wake-ups %v, want a failure and one for %s", s, d.table.armed, later.Due)
			}
		})
	}
	t.Run("the due one stays if none can be armed", func(t *testing.T) {
		d := newDesk()
		d.store(state(decide.BootWaiting, task("a")))
		d.on = func(what, _ string) fate {
			if what == "arm" {
				return refused
			}
			return fate{}
		}
		if s := sweep(t, d); s.Failed != 1 || !d.table.armed[due] {
			t.Errorf("sweep %+v, wake-ups %v, want a failure and the due one still there", s, d.table.armed)
		}
	})
	t.Run("one that fails keeps no other waiting", func(t *testing.T) {
		d := newDesk()
		other := engine.Wakeup{InstanceID: "i-2", Due: due.Due}
		d.table.armed[other] = true
		d.on = func(what, detail string) fate {
			if what == "load" && detail == "i-1" {
				return refused
			}
			return fate{}
		}
		if s := sweep(t, d); s.Woken != 2 || s.Failed != 1 || s.Complete || d.table.armed[other] || !d.table.armed[later] {
			t.Errorf("sweep %+v, wake-ups %v, want i-2 looked at and i-1 left", s, d.table.armed)
		}
	})
	t.Run("it stops when the time is up", func(t *testing.T) {
		d := newDesk()
		d.store(state(decide.BootWaiting, task("a")))
		d.on = func(what, _ string) fate {
			if what == "due" {
				d.clock = d.clock.Add(timeLimit)
			}
			return fate{}
		}
		if s := sweep(t, d); s.Complete || s.Woken != 0 || !d.table.armed[due] {
			t.Errorf("sweep %+v, wake-ups %v, want it incomplete and the wake-up left", s, d.table.armed)
		}
	})
}

// (decide rules 51, 92)
func TestNoResultWaitsForAnAlert(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk()
		d.store(state(decide.BootBootable, task("a"), task("b", running("t-b"))))
		slow := slowNotifier{d}
		e := d.engine(policy())
		e.Notifier = slow
		start := time.Now()
		out := mustHandle(t, e, ended("t-b", "b", "Failed", "ExitCodeNonzero"))
		if took := time.Since(start); took != 3*time.Second || out.Left != 1 {
			t.Errorf("it took %s with %d effects left, want the 3 s of an alert, which is left", took, out.Left)
		}
		if got, want := d.calls(), "load queue arm commit send commit arm commit"; got != want {
			t.Errorf("calls: %s\nwant:  %s", got, want)
		}
	})
}

// slowNotifier delivers nothing until its time is up.
type slowNotifier struct{ *desk }

func (slowNotifier) Notify(ctx context.Context, _ decide.Alert) error {
	<-ctx.Done()
	return ctx.Err()
}

// [33] The wake-up that the commit needs cannot be due before this
// invocation's claims end, which a short backoff need not wait for.
// (decide rule 92)
func TestABackoffIsWokenForBeforeTheClaimsOfItsInvocationEnd(t *testing.T) {
	d := newDesk()
	p := policy()
	p.AlertOn = nil // an alert's results would arm an early wake-up
	p.Flows = flow.NewSet([]flow.Definition{
		define("mend", onEnd, `event.commandName == "check"`, run("fix", "mend/fix", "true", retry(1, "Failed"), backoff(10*time.Second))),
	})
	d.store(state(decide.BootBootable))
	check := ended("s-1", "", event.StatusSuccess, "")
	check.Event.CommandName = "check"
	if _, err := d.engine(p).Handle(t.Context(), "i-1", check); err != nil {
		t.Fatal(err)
	}
	fix := only(t, d.table.state("i-1").Tasks)
	end := ended(fix.InvokeID, "", event.StatusFailed, "ExitCodeNonzero")
	end.Event.CommandName = command.OnWire("mend/fix", fix.ID)
	if _, err := d.engine(p).Handle(t.Context(), "i-1", end); err != nil {
		t.Fatal(err)
	}
	r := only(t, d.table.state("i-1").Runs)
	if r.Pending.State != flow.PendingBackoff {
		t.Fatalf("run %+v, want it to wait for its backoff", r.Pending)
	}
	soon := slices.ContainsFunc(d.table.due(r.Pending.Until.Add(time.Minute)), func(w engine.Wakeup) bool { return !w.Due.Before(r.Pending.Until) })
	if !soon {
		t.Errorf("armed %v, want one within a minute of %s", d.table.armed, r.Pending.Until)
	}
}
