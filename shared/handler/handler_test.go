package handler_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"aftercare/shared/command"
	"aftercare/shared/decide"
	"aftercare/shared/event"
	"aftercare/shared/handler"
	"aftercare/tests/rig"
)

// submit is a submission's payload.
func submit(instanceID, name, content string, priority int, dedupeKey string) []byte {
	return encode(map[string]any{
		"dedupeKey": dedupeKey, "instanceId": instanceID, "priority": priority,
		"run": map[string]any{"name": name, "type": "RunShellScript", "content": content},
	})
}

func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

// only returns the one item of an outcome.
func only(t *testing.T) func(handler.Outcome, error) handler.Item {
	return func(out handler.Outcome, err error) handler.Item {
		t.Helper()
		must(t, err)
		if len(out.Items) != 1 {
			t.Fatalf("outcome has %d items, want 1: %+v", len(out.Items), out)
		}
		return out.Items[0]
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// rigWith is a rig with these instances.
func rigWith(t *testing.T, ids ...string) *rig.Rig {
	t.Helper()
	r := rig.New(t, rig.Options{})
	for _, id := range ids {
		r.Create(id)
	}
	return r
}

// wantRefused fails unless the input must be delivered again.
func wantRefused(t *testing.T, out handler.Outcome, err error) {
	t.Helper()
	if refused := (*handler.Error)(nil); !errors.As(err, &refused) || len(out.Items) > 0 {
		t.Errorf("answered %+v, %v, want a *handler.Error", out, err)
	}
}

// names are the commands that really ran on an instance, in order.
func names(r *rig.Rig, instanceID string) []string {
	var out []string
	for _, run := range r.ECS.Runs(instanceID) {
		name, _ := command.Split(run.Name)
		out = append(out, name)
	}
	return out
}

func TestTasksWaitForTheFirstHeartbeatAndAreReleasedInOrder(t *testing.T) {
	r := rig.New(t, rig.Options{})
	r.Create("i-1")
	for i, p := range []int{3, 9, 5, 9} {
		item := only(t)(r.SubmitTask(submit("i-1", fmt.Sprintf("task-%d", i), "true", p, fmt.Sprint("key-", i))))
		if item.Answer.Outcome != "queued" {
			t.Fatalf("submission %d: %+v, want it queued", i, item)
		}
	}
	if got := names(r, "i-1"); len(got) > 0 {
		t.Fatalf("%v ran before the instance had booted", got)
	}
	heartbeat := r.Boot("i-1")
	item := only(t)(r.FirstHeartbeat(heartbeat))
	if item.Result != handler.ResultNoticed || item.Left != 0 {
		t.Errorf("heartbeat: %+v, want noticed with nothing left", item)
	}
	for range 4 {
		item := only(t)(r.TaskCompleted(r.Take(event.KindTaskCompleted)))
		if item.Result != handler.ResultRecorded {
			t.Errorf("end: %+v, want recorded", item)
		}
	}
	want := "task-1 task-3 task-2 task-0"
	if got := strings.Join(names(r, "i-1"), " "); got != want {
		t.Errorf("released in order %q, want %q", got, want)
	}
	s, records := r.State("i-1"), r.Records("i-1")
	if len(s.Tasks) != 0 || len(s.Sends)+len(s.Messages) != 0 || s.Instance.BootSeq != 1 {
		t.Errorf("state = %+v, want nothing open and one boot", s)
	}
	if len(records.Executions) != 4 || len(records.Tasks) != 4 || records.Tasks[0].State != decide.TaskSucceeded {
		t.Errorf("records = %+v, want four executions and four succeeded tasks", records)
	}
}
