package ledger_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"aftercare/shared/decide"
	"aftercare/shared/engine"
	"aftercare/shared/event"
	"aftercare/shared/flow"
	"aftercare/shared/ledger"
	"aftercare/shared/ledger/ledgertest"
	"aftercare/tests/localcloud/fault"
	"aftercare/tests/localcloud/tablestore"
)

func fleet(t *testing.T, server *tablestore.Server) map[string]map[string]any {
	return rawTable(t, server, "aftercare_fleet", "fleet", "pk", "row")
}

// record commits an execution that finished at a time.
func record(t *testing.T, l *ledger.Ledger, instanceID, invokeID string, finished time.Time) error {
	t.Helper()
	e := *execution(invokeID)
	e.Event.InstanceID, e.Event.StartTime, e.Event.FinishTime, e.Received = instanceID, finished, finished, finished.Add(time.Minute)
	return l.Commit(t.Context(), engine.Commit{ID: "c", InstanceID: instanceID, At: e.Received, Changes: decide.Changes{Execution: &e}})
}

// TestEachRowOfACommitIsReadAndListed: the records are read as they were, every
// row has the schema's version, and a row is in the lists whose columns it has.
// (ledger rules 5, 20, 65)
func TestEachRowOfACommitIsReadAndListed(t *testing.T) {
	l, server, _ := open(t)
	unseen := full()
	unseen.Instance.ID, unseen.Instance.Seen = "i-unseen", false
	mustCommit(t, l, creation("c0", unseen))
	if len(fleet(t, server)) != 1 {
		t.Errorf("%v is in the fleet, want the one for which a task waits", fleet(t, server))
	}
	// Work that is open must be found by its label, whoever named the instance.
	for n, less := range []func(*decide.State){
		func(s *decide.State) {
			maps.DeleteFunc(s.Tasks, func(_ string, t decide.Task) bool { return t.State == decide.TaskQueued })
		},
		func(s *decide.State) { s.Tasks = map[string]decide.Task{} },
	} {
		s, err := l.Whole(t.Context(), "i-unseen")
		must(t, err)
		next := s
		next.Tasks = maps.Clone(s.Tasks)
		less(&next)
		mustCommit(t, l, ledgertest.Between(fmt.Sprint("c0", n), s, next))
		if len(fleet(t, server)) != 1 {
			t.Errorf("%v is in the fleet, want the one with %d tasks and %d runs", fleet(t, server), len(next.Tasks), len(next.Runs))
		}
	}
	s, err := l.Whole(t.Context(), "i-unseen")
	must(t, err)
	idle := s
	idle.Runs = map[string]decide.FlowRun{}
	mustCommit(t, l, ledgertest.Between("c00", s, idle))
	if len(fleet(t, server)) != 0 {
		t.Errorf("%v is in the fleet, which only a submission named", fleet(t, server))
	}
	c := creation("c1", full())
	c.Changes.Execution, c.Changes.Input = execution("t-1"), &decide.InputRecord{Key: "k"}
	c.Changes.Execution.Event.ErrorDesc = strings.Repeat("检", 100)
	c.Changes.EndedTasks = []decide.Task{{ID: "t", Name: "disk", State: decide.TaskFailed, InvokeID: "t-1", Status: event.StatusFailed, EndedAt: start.Add(time.Hour)}} // a wrong clock
	c.Changes.EndedRuns = []decide.FlowRun{{ID: "r", Flow: "f", EndedAt: start.Add(-time.Hour), Run: flow.Run{Result: "succeeded"}}}
	c.Changes.Boots = []decide.Boot{{Seq: 2, EventID: "e-2", EventTime: start.AddDate(0, -1, 0)}, {Seq: 10}}
	c.Changes.Acts = []decide.Act{{Key: "k", Kind: decide.ActStop, What: "flow f", Outcome: "stopped", By: "Ann", Reason: "the disks are full", At: start}}
	c.Changes.Lost = []decide.Message{{Key: "a"}}
	mustCommit(t, l, c)
	got, err := l.Records(t.Context(), instanceID)
	all := ledger.Records{
		Executions: []decide.Execution{*c.Changes.Execution}, Tasks: c.Changes.EndedTasks, Runs: c.Changes.EndedRuns,
		Boots: c.Changes.Boots, Acts: c.Changes.Acts, Lost: c.Changes.Lost,
	}
	if diff := cmp.Diff(all, got); diff != "" || err != nil {
		t.Errorf("records, %v (-want +got):\n%s", err, diff)
	}
	run, err := l.EndedRun(t.Context(), instanceID, "r")
	none, noErr := l.EndedRun(t.Context(), instanceID, "s")
	if diff := cmp.Diff(&c.Changes.EndedRuns[0], run); diff != "" || none != nil || err != nil || noErr != nil {
		t.Errorf("the ended run, %v, and another %v, %v (-want +got):\n%s", err, none, noErr, diff)
	}
	rows := rawRows(t, server)
	for row, columns := range rows {
		if columns["v"] != int64(1) || len(rows) != 21 {
			t.Errorf("row %s of %d has version %v, want 1 and 21 rows", row, len(rows), columns["v"])
		}
	}
	now := start.UnixMilli()
	want := map[string]map[string]any{
		"log/exec/t-1/once": {"hist": "exec!/2026-03/d", "at": now + 1000, "brief": `{"name":"n","result":"Failed","exitCode":3,` +
			`"code":"ExitCodeNonzero","why":"` + strings.Repeat("检", 66) + `…","taskId":"task","eventId":"ev","startMs":1772366400000}`},
		"log/task/t":          {"hist": "task!/2026-03/d", "at": now, "brief": `{"name":"disk","result":"failed","invokeId":"t-1"}`},
		"log/flow/r":          {"hist": "flow/2026-03/d", "at": now - 3600_000, "brief": `{"name":"f","result":"succeeded"}`},
		"log/boot/0000000002": {"hist": "boot/2026-02/d", "at": start.AddDate(0, -1, 0).UnixMilli(), "brief": `{"eventId":"e-2"}`},
		"log/boot/0000000010": {"hist": "boot/2026-03/d", "at": now, "brief": `{}`},
		"log/act/1772366400000/k": {"hist": "act/2026-03/d", "at": now,
			"brief": `{"name":"stop flow f","result":"stopped","why":"the disks are full","by":"Ann"}`},
		"log/message/a/0": {"hist": "message!/2026-03/d", "at": now, "brief": `{"result":"given up"}`},
	}
	if diff := cmp.Diff(want, rawTable(t, server, "aftercare_history", "hist", "at", "pk", "row")); diff != "" {
		t.Errorf("history (-want +got):\n%s", diff)
	}
	for _, columns := range want {
		delete(columns, "hist")
		delete(columns, "brief")
	}
	if diff := cmp.Diff(want, rawTable(t, server, "aftercare_timeline", "pk", "at", "row")); diff != "" {
		t.Errorf("timeline (-want +got):\n%s", diff)
	}
	for range 2 {
		inFleet := map[string]map[string]any{"live/!": {
			"fleet": "d", "summary": `{"boot":"bootable","queued":1,"running":1,"runs":1,"failing":1,"dueMs":1772366400000,"at":1772366400000}`,
		}}
		if diff := cmp.Diff(inFleet, fleet(t, server)); diff != "" {
			t.Errorf("fleet (-want +got):\n%s", diff)
		}
		s := whole(t, l)
		mustCommit(t, l, ledgertest.Between("c2", s, s)) // it is written again
	}
}

