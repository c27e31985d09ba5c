package faults_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/flow"
	"aftercare/shared/handler"
	"aftercare/tests/localcloud/fault"
	"aftercare/tests/rig"
)

// fleet sets the breaker of fragile flows. Its window is shorter than the time
// until a sweep finds a claim whose invocation died.
var fleet = flow.FleetLimit{
	MaxFailures: 2, Window: flow.Duration(time.Minute), ResumeAfter: flow.Duration(30 * time.Minute),
}

// fragile is a flow whose runs fail at once.
func fragile(limit flow.FleetLimit) flow.Definition {
	d := flowsOn([2]string{"fragile", `event.commandName == "job"`})[0]
	d.Steps = []flow.Step{{ID: "end", Stop: flow.ResultFailed}}
	d.Limits.Fleet = &limit
	return d
}

// endOn is the end of a command on an instance, as of now.
func endOn(r *rig.Rig, id, invokeID, name string) []byte {
	var e map[string]any
	mustDo(json.Unmarshal(strangerOf(invokeID, "Success", "", "0"), &e))
	now := r.Now().Format(time.RFC3339)
	e["time"] = now
	data := e["data"].(map[string]any)
	data["instanceId"], data["commandName"], data["startTime"], data["finishTime"] = id, name, now, now
	return encode(e)
}

// said counts the alerts that say something.
func said(r *rig.Rig, text string) (n int) {
	for _, a := range r.Alerts() {
		if strings.Contains(a.Summary, text) {
			n++
		}
	}
	return n
}

// sweepUntil sweeps at each wake-up's time until a moment.
func sweepUntil(t *testing.T, r *rig.Rig, end time.Time) {
	t.Helper()
	l := &life{Rig: r, t: t}
	for range 60 {
		due := l.due()
		if due.IsZero() || due.After(end) {
			if wait := end.Sub(r.Now()); wait > 0 {
				r.Advance(wait)
			}
			return
		}
		if wait := due.Sub(r.Now()); wait > 0 {
			r.Advance(wait + time.Millisecond)
		}
		again(t, r.Sweep)
	}
	t.Fatalf("sweeps do not come to an end; log:\n%s", r.Log)
}

// became returns the result in the record of an event's run; empty if the event
// started no run.
func became(r *rig.Rig, id, invokeID string) string {
	for _, run := range r.Records(id).Runs {
		if run.Cause == "exec/"+invokeID+"/once" {
			return run.Result
		}
	}
	return ""
}

const opened, closed = "starts no run on any instance until", "may start runs again"

// breakerHolds checks an open breaker, its closing, and the runs after it.
// closing makes the sweep that closes it.
func breakerHolds(t *testing.T, r *rig.Rig, closing func(invoke func() (handler.Outcome, error))) {
	t.Helper()
	control := func() map[string]decide.Breaker {
		c, err := r.Ledger().Control(context.Background())
		mustDo(err)
		return c.Breakers
	}
	sweepUntil(t, r, r.Now().Add(10*time.Minute))
	b, open := control()["fragile"]
	if n := said(r, opened); !open || n != 1 || said(r, closed) != 0 {
		t.Fatalf("the breaker is open: %v, opened by %d alerts and closed by %d, want one and none; log:\n%s", open, n, said(r, closed), r.Log)
	}
	must(r.TaskCompleted(endOn(r, "i-meanwhile", "t-meanwhile", "job")))
	if got := became(r, "i-meanwhile", "t-meanwhile"); got != flow.ResultRefused {
		t.Errorf("a run while the breaker is open: %q, want it refused", got)
	}
	sweepUntil(t, r, b.ResumeAt.Add(-time.Second))
	if n := said(r, closed); n != 0 || len(control()) != 1 {
		t.Errorf("before its time is over, %d alerts say that it closed, and %d are open", n, len(control()))
	}
	l := &life{Rig: r, t: t}
	r.Advance(max(0, l.due().Sub(r.Now())) + time.Millisecond)
	closing(r.Sweep)
	sweepUntil(t, r, r.Now().Add(10*time.Minute))
	// The end of the alert has its key, so its letter takes the place of the first.
	if len(control()) != 0 || said(r, opened) != 0 || said(r, closed) != 1 {
		t.Errorf("in the end breakers %v are open, opened by %d alerts and closed by %d, want none, none and one; log:\n%s",
			control(), said(r, opened), said(r, closed), r.Log)
	}
	must(r.TaskCompleted(endOn(r, "i-meanwhile", "t-later", "job")))
	if got := became(r, "i-meanwhile", "t-later"); got != flow.ResultFailed {
		t.Errorf("a run after the breaker was closed: %q, want it begun", got)
	}
	sweepUntil(t, r, r.Now().Add(10*time.Minute))
	nothingLeft(t, r)
	for _, m := range r.Records("i-meanwhile").Lost {
		t.Errorf("alert %+v was given up", m)
	}
}

