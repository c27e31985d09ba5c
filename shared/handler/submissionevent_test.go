package handler_test

import (
	"testing"
	"time"

	"aftercare/shared/handler"
	"aftercare/tests/rig"
)

// asEvent is a submission as EventBridge delivers it from a custom bus.
func asEvent(id string, data any) []byte {
	return encode(object{"specversion": "1.0", "id": id, "source": "shop", "type": "shop:Deployed", "data": data})
}

// TestASubmissionMayComeAsAnEvent, which identifies it.
func TestASubmissionMayComeAsAnEvent(t *testing.T) {
	r := rigWith(t, "i-1")
	run := object{"name": "look", "type": "RunShellScript", "content": "true"}
	for _, c := range []struct {
		payload []byte
		want    string
	}{
		{asEvent("1", object{"instanceId": "i-1", "run": run}), handler.ResultAccepted},
		{asEvent("1", object{"instanceId": "i-1", "run": run}), handler.ResultDuplicate},
		{asEvent("2", string(encode(object{"instanceId": "i-1", "run": run}))), handler.ResultAccepted},
		{asEvent("3", object{"instanceId": "i-1", "dedupeKey": "key", "run": run}), handler.ResultAccepted},
		{encode(object{"instanceId": "i-1", "dedupeKey": "key", "run": run}), handler.ResultDuplicate},
		{asEvent("4", object{"instanceId": "i-1", "runs": run}), handler.ResultQuarantined},
	} {
		if item := only(t)(r.SubmitTask(c.payload)); item.Result != c.want {
			t.Errorf("%s: %+v, want %s", c.payload, item, c.want)
		}
	}
	if n := len(r.State("i-1").Tasks); n != 3 {
		t.Errorf("there are %d tasks, want 3", n)
	}
	wantTold(t, r, "one that cannot be read", "quarantine")
}

// TestARefusalThatNobodyReadsIsTold: a caller reads the answer.
func TestARefusalThatNobodyReadsIsTold(t *testing.T) {
	r := rig.New(t, rig.Options{})
	run := object{"name": "look", "type": "RunShellScript", "content": "true"}
	refused := func(payload []byte) {
		t.Helper()
		if item := only(t)(r.SubmitTask(payload)); item.Result != handler.ResultRefused {
			t.Fatalf("answered %+v, want it refused", item)
		}
	}
	refused(encode(object{"instanceId": "i-unknown", "run": run}))
	wantTold(t, r, "a caller's")
	refused(asEvent("1", object{"instanceId": "i-unknown", "run": run}))
	wantTold(t, r, "an event's", "refused")
	refused(asEvent("2", object{"instanceId": "i-unknown", "run": run}))
	stop := func(flow string) object {
		return object{"dedupeKey": "stop", "reason": "an incident", "stop": object{"flow": flow}}
	}
	only(t)(r.SubmitTask(encode(stop("one"))))
	refused(asEvent("3", stop("another")))
	wantTold(t, r, "others")
	r.Advance(time.Hour)
	_, err := r.Sweep()
	must(t, err)
	wantTold(t, r, "an hour later", "refused over")
}
