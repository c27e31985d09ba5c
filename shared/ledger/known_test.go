package ledger_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"aftercare/shared/decide"
	"aftercare/shared/engine"
	"aftercare/shared/event"
	"aftercare/shared/ledger"
	"aftercare/tests/localcloud/access"
	"aftercare/tests/localcloud/fault"
	"aftercare/tests/localcloud/tablestore"
)

func TestKnownNamesWhatIsRecorded(t *testing.T) {
	l, _, faults := open(t)
	var ends []event.TaskCompleted
	want := map[string]bool{}
	for i := range ledger.MaxKnown {
		e := *execution(fmt.Sprint("t-", i))
		if i%5 == 1 {
			e.Event.RepeatMode, e.Event.StartTime = "Period", start
		}
		ends = append(ends, e.Event)
		if i%4 == 1 {
			continue
		}
		if err := l.Commit(t.Context(), engine.Commit{ID: "c", InstanceID: instanceID, At: start, Changes: decide.Changes{Execution: &e}}); err != nil {
			t.Fatal(err)
		}
		want[e.Event.Key()] = true
	}
	faults.ResetCalls()
	got, err := l.Known(t.Context(), instanceID, ends)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("known ends (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]int{"BatchGetRow": 1}, faults.Calls()); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	twice := []event.TaskCompleted{ends[0], ends[0], ends[1]}
	if got, err := l.Known(t.Context(), instanceID, twice); err != nil || len(got) != 1 || !got[ends[0].Key()] {
		t.Errorf("asked for one twice: %v, %v", got, err)
	}
}

// TestAMissingTableIsNamedWithItsRemedy, as after an update that brought it.
// (ledger rule 34)
func TestAMissingTableIsNamedWithItsRemedy(t *testing.T) {
	server, err := tablestore.Start(tablestore.Options{Keys: access.NewKeys(key)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	l := dial(t, t.Context(), &fault.Set{}, server.Endpoint(), key.Secret)
	for table, call := range map[string]func(context.Context) error{
		"aftercare_instances": func(ctx context.Context) error { _, err := l.Load(ctx, instanceID); return err },
		"aftercare_wakeups": func(ctx context.Context) error {
			return l.Arm(ctx, engine.Wakeup{InstanceID: instanceID, Due: start})
		},
		"aftercare_shared":     func(ctx context.Context) error { _, err := l.Control(ctx); return err },
		"aftercare_quarantine": func(ctx context.Context) error { return l.Quarantine(ctx, "f", nil, "r", start) },
	} {
		err := call(t.Context())
		if err == nil || !strings.Contains(err.Error(), "table "+table+" is missing, create it with 'aftercare tables create'") {
			t.Errorf("without %s: %v", table, err)
		}
	}
}
