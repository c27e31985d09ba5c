// Package faults_test fails every call that a handler makes, one after
// another and in every way, and checks that redeliveries and sweeps finish
// the work, once.
package faults_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"aftercare/shared/event"
	"aftercare/shared/handler"
	"aftercare/tests/localcloud/ecs"
	"aftercare/tests/localcloud/fault"
	"aftercare/tests/rig"
)

// mode is a way in which a call fails.
type mode struct {
	name string
	fault.Mode
	// crash: the process dies with the call.
	crash bool
}

var modes = func() []mode {
	out := []mode{{"crash-before", fault.HangBefore, true}, {"crash-after", fault.HangAfter, true}}
	for _, m := range fault.Modes {
		out = append(out, mode{string(m), m, false})
	}
	return out
}()

// TestEveryFailedCallIsMadeGood fails the n-th call of every scenario's
// invocation, in every mode, until a run meets no fault.
func TestEveryFailedCallIsMadeGood(t *testing.T) {
	for name := range scenarios() {
		for _, m := range modes {
			t.Run(name+"/"+m.name, func(t *testing.T) {
				t.Parallel()
				for n, struck := 1, true; struck; n++ {
					s := scenarios()[name] // its own kept events
					ok := t.Run(fmt.Sprint("call ", n), func(t *testing.T) { struck = runWithFault(t, s, n, m) })
					if !ok {
						return
					}
					if n == 1 && !struck {
						t.Error("the invocation made no call at all")
					}
				}
			})
		}
	}
}

// runWithFault reports whether the fault struck.
func runWithFault(t *testing.T, s scenario, n int, m mode) bool {
	r := newRig(t, s)
	s.prepare(r)
	f := fault.Fault{Nth: n, Mode: m.Mode}
	if m.crash {
		f.OnStrike = r.Crash
	}
	r.Faults.Add(f)
	struck := r.Faults.Struck()
	r.Timeout = time.Second // the hanging calls wait for it
	_, err := s.invoke(r)
	r.Timeout = patience
	if m.crash {
		r.Restart()
	}
	struck = r.Faults.Struck() - struck
	r.Faults.Clear()

	var refused *handler.Error
	if err != nil && !errors.As(err, &refused) {
		t.Errorf("the handler failed with %v, want a *handler.Error", err)
	}
	if err != nil {
		again(t, func() (handler.Outcome, error) { return s.invoke(r) })
	}
	finish(t, r)
	before := look(t, r)
	check(t, before, s, "in the end")

	again(t, func() (handler.Outcome, error) { return s.invoke(r) })
	finish(t, r)
	if after := look(t, r); after.String() != before.String() {
		t.Errorf("one more delivery changed\n%s\nto\n%s", before, after)
	}
	if t.Failed() {
		t.Logf("log:\n%s", r.Log)
	}
	return struck > 0
}

// finish delivers the events of everything that runs, and sweeps past the end of
// every claim until no wake-up is left. A task that waits for an instance that
// never boots always has a wake-up.
func finish(t *testing.T, r *rig.Rig) {
	t.Helper()
	for range 6 {
		deliver(t, r)
		if len(rows(t, r, "aftercare_wakeups")) > 0 {
			r.Advance(3 * time.Minute)
			again(t, r.Sweep)
			waitForRuns(t, r)
			continue
		}
		waitForRuns(t, r)
		if r.Pending(event.KindTaskCompleted) == 0 {
			return
		}
	}
	deliver(t, r)
}

// deliver delivers every end that the local ECS has reported.
func deliver(t *testing.T, r *rig.Rig) {
	t.Helper()
	for r.Pending(event.KindTaskCompleted) > 0 {
		end := r.Take(event.KindTaskCompleted)
		again(t, func() (handler.Outcome, error) { return r.TaskCompleted(end) })
	}
}

// again delivers until the handler succeeds, as EventBridge does. On a busy
// machine an invocation can run out of its short time.
func again(t *testing.T, deliver func() (handler.Outcome, error)) {
	t.Helper()
	var err error
	for range 5 {
		if _, err = deliver(); err == nil {
			return
		}
	}
	t.Fatalf("five deliveries without success: %v", err)
}

// until waits for something that happens outside the test's control.
func until(what string, happened func() bool) {
	for give := time.Now().Add(time.Minute); !happened(); {
		if time.Now().After(give) {
			panic("waited in vain for " + what)
		}
		<-time.After(2 * time.Millisecond)
	}
}

// waitForRuns waits until every script that was started has ended and its
// event is there.
func waitForRuns(t *testing.T, r *rig.Rig) {
	t.Helper()
	var runs []ecs.Run
	until("scripts to end", func() bool {
		runs = r.ECS.Runs(instanceID)
		return !slices.ContainsFunc(runs, func(run ecs.Run) bool { return run.End.IsZero() })
	})
	if len(runs) > 0 {
		recorded := len(r.Records(instanceID).Executions)
		until("the events of scripts", func() bool { return recorded+r.Pending(event.KindTaskCompleted) >= len(runs) })
	}
}
