package faults_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aliyun/aliyun-tablestore-go-sdk/tablestore"

	"aftercare/shared/decide"
	"aftercare/shared/event"
	"aftercare/shared/flow"
	"aftercare/shared/handler"
	"aftercare/tests/localcloud/fault"
	"aftercare/tests/rig"
)

// ranHere returns the commands that ran on the instance, sorted.
func ranHere(r *rig.Rig) string {
	var names []string
	for _, run := range r.ECS.Runs(instanceID) {
		names = append(names, r.Given(run.Name))
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

// order gives a stop or a resume to the function, until it is carried out.
func order(t *testing.T, r *rig.Rig, kind decide.ActKind, s decide.Scope) handler.Item {
	t.Helper()
	payload := encode(map[string]any{"dedupeKey": fmt.Sprint(kind, r.Now()), "submittedBy": "a test", "reason": "an incident", string(kind): s})
	var item handler.Item
	again(t, func() (handler.Outcome, error) {
		out, err := r.SubmitTask(payload)
		if err == nil {
			item = out.Items[0]
		}
		return out, err
	})
	if item.Order == nil || item.Result == handler.ResultRefused {
		t.Fatalf("%s of %s: %+v", kind, s, item)
	}
	return item
}

// stoppedCase is a flow's command that is still unsent when somebody stops the
// flow, its instance, or everything.
type stoppedCase struct {
	// prepare runs before the stop. It returns the invocation that would send the
	// command.
	prepare func(r *rig.Rig) func() (handler.Outcome, error)
	before  string // what ran before the resume, without "other"
	after   string // and in the end
}

func stoppedCases() map[string]stoppedCase {
	const all = "first follow/second follow/third"
	started := func(r *rig.Rig) {
		boot(r)
		must(submission("first", "true", 5)(r))
		must(r.TaskCompleted(r.Take(event.KindTaskCompleted)))
	}
	return map[string]stoppedCase{
		"between two steps": {
			prepare: func(r *rig.Rig) func() (handler.Outcome, error) {
				started(r)
				end := r.Take(event.KindTaskCompleted)
				return func() (handler.Outcome, error) { return r.TaskCompleted(end) }
			},
			before: "first follow/second", after: all,
		},
		"queued for an instance that boots": {
			prepare: func(r *rig.Rig) func() (handler.Outcome, error) {
				r.Create(instanceID)
				// It ended too long ago to show that the agent is up.
				end := endOn(r, instanceID, "t-first", "first")
				r.Advance(5 * time.Minute)
				must(r.TaskCompleted(end))
				beat := r.Boot(instanceID)
				return func() (handler.Outcome, error) { return r.FirstHeartbeat(beat) }
			},
			before: "", after: "follow/second follow/third",
		},
		"put back because the service throttles": {
			prepare: func(r *rig.Rig) func() (handler.Outcome, error) {
				boot(r)
				must(submission("first", "true", 5)(r))
				end := r.Take(event.KindTaskCompleted)
				r.Faults.Add(refusal("RunCommand", 400, "Throttling.User"))
				must(r.TaskCompleted(end))
				r.Advance(3 * time.Minute)
				return r.Sweep
			},
			before: "first", after: all,
		},
		"claimed by an invocation that died": {
			prepare: func(r *rig.Rig) func() (handler.Outcome, error) {
				boot(r)
				must(submission("first", "true", 5)(r))
				end := r.Take(event.KindTaskCompleted)
				r.CrashAt("RunCommand", fault.HangBefore)
				must(r.TaskCompleted(end))
				r.Restart()
				r.Advance(5 * time.Minute)
				return r.Sweep
			},
			before: "first", after: all,
		},
	}
}

// TestWhatIsStoppedSendsNothingUntilItIsResumed fails call after call of the
// invocation that would send a flow's command if it were not stopped.
// (decide rules 84, 85) [51]
func TestWhatIsStoppedSendsNothingUntilItIsResumed(t *testing.T) {
	scopes := []decide.Scope{{Flow: "follow"}, {}, {Instance: instanceID}}
	for _, name := range fifth(t, stoppedCases()) {
		for _, i := range some(t, name, []int{0, 1, 2}) {
			scope, m := scopes[i], crashes[i%len(crashes)]
			t.Run(fmt.Sprint(name, "/", scope, "/", m.name), func(t *testing.T) {
				t.Parallel()
				each(t, "call", stride, func(t *testing.T, n int) bool { return stopWithFault(t, stoppedCases()[name], scope, n, m) })
			})
		}
	}
}

func stopWithFault(t *testing.T, c stoppedCase, which decide.Scope, n int, m mode) bool {
	r := newRig(t, scenario{flows: twoSteps})
	invoke := c.prepare(r)
	order(t, r, decide.ActStop, which)
	struck, err := m.strike(r, n, invoke)
	if err != nil {
		again(t, invoke)
	}
	with := func(names string, other bool) string {
		list := strings.Fields(names)
		if other {
			list = append(list, "other")
		}
		slices.Sort(list)
		return strings.Join(list, " ")
	}
	// A submitted command still runs if only the flow is stopped, and no flow starts.
	before := with(c.before, which.Flow != "")
	again(t, func() (handler.Outcome, error) { return submission("other", "true", 5)(r) })
	again(t, func() (handler.Outcome, error) { return r.TaskCompleted(endOn(r, instanceID, "t-refused", "first")) })
	if got := became(r, instanceID, "t-refused"); got != flow.ResultRefused {
		t.Errorf("an event while the flow is stopped: %q, want it refused", got)
	}
	waitForEnds(t, r)
	deliver(t, r)
	sweepUntil(t, r, r.Now().Add(30*time.Minute))
	waitForEnds(t, r)
	if got := ranHere(r); got != before {
		t.Errorf("while %s was stopped, %s ran, want %s; log:\n%s", which, got, before, r.Log)
	}
	order(t, r, decide.ActResume, which)
	// A wake-up's precision is a minute.
	sweepUntil(t, r, r.Now().Add(r.Settings.Policy.HoldCheck+time.Minute))
	waitForEnds(t, r)
	if got := ranHere(r); got == before {
		t.Errorf("nothing was sent within %s after the resume; log:\n%s", r.Settings.Policy.HoldCheck, r.Log)
	}
	l := &life{Rig: r, t: t}
	l.rest()
	if got, want := ranHere(r), with(c.after, true); got != want {
		t.Errorf("in the end %s ran, want %s; log:\n%s", got, want, r.Log)
	}
	if got := endings(r.Records(instanceID).Runs); !slices.Equal(got, []string{"follow refused", "follow succeeded: second succeeded, third succeeded"}) {
		t.Errorf("runs ended as %q", got)
	}
	nothingLeft(t, r)
	return struck
}

// TestAnInvocationThatCannotReadTheStopsSendsNothing, and starts no flow: a row
// that this version cannot read may be a stop. What happened is recorded, and
// what waits is done when a later look can read them.
// [51]
func TestAnInvocationThatCannotReadTheStopsSendsNothing(t *testing.T) {
	for name, prepare := range map[string]func(r *rig.Rig) func() (handler.Outcome, error){
		"an end that starts a flow": func(r *rig.Rig) func() (handler.Outcome, error) {
			must(submission("first", "true", 5)(r))
			end := r.Take(event.KindTaskCompleted)
			return func() (handler.Outcome, error) { return r.TaskCompleted(end) }
		},
		"the end of a step": func(r *rig.Rig) func() (handler.Outcome, error) {
			must(submission("first", "true", 5)(r))
			must(r.TaskCompleted(r.Take(event.KindTaskCompleted)))
			end := r.Take(event.KindTaskCompleted)
			return func() (handler.Outcome, error) { return r.TaskCompleted(end) }
		},
		"a sweep": func(r *rig.Rig) func() (handler.Outcome, error) {
			must(submission("first", "true", 5)(r))
			end := r.Take(event.KindTaskCompleted)
			r.Faults.Add(refusal("RunCommand", 400, "Throttling.User"))
			must(r.TaskCompleted(end))
			r.Advance(3 * time.Minute)
			return r.Sweep
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, scenario{flows: twoSteps})
			boot(r)
			invoke := prepare(r)
			before, sent := ranHere(r), calls(r, "RunCommand")
			shared := sdkClient(r)
			pk := new(tablestore.PrimaryKey)
			pk.AddPrimaryKeyColumn("scope", "control")
			pk.AddPrimaryKeyColumn("row", "of a later version")
			put := &tablestore.PutRowChange{TableName: "aftercare_shared", PrimaryKey: pk}
			put.AddColumn("data", "{}")
			put.SetCondition(tablestore.RowExistenceExpectation_IGNORE)
			_, err := shared.PutRow(&tablestore.PutRowRequest{PutRowChange: put})
			mustDo(err)
			must(invoke())
			if got := calls(r, "RunCommand"); got != sent {
				t.Errorf("%d commands were sent", got-sent)
			}
			drop := &tablestore.DeleteRowChange{TableName: "aftercare_shared", PrimaryKey: pk}
			drop.SetCondition(tablestore.RowExistenceExpectation_IGNORE)
			_, err = shared.DeleteRow(&tablestore.DeleteRowRequest{DeleteRowChange: drop})
			mustDo(err)
			(&life{Rig: r, t: t}).rest()
			if got := ranHere(r); got != "first follow/second follow/third" {
				t.Errorf("%s ran before, and %s in the end, want the whole flow; log:\n%s", before, got, r.Log)
			}
			nothingLeft(t, r)
		})
	}
}