func plainly(t *testing.T) func(func() (handler.Outcome, error)) {
	return func(invoke func() (handler.Outcome, error)) { again(t, invoke) }
}

// TestABreakerThatManyFunctionsCrossTogetherOpensOnce: runs fail on many
// instances at the same time, each in a function instance of its own.
// [55]
func TestABreakerThatManyFunctionsCrossTogetherOpensOnce(t *testing.T) {
	cases := map[string]fault.Fault{"no fault": {}}
	for _, call := range []string{"GetRange", "PutRow", "GetRow"} {
		for _, m := range []fault.Mode{fault.ErrorBefore, fault.CutAfter} {
			for _, nth := range []int{1, crowd + 1} {
				cases[fmt.Sprint(call, " from ", nth, " on, ", m)] = fault.Fault{Call: call, Mode: m, Nth: nth, Times: 4}
			}
		}
	}
	for _, name := range some(t, "cases", slices.Sorted(maps.Keys(cases))) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, f := newRig(t, scenario{definitions: []flow.Definition{fragile(fleet)}}), cases[name]
			if f.Mode != "" {
				r.Faults.Add(f)
			}
			var invocations []invocation
			for i := range crowd {
				end := endOn(r, fmt.Sprint("i-", i), fmt.Sprint("t-", i), "job")
				invocations = append(invocations, func(p *rig.Process) (handler.Outcome, error) { return p.TaskCompleted(end) })
			}
			atOnce(t, r, invocations...)
			r.Faults.Clear()
			breakerHolds(t, r, plainly(t))
		})
	}
}

// TestABreakerOpensAndClosesOnceWhateverFails fails call after call of the
// invocation whose run opens the breaker, and of the sweep that closes it.
// [55]
func TestABreakerOpensAndClosesOnceWhateverFails(t *testing.T) {
	for _, m := range crashes {
		for _, point := range some(t, m.name, []string{"opening", "closing"}) {
			t.Run(point+"/"+m.name, func(t *testing.T) {
				t.Parallel()
				each(t, "call", stride, func(t *testing.T, n int) bool { return breakWithFault(t, point, n, m) })
			})
		}
	}
}

func breakWithFault(t *testing.T, point string, n int, m mode) (struck bool) {
	r := newRig(t, scenario{definitions: []flow.Definition{fragile(fleet)}})
	faulted := func(invoke func() (handler.Outcome, error)) {
		var err error
		struck, err = m.strike(r, n, invoke)
		if err != nil {
			again(t, invoke)
		}
	}
	must(r.TaskCompleted(endOn(r, "i-1", "t-1", "job")))
	last := endOn(r, "i-2", "t-2", "job")
	invoke := func() (handler.Outcome, error) { return r.TaskCompleted(last) }
	if point == "opening" {
		faulted(invoke)
		breakerHolds(t, r, plainly(t))
	} else {
		again(t, invoke)
		breakerHolds(t, r, faulted)
	}
	return struck
}
