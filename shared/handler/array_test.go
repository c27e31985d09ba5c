package handler_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/event"
	"aftercare/shared/handler"
	"aftercare/shared/ledger"
	"aftercare/tests/localcloud/fault"
	"aftercare/tests/rig"
)

// end is the end of another execution each time.
func end(instanceID, invokeID string) object {
	return cloudEvent(event.KindTaskCompleted, endData(invokeID).with("instanceId", instanceID))
}

// lines returns the lines of the log with this message.
func lines(t *testing.T, r *rig.Rig, message string) []map[string]any {
	t.Helper()
	var out []map[string]any
	for text := range strings.Lines(r.Log.String()) {
		var line map[string]any
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Fatal(err)
		}
		if line["message"] == message {
			out = append(out, line)
		}
	}
	return out
}

// TestInstancesAreHandledSideBySide: a load that hangs keeps no other
// instance's events from being recorded.
// (decide rule 110)
func TestInstancesAreHandledSideBySide(t *testing.T) {
	r := rig.New(t, rig.Options{Timeout: time.Hour})
	r.Faults.Add(fault.Fault{Call: "GetRange", Times: 8, Mode: fault.HangBefore})
	var list []object
	for i := range 20 {
		list = append(list, end(fmt.Sprint("i-", i), "t-1"))
	}
	// The time is up when the other twelve are handled.
	go func() {
		for strings.Count(r.Log.String(), "event handled") < 12 {
			time.Sleep(time.Millisecond)
		}
		r.Crash()
	}()
	_, err := r.TaskCompleted(encode(list))
	var refused *handler.Error
	if !errors.As(err, &refused) {
		t.Fatalf("got %v, want a *handler.Error: eight instances hang", err)
	}
	recorded := 0
	for i := range 20 {
		recorded += len(r.Records(fmt.Sprint("i-", i)).Executions)
	}
	left := lines(t, r, "input not committed")
	if recorded != 12 || len(left) != 1 || left[0]["events_left"] != 8.0 || left[0]["level"] != "error" {
		t.Errorf("%d ends are recorded, want 12, and one line that says that 8 are left: %v", recorded, left)
	}
	if _, err := r.TaskCompleted(encode(list)); err != nil {
		t.Errorf("delivered again: %v", err)
	}
}

// TestMalformedElementsAreKeptWhileThereIsTime, and those that are left by the
// next delivery.
func TestMalformedElementsAreKeptWhileThereIsTime(t *testing.T) {
	r := rig.New(t, rig.Options{})
	r.Faults.Add(fault.Fault{Call: "PutRow", Nth: 11, Times: -1, Mode: fault.HangBefore})
	list := make([]string, 100)
	for i := range list {
		list[i] = fmt.Sprintf("[%d]", i)
	}
	payload := []byte("[" + strings.Join(list, ",") + "]")
	go func() { // the time is up when ten are kept
		for len(inQuarantine(t, r)) < 10 {
			time.Sleep(time.Millisecond)
		}
		r.Crash()
	}()
	if _, err := r.TaskCompleted(payload); err == nil {
		t.Fatal("nothing was left")
	}
	left := lines(t, r, "input not committed")
	if len(left) != 1 || left[0]["events_left"] != 90.0 || len(inQuarantine(t, r)) != 10 {
		t.Errorf("%d elements are kept, want 10, and one line that says that 90 are left: %v", len(inQuarantine(t, r)), left)
	}
	r.Faults.Clear()
	if _, err := r.TaskCompleted(payload); err != nil || len(inQuarantine(t, r)) != 100 {
		t.Errorf("delivered again: %v, %d elements are kept", err, len(inQuarantine(t, r)))
	}
}

// TestAnInstancesEventsAreHandledInTheirOrder, and the answer is in the
// payload's, whatever comes between.
// (decide rule 110)
func TestAnInstancesEventsAreHandledInTheirOrder(t *testing.T) {
	r := rig.New(t, rig.Options{})
	var list []any
	var want []string
	for i := range 120 {
		id := fmt.Sprint("i-", i%3)
		list = append(list, end(id, fmt.Sprint("t-", i)), 7, cloudEvent("Disk:Stalled", object{}))
		want = append(want, "recorded t-"+fmt.Sprint(i), "quarantined ", "ignored ")
	}
	out, err := r.TaskCompleted(encode(list))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, item := range out.Items {
		got = append(got, item.Result+" "+item.InvokeID)
	}
	if !slices.Equal(got, want) {
		t.Errorf("the answer is in the order %v", got)
	}
	next := map[any]string{}
	for _, line := range lines(t, r, "event handled") {
		id, invoke := line["instance_id"], line["invoke_id"].(string)
		if last := next[id]; len(last) > len(invoke) || len(last) == len(invoke) && last > invoke {
			t.Errorf("%s of %s was handled after %s", invoke, id, last)
		}
		next[id] = invoke
	}
}

