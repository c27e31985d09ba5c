package handler_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

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
		must(t, json.Unmarshal([]byte(text), &line))
		if line["message"] == message {
			out = append(out, line)
		}
	}
	return out
}

// patient lets a call that hangs hang until its invocation ends, however long a busy
// machine takes for the others: it is not tried again.
func patient(s *handler.Settings) { s.Ledger.PerTry = time.Hour }

// TestWhatThereIsNoTimeForIsLeftToTheNextDelivery: commits that hang keep no other
// instance's events from being recorded, and puts that hang come after ten.
// (decide rule 110)
func TestWhatThereIsNoTimeForIsLeftToTheNextDelivery(t *testing.T) {
	recorded := func(r *rig.Rig) (n int) {
		for i := range 20 {
			n += len(r.Records(fmt.Sprint("i-", i)).Executions)
		}
		return n
	}
	var ends, malformed []any
	for i := range 100 {
		malformed = append(malformed, []int{i})
		if i < 20 {
			ends = append(ends, end(fmt.Sprint("i-", i), "t-1"))
		}
	}
	for name, c := range map[string]struct {
		list  []any
		fault fault.Fault
		done  func(*rig.Rig) int
		left  int
	}{
		"ends of 20 instances":   {ends, fault.Fault{Call: "BatchWriteRow", Times: 8, Mode: fault.HangBefore}, recorded, 8},
		"100 malformed elements": {malformed, fault.Fault{Call: "PutRow", Nth: 11, Times: -1, Mode: fault.HangBefore}, func(r *rig.Rig) int { return len(inQuarantine(t, r)) }, 90},
	} {
		t.Run(name, func(t *testing.T) {
			r := rig.New(t, rig.Options{Timeout: time.Hour, Settings: patient})
			r.Faults.Add(c.fault)
			go func() { // the time is up when the others are handled
				for strings.Count(r.Log.String(), "event handled")+strings.Count(r.Log.String(), "payload quarantined") < len(c.list)-c.left {
					time.Sleep(time.Millisecond)
				}
				r.Crash()
			}()
			out, err := r.TaskCompleted(encode(c.list))
			wantRefused(t, out, err)
			left := lines(t, r, "input not committed")
			if n := c.done(r); n != len(c.list)-c.left || len(left) != 1 || left[0]["events_left"] != float64(c.left) || left[0]["level"] != "error" {
				t.Errorf("%d are handled, and the log says %v, want %d left", n, left, c.left)
			}
			r.Faults.Clear()
			if _, err := r.TaskCompleted(encode(c.list)); err != nil || c.done(r) != len(c.list) {
				t.Errorf("delivered again: %v, and %d are handled", err, c.done(r))
			}
		})
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
	must(t, err)
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
	must(t, err)
	if len(out.Items) != 1_000 || out.More[handler.ResultQuarantined] != 1_500 || out.More[handler.ResultRecorded] != 1 {
		t.Errorf("%d items, and more: %v", len(out.Items), out.More)
	}
}

// TestAnotherDeliveryBeginsElsewhere, so that no instance is always the last:
// of 200 instances, each delivery gets as far as the 32 with which it begins.
// (decide rule 110)
func TestAnotherDeliveryBeginsElsewhere(t *testing.T) {
	r := rig.New(t, rig.Options{Settings: patient})
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
	err := r.Ledger().History(t.Context(), ends(r), func(ledger.Entry) error { reached++; return nil })
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
			want = map[string]int{"GetRange": n + 1, "BatchWriteRow": n, "GetRow": n}
		}
		if calls := r.Faults.Calls(); !maps.Equal(calls, want) {
			t.Errorf("%d ends made the calls %v, want %v", n, calls, want)
		}
	}
}

// ends are the executions of a rig's last day.
func ends(r *rig.Rig) ledger.Query {
	return ledger.Query{
		From: r.Now().Add(-24 * time.Hour), Before: r.Now().Add(time.Hour), Kinds: []ledger.EntryKind{ledger.EntryExecution},
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
	for table, payload := range map[string][]byte{"aftercare_instances": encode(end("i-1", "t-1")), "aftercare_quarantine": []byte("{")} {
		log := &rig.Log{}
		f, err := handler.NewWith("task-completed", empty, log, r.Now)
		must(t, err)
		out, err := invoke(r, f.TaskCompleted, payload)
		wantRefused(t, out, err)
		text, ended, _ := strings.Cut(strings.TrimSuffix(log.String(), "\n"), "\n")
		if !strings.Contains(ended, `"result":"failed"`) || strings.Contains(ended, "\n") || !strings.Contains(text, "table "+table+" is missing, create it with 'aftercare tables create'") ||
			!strings.Contains(text, `"level":"error"`) || strings.Contains(text, `\n`) {
			t.Errorf("the log is not one line at level error that names the remedy, and the end:\n%s", log)
		}
	}
}