// TestAnActIsRecordedOnceWhateverFails, in the partition of acts on no single
// instance. (ledger rule 5)
func TestAnActIsRecordedOnceWhateverFails(t *testing.T) {
	a := decide.Act{Key: "k", Kind: decide.ActResume, What: "everything", Outcome: "resumed", By: "Ann", At: start}
	for _, mode := range []fault.Mode{fault.ErrorBefore, fault.ErrorAfter, fault.CutBefore, fault.CutAfter} {
		l, server, faults := open(t)
		faults.Add(fault.Fault{Call: "BatchWriteRow", Mode: mode, Status: 503, Code: "OTSTimeout"})
		for range 2 {
			must(t, l.RecordAct(t.Context(), a))
		}
		got, err := l.Records(t.Context(), decide.ActsID)
		if diff := cmp.Diff(ledger.Records{Acts: []decide.Act{a}}, got); diff != "" || err != nil {
			t.Errorf("%v: records, %v (-want +got):\n%s", mode, err, diff)
		}
		if listed := rawTable(t, server, "aftercare_history", "hist", "at", "pk", "row"); len(listed) != 1 {
			t.Errorf("%v: the history has %v, want one act", mode, listed)
		}
	}
}

// TestOneExecutionIsOneEntry, whatever the poll or a second event says of its time.
// (ledger rule 65)
func TestOneExecutionIsOneEntry(t *testing.T) {
	l, _, _ := open(t)
	for i, finished := range []time.Time{start, start.Add(time.Second), {}} {
		if err := record(t, l, instanceID, "t-1", finished); (i > 0) != errors.Is(err, engine.ErrConflict) {
			t.Errorf("record %d: %v", i, err)
		}
	}
	var got []string
	for _, from := range []time.Time{time.UnixMilli(0), start.AddDate(0, 0, -1)} { // and not under 1970
		got = append(got, history(t, l, ledger.Query{From: from, Before: from.AddDate(0, 0, 2)})...)
	}
	if diff := cmp.Diff([]string{"i-ledger-1 t-1"}, got); diff != "" {
		t.Errorf("history (-want +got):\n%s", diff)
	}
}

