package faults_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/flow"
	"aftercare/shared/handler"
	"aftercare/tests/rig"
)

// started are flows that a person or a clock starts. The clock's tick is in the given
// number of minutes.
func started(in int, more string) (flows string, tick time.Time) {
	tick = time.Now().UTC().Truncate(time.Minute).Add(time.Duration(in) * time.Minute)
	return fmt.Sprintf(`
version: 1
flows:
  - name: clean
    on: [manual, schedule]
    instances: {name: "i-*"}
    schedule: {cron: "%d %d * * *", timeZone: UTC%s}
    inputs: {path: {default: /tmp}}
    steps:
      - id: clean
        run: {type: RunShellScript, content: 'echo "$path"', parameters: {path: "${{ inputs.path }}"}}
`, tick.Minute(), tick.Hour(), more), tick
}

// startRig is a rig with several instances, of which one has not booted, where a sweep
// has come before the tick.
func startRig(t *testing.T, flows string) *rig.Rig {
	t.Helper()
	r := newRig(t, scenario{flows: flows})
	for _, id := range several {
		r.Create(id)
		if id != "i-two" {
			must(r.FirstHeartbeat(r.Boot(id)))
		}
	}
	must(r.Sweep())
	return r
}

// startsOf returns how often the flow began on each instance, and its command ran.
func startsOf(r *rig.Rig) (text string) {
	for _, id := range several {
		kinds := map[string]int{}
		for _, run := range slices.Concat(slices.Collect(maps.Values(r.State(id).Runs)), r.Records(id).Runs) {
			kinds[run.Event.Kind]++
		}
		text += fmt.Sprintf("%s: %d by hand, %d on schedule, ran %d; ", id, kinds[flow.Manual], kinds[flow.Scheduled], len(r.ECS.Runs(id)))
	}
	return text
}

// eachStarted is what startsOf returns if the flow started so often.
func eachStarted(byHand, onSchedule int) (text string) {
	for _, id := range several {
		ran := byHand + onSchedule
		if id == "i-two" {
			ran = 0
		}
		text += fmt.Sprintf("%s: %d by hand, %d on schedule, ran %d; ", id, byHand, onSchedule, ran)
	}
	return text
}

// wantStarts waits for the commands that run, and compares.
func wantStarts(t *testing.T, r *rig.Rig, want string) {
	t.Helper()
	if got := inTheEnd(want, func() string { return startsOf(r) }); got != want {
		t.Errorf("got  %s\nwant %s; log:\n%s", got, want, r.Log)
	}
}

// TestATickStartsItsFlowOnceOnEachInstance whichever call of the sweep that finds it
// fails, in whatever way. [64] [65]
func TestATickStartsItsFlowOnceOnEachInstance(t *testing.T) {
	for _, m := range modes {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			each(t, "call", 1, func(t *testing.T, n int) bool {
				flows, tick := started(60, "")
				r := startRig(t, flows)
				r.Advance(tick.Sub(r.Now()) + 10*time.Second)
				struck, _ := m.strike(r, n, r.Sweep)
				for range 3 {
					r.Advance(2 * time.Minute)
					again(t, r.Sweep)
				}
				wantStarts(t, r, eachStarted(0, 1))
				if n := len(many(t, r)); n > 0 {
					t.Errorf("%d submissions are left", n)
				}
				if acts := r.Records(decide.ActsID).Acts; len(acts) == 0 || acts[0].What != "flow clean on 3 instances" || acts[0].By != decide.BySchedule {
					t.Errorf("the record says %+v", acts)
				}
				return struck
			})
		})
	}
}

// TestAStartByHandBeginsOneRunOnEachInstance whichever call fails, in whatever way, and
// whether it is delivered again or a sweep finishes it. [59]
func TestAStartByHandBeginsOneRunOnEachInstance(t *testing.T) {
	flows, _ := started(0, "")
	payload := encode(map[string]any{"dedupeKey": "k", "flow": "clean", "inputs": map[string]string{"path": "/var"}, "instanceIds": several, "submittedBy": "ann", "reason": "it is full"})
	for _, m := range modes {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			each(t, "call", 1, func(t *testing.T, n int) bool {
				r := startRig(t, flows)
				submit := func() (handler.Outcome, error) { return r.SubmitTask(payload) }
				struck, _ := m.strike(r, n, submit)
				r.Advance(5 * time.Minute)
				again(t, r.Sweep)
				again(t, submit)
				again(t, submit)
				r.Advance(5 * time.Minute)
				again(t, r.Sweep)
				wantStarts(t, r, eachStarted(1, 0))
				for _, id := range several {
					for _, run := range r.Records(id).Runs {
						if run.Event.By != "ann" || run.Event.Reason != "it is full" || run.Event.Inputs["path"] != "/var" {
							t.Errorf("the record says %+v", run.Event)
						}
					}
				}
				return struck
			})
		})
	}
}

// TestSweepsAtOnceMakeATickOnce, and the tick of the next day, too. [65]
func TestSweepsAtOnceMakeATickOnce(t *testing.T) {
	flows, tick := started(60, "")
	r := startRig(t, flows)
	r.Advance(tick.Sub(r.Now()) + 10*time.Second)
	sweep := func(p *rig.Process) (handler.Outcome, error) { return p.Sweep() }
	atOnce(t, r, sweep, sweep, sweep, sweep)
	again(t, r.Sweep)
	wantStarts(t, r, eachStarted(0, 1))
	for range 3 {
		r.Advance(8 * time.Hour)
		again(t, r.Sweep)
	}
	wantStarts(t, r, eachStarted(0, 2))
}

