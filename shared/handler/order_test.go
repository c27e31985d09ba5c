package handler_test

import (
	"strings"
	"testing"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/handler"
	"aftercare/tests/rig"
)

const twoFlows = `
version: 1
flows:
  - {name: restart-api, on: task-completed, when: 'event.commandName == "no"', steps: [{id: one, alert: hello}]}
  - {name: clean-up, on: task-completed, when: 'event.commandName == "no"', steps: [{id: one, alert: hello}]}
`

// TestOrdersAreCarriedOutOnceAndAnswered: the answer says what was stopped, since when,
// by whom and why, or that it was stopped already, and what is stopped then.
// (decide rule 88)
func TestOrdersAreCarriedOutOnceAndAnswered(t *testing.T) {
	r := rig.New(t, rig.Options{Flows: twoFlows})
	_, err := r.Ledger().OpenBreaker(t.Context(), decide.Breaker{
		Flow: "restart-api", Key: "k", OpenedAt: r.Now(), ResumeAt: r.Now().Add(time.Hour), Failures: 3,
	})
	must(t, err)
	for i, c := range []struct{ body, result, outcome, says, standing string }{
		{`{"dedupeKey":"1","submittedBy":"Ann","reason":"an incident","stop":{"flow":"restart-api"}}`, "accepted", "stopped",
			"flow restart-api is stopped by Ann since", "flow restart-api"},
		{`{"dedupeKey":"2","submittedBy":"Bob","reason":"me too","stop":{"flow":"restart-api"}}`, "accepted", "already_stopped",
			"flow restart-api is stopped by Ann since", "flow restart-api"},
		{`{"dedupeKey":"3","reason":"an incident","stop":{}}`, "accepted", "stopped", "everything is stopped since", "everything, flow restart-api"},
		{`{"dedupeKey":"1","submittedBy":"Cem","reason":"again","stop":{"flow":"restart-api"}}`, "duplicate", "stopped",
			"flow restart-api is stopped by Ann since", "everything, flow restart-api"},
		{`{"dedupeKey":"1","reason":"an incident","stop":{"flow":"clean-up"}}`, "refused", "refused", "the dedupeKey was used before, with another body", "everything, flow restart-api"},
		{`{"reason":"an incident","stop":{"flow":"restart-app"}}`, "refused", "refused", `there is no flow "restart-app", did you mean "restart-api"?`, "everything, flow restart-api"},
		{`{"resume":{"flow":"restart-app"}}`, "refused", "refused", `there is no flow "restart-app", did you mean "restart-api"?`, "everything, flow restart-api"},
		{`{"resume":{"instance":"i-1"}}`, "accepted", "not_stopped", "", "everything, flow restart-api"},
		{`{"resume":{"flow":"restart-api"}}`, "accepted", "resumed", "flow restart-api is stopped by Ann since", "everything"},
		{`{"dedupeKey":"1","reason":"an incident","stop":{"flow":"restart-api"}}`, "duplicate", "stopped", "flow restart-api is stopped by Ann since", "everything"},
		{`{"reason":"an incident","stop":{"label":"team:db"}}`, "accepted", "stopped", "label team:db is stopped since", "everything, label team:db"},
		{`{"reason":"an incident","stop":{"instance":"i-1"}}`, "accepted", "stopped", "instance i-1 is stopped since", "everything, instance i-1, label team:db"},
		{`{"resume":{}}`, "accepted", "resumed", "everything is stopped since", "instance i-1, label team:db"},
	} {
		item := only(t)(r.SubmitTask([]byte(c.body)))
		if item.Order == nil {
			t.Fatalf("order %d: answered %+v", i, item)
		}
		says := item.Order.Reason
		if item.Order.Stop != nil {
			says = item.Order.Stop.String()
		}
		if item.Result != c.result || item.Order.Outcome != c.outcome || !strings.HasPrefix(says, c.says) {
			t.Errorf("order %d: %s, %s, %q; want %s, %s, %q", i, item.Result, item.Order.Outcome, says, c.result, c.outcome, c.says)
		}
		var standing []string
		for _, s := range item.Standing.Stops {
			standing = append(standing, s.Scope.String())
		}
		if got := strings.Join(standing, ", "); got != c.standing {
			t.Errorf("order %d: then these are stopped: %s; want %s", i, got, c.standing)
		}
		if closed := item.Order.Breaker != nil; closed != strings.HasPrefix(c.body, `{"resume":{"flow":"restart-api"`) || closed && item.Order.Breaker.Failures != 3 {
			t.Errorf("order %d closed the breaker %+v", i, item.Order.Breaker)
		}
	}
	if n := len(r.Records(decide.ActsID).Acts); n != 6 {
		t.Errorf("%d acts are recorded, want one for each order on no instance that was carried out", n)
	}
	if acts := r.Records("i-1").Acts; len(acts) != 2 || acts[1].Kind != decide.ActStop || acts[1].Reason != "an incident" {
		t.Errorf("the instance has the acts %+v, want its resume and its stop", acts)
	}
}

// TestASubmissionThatAStopHoldsIsKept, and says what holds it.
// (decide rules 84, 85)
func TestASubmissionThatAStopHoldsIsKept(t *testing.T) {
	r := rig.New(t, rig.Options{})
	r.Create("i-1")
	only(t)(r.FirstHeartbeat(r.Boot("i-1")))
	only(t)(r.SubmitTask([]byte(`{"submittedBy":"Ann","reason":"an incident","stop":{"label":"nightly"}}`)))
	item := only(t)(r.SubmitTask(encode(request().with("labels", []string{"nightly"}))))
	if a := item.Answer; item.Result != handler.ResultAccepted || a.Outcome != "queued" || !strings.HasPrefix(a.Reason, "label nightly is stopped by Ann since") {
		t.Errorf("answered %+v, want it held", a)
	}
	only(t)(r.SubmitTask([]byte(`{"resume":{"label":"nightly"}}`)))
	r.Advance(r.Settings.Policy.HoldCheck + time.Minute)
	only(t)(r.Sweep())
	if runs := r.ECS.Runs("i-1"); len(runs) != 1 {
		t.Errorf("it was sent %d times, want once", len(runs))
	}
}
