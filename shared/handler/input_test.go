package handler_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"aftercare/shared/event"
	"aftercare/shared/handler"
	"aftercare/shared/ledger"
	"aftercare/tests/localcloud/fault"
	"aftercare/tests/rig"
)

// object is a JSON object in the making.
type object map[string]any

// with returns a copy with other members; a nil value takes one away.
func (o object) with(name string, value any) object {
	o = maps.Clone(o)
	o[name] = value
	if value == nil {
		delete(o, name)
	}
	return o
}

// cloudEvent wraps data as EventBridge delivers it.
func cloudEvent(kind event.Kind, data any) object {
	return object{
		"id": "event-1", "source": "acs.ecs", "specversion": "1.0", "type": "ecs:" + string(kind),
		"aliyunaccountid": rig.Account, "aliyunregionid": rig.Region,
		"time": time.Now().UTC().Format(time.RFC3339), "data": data,
	}
}

// endData is the data of the end of a stranger's command.
func endData(invokeID string) object {
	now := time.Now().UTC().Format(time.RFC3339)
	return object{
		"instanceId": "i-1", "invokeId": invokeID, "commandId": "c-1", "commandName": "stranger",
		"invocationStatus": "Success", "exitCode": "0", "repeatMode": "Once", "repeats": "1",
		"startTime": now, "finishTime": now,
	}
}

func beatData() object {
	return object{"vmName": "i-1", "agentVersion": "2.2.3.529", "uptime": 19000, "azone": "cn-hangzhou-i"}
}

func stateData() object {
	return object{"resourceId": "i-1", "resourceType": "ALIYUN::ECS::Instance", "state": "Running"}
}

// kindOf is one of the functions that take events, with a good event of
// its kind.
type kindOf struct {
	kind   event.Kind
	invoke func(*rig.Rig) handler.Handler
	good   func(id string) object
	result string
}

var kinds = []kindOf{
	{event.KindTaskCompleted, taskCompleted, endData, handler.ResultRecorded},
	{event.KindFirstHeartbeat, firstHeartbeat, func(string) object { return beatData() }, handler.ResultNoticed},
	{event.KindStateChange, stateChange, func(string) object { return stateData() }, handler.ResultNoticed},
}

// Every function as one that takes a context.
func taskCompleted(r *rig.Rig) handler.Handler  { return r.Another().Function.TaskCompleted }
func firstHeartbeat(r *rig.Rig) handler.Handler { return r.Another().Function.FirstHeartbeat }
func stateChange(r *rig.Rig) handler.Handler    { return r.Another().Function.StateChange }
func submitTask(r *rig.Rig) handler.Handler     { return r.Another().Function.SubmitTask }
func sweep(r *rig.Rig) handler.Handler          { return r.Another().Function.Sweep }

func invoke(r *rig.Rig, h handler.Handler, payload []byte) (handler.Outcome, error) {
	ctx, cancel := r.Context()
	defer cancel()
	return h(ctx, payload)
}

// quarantined is an entry of the quarantine and its payload.
type quarantined struct {
	ledger.Quarantined
	payload []byte
}

// inQuarantine is what is in quarantine, ordered by size.
func inQuarantine(t *testing.T, r *rig.Rig) []quarantined {
	t.Helper()
	var out []quarantined
	err := r.Ledger().EachQuarantined(context.Background(), func(q ledger.Quarantined) error {
		payload, err := r.Ledger().QuarantinedPayload(context.Background(), q)
		out = append(out, quarantined{q, payload})
		return err
	})
	must(t, err)
	slices.SortFunc(out, func(a, b quarantined) int { return int(a.Size - b.Size) })
	return out
}

// badInput is a payload of a function for events, and what must come of it.
type badInput struct {
	payload func(kindOf) []byte
	// kept are the payloads in quarantine afterwards, ordered by size; nil
	// stands for the payload itself.
	kept [][]byte
	// reason is a part of what is said about each of them.
	reason string
	// ignored is a part of why the event is ignored.
	ignored string
	// good counts the events that are handled beside the bad ones.
	good int
	need event.Need
}

var itself = [][]byte{nil}

func text(s string) func(kindOf) []byte { return func(kindOf) []byte { return []byte(s) } }

// data is an event of the function's kind with other data, made from good data.
func data(change func(good object) any) func(kindOf) []byte {
	return func(k kindOf) []byte { return encode(cloudEvent(k.kind, change(k.good("t-1")))) }
}

// whole is a good event with a change.
func whole(change func(good object) object) func(kindOf) []byte {
	return func(k kindOf) []byte { return encode(change(cloudEvent(k.kind, k.good("t-1")))) }
}

// around is a good event between texts.
func around(before, after string) func(kindOf) []byte {
	return func(k kindOf) []byte {
		return []byte(before + string(encode(cloudEvent(k.kind, k.good("t-1")))) + after)
	}
}

