package handler_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"aftercare/shared/event"
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

// TestAPanicFailsItsInvocationOnly. It must not run beside other tests, whose
// goroutines it would take for its own.
func TestAPanicFailsItsInvocationOnly(t *testing.T) {
	r, on := panicky(t)
	h := taskCompleted(r)
	payload := encode(cloudEvent(event.KindTaskCompleted, endData("t-1")))
	r.Faults.Add(fault.Fault{Call: "GetRange", Mode: fault.ErrorBefore})
	on.Store(true)
	out, err := invoke(r, h, payload)
	waiting := waitingGoroutines()
	var refused *handler.Error
	if !errors.As(err, &refused) || len(out.Items) > 0 {
		t.Errorf("answered %+v, %v, want a *handler.Error", out, err)
	}
	if len(waiting) > 0 {
		t.Errorf("goroutines are left:\n%s", strings.Join(waiting, "\n\n"))
	}
	if text := r.Log.String(); !strings.Contains(text, "panic of type string") || !strings.Contains(text, "panicky") || strings.Contains(text, secret) {
		t.Errorf("the log must name the panic and its place, and not its value:\n%s", text)
	}
	r.Faults.Clear()
	if item := only(t)(invoke(r, h, payload)); item.Result != handler.ResultRecorded {
		t.Errorf("delivered again: %+v, want it recorded", item)
	}
}

func TestASubmissionThatPanicsIsNotCommitted(t *testing.T) {
	r, on := panicky(t)
	r.Faults.Add(fault.Fault{Call: "GetRange", Mode: fault.ErrorBefore})
	on.Store(true)
	out, err := r.SubmitTask(encode(request()))
	var refused *handler.Error
	if !errors.As(err, &refused) || len(out.Items) > 0 {
		t.Errorf("answered %+v, %v, want a *handler.Error", out, err)
	}
	if text := r.Log.String(); !strings.Contains(text, "panic of type string") || strings.Contains(text, secret) {
		t.Errorf("the log must name the panic, and not its value:\n%s", text)
	}
	if item := only(t)(r.SubmitTask(encode(request()))); item.Result != handler.ResultAccepted {
		t.Errorf("submitted again: %+v, want it accepted", item)
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
	if item.Woken != 3 || item.Failed != 1 || *item.Complete {
		t.Errorf("answered %+v, want three woken and one failure", item)
	}
	if !strings.Contains(r.Log.String(), "panic of type string") || strings.Contains(r.Log.String(), secret) {
		t.Errorf("the log must name the panic, and not its value:\n%s", r.Log)
	}
	ran := func() (n int) {
		for i := range 3 {
			n += len(r.ECS.Runs(fmt.Sprint("i-", i)))
		}
		return n
	}
	for give := time.Now().Add(time.Minute); ran() < 2; <-time.After(time.Millisecond) {
		if time.Now().After(give) {
			t.Fatalf("%d commands ran, want two", ran())
		}
	}
	r.Advance(10 * time.Minute)
	if item := only(t)(r.Sweep()); item.Failed != 0 {
		t.Errorf("the next sweep answered %+v", item)
	}
	for give := time.Now().Add(time.Minute); ran() < 3; <-time.After(time.Millisecond) {
		if time.Now().After(give) {
			t.Fatalf("%d commands ran, want three", ran())
		}
	}
}
