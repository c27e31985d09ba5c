package ledger_test

import (
	"testing"
	"time"

	"github.com/aliyun/aliyun-tablestore-go-sdk/tablestore"

	"aftercare/shared/decide"
	"aftercare/shared/engine"
	"aftercare/shared/event"
)

// Whether a command has succeeded since is read from the instance's timeline: by its
// name, its step, and the time when it finished. Without the index, it has not.
// (ledger rule 66) (decide rule 55)
func TestWhetherACommandHasSucceededSince(t *testing.T) {
	l, server, faults := open(t)
	at := func(minute int) time.Time { return start.Add(time.Duration(minute) * time.Minute) }
	for minute, e := range []decide.Execution{
		{Name: "backup", Event: event.TaskCompleted{Status: event.StatusSuccess}},
		{Name: "backup", Event: event.TaskCompleted{Status: event.StatusFailed}},
		{Name: "other", Event: event.TaskCompleted{Status: event.StatusSuccess}},
		{Name: "of a flow", Step: "two", Event: event.TaskCompleted{Status: event.StatusSuccess}},
	} {
		e.Event.InstanceID, e.Event.InvokeID, e.Event.FinishTime, e.Received = instanceID, "t-"+e.Name+at(minute).String(), at(minute), at(minute)
		must(t, l.Commit(t.Context(), engine.Commit{ID: "c", InstanceID: instanceID, At: e.Received, Changes: decide.Changes{Execution: &e}}))
	}
	for _, c := range []struct {
		decide.Success
		want bool
	}{
		{decide.Success{Name: "backup", After: at(-1)}, true},
		{decide.Success{Name: "backup", After: at(0)}, false},
		{decide.Success{Name: "other", After: at(1)}, true},
		{decide.Success{Name: "of a flow", Step: "two", After: at(0)}, true},
		{decide.Success{Name: "of a flow", Step: "one", After: at(0)}, false},
		{decide.Success{Name: "of a flow", After: at(0)}, true},
		{decide.Success{Name: "unheard of", After: at(-1)}, false},
	} {
		if got, err := l.Succeeded(t.Context(), instanceID, c.Success); got != c.want || err != nil {
			t.Errorf("%+v: %v, %v", c.Success, got, err)
		}
	}
	if got, err := l.Succeeded(t.Context(), "i-another", decide.Success{Name: "backup", After: at(-1)}); got || err != nil {
		t.Errorf("another instance: %v, %v", got, err)
	}
	// What is newer than the newest record costs one call, whatever the history has.
	before := faults.Calls()
	_, _ = l.Succeeded(t.Context(), instanceID, decide.Success{Name: "backup", After: at(3)})
	if after := faults.Calls(); after["GetRange"] != before["GetRange"]+1 || after["BatchGetRow"] != before["BatchGetRow"] {
		t.Errorf("calls %v, then %v", before, after)
	}
	if _, err := rawClient(t, server).DeleteIndex(&tablestore.DeleteIndexRequest{MainTableName: "aftercare_instances", IndexName: "aftercare_timeline"}); err != nil {
		t.Fatal(err)
	}
	if got, err := l.Succeeded(t.Context(), instanceID, decide.Success{Name: "backup", After: at(-1)}); got || err != nil {
		t.Errorf("without the index: %v, %v", got, err)
	}
}