func history(t *testing.T, l *ledger.Ledger, q ledger.Query) (got []string) {
	t.Helper()
	err := l.History(t.Context(), q, func(e ledger.Entry) error {
		got = append(got, e.InstanceID+" "+e.ID)
		return nil
	})
	must(t, err)
	return got
}

// TestTheHistoryIsReadNewestFirst through all shards, page by page. (ledger rule 68)
func TestTheHistoryIsReadNewestFirst(t *testing.T) {
	l, _, faults := open(t)
	var all []string
	march := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	for i := range 40 {
		id, at := fmt.Sprint("i-", i%7), march.Add(time.Duration(20-i)*time.Minute) // of two months
		must(t, record(t, l, id, fmt.Sprint("t-", i), at))
		all = append(all, fmt.Sprintf("%s t-%d", id, i))
	}
	from := march.Add(-19 * time.Minute)
	for name, c := range map[string]struct {
		span ledger.Query
		want []string
	}{
		"all":             {ledger.Query{From: from, Before: march.Add(21 * time.Minute)}, all},
		"but both ends":   {ledger.Query{From: from.Add(time.Millisecond), Before: march.Add(20 * time.Minute)}, all[1:39]},
		"of one month":    {ledger.Query{From: march, Before: march.AddDate(0, 1, 0)}, all[:21]},
		"of one instance": {ledger.Query{From: from, Before: march.AddDate(0, 0, 1), InstanceID: "i-3"}, each(all, "i-3 ")},
	} {
		if diff := cmp.Diff(c.want, history(t, l, c.span)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		slices.Reverse(c.want)
		c.span.OldestFirst = true
		if diff := cmp.Diff(c.want, history(t, l, c.span)); diff != "" {
			t.Errorf("%s, the oldest first (-want +got):\n%s", name, diff)
		}
		slices.Reverse(c.want)
	}
	const n = 501 // in pages of 16, 32, 64, 128, 256 and 512
	for i := range n {
		must(t, record(t, l, instanceID, fmt.Sprint("t-", i), start))
	}
	failed := ledger.Query{Kinds: []ledger.EntryKind{ledger.EntryExecution}, Bad: true}
	for _, c := range []struct {
		q           ledger.Query
		want, calls int
	}{
		{ledger.Query{From: march, Before: march.Add(11 * time.Hour), InstanceID: "i-3", Kinds: failed.Kinds}, 3, 2},
		{ledger.Query{From: start, Before: start.Add(1), InstanceID: instanceID}, 0, 0}, // no millisecond
		{ledger.Query{From: start, Before: start.Add(time.Second), InstanceID: instanceID, Kinds: failed.Kinds, Bad: true}, n, 6},
	} {
		faults.ResetCalls()
		got := history(t, l, c.q)
		if slices.Sort(got); len(slices.Compact(got)) != c.want || faults.Calls()["GetRange"] != c.calls {
			t.Errorf("%d executions in the calls %v, want %d in %d", len(got), faults.Calls(), c.want, c.calls)
		}
	}
	faults.ResetCalls()
	enough := errors.New("enough")
	err := l.History(t.Context(), ledger.Query{From: from, Before: march.AddDate(0, 0, 1)}, func(ledger.Entry) error { return enough })
	if err != enough || faults.Calls()["GetRange"] != 9*16 {
		t.Errorf("a reader who has enough gets %v after the calls %v", err, faults.Calls())
	}
}

// TestPartsOfTheHistoryAreReadTogether: with one that is read to its end, those that soon
// will be. So a long history takes few rounds of calls.
func TestPartsOfTheHistoryAreReadTogether(t *testing.T) {
	l, _, faults := open(t)
	const page = 16
	for i := range 3 * page {
		must(t, record(t, l, fmt.Sprint("i-", i%2), fmt.Sprint("t-", i), start.Add(time.Duration(i)*time.Second)))
	}
	enough, read := errors.New("enough"), 0
	q := ledger.Query{From: start, Before: start.Add(time.Hour), Kinds: []ledger.EntryKind{ledger.EntryExecution}, Bad: true}
	err := l.History(t.Context(), q, func(ledger.Entry) error {
		if read++; read == 2*page {
			return enough
		}
		return nil
	})
	if want := page + 2; err != enough || faults.Calls()["GetRange"] != want {
		t.Errorf("%v after the calls %v, want %d reads", err, faults.Calls(), want)
	}
}

// TestTheHistoryHasEveryKind, and what failed without the rest. (ledger rule 65)
func TestTheHistoryHasEveryKind(t *testing.T) {
	l, _, _ := open(t)
	at := func(minutes int) time.Time { return start.Add(-time.Duration(minutes) * time.Minute) }
	good := *execution("t-good")
	good.Event.Status, good.Event.ExitCode, good.Event.FinishTime, good.Source = event.StatusSuccess, nil, at(1), decide.SourcePoll
	mustCommit(t, l, engine.Commit{ID: "c", InstanceID: "i-1", At: start, Changes: decide.Changes{Execution: &good}})
	mustCommit(t, l, engine.Commit{ID: "d", InstanceID: "i-2", At: start, Changes: decide.Changes{
		EndedTasks: []decide.Task{{ID: "a", State: decide.TaskSucceeded, InvokeID: `<e&"1>`, Status: event.StatusSuccess, EndedAt: at(2)}, {ID: "b", State: decide.TaskExpired, Reason: "late", EndedAt: at(3)}},
		EndedRuns: []decide.FlowRun{
			{ID: "r", Flow: "f", CreatedAt: at(9), EndedAt: at(4), Run: flow.Run{Result: "succeeded", StartedAt: at(5), Event: flow.Event{Kind: flow.Manual}}},
			{ID: "s", Flow: "f", EndedAt: at(6), Run: flow.Run{Result: "refused"}},
		},
		Boots: []decide.Boot{{Seq: 7, EventTime: at(7)}},
		Lost:  []decide.Message{{Key: "m", Rev: 1, Kind: decide.MessageAlert}},
	}})
	must(t, l.RecordAct(t.Context(), decide.Act{Key: "k", Kind: decide.ActStop, What: "everything", Outcome: "stopped", By: "Ann", At: at(8)}))
	for name, c := range map[string]struct {
		q    ledger.Query
		want []string
	}{
		"all": {ledger.Query{}, []string{
			"message i-2/m/1 given up", "exec i-1/t-good Success", "task i-2/a succeeded", "task i-2/b expired", "flow i-2/r succeeded",
			"flow i-2/s refused", "boot i-2/0000000007 ", "act ~acts/" + fmt.Sprint(at(8).UnixMilli()) + "/k stopped",
		}},
		"what failed":              {ledger.Query{Bad: true}, []string{"message i-2/m/1 given up", "task i-2/b expired", "flow i-2/s refused"}},
		"of one kind":              {ledger.Query{Kinds: []ledger.EntryKind{ledger.EntryBoot}}, []string{"boot i-2/0000000007 "}},
		"no failed boots":          {ledger.Query{Kinds: []ledger.EntryKind{ledger.EntryBoot}, Bad: true}, nil},
		"of one instance":          {ledger.Query{InstanceID: "i-1"}, []string{"exec i-1/t-good Success"}},
		"of one that is not there": {ledger.Query{InstanceID: "i-3"}, nil},
		"with an invocation":       {ledger.Query{ID: "t-go"}, []string{"exec i-1/t-good Success"}},
		"with an event":            {ledger.Query{ID: `<e&"`}, []string{"task i-2/a succeeded"}},
		"with an id of none":       {ledger.Query{ID: "t-bad"}, nil},
	} {
		c.q.From, c.q.Before = at(60), start.Add(time.Minute)
		var got []string
		must(t, l.History(t.Context(), c.q, func(e ledger.Entry) error {
			got = append(got, fmt.Sprintf("%s %s/%s %s", e.Kind, e.InstanceID, e.ID, e.Result))
			if e.ID == "t-good" && (!e.Polled || e.EventID != "ev" || e.Started().IsZero()) || e.ID == "r" && (!e.Started().Equal(at(5)) || !e.Asked().Equal(at(9))) ||
				e.ID == "s" && !e.Asked().IsZero() {
				t.Errorf("%s: %+v lacks its event, its source, its beginning or when it was asked for", name, e)
			}
			return nil
		}))
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestTheFleetIsListedWhole, with what waits and what is due first. (ledger rule 68)
func TestTheFleetIsListedWhole(t *testing.T) {
	l, _, faults := open(t)
	want := map[string]ledger.Summary{}
	for i := range 40 {
		id := fmt.Sprint("i-", i)
		s := decide.NewState(id)
		s.Instance.Seen, s.Instance.Boot, s.Instance.BootSince, s.Instance.Zone = true, decide.BootWaiting, start.Add(-time.Hour), "z"
		s.Instance.AgentVersion, s.Instance.OS = "2.2", "linux"
		s.Instance.WaitingUntil = start.Add(time.Minute)
		s.Tasks["q"] = decide.Task{ID: "q", State: decide.TaskQueued}
		s.Tasks["a"] = decide.Task{ID: "a", State: decide.TaskRunning, Deadline: start.Add(2 * time.Minute)}
		s.Tasks["b"] = decide.Task{ID: "b", State: decide.TaskReleasing}
		s.Runs["r"] = decide.FlowRun{ID: "r", Run: flow.Run{StartedAt: start, Deadline: start.Add(time.Minute)}}
		s.Runs["s"] = decide.FlowRun{ID: "s"}
		s.Failing["n"], s.Failing["well"] = decide.Failing{Name: "n", Count: 1}, decide.Failing{Name: "well"}
		mustCommit(t, l, creation("c", s))
		ms := start.UnixMilli()
		want[id] = ledger.Summary{
			Boot: decide.BootWaiting, BootMS: ms - 3600_000, Queued: 1, ExpiryMS: ms + 60_000,
			Running: 2, Runs: 2, Failing: 1, DueMS: ms + 60_000, Agent: "2.2", OS: "linux", Zone: "z", Commit: ms,
		}
	}
	faults.ResetCalls()
	got := map[string]ledger.Summary{}
	must(t, l.Fleet(t.Context(), func(id string, s ledger.Summary) error { got[id] = s; return nil }))
	if diff := cmp.Diff(want, got); diff != "" || faults.Calls()["GetRange"] != 16 {
		t.Errorf("the fleet, in the calls %v (-want +got):\n%s", faults.Calls(), diff)
	}
	enough := errors.New("enough")
	if err := l.Fleet(t.Context(), func(string, ledger.Summary) error { return enough }); err != enough {
		t.Errorf("a reader who has enough gets %v", err)
	}
	faults.Add(fault.Fault{Call: "GetRange", Mode: fault.ErrorBefore, Status: 403, Code: "OTSNoPermissionAccess"})
	if err := l.Fleet(t.Context(), func(string, ledger.Summary) error { return nil }); !errors.Is(err, engine.ErrDenied) {
		t.Errorf("a shard that cannot be read is an error, not %v", err)
	}
}

func each(all []string, prefix string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(s string) bool { return !strings.HasPrefix(s, prefix) })
}