// TestAnEventKeepsItsRegion, and one without a region happened in the
// function's.
func TestAnEventKeepsItsRegion(t *testing.T) {
	for region, want := range map[string]string{"cn-beijing": "cn-beijing", "": rig.Region} {
		r := rig.New(t, rig.Options{})
		beat := cloudEvent(event.KindFirstHeartbeat, beatData()).with("aliyunregionid", region)
		if _, err := r.FirstHeartbeat(encode(beat)); err != nil {
			t.Fatal(err)
		}
		if got := r.State("i-1").Instance.Region; got != want {
			t.Errorf("the instance of a heartbeat from %q is in %q, want %q", region, got, want)
		}
		if _, err := r.TaskCompleted(encode(end("i-1", "t-1").with("aliyunregionid", region))); err != nil {
			t.Fatal(err)
		}
		if got := r.Records("i-1").Executions[0].Event.Region; got != want {
			t.Errorf("an end from %q is recorded in %q, want %q", region, got, want)
		}
	}
}

// TestAnAnswerIsBounded whatever a payload holds.
func TestAnAnswerIsBounded(t *testing.T) {
	r := rig.New(t, rig.Options{})
	out, err := r.TaskCompleted([]byte("[" + strings.Repeat("1,", 2_500) + string(encode(end("i-1", "t-1"))) + "]"))
	if err != nil {
		t.Fatal(err)
	}
	if len(out.Items) != 1_000 || out.More[handler.ResultQuarantined] != 1_500 || out.More[handler.ResultRecorded] != 1 {
		t.Errorf("%d items, and more: %v", len(out.Items), out.More)
	}
}

// TestAnotherDeliveryBeginsElsewhere, so that no instance is always the last:
// of 200 instances, each delivery gets as far as the 32 with which it begins.
// (decide rule 110)
func TestAnotherDeliveryBeginsElsewhere(t *testing.T) {
	r := rig.New(t, rig.Options{})
	var list []object
	for i := range 200 {
		list = append(list, end(fmt.Sprint("i-", i), "t-1"))
	}
	var begun atomic.Int64
	r.Faults.Add(fault.Fault{Call: "BatchWriteRow", Times: -1, Mode: fault.HangAfter, OnStrike: func() {
		if begun.Add(1)%32 == 0 {
			r.Crash()
		}
	}})
	for range 4 {
		if _, err := r.TaskCompleted(encode(list)); err == nil {
			t.Fatal("nothing was left")
		}
	}
	r.Faults.Clear()
	reached := 0
	err := r.Ledger().History(t.Context(), lastDay(r), func(decide.Execution) error { reached++; return nil })
	if err != nil || begun.Load() != 4*32 || reached <= 32 {
		t.Errorf("%d beginnings reached %d instances, %v", begun.Load(), reached, err)
	}
}

// TestARetryOfTheSameRequestBeginsElsewhere: Function Compute tries an
// asynchronous request again under its id.
// (decide rule 110)
func TestARetryOfTheSameRequestBeginsElsewhere(t *testing.T) {
	begun := map[int]bool{}
	for retry := range 4 {
		begun[handler.First("a request", retry, 1000)] = true
	}
	if len(begun) < 3 {
		t.Errorf("four tries begin at %v of 1000", begun)
	}
}

// TestRecordedEndsOfOneInstanceCostOneCall for each 100, and less than ten ends
// cost what each of them does.
func TestRecordedEndsOfOneInstanceCostOneCall(t *testing.T) {
	for _, n := range []int{9, 10, 101} {
		r := rig.New(t, rig.Options{})
		var list []object
		for i := range n {
			list = append(list, end("i-1", fmt.Sprint("t-", i)))
		}
		if _, err := r.TaskCompleted(encode(list)); err != nil {
			t.Fatal(err)
		}
		r.Faults.ResetCalls()
		out, err := r.TaskCompleted(encode(list))
		if err != nil || slices.ContainsFunc(out.Items, func(i handler.Item) bool { return i.Result != handler.ResultDuplicate }) {
			t.Fatalf("delivered again: %+v, %v", out.Items, err)
		}
		want := map[string]int{"BatchGetRow": (n + 99) / 100}
		if n < 10 {
			want = map[string]int{"GetRange": n, "BatchWriteRow": n, "GetRow": n}
		}
		if calls := r.Faults.Calls(); !maps.Equal(calls, want) {
			t.Errorf("%d ends made the calls %v, want %v", n, calls, want)
		}
	}
}

// lastDay is the last day of a rig's history.
func lastDay(r *rig.Rig) ledger.Period {
	return ledger.Period{From: r.Now().Add(-24 * time.Hour), Before: r.Now().Add(time.Hour)}
}