func badInputs() map[string]badInput {
	var large [][]byte
	for i := range 30 {
		large = append(large, encode(object{"text": strings.Repeat(string(rune('a'+i%26)), 60_000+i)}))
	}
	bad := []byte(`{"specversion":"1.0","type":"ecs:CloudAssistant:TaskCompleted","data":{"instanceId":7}}`)
	return map[string]badInput{
		"nothing at all":         {payload: text(""), kept: itself, reason: "is empty"},
		"a cut off event":        {payload: text(`{"specversion":"1.0","type":"ecs:Clou`), kept: itself, reason: "not JSON"},
		"bytes that are no text": {payload: text("\x00\xff\xfe{"), kept: itself, reason: "not JSON"},
		"an empty array":         {payload: text("[]"), kept: itself, reason: "empty array"},
		"100,000 levels":         {payload: text(strings.Repeat("[", 100_000)), kept: itself, reason: "nested deeper"},
		"1.5 MB of one letter":   {payload: text(strings.Repeat("a", 3<<19)), kept: itself, reason: "not JSON"},
		"1 MB in a string": {payload: data(func(good object) any { return good.with("commandName", strings.Repeat("a", 1<<20)) }),
			kept: itself, reason: "larger than"},
		"20,000 elements and a good event": {payload: around("[", strings.Repeat(",1", 20_000)+"]"),
			kept: [][]byte{[]byte("1")}, reason: "is a number", good: 1},
		"30 large elements that are no events": {payload: text("[" + string(bytes.Join(large, []byte(","))) + "]"),
			kept: large, reason: "no event of a known form"},
		"data that is a number": {payload: data(func(object) any { return 7 }), kept: itself, reason: "data is a number"},
		"data without its ids":  {payload: data(func(object) any { return object{} }), kept: itself, reason: " is missing"},
		"a status that is not an end": {payload: func(kindOf) []byte {
			return encode(cloudEvent(event.KindTaskCompleted, endData("t-1").with("invocationStatus", "Running")))
		}, ignored: "not an end"},
		"a type that is not known": {payload: whole(func(e object) object { return e.with("type", "ecs:Disk:Stalled") }), ignored: "not handled"},
		"another account's": {payload: whole(func(e object) object { return e.with("aliyunaccountid", "6543210987654321") }),
			ignored: "another account"},
		"another owner's by the data, and nobody's by the envelope": {payload: whole(func(e object) object {
			return e.with("data", e["data"].(object).with("ownerId", "6543210987654321")).with("aliyunaccountid", nil)
		}), good: 1},
		"an event of the other function": {payload: func(k kindOf) []byte {
			other := kinds[map[event.Kind]int{kinds[0].kind: 1}[k.kind]]
			return encode(cloudEvent(other.kind, other.good("t-1")))
		}, ignored: "this function handles"},
		"a bad event between two good ones": {payload: func(k kindOf) []byte {
			return []byte(fmt.Sprintf("[%s,\n %s , %s]", encode(cloudEvent(k.kind, k.good("t-1"))), bad, encode(cloudEvent(k.kind, k.good("t-2")))))
		}, kept: [][]byte{bad}, reason: "element 1: data.instanceId is a number", good: 2},
		"forty bad events and a good one": {payload: around("["+strings.Repeat(`{"alert":7},`, 40), "]"),
			kept: [][]byte{[]byte(`{"alert":7}`)}, reason: ": alert is", good: 1},
		"no envelope, and one is needed": {payload: func(k kindOf) []byte { return encode(k.good("t-1")) },
			kept: itself, reason: "lacks an envelope", need: event.Need{Envelope: true}},
		"no account, and one is needed": {payload: whole(func(e object) object { return e.with("aliyunaccountid", nil) }),
			kept: itself, reason: "lacks an account", need: event.Need{Account: true}},
		"twenty equal bad events": {payload: text("[" + strings.Repeat(`{"alert":7},`, 19) + `{"alert":7}]`),
			kept: [][]byte{[]byte(`{"alert":7}`)}, reason: "alert is a number"},
	}
}

// (decide rule 111)
func TestBadInputIsKeptOrIgnoredAndAcknowledged(t *testing.T) {
	for _, k := range kinds {
		for name, c := range badInputs() {
			t.Run(string(k.kind)+"/"+name, func(t *testing.T) {
				t.Parallel()
				r := rig.New(t, rig.Options{Timeout: time.Hour, Settings: func(s *handler.Settings) {
					s.Need, s.Ledger.PerTry = c.need, time.Minute // megabytes, on a busy machine
				}})
				payload := c.payload(k)
				if testing.Short() && k.kind != kinds[0].kind && len(payload) > 100_000 {
					t.Skip("make faults gives large payloads to all functions")
				}
				kept := slices.Clone(c.kept)
				for i := range kept {
					if kept[i] == nil {
						kept[i] = payload
					}
				}
				for delivery := range 2 {
					out, err := invoke(r, k.invoke(r), payload)
					if err != nil {
						t.Fatalf("delivery %d: %v; log:\n%s", delivery+1, err, r.Log)
					}
					checkItems(t, out, c, delivery, k)
					checkKept(t, r, kept, c.reason, out)
				}
				checkLog(t, r)
				records, want := r.Records("i-1"), c.good
				switch k.kind {
				case event.KindFirstHeartbeat:
					want = min(want, 1) // they are of one boot
				case event.KindStateChange:
					want = 0
				}
				if got := len(records.Executions) + len(records.Boots); got != want {
					t.Errorf("%d executions and boots are recorded, want %d", got, want)
				}
			})
		}
	}
}

