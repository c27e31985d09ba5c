package handler_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"aftercare/shared/handler"
	"aftercare/tests/localcloud/fault"
	"aftercare/tests/rig"
)

// panicky is a rig whose ledger panics when it would try a call again, once
// after the switch was turned on.
func panicky(t *testing.T) (*rig.Rig, *atomic.Bool) {
	var on atomic.Bool
	return rig.New(t, rig.Options{Settings: func(s *handler.Settings) {
		s.Ledger.Pause = func(context.Context, int) {
			if on.CompareAndSwap(true, false) {
				panic(secret)
			}
		}
	}}), &on
}

// wantLogged looks for texts in the log, which must not hold the panic's value.
func wantLogged(t *testing.T, r *rig.Rig, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if log := r.Log.String(); !strings.Contains(log, text) || strings.Contains(log, secret) {
			t.Errorf("the log must say %q, and not the panic's value:\n%s", text, log)
		}
	}
}

// TestAPanicFailsItsInputOnly: it comes when a call is tried again. It must not run
// beside other tests, whose goroutines it would take for its own.
func TestAPanicFailsItsInputOnly(t *testing.T) {
	var list []object
	for i := range 40 {
		list = append(list, end(fmt.Sprint("i-", i%2), fmt.Sprint("t-", i)))
	}
	for name, c := range map[string]struct {
		call        string
		nth         int
		invoke      func(*rig.Rig) handler.Handler
		payload     []byte
		others, all int
	}{
		"an end":                              {"BatchWriteRow", 1, taskCompleted, encode(list[:1]), 0, 1},
		"one of 40 ends":                      {"BatchWriteRow", 3, taskCompleted, encode(list), 39, 40},
		"a malformed event beside a good one": {"PutRow", 1, taskCompleted, encode([]any{7, list[0]}), 1, 2},
		"a sweep":                             {"GetRange", 2, sweep, nil, 0, 0},
		"a submission":                        {"BatchWriteRow", 1, submitTask, encode(request()), 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			r, on := panicky(t)
			r.Create("i-1")
			handled := func() int {
				s := r.State("i-1")
				return len(r.Records("i-0").Executions) + len(r.Records("i-1").Executions) + len(inQuarantine(t, r)) + len(s.Tasks)
			}
			h := c.invoke(r)
			r.Faults.Add(fault.Fault{Call: c.call, Nth: c.nth, Mode: fault.ErrorBefore, Code: "OTSServerBusy", Status: 503})
			on.Store(true)
			out, err := invoke(r, h, c.payload)
			if waiting := waitingGoroutines(); len(waiting) > 0 {
				t.Errorf("goroutines are left:\n%s", strings.Join(waiting, "\n\n"))
			}
			wantRefused(t, out, err)
			wantLogged(t, r, "panic of type string", "panicky")
			if n := handled(); n != c.others {
				t.Errorf("%d inputs are handled, want all but the one that panicked", n)
			}
			if _, err := invoke(r, h, c.payload); err != nil || handled() != c.all {
				t.Errorf("delivered again: %v, and %d inputs are handled, want %d", err, handled(), c.all)
			}
		})
	}
}

// TestAPanicAboutOneInstanceKeepsNoOtherFromASweep, and the instance is looked
// at again.
func TestAPanicAboutOneInstanceKeepsNoOtherFromASweep(t *testing.T) {
	r, on := panicky(t)
	for i := range 3 {
		id := fmt.Sprint("i-", i)
		r.Create(id)
		if _, err := r.FirstHeartbeat(r.Boot(id)); err != nil {
			t.Fatal(err)
		}
		r.CrashAt("RunCommand", fault.HangBefore)
		if _, err := r.SubmitTask(submit(id, "job", "true", 5, id)); err != nil {
			t.Fatal(err)
		}
		r.Restart()
	}
	r.Advance(10 * time.Minute)
	r.Faults.Add(fault.Fault{Call: "BatchWriteRow", Mode: fault.ErrorBefore, Code: "OTSServerBusy", Status: 503})
	on.Store(true)
	item := only(t)(r.Sweep())
	if item.Woken < 3 || item.Failed != 1 || *item.Complete {
		t.Errorf("answered %+v, want all three woken and one failure", item)
	}
	wantLogged(t, r, "panic of type string", "panicky")
	wantRun := func(want int) {
		for give := time.Now().Add(time.Minute); ; <-time.After(time.Millisecond) {
			n := 0
			for i := range 3 {
				n += len(r.ECS.Runs(fmt.Sprint("i-", i)))
			}
			if n >= want {
				return
			}
			if time.Now().After(give) {
				t.Fatalf("%d commands ran, want %d", n, want)
			}
		}
	}
	wantRun(2)
	r.Advance(10 * time.Minute)
	if item := only(t)(r.Sweep()); item.Failed != 0 {
		t.Errorf("the next sweep answered %+v", item)
	}
	wantRun(3)
}