// TestAnExecutionIsInTheHistoryOnce, whatever another event says of its time.
func TestAnExecutionIsInTheHistoryOnce(t *testing.T) {
	r := rig.New(t, rig.Options{})
	second := r.Now().Truncate(time.Second).Add(-time.Minute)
	finished := []any{second.Format(time.RFC3339), second.Add(time.Second).Format(time.RFC3339), nil}
	for i, at := range finished {
		e := end("i-1", "t-1")
		e["data"].(object)["finishTime"] = at
		item := only(t)(r.TaskCompleted(encode(e)))
		if (item.Result == handler.ResultDuplicate) != (i > 0) {
			t.Errorf("delivery %d is %s", i+1, item.Result)
		}
	}
	var got []time.Time
	err := r.Ledger().History(t.Context(), lastDay(r), func(e decide.Execution) error {
		got = append(got, e.Event.FinishTime)
		return nil
	})
	if err != nil || len(got) != 1 || !got[0].Equal(second) {
		t.Errorf("the history has %v, %v, want %s once", got, err, second)
	}
}

// TestAPanicAboutOneEventKeepsNoOtherFromBeingRecorded.
func TestAPanicAboutOneEventKeepsNoOtherFromBeingRecorded(t *testing.T) {
	r, on := panicky(t)
	var list []object
	for i := range 40 {
		list = append(list, end(fmt.Sprint("i-", i%2), fmt.Sprint("t-", i)))
	}
	r.Faults.Add(fault.Fault{Call: "BatchWriteRow", Nth: 3, Mode: fault.ErrorBefore, Code: "OTSServerBusy", Status: 503})
	on.Store(true)
	_, err := r.TaskCompleted(encode(list))
	var refused *handler.Error
	if !errors.As(err, &refused) {
		t.Fatalf("got %v, want a *handler.Error", err)
	}
	if n := len(r.Records("i-0").Executions) + len(r.Records("i-1").Executions); n != 39 {
		t.Errorf("%d ends are recorded, want all but the one that panicked", n)
	}
	if _, err := r.TaskCompleted(encode(list)); err != nil || len(r.Records("i-0").Executions)+len(r.Records("i-1").Executions) != 40 {
		t.Errorf("delivered again: %v", err)
	}
}

// TestRefusedEventsAreInQuarantine with the reason, whole.
// (decide rule 111)
func TestRefusedEventsAreInQuarantine(t *testing.T) {
	r := rig.New(t, rig.Options{Settings: func(s *handler.Settings) { s.Need = event.Need{Envelope: true, Account: true} }})
	bare := encode(endData("t-1"))
	nameless := encode(end("i-1", "t-2").with("aliyunaccountid", nil))
	payload := "[" + string(bytes.Join([][]byte{bare, nameless, encode(end("i-1", "t-3"))}, []byte(","))) + "]"
	out, err := r.TaskCompleted([]byte(payload))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"lacks an envelope", "lacks an account", ""} {
		item := out.Items[i]
		if want == "" && item.Result == handler.ResultRecorded {
			continue
		}
		if item.Result != handler.ResultQuarantined || !strings.HasSuffix(item.Reason, want) {
			t.Errorf("event %d: %+v, want quarantined because it %s", i, item, want)
		}
	}
	kept := inQuarantine(t, r)
	if len(kept) != 2 || !bytes.Equal(kept[0].payload, bare) || !bytes.Equal(kept[1].payload, nameless) {
		t.Errorf("in quarantine: %v", kept)
	}
}

// TestAMissingTableIsOneLineWithItsRemedy, for a version whose new tables do
// not exist yet.
func TestAMissingTableIsOneLineWithItsRemedy(t *testing.T) {
	r := rig.New(t, rig.Options{
		Flows: "version: 1\nflows: [{name: f, on: task-completed, when: 'true', mode: live, steps: [{id: s, alert: x}]}]",
	})
	empty := r.Settings
	empty.Ledger.Instance = "without-tables"
	for name, c := range map[string]struct {
		payload []byte
		table   string
	}{
		"an event":          {encode(end("i-1", "t-1")), "aftercare_instances"},
		"a malformed event": {[]byte("{"), "aftercare_quarantine"},
	} {
		log := &rig.Log{}
		f, err := handler.NewWith("task-completed", empty, log, r.Now)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := r.Context()
		_, err = f.TaskCompleted(ctx, c.payload)
		cancel()
		var refused *handler.Error
		if !errors.As(err, &refused) {
			t.Errorf("%s: got %v, want a *handler.Error", name, err)
		}
		text := strings.TrimSuffix(log.String(), "\n")
		if strings.Contains(text, "\n") || !strings.Contains(text, "table "+c.table+" is missing, create it with 'aftercare tables create'") ||
			!strings.Contains(text, `"level":"error"`) || strings.Contains(text, `\n`) {
			t.Errorf("%s: the log is not one line at level error that names the remedy:\n%s", name, text)
		}
	}
}
