package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"aftercare/shared/command"
	"aftercare/shared/event"
	"aftercare/shared/flow"
	"aftercare/shared/ledger"
	"aftercare/shared/remediation"
	"aftercare/shared/transport"
	"aftercare/tests/localcloud/access"
	"aftercare/tests/localcloud/fault"
	"aftercare/tests/localcloud/tablestore"
)

const instanceID = "i-ledger-1"

var (
	start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	key   = access.Key{ID: "STS.ledger-key-id", Secret: "ledger-key-secret", Token: "ledger-security-token"}
)

// open starts a local Tablestore with the tables made, and returns its ledger.
func open(t *testing.T) (*ledger.Ledger, *tablestore.Server, *fault.Set) {
	t.Helper()
	faults := &fault.Set{}
	server, err := tablestore.Start(tablestore.Options{Keys: access.NewKeys(key), Faults: faults})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	l := dial(t, t.Context(), server.Endpoint(), key.Secret)
	if _, err := l.CreateTables(t.Context(), 180*24*time.Hour); err != nil {
		t.Fatal(err)
	}
	faults.ResetCalls()
	return l, server, faults
}

func dial(t *testing.T, ctx context.Context, endpoint, secret string) *ledger.Ledger {
	t.Helper()
	l, err := ledger.Open(ctx, ledger.Config{
		Endpoint: endpoint, Instance: "ledger", Transport: transport.NewPool(time.Now), PerTry: 300 * time.Millisecond,
		Pause: func(context.Context, int) {},
	}, transport.NewCredentials(key.ID, secret, key.Token))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// full is a state with one of everything.
func full() remediation.State {
	s := remediation.NewState(instanceID)
	s.Instance.Boot, s.Instance.BootSeq, s.Instance.BootTime = remediation.BootBootable, 3, start
	s.Instance.WakeAt = start.Add(time.Hour)
	code := int64(3)
	s.Tasks["t1"] = remediation.Task{
		ID: "t1", State: remediation.TaskQueued, Name: "one", Priority: 9, SubmittedAt: start, Attempt: 1,
		Command: command.Command{Run: &command.Run{Name: "one", Content: "echo", Parameters: map[string]string{"a": "b"}}},
	}
	s.Tasks["t2"] = remediation.Task{ID: "t2", State: remediation.TaskRunning, InvokeID: "t-2", Deadline: start, ExitCode: &code}
	s.Effects["e1"] = remediation.Effect{
		Key: "e1", Kind: remediation.EffectAlert, Alert: &remediation.Alert{Summary: "s", ExitCode: &code},
		Claim: remediation.Claim{Commit: "c0", Until: start},
	}
	s.Runs["r1"] = remediation.FlowRun{ID: "r1", Flow: "f", Chain: []string{"f"}, Run: flow.NewRun("r1", definition("f", "echo"), flow.Event{Kind: flow.TaskCompleted}, 1)}
	s.Limits["f"] = remediation.Limit{Flow: "f", Starts: []time.Time{start}, Refused: 1, Until: start.Add(time.Hour)}
	s.Failing["check disk / now"] = remediation.Failing{Name: "check disk / now", Count: 2, Last: start}
	s.Unmatched["t-9"] = remediation.Unmatched{Event: event.TaskCompleted{InvokeID: "t-9", ExitCode: &code}, Received: start}
	return s
}

// creation is the commit that makes the state.
func creation(id string, s remediation.State) remediation.Commit {
	i := s.Instance
	c := remediation.Commit{ID: id, InstanceID: instanceID, At: start, Changes: remediation.Changes{Instance: &i}}
	for _, t := range s.Tasks {
		c.Changes.Tasks = append(c.Changes.Tasks, remediation.Change[remediation.Task]{After: &t})
	}
	for _, e := range s.Effects {
		c.Changes.Effects = append(c.Changes.Effects, remediation.Change[remediation.Effect]{After: &e})
	}
	for _, r := range s.Runs {
		c.Changes.Runs = append(c.Changes.Runs, remediation.Change[remediation.FlowRun]{After: &r})
	}
	for _, u := range s.Unmatched {
		c.Changes.Unmatched = append(c.Changes.Unmatched, remediation.Change[remediation.Unmatched]{After: &u})
	}
	for _, l := range s.Limits {
		c.Changes.Limits = append(c.Changes.Limits, remediation.Change[remediation.Limit]{After: &l})
	}
	for _, f := range s.Failing {
		c.Changes.Failing = append(c.Changes.Failing, remediation.Change[remediation.Failing]{After: &f})
	}
	return c
}

// definition is a flow of one step.
func definition(name, content string) flow.Definition {
	return flow.Definition{
		Name: name, On: []string{flow.TaskCompleted}, Mode: flow.ModeLive, Timeout: flow.Duration(time.Hour), WhenBusy: flow.BusyQueue,
		Limits: flow.Limits{PerInstance: flow.InstanceLimit{Max: 30, Window: flow.Duration(time.Hour)}},
		Steps: []flow.Step{{ID: "step", Run: &command.Run{
			Name: name + "/step", Type: "RunShellScript", Content: content, Timeout: flow.Duration(time.Minute),
		}}},
	}
}

func execution(invokeID string) *remediation.Execution {
	code := int64(3)
	return &remediation.Execution{
		Event: event.TaskCompleted{
			Envelope:   event.Envelope{ID: "ev", Source: "acs.ecs", Kind: event.KindTaskCompleted, Account: "1", Region: "r", Time: start},
			InstanceID: instanceID, InvokeID: invokeID, CommandID: "c", CommandName: "n", Status: event.StatusFailed,
			ExitCode: &code, ErrorCode: "ExitCodeNonzero", ErrorDesc: "d", RepeatMode: "Once", Repeats: 1,
			StartTime: start, FinishTime: start.Add(time.Second), OwnerUID: "o", PlayerUID: "p",
		},
		Name: "n", TaskID: "task", RunID: "run", Step: "step", Source: "event", Received: start.Add(time.Minute),
	}
}

func TestLoadReturnsWhatACommitWrote(t *testing.T) {
	l, _, _ := open(t)
	want := full()
	if err := l.Commit(t.Context(), creation("c1", want)); err != nil {
		t.Fatal(err)
	}
	got, err := l.Load(t.Context(), instanceID)
	if err != nil {
		t.Fatal(err)
	}
	want.Instance.Rev = 1
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("state (-want +got):\n%s", diff)
	}
	other, err := l.Load(t.Context(), instanceID+"x")
	if err != nil {
		t.Fatal(err)
	}
	if other.Instance.Rev != 0 || len(other.Tasks) > 0 {
		t.Errorf("another instance's state = %+v, want an empty one", other)
	}
}

