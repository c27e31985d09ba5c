package engine_test

import (
	"testing"
	"testing/synctest"
	"time"

	"aftercare/shared/decide"
)

// (decide rules 51, 92)
func TestNoResultWaitsForAnAlert(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk()
		d.store(state(decide.BootBootable, task("a"), task("b", running("t-b"))))
		e := d.engine(policy())
		e.Notifier = hangingNotifier{}
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
