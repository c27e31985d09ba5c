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
