package faults_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/handler"
	"aftercare/tests/localcloud/fault"
	"aftercare/tests/rig"
)

// several are the instances of a submission: two that are up and one that is not.
var several = []string{"i-one", "i-two", "i-three"}

// forSeveral is a rig with them, and a submission for them.
func forSeveral(t *testing.T) (*rig.Rig, []byte) {
	t.Helper()
	r := newRig(t, scenario{})
	for _, id := range several {
		r.Create(id)
		if id != "i-two" {
			must(r.FirstHeartbeat(r.Boot(id)))
		}
	}
	s := submissionOf("first", "true", 5)
	delete(s, "instanceId")
	s["instanceIds"] = several
	return r, encode(s)
}

// gotIt returns how often each of them got the task, and ran it.
func gotIt(r *rig.Rig) (text string) {
	for _, id := range several {
		tasks := len(r.State(id).Tasks) + len(r.Records(id).Tasks)
		text += fmt.Sprintf("%s has %d and ran %d; ", id, tasks, len(r.ECS.Runs(id)))
	}
	return text
}

// throttled refuses every question about instances.
var throttled = fault.Fault{Call: "DescribeInstances", Mode: fault.ErrorBefore, Status: 400, Code: "Throttling.User", Times: -1}

// wantAllGotIt waits for the commands that run: the local ECS lists a run once its agent
// has it.
func wantAllGotIt(t *testing.T, r *rig.Rig, when string) {
	t.Helper()
	const want = "i-one has 1 and ran 1; i-two has 1 and ran 0; i-three has 1 and ran 1; "
	if got := inTheEnd(want, func() string { return gotIt(r) }); got != want {
		t.Errorf("%s, %s", when, got)
	}
}

// TestAKilledSubmissionForSeveralIsFinished at whichever call its process dies: by its
// next delivery, or by a sweep if nobody submits it again, unless nothing was
// kept of it. Each instance gets the task once. (decide rule 138)
func TestAKilledSubmissionForSeveralIsFinished(t *testing.T) {
	for _, m := range crashes {
		for _, swept := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/swept=%v", m.name, swept), func(t *testing.T) {
				t.Parallel()
				each(t, "call", 1, func(t *testing.T, n int) bool {
					r, payload := forSeveral(t)
					struck, _ := m.strike(r, n, func() (handler.Outcome, error) { return r.SubmitTask(payload) })
					r.Advance(5 * time.Minute)
					kept := len(many(t, r)) > 0
					if swept {
						again(t, r.Sweep)
						if n := len(many(t, r)); n > 0 {
							t.Errorf("the sweep leaves %d submissions", n)
						}
					}
					if swept && kept {
						wantAllGotIt(t, r, "after a sweep")
					}
					again(t, func() (handler.Outcome, error) { return r.SubmitTask(payload) })
					r.Advance(5 * time.Minute)
					again(t, r.Sweep)
					wantAllGotIt(t, r, "in the end")
					if n := len(many(t, r)); n > 0 {
						t.Errorf("%d submissions are left in the end", n)
					}
					if acts := r.Records(decide.ActsID).Acts; len(acts) == 0 || acts[0].What != "first on 3 instances" {
						t.Errorf("the record says %+v", acts)
					}
					return struck
				})
			})
		}
	}
}

// TestAnAnswerForSeveralSaysWhatBecameOfEach, also of those that an invocation before
// it submitted to. (decide rule 138)
func TestAnAnswerForSeveralSaysWhatBecameOfEach(t *testing.T) {
	r, payload := forSeveral(t)
	payload = []byte(strings.Replace(string(payload), `"i-three"`, `"i-none"`, 1))
	for _, want := range []string{"accepted releasing, accepted queued, refused refused", "duplicate releasing, duplicate queued, refused refused"} {
		out, err := r.SubmitTask(payload)
		must(out, err)
		var got []string
		for _, item := range out.Items {
			got = append(got, item.Result+" "+item.Answer.Outcome)
		}
		if text := strings.Join(got, ", "); text != want {
			t.Errorf("answered %s, want %s", text, want)
		}
	}
	if acts := r.Records(decide.ActsID).Acts; len(acts) == 0 || acts[0].Outcome != "queued 1, refused 1, releasing 1" {
		t.Errorf("the record says %+v", acts)
	}
}