// TestALoadReadsEveryPage: Tablestore returns at most 4 MB at once. A decision
// that was made on the first 4 MB would pass the guard.
func TestALoadReadsEveryPage(t *testing.T) {
	l, faults := openPatiently(t)
	for i := range int64(4) {
		task := remediation.Task{ID: fmt.Sprint("t", i), State: remediation.TaskRunning, Reason: strings.Repeat("r", 2<<20-1000)}
		err := l.Commit(t.Context(), remediation.Commit{ID: fmt.Sprint("c", i), InstanceID: instanceID, Changes: remediation.Changes{
			Instance: &remediation.Instance{Rev: i}, Tasks: []remediation.Change[remediation.Task]{{After: &task}},
		}})
		if err != nil {
			t.Fatal(err)
		}
	}
	s, err := l.Load(t.Context(), instanceID)
	if err != nil || len(s.Tasks) != 4 {
		t.Errorf("a load returned %d tasks and %v, want 4", len(s.Tasks), err)
	}
	if n := faults.Calls()["GetRange"]; n < 2 {
		t.Errorf("the load made %d calls: one page held it", n)
	}
}

func TestACommitMovesATaskBetweenItsRows(t *testing.T) {
	l, _, _ := open(t)
	s := full()
	if err := l.Commit(t.Context(), creation("c1", s)); err != nil {
		t.Fatal(err)
	}
	s.Instance.Rev = 1
	before := s.Tasks["t1"]
	after := before
	after.State = remediation.TaskReleasing
	gone := s.Effects["e1"]
	err := l.Commit(t.Context(), remediation.Commit{ID: "c2", InstanceID: instanceID, Changes: remediation.Changes{
		Instance: &s.Instance,
		Tasks:    []remediation.Change[remediation.Task]{{Before: &before, After: &after}},
		Effects:  []remediation.Change[remediation.Effect]{{Before: &gone}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	got, err := l.Load(t.Context(), instanceID)
	if err != nil {
		t.Fatal(err)
	}
	if got.Tasks["t1"].State != remediation.TaskReleasing || len(got.Tasks) != 2 || len(got.Effects) != 0 || got.Instance.Rev != 2 {
		t.Errorf("state = %+v, want t1 releasing, two tasks, no effect, rev 2", got)
	}
}

func TestACommitConflicts(t *testing.T) {
	for name, second := range map[string]func(c *remediation.Changes){
		"with a first commit that another one preceded": func(c *remediation.Changes) {
			c.Instance = &remediation.Instance{}
		},
		"with a rev that is not the instance's": func(c *remediation.Changes) {
			c.Instance = &remediation.Instance{Rev: 7}
		},
		"with an execution that is recorded": func(c *remediation.Changes) {
			c.Instance = &remediation.Instance{Rev: 1}
			c.Execution = execution("t-1")
		},
		"with an input that is recorded": func(c *remediation.Changes) {
			c.Instance = &remediation.Instance{Rev: 1}
			c.Input = &remediation.InputRecord{Key: "k"}
		},
	} {
		t.Run(name, func(t *testing.T) {
			l, _, _ := open(t)
			first := creation("c1", full())
			first.Changes.Execution = execution("t-1")
			first.Changes.Input = &remediation.InputRecord{Key: "k", Answer: "the answer"}
			if err := l.Commit(t.Context(), first); err != nil {
				t.Fatal(err)
			}
			task := remediation.Task{ID: "new", State: remediation.TaskRunning}
			c := remediation.Commit{ID: "c2", InstanceID: instanceID, Changes: remediation.Changes{
				Tasks: []remediation.Change[remediation.Task]{{After: &task}},
			}}
			second(&c.Changes)
			if err := l.Commit(t.Context(), c); !errors.Is(err, remediation.ErrConflict) {
				t.Errorf("second commit = %v, want ErrConflict", err)
			}
			got, err := l.Load(t.Context(), instanceID)
			if err != nil {
				t.Fatal(err)
			}
			if _, written := got.Tasks["new"]; written || got.Instance.Rev != 1 {
				t.Errorf("the failed commit left rev %d and task written = %t", got.Instance.Rev, written)
			}
			for _, once := range []string{"exec/t-1/once", "input/k"} {
				r, err := l.Recorded(t.Context(), instanceID, once)
				if err != nil || r == nil || r.CommitID != "c1" {
					t.Errorf("Recorded(%s) = %+v, %v, want commit c1", once, r, err)
				}
			}
		})
	}
}

func TestRecordedIsNilForWhatIsNotRecorded(t *testing.T) {
	l, _, _ := open(t)
	if r, err := l.Recorded(t.Context(), instanceID, "exec/none/once"); r != nil || err != nil {
		t.Errorf("Recorded = %+v, %v, want nothing", r, err)
	}
}

func TestRecordsReturnWhatCommitsLogged(t *testing.T) {
	l, _, _ := open(t)
	e := execution("t-1")
	c := remediation.Commit{ID: "c1", InstanceID: instanceID, Changes: remediation.Changes{
		Instance: &remediation.Instance{}, Execution: e,
		EndedTasks: []remediation.Task{{ID: "t", State: remediation.TaskFailed}},
		EndedRuns:  []remediation.FlowRun{{ID: "r", Run: flow.Run{Result: "failed", Ended: true}}},
		Boots:      []remediation.Boot{{Seq: 2, Time: start}, {Seq: 10, Time: start}},
		LostAlerts: []remediation.Effect{{Key: "a"}},
	}}
	if err := l.Commit(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	got, err := l.Records(t.Context(), instanceID)
	if err != nil {
		t.Fatal(err)
	}
	want := ledger.Records{
		Executions: []remediation.Execution{*e}, Tasks: c.Changes.EndedTasks, Runs: c.Changes.EndedRuns,
		Boots: c.Changes.Boots, LostAlerts: c.Changes.LostAlerts,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
}

func TestHistoryKeepsTheFirstRecordOfAnExecution(t *testing.T) {
	l, _, _ := open(t)
	first, again := *execution("t-1"), *execution("t-1")
	again.Received = again.Received.Add(time.Hour)
	for _, e := range []remediation.Execution{first, again, *execution("t-2")} {
		if err := l.PutHistory(t.Context(), instanceID, e); err != nil {
			t.Fatal(err)
		}
	}
	var got []remediation.Execution
	err := l.History(t.Context(), start, func(e remediation.Execution) error {
		got = append(got, e)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]remediation.Execution{first, *execution("t-2")}, got); diff != "" {
		t.Errorf("history (-want +got):\n%s", diff)
	}
}

func TestWakeupsAreDueFromTheirTimeOn(t *testing.T) {
	l, _, _ := open(t)
	want := map[string]bool{}
	for i := range 250 {
		w := remediation.Wakeup{InstanceID: fmt.Sprintf("i-%03d", i), Due: start.Add(time.Duration(i-200) * time.Second)}
		if err := l.Arm(t.Context(), w); err != nil {
			t.Fatal(err)
		}
		if !w.Due.After(start) {
			want[w.InstanceID] = true
		}
	}
	if err := l.Disarm(t.Context(), remediation.Wakeup{InstanceID: "i-007", Due: start.Add(-193 * time.Second)}); err != nil {
		t.Fatal(err)
	}
	delete(want, "i-007")
	got := map[string]bool{}
	err := l.Due(t.Context(), start, func(page []remediation.Wakeup) bool {
		for _, w := range page {
			got[w.InstanceID] = true
		}
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("due instances (-want +got):\n%s", diff)
	}
}

func TestWakeupsAreReadPageByPageUntilTheReaderHasEnough(t *testing.T) {
	l, _, _ := open(t)
	for i := range 250 { // of one instance, so of one shard
		w := remediation.Wakeup{InstanceID: instanceID, Due: start.Add(-time.Duration(i) * time.Second)}
		if err := l.Arm(t.Context(), w); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 40 { // of all shards
		if err := l.Arm(t.Context(), remediation.Wakeup{InstanceID: fmt.Sprintf("i-%03d", i), Due: start}); err != nil {
			t.Fatal(err)
		}
	}
	all := 0
	if err := l.Due(t.Context(), start, func(page []remediation.Wakeup) bool { all += len(page); return true }); err != nil {
		t.Fatal(err)
	}
	if all != 290 {
		t.Errorf("%d wake-ups were read, want 290", all)
	}
	pages := 0
	if err := l.Due(t.Context(), start, func([]remediation.Wakeup) bool { pages++; return false }); err != nil {
		t.Fatal(err)
	}
	if pages != 1 {
		t.Errorf("a reader who wanted no more got %d pages", pages)
	}
}

func TestCreateTablesRefusesATableOfAnotherShape(t *testing.T) {
	l, _, _ := open(t)
	made, err := l.CreateTables(t.Context(), 180*24*time.Hour)
	if len(made) > 0 || err != nil {
		t.Errorf("creating again made %v, %v, want nothing", made, err)
	}
	if _, err := l.CreateTables(t.Context(), 90*24*time.Hour); err == nil || !strings.Contains(err.Error(), "time to live") {
		t.Errorf("creating with another TTL = %v, want an error about it", err)
	}
	if _, err := l.CreateTables(t.Context(), time.Hour); err == nil {
		t.Error("a TTL of an hour was accepted")
	}
}

// TestWritesAreNotSentTwice: the SDK would send a write again after a
// transport error.
func TestWritesAreNotSentTwice(t *testing.T) {
	for _, mode := range []fault.Mode{fault.CutAfter, fault.HangAfter, fault.ErrorAfter, fault.CutBefore, fault.HangBefore} {
		t.Run(string(mode), func(t *testing.T) {
			l, _, faults := open(t)
			faults.Add(fault.Fault{Call: "BatchWriteRow", Mode: mode})
			err := l.Commit(t.Context(), creation("c1", full()))
			if !errors.Is(err, remediation.ErrUnknownOutcome) {
				t.Errorf("commit = %v, want ErrUnknownOutcome", err)
			}
			if n := faults.Calls()["BatchWriteRow"]; n != 1 {
				t.Errorf("the write was sent %d times", n)
			}
		})
	}
}

func TestWhatHadNoEffectOrDoesNoHarmIsTriedAgain(t *testing.T) {
	busy := fault.Fault{Mode: fault.ErrorBefore, Status: 503, Code: "OTSServerBusy", Message: "busy", Times: 3}
	for name, c := range map[string]struct {
		fault fault.Fault
		call  func(*ledger.Ledger, context.Context) error
	}{
		"a commit that was rejected": {busy, func(l *ledger.Ledger, ctx context.Context) error {
			return l.Commit(ctx, creation("c1", full()))
		}},
		"a load that was cut off": {fault.Fault{Mode: fault.CutBefore, Times: 3}, func(l *ledger.Ledger, ctx context.Context) error {
			_, err := l.Load(ctx, instanceID)
			return err
		}},
		"a wake-up whose arming was cut off after it": {fault.Fault{Mode: fault.CutAfter, Times: 3}, func(l *ledger.Ledger, ctx context.Context) error {
			return l.Arm(ctx, remediation.Wakeup{InstanceID: instanceID, Due: start})
		}},
		"a history record that hung": {fault.Fault{Mode: fault.HangAfter}, func(l *ledger.Ledger, ctx context.Context) error {
			return l.PutHistory(ctx, instanceID, *execution("t-1"))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			l, _, faults := open(t)
			faults.Add(c.fault)
			if err := c.call(l, t.Context()); err != nil {
				t.Error(err)
			}
			if faults.Struck() == 0 {
				t.Error("the fault never struck")
			}
		})
	}
}

// TestALoadReadsTheInstanceFirst: a commit that lands during a load must break
// the guard of a decision that was made on it.
func TestALoadReadsTheInstanceFirst(t *testing.T) {
	l, server, _ := open(t)
	if err := l.Commit(t.Context(), creation("c1", full())); err != nil {
		t.Fatal(err)
	}
	landed := false
	server.OnRow(func(_ string, row int) {
		if row != 1 || landed {
			return
		}
		landed = true
		c := creation("c2", full())
		c.Changes.Instance.Rev = 1
		if err := l.Commit(t.Context(), c); err != nil {
			t.Error(err)
		}
	})
	torn, err := l.Load(t.Context(), instanceID)
	if err != nil {
		t.Fatal(err)
	}
	server.OnRow(nil)
	if !landed {
		t.Fatal("no commit landed inside the load")
	}
	i := torn.Instance
	err = l.Commit(t.Context(), remediation.Commit{ID: "c3", InstanceID: instanceID, Changes: remediation.Changes{Instance: &i}})
	if !errors.Is(err, remediation.ErrConflict) {
		t.Errorf("a commit on the torn load = %v, want ErrConflict", err)
	}
}

func TestErrorsTellTheClassAndNoSecret(t *testing.T) {
	_, server, faults := open(t)
	cases := map[string]struct {
		want error
		call func() error
	}{
		"a wrong secret": {remediation.ErrDenied, func() error {
			_, err := dial(t, t.Context(), server.Endpoint(), "another-secret-word").Load(t.Context(), instanceID)
			return err
		}},
		"an unknown host": {remediation.ErrUnavailable, func() error {
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			_, err := dial(t, ctx, "http://127.0.0.1:1", key.Secret).Load(ctx, instanceID)
			return err
		}},
		"a cut": {remediation.ErrUnknownOutcome, func() error {
			faults.Add(fault.Fault{Call: "BatchWriteRow", Mode: fault.CutBefore})
			return dial(t, t.Context(), server.Endpoint(), key.Secret).Commit(t.Context(), creation("c", full()))
		}},
		"time that is up": {remediation.ErrUnavailable, func() error {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			_, err := dial(t, ctx, server.Endpoint(), key.Secret).Load(ctx, instanceID)
			return err
		}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			err := c.call()
			if !errors.Is(err, c.want) {
				t.Errorf("error = %v, want %v", err, c.want)
			}
			text := fmt.Sprintf("%v %+v %#v", err, err, err)
			for _, secret := range []string{key.ID, key.Secret, key.Token, "another-secret-word", "http://", "127.0.0.1", "x-ots"} {
				if strings.Contains(text, secret) {
					t.Errorf("the error shows %q: %s", secret, text)
				}
			}
		})
	}
}

func TestOpenRefusesAnEndpointThatWouldSendKeysInTheClear(t *testing.T) {
	for _, endpoint := range []string{"http://aftercare.example.com", "ftp://127.0.0.1", "nonsense", "https://host:99999", "https://host/path", ""} {
		_, err := ledger.Open(t.Context(), ledger.Config{Endpoint: endpoint, Instance: "i", Transport: http.DefaultTransport},
			transport.NewCredentials("a", "b", ""))
		if err == nil {
			t.Errorf("Open accepted %q", endpoint)
		}
	}
}