// TestTicks that no sweep found in time, that a stop held, and that came before the
// schedule was known. [64]
func TestTicks(t *testing.T) {
	stop := func(t *testing.T, r *rig.Rig, kind string) {
		t.Helper()
		must(r.SubmitTask(encode(map[string]any{"reason": "an incident", kind: map[string]any{"flow": "clean"}})))
	}
	// sweepAt sweeps when the tick is so late.
	sweepAt := func(r *rig.Rig, tick time.Time, late time.Duration) {
		r.Advance(tick.Sub(r.Now()) + late)
		must(r.Sweep())
	}
	stoppedForLong := func(t *testing.T, r *rig.Rig, tick time.Time) {
		stop(t, r, "stop")
		sweepAt(r, tick, 30*time.Minute)
		stop(t, r, "resume")
	}
	for name, test := range map[string]struct {
		in   int // minutes until the tick
		more string
		do   func(t *testing.T, r *rig.Rig, tick time.Time)
		want int
	}{
		"found late":        {60, "", func(t *testing.T, r *rig.Rig, tick time.Time) { sweepAt(r, tick, 9*time.Minute) }, 1},
		"missed":            {60, "", func(t *testing.T, r *rig.Rig, tick time.Time) { sweepAt(r, tick, 11*time.Minute) }, 0},
		"missed twice":      {60, ", missed: once", func(t *testing.T, r *rig.Rig, tick time.Time) { sweepAt(r, tick, 47*time.Hour); must(r.Sweep()) }, 1},
		"before it was new": {-2, ", missed: once", func(t *testing.T, r *rig.Rig, tick time.Time) { sweepAt(r, tick, 4*time.Minute) }, 0},
		"stopped": {60, "", func(t *testing.T, r *rig.Rig, tick time.Time) {
			stop(t, r, "stop")
			sweepAt(r, tick, 2*time.Minute)
			wantStarts(t, r, eachStarted(0, 0))
			stop(t, r, "resume")
		}, 1},
		"stopped for long":                    {60, "", stoppedForLong, 0},
		"stopped for long, to be made up for": {60, ", missed: once", stoppedForLong, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			flows, tick := started(test.in, test.more)
			r := startRig(t, flows)
			test.do(t, r, tick)
			for range 2 {
				r.Advance(2 * time.Minute)
				must(r.Sweep())
			}
			wantStarts(t, r, eachStarted(0, test.want))
		})
	}
}

// TestAChangedScheduleStartsNothingForAnEarlierTime, although a tick of the new one
// would have come since the last of the old one. [64]
func TestAChangedScheduleStartsNothingForAnEarlierTime(t *testing.T) {
	flows, tick := started(60, ", missed: once")
	r := startRig(t, flows)
	r.Advance(tick.Sub(r.Now()) + 10*time.Second)
	must(r.Sweep())
	wantStarts(t, r, eachStarted(0, 1))
	r.Advance(30 * time.Minute)
	known, err := r.Ledger().Timings(t.Context())
	mustDo(err)
	timing := known["clean"]
	timing.Schedule = strings.Replace(timing.Schedule, "* * *", "* * 1", 1) // as if the file had another one before
	mustDo(r.Ledger().NoteTiming(t.Context(), timing))
	for range 3 {
		must(r.Sweep())
		r.Advance(5 * time.Minute)
	}
	wantStarts(t, r, eachStarted(0, 1))
	if known, err = r.Ledger().Timings(t.Context()); err != nil || known["clean"].Schedule == timing.Schedule {
		t.Errorf("the schedule is noted as %+v, %v", known, err)
	}
}

// TestATickOfManyInstances has a submission for each thousand of them. [65]
func TestATickOfManyInstances(t *testing.T) {
	if testing.Short() {
		t.Skip("make faults starts it on 1,003 instances")
	}
	flows, tick := started(60, "")
	r := startRig(t, flows)
	r.Timeout = 10 * time.Minute // however busy this machine is
	for n := range 1000 {
		r.Create(fmt.Sprintf("i-%04d", n))
	}
	r.Advance(tick.Sub(r.Now()) + 10*time.Second)
	for range 6 {
		again(t, r.Sweep)
		r.Advance(time.Minute)
	}
	for n := range 1000 {
		if id := fmt.Sprintf("i-%04d", n); len(r.State(id).Runs) != 1 {
			t.Fatalf("%s has %d runs", id, len(r.State(id).Runs))
		}
	}
	wantStarts(t, r, eachStarted(0, 1))
}

// TestATickIsGivenUpAfterAnHour where ECS gives no answer all the time. One alert says
// so. [65]
func TestATickIsGivenUpAfterAnHour(t *testing.T) {
	flows, tick := started(60, "")
	r := startRig(t, flows)
	r.Advance(tick.Sub(r.Now()) + 10*time.Second)
	silent := throttled
	silent.Nth = 2 // the first one finds the instances
	r.Faults.Add(silent)
	for range 4 {
		must(r.Sweep())
		r.Advance(25 * time.Minute)
	}
	r.Faults.Clear()
	must(r.Sweep())
	var said []string
	for _, a := range r.Alerts() {
		if strings.Contains(a.Summary, "The schedule of a flow") {
			said = append(said, a.Summary)
		}
	}
	if slices.Sort(said); len(slices.Compact(said)) != 1 || len(many(t, r)) > 0 {
		t.Errorf("%d submissions are left, and alerts say %q; log:\n%s", len(many(t, r)), said, r.Log)
	}
}