func checkItems(t *testing.T, out handler.Outcome, c badInput, delivery int, k kindOf) {
	t.Helper()
	count := map[string]int{}
	for _, item := range out.Items {
		count[item.Result]++
		switch item.Result {
		case handler.ResultIgnored:
			if c.ignored == "" || !strings.Contains(item.Reason, c.ignored) {
				t.Errorf("ignored because %q, want %q", item.Reason, c.ignored)
			}
		case handler.ResultQuarantined:
			if !strings.Contains(item.Reason, c.reason) || len(item.Quarantine) != 64 {
				t.Errorf("quarantined as %q because %q, want 64 digits and %q", item.Quarantine, item.Reason, c.reason)
			}
		}
	}
	handled := k.result
	if delivery > 0 && k.kind == event.KindTaskCompleted {
		handled = handler.ResultDuplicate
	}
	if count[handled] != c.good {
		t.Errorf("%d events are %s, want %d: %+v", count[handled], handled, c.good, out.Items[:min(len(out.Items), 3)])
	}
	if (count[handler.ResultIgnored] == 1) != (c.ignored != "") || (count[handler.ResultQuarantined] > 0) != (len(c.kept) > 0) {
		t.Errorf("items %+v, want one ignored: %v, and any in quarantine: %v", out.Items[:min(len(out.Items), 3)], c.ignored != "", len(c.kept) > 0)
	}
	if len(out.Items) == 0 {
		t.Error("the outcome does not say what was done")
	}
}

// checkKept compares the quarantine with what should be in it.
func checkKept(t *testing.T, r *rig.Rig, kept [][]byte, reason string, out handler.Outcome) {
	t.Helper()
	rows := inQuarantine(t, r)
	if len(rows) != len(kept) {
		t.Fatalf("%d payloads are in quarantine, want %d", len(rows), len(kept))
	}
	for i, q := range rows {
		if !bytes.Equal(q.payload, kept[i]) || q.Size != int64(len(kept[i])) {
			t.Errorf("%d of %d bytes are in quarantine: %.100q, want all of %.100q", len(q.payload), q.Size, q.payload, kept[i])
		}
		if !strings.Contains(q.Reason, reason) || len(q.Reason) > 2100 || q.Function != "rig" || q.At.IsZero() {
			t.Errorf("the reason is %.200q of %q at %s, want %q", q.Reason, q.Function, q.At, reason)
		}
		if !slices.ContainsFunc(out.Items, func(item handler.Item) bool { return item.Quarantine == q.SHA256 }) {
			t.Errorf("the outcome does not name the payload %s", q.SHA256)
		}
	}
}

// checkLog checks that every line is one JSON object, whatever was logged,
// and not long.
func checkLog(t *testing.T, r *rig.Rig) {
	t.Helper()
	for line := range strings.Lines(r.Log.String()) {
		if !json.Valid([]byte(line)) || len(line) > 10_000 {
			t.Errorf("a line of the log is not a short JSON object: %.300q", line)
		}
	}
}

// TestAFailingQuarantineFailsTheHandler but not the good events beside.
// (decide rule 111)
func TestAFailingQuarantineFailsTheHandler(t *testing.T) {
	beside := around("[{},", "]")
	for name, c := range map[string]struct {
		invoke  func(*rig.Rig) handler.Handler
		payload []byte
		good    int
	}{
		"an end":                   {taskCompleted, []byte(`{"cut`), 0},
		"an end beside a good one": {taskCompleted, beside(kinds[0]), 1},
		"a heartbeat":              {firstHeartbeat, []byte(`{"cut`), 0},
		"a state change":           {stateChange, []byte(`{"cut`), 0},
		"a submission":             {submitTask, []byte(`{"cut`), 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := rig.New(t, rig.Options{})
			r.Faults.Add(fault.Fault{Call: "PutRow", Times: -1, Mode: fault.ErrorBefore, Status: 403, Code: "OTSNoPermissionAccess"})
			out, err := invoke(r, c.invoke(r), c.payload)
			wantRefused(t, out, err)
			r.Faults.Clear()
			records := r.Records("i-1")
			if got := len(records.Executions); got != c.good || len(inQuarantine(t, r)) != 0 {
				t.Errorf("%d good events are recorded, want %d", got, c.good)
			}
			if _, err := invoke(r, c.invoke(r), c.payload); err != nil || len(inQuarantine(t, r)) != 1 {
				t.Errorf("redelivered: %v, %d payloads in quarantine, want one", err, len(inQuarantine(t, r)))
			}
		})
	}
}

func TestWithoutFunctionComputesContextEveryHandlerRefuses(t *testing.T) {
	r := rig.New(t, rig.Options{})
	for _, h := range []handler.Handler{taskCompleted(r), firstHeartbeat(r), submitTask(r), sweep(r)} {
		out, err := h(context.Background(), []byte("{}"))
		wantRefused(t, out, err)
	}
}
