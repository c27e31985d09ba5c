// Package faults_test fails every call that a handler makes, one after
// another and in every way, and checks that redeliveries and sweeps finish
// the work, once.
package faults_test

import (
	"errors"
	"slices"
	"sync/atomic"
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

// crashes are the modes in which the process dies.
var crashes = modes[:2]

// strike makes an invocation whose n-th call fails. It reports whether there was
// such a call.
func (m mode) strike(r *rig.Rig, n int, invoke func() (handler.Outcome, error)) (struck bool, err error) {
	var met atomic.Bool
	r.Faults.Add(fault.Fault{Nth: n, Mode: m.Mode, OnStrike: func() {
		met.Store(true)
		if m.crash {
			r.Crash()
		}
	}})
	if m.Mode == fault.HangBefore || m.Mode == fault.HangAfter {
		r.Timeout = time.Second // for which a call to another service than Tablestore hangs
	}
	_, err = invoke()
	r.Timeout = patience
	if m.crash {
		r.Restart()
	}
	r.Faults.Clear()
	return met.Load(), err
}

// TestEveryFailedCallIsMadeGood fails the n-th call of every scenario's
// invocation, in every mode, until a run meets no fault.
// (decide rules 6, 20)
func TestEveryFailedCallIsMadeGood(t *testing.T) {
	for _, name := range fifth(t, scenarios()) {
		for _, m := range some(t, name, modes) {
			t.Run(name+"/"+m.name, func(t *testing.T) {
				t.Parallel()
				each(t, "call", 1, func(t *testing.T, n int) bool {
					return runWithFault(t, scenarios()[name], n, m) // with its own kept events
				})
			})
		}
	}
}

// runWithFault reports whether the fault struck.
func runWithFault(t *testing.T, s scenario, n int, m mode) bool {
	r := newRig(t, s)
	s.prepare(r)
	struck, err := m.strike(r, n, func() (handler.Outcome, error) { return s.invoke(r) })
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
	return struck
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

// inTheEnd waits until something is as it should be, and returns what it is then.
func inTheEnd(want string, is func() string) string {
	for give := time.Now().Add(time.Minute); is() != want && time.Now().Before(give); {
		<-time.After(2 * time.Millisecond)
	}
	return is()
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