// TestAThousandInstancesGetTheirTaskOnce, as many as a submission may have: in one
// invocation, and if it is killed in the middle, when a sweep has finished it.
// (decide rule 138)
func TestAThousandInstancesGetTheirTaskOnce(t *testing.T) {
	for _, killed := range []bool{false, true} {
		t.Run(fmt.Sprintf("killed=%v", killed), func(t *testing.T) {
			t.Parallel()
			r := newRig(t, scenario{})
			r.Timeout = 10 * time.Minute // all in one invocation, however busy this machine is
			ids := make([]string, 1000)
			for i := range ids {
				ids[i] = fmt.Sprintf("i-%04d", i)
				r.Create(ids[i])
			}
			s := submissionOf("first", "true", 5)
			delete(s, "instanceId")
			s["instanceIds"] = ids
			if killed {
				// Each instance commits in one batch, and the answers of a hundred are noted in another.
				r.Faults.Add(fault.Fault{Call: "BatchWriteRow", Nth: 500, Mode: fault.HangBefore, OnStrike: r.Crash})
				_, _ = r.SubmitTask(encode(s))
				left := many(t, r)
				if len(left) != 1 || len(left[0].Left()) < 500 || len(left[0].Left()) > 700 {
					t.Fatalf("after the kill, %d submissions are left", len(left))
				}
				r.Restart()
				r.Advance(2 * r.Timeout)
				again(t, r.Sweep)
			}
			out, err := r.SubmitTask(encode(s))
			must(out, err)
			want := handler.ResultAccepted
			if killed {
				want = handler.ResultDuplicate
			}
			for i, item := range out.Items {
				if item.Result != want || item.InstanceID != ids[i] || item.Answer.TaskID == "" {
					t.Fatalf("item %d is %+v, want it %s", i, item, want)
				}
			}
			for _, id := range ids {
				if n := len(r.State(id).Tasks); n != 1 {
					t.Fatalf("%s has %d tasks", id, n)
				}
			}
			acts := r.Records(decide.ActsID).Acts
			if len(out.Items) != 1000 || len(many(t, r)) > 0 || len(acts) != 1 || acts[0].Outcome != "queued 1000" {
				t.Errorf("%d items, %d submissions are left, and the record says %+v", len(out.Items), len(many(t, r)), acts)
			}
		})
	}
}

// TestWhatECSDoesNotSayIsLeftToASweep, and the answer says so. (decide rules 137, 138)
func TestWhatECSDoesNotSayIsLeftToASweep(t *testing.T) {
	r, payload := forSeveral(t)
	r.Faults.Add(throttled)
	out, err := r.SubmitTask(payload)
	must(out, err)
	if item := out.Items[1]; item.Result != handler.ResultPending || item.Reason != "not done yet: a sweep does it: ECS does not say now whether it knows the instance" {
		t.Errorf("answered %+v", item)
	}
	if item := out.Items[0]; item.Result != handler.ResultAccepted {
		t.Errorf("an instance that is known: %+v", item)
	}
	r.Faults.Clear()
	other := []byte(strings.Replace(string(payload), `"true"`, `"false"`, 1))
	if out, err := r.SubmitTask(other); err != nil || len(out.Items) != 3 || out.Items[1].Answer == nil || out.Items[1].Answer.Reason != decide.OtherBody {
		t.Errorf("another body under its key is answered %+v, %v", out, errors.Unwrap(err))
	}
	r.Advance(5 * time.Minute)
	again(t, r.Sweep)
	wantAllGotIt(t, r, "after a sweep")
}

// TestASubmissionForSeveralEnds when its tasks would have expired. (decide rule 138)
func TestASubmissionForSeveralEnds(t *testing.T) {
	r, payload := forSeveral(t)
	r.Faults.Add(throttled)
	must(r.SubmitTask(payload))
	r.Advance(8 * 24 * time.Hour)
	again(t, r.Sweep)
	acts := r.Records(decide.ActsID).Acts
	if len(many(t, r)) > 0 || len(acts) != 1 || acts[0].Outcome != "refused 1, releasing 2" {
		t.Errorf("%d are left, and the record says %+v", len(many(t, r)), acts)
	}
	if n := unreached(r, 1); n != 1 {
		t.Errorf("%d alerts, want one", n)
	}
	r.Faults.Clear()
	must(r.SubmitTask(payload))
	if n := len(r.State("i-two").Tasks); n != 1 {
		t.Errorf("submitted again, %d tasks wait for the one that was not reached", n)
	}
}

// TestItsEndAlertsOnce wherever the sweep, or the delivery, that ends it dies.
// (decide rule 138)
func TestItsEndAlertsOnce(t *testing.T) {
	for _, swept := range []bool{false, true} {
		for _, m := range crashes {
			t.Run(fmt.Sprintf("%s/swept=%v", m.name, swept), func(t *testing.T) {
				t.Parallel()
				each(t, "call", 1, func(t *testing.T, n int) bool {
					r, payload := forSeveral(t)
					r.Faults.Add(throttled)
					must(r.SubmitTask(payload))
					r.Advance(8 * 24 * time.Hour)
					end := r.Sweep
					if !swept {
						end = func() (handler.Outcome, error) { return r.SubmitTask(payload) }
					}
					struck, _ := m.strike(r, n, end)
					for range 3 {
						r.Advance(5 * time.Minute)
						again(t, r.Sweep)
					}
					if n := unreached(r, 1); n != 1 || len(many(t, r)) > 0 {
						t.Errorf("%d alerts, want one; %d are left", n, len(many(t, r)))
					}
					return struck
				})
			})
		}
	}
}

// unreached counts the different alerts that so many of the instances were not reached.
func unreached(r *rig.Rig, instances int) int {
	said, alerts := fmt.Sprintf("submitted to 3 instances, and %d of them were not reached", instances), map[string]bool{}
	for _, a := range r.Alerts() {
		if strings.Contains(a.Summary, said) {
			alerts[a.Fingerprint] = true
		}
	}
	return len(alerts)
}

// many returns the submissions that have instances left.
func many(t *testing.T, r *rig.Rig) (kept []decide.Many) {
	t.Helper()
	mustDo(r.Ledger().EachLeft(t.Context(), func(m decide.Many) error { kept = append(kept, m); return nil }))
	return kept
}
