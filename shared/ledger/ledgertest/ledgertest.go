// Package ledgertest holds every implementation of engine.Ledger and
// engine.Shared to the same promises, those of tests included. It knows nothing
// of how they store what they are given.
package ledgertest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"aftercare/shared/decide"
	"aftercare/shared/engine"
)

// Subject is an implementation that stores nothing yet.
type Subject struct {
	engine.Ledger
	engine.Shared
	// Torn is a Load that calls between after its n-th row; never if there are
	// fewer rows.
	Torn func(ctx context.Context, instanceID string, n int, between func()) (decide.State, error)
	// Stop stores a stop.
	Stop func(decide.Stop) error
	// Resume ends a stop, and a flow's breaker with it.
	Resume func(decide.Scope) error
}

// Exercise tests an implementation. open returns a new subject for each test.
func Exercise(t *testing.T, open func(*testing.T) Subject) {
	for name, test := range map[string]func(*testing.T, Subject){
		"a load returns what commits wrote":                     loads,
		"a commit on what has changed conflicts":                conflicts,
		"a commit that lands in the middle of a load breaks it": tears,
		"one of many commits wins":                              races,
		"an oversized commit is invalid":                        refusals,
		"what is recorded names its commit":                     records,
		"wake-ups are due from their time on":                   wakes,
		"stops and breakers are read together":                  controls,
		"a breaker stands until its time is over":               opens,
		"a breaker is closed once, under its key":               closes,
		"a failure counts once":                                 counts,
		"failures count from since on":                          countsSince,
		"failures count from a reset on":                        countsFromReset,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

// Must ends the test unless all went well.
func Must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// MustCommit commits c.
func MustCommit(t *testing.T, s engine.Ledger, c engine.Commit) {
	t.Helper()
	Must(t, s.Commit(t.Context(), c))
}

func mustLoad(t *testing.T, s Subject, instanceID string) decide.State {
	t.Helper()
	state, err := s.Load(t.Context(), instanceID)
	Must(t, err)
	queue, err := s.Queue(t.Context(), instanceID)
	Must(t, err)
	if len(queue) != state.Unread {
		t.Errorf("%d tasks are queued, and the load counts %d", len(queue), state.Unread)
	}
	state.AddQueue(queue)
	ids := slices.Collect(maps.Keys(state.Tasks))
	if len(ids) == 0 {
		return state
	}
	texts, err := s.Texts(t.Context(), instanceID, ids)
	Must(t, err)
	for id, task := range state.Tasks {
		task.Command = texts[id]
		state.Tasks[id] = task
	}
	return state
}

func loads(t *testing.T, s Subject) {
	if diff := cmp.Diff(decide.NewState(InstanceID), mustLoad(t, s, InstanceID)); diff != "" {
		t.Errorf("state of an unknown instance (-want +got):\n%s", diff)
	}
	want := Full()
	MustCommit(t, s, Creation("c1", want))
	want.Instance.Rev = Start.UnixMilli()
	if diff := cmp.Diff(want, mustLoad(t, s, InstanceID)); diff != "" {
		t.Errorf("state after the first commit (-want +got):\n%s", diff)
	}
	if other := mustLoad(t, s, InstanceID+"x"); other.Instance.Rev != 0 || len(other.Tasks) > 0 {
		t.Errorf("another instance's state = %+v, want an empty one", other)
	}

	before := mustLoad(t, s, InstanceID)
	task := want.Tasks["t1"]
	task.State = decide.TaskReleasing
	want.Tasks["t1"] = task
	delete(want.Tasks, "t2")
	delete(want.Sends, "s1")
	MustCommit(t, s, Between("c2", before, want))
	want.Instance.Rev++
	want.Instance.Waiting = 0
	if diff := cmp.Diff(want, mustLoad(t, s, InstanceID)); diff != "" {
		t.Errorf("state after the second commit (-want +got):\n%s", diff)
	}
}

func conflicts(t *testing.T, s Subject) {
	first := Creation("c1", Full())
	first.Changes.Execution = Execution("t-1")
	first.Changes.Input = &decide.InputRecord{Key: "k", Answer: "the answer", Hash: "h"}
	MustCommit(t, s, first)
	rev := mustLoad(t, s, InstanceID).Instance.Rev
	for name, change := range map[string]func(*decide.Changes){
		"a first commit that another one preceded": func(c *decide.Changes) { c.Instance.Rev = 0 },
		"a rev that is not the instance's":         func(c *decide.Changes) { c.Instance.Rev++ },
		"an execution that is recorded":            func(c *decide.Changes) { c.Execution = Execution("t-1") },
		"an input that is recorded":                func(c *decide.Changes) { c.Input = &decide.InputRecord{Key: "k"} },
		"nothing but an input that is recorded": func(c *decide.Changes) {
			*c = decide.Changes{Input: &decide.InputRecord{Key: "k"}}
		},
	} {
		task := decide.Task{ID: "new", State: decide.TaskRunning}
		c := engine.Commit{ID: "c2", InstanceID: InstanceID, At: Start, Changes: decide.Changes{
			Instance: &decide.Instance{Rev: rev}, Tasks: []decide.Change[decide.Task]{{After: &task}},
		}}
		change(&c.Changes)
		if err := s.Commit(t.Context(), c); !errors.Is(err, engine.ErrConflict) {
			t.Errorf("%s: %v, want ErrConflict", name, err)
		}
		after := mustLoad(t, s, InstanceID)
		if _, written := after.Tasks["new"]; written || after.Instance.Rev != rev {
			t.Errorf("%s: the failed commit left rev %d and task written = %t", name, after.Instance.Rev, written)
		}
	}
	for _, once := range []string{"exec/t-1/once", "input/k"} {
		if r, err := s.Recorded(t.Context(), InstanceID, once); err != nil || r == nil || r.CommitID != "c1" {
			t.Errorf("Recorded(%s) = %+v, %v, want commit c1", once, r, err)
		}
	}
}

// tears lets a commit land after each row of a load in turn: it moves the queued
// task to the rows that were read, and the running one to those that were not.
func tears(t *testing.T, s Subject) {
	MustCommit(t, s, Creation("c", Full()))
	for n := 1; ; n++ {
		before := mustLoad(t, s, InstanceID)
		after := mustLoad(t, s, InstanceID)
		for id, task := range after.Tasks {
			task.State = map[decide.TaskState]decide.TaskState{decide.TaskQueued: decide.TaskRunning, decide.TaskRunning: decide.TaskQueued}[task.State]
			after.Tasks[id] = task
		}
		landed := false
		torn, err := s.Torn(t.Context(), InstanceID, n, func() {
			landed = true
			if err := s.Commit(t.Context(), Between(fmt.Sprint("c", n), before, after)); err != nil {
				t.Error(err)
			}
		})
		Must(t, err)
		if !landed {
			if rows := 7; n < rows {
				t.Errorf("a load of %d rows ended after %d", rows, n)
			}
			return
		}
		err = s.Commit(t.Context(), engine.Commit{ID: "torn", InstanceID: InstanceID, At: Start, Changes: decide.Changes{Instance: &torn.Instance}})
		if !errors.Is(err, engine.ErrConflict) {
			t.Errorf("a commit on a load that was torn after row %d = %v, want ErrConflict", n, err)
		}
	}
}

func races(t *testing.T, s Subject) {
	for _, before := range []decide.State{decide.NewState(InstanceID), Full()} {
		before.Instance.Rev = mustLoad(t, s, InstanceID).Instance.Rev
		var won atomic.Int32
		var all sync.WaitGroup
		for i := range 8 {
			all.Go(func() {
				err := s.Commit(t.Context(), Between(fmt.Sprint("c", i), before, Full()))
				switch {
				case err == nil:
					won.Add(1)
				case !errors.Is(err, engine.ErrConflict):
					t.Error(err)
				}
			})
		}
		all.Wait()
		if won.Load() != 1 {
			t.Errorf("%d commits on rev %d won, want 1", won.Load(), before.Instance.Rev)
		}
	}
}

func refusals(t *testing.T, s Subject) {
	tasks := func(n int) (out []decide.Task) {
		for i := range n {
			out = append(out, decide.Task{ID: fmt.Sprint("t", i)})
		}
		return out
	}
	for name, ended := range map[string][]decide.Task{
		"201 rows":     tasks(200),
		"a task twice": append(tasks(1), tasks(1)...),
	} {
		err := s.Commit(t.Context(), engine.Commit{ID: "c", InstanceID: InstanceID, At: Start, Changes: decide.Changes{
			Input: &decide.InputRecord{Key: "k"}, EndedTasks: ended,
		}})
		if r, recorded := s.Recorded(t.Context(), InstanceID, "input/k"); !errors.Is(err, engine.ErrInvalid) || r != nil || recorded != nil {
			t.Errorf("%s: %v, recorded %+v, %v, want ErrInvalid and nothing", name, err, r, recorded)
		}
	}
}

func records(t *testing.T, s Subject) {
	if r, err := s.Recorded(t.Context(), InstanceID, "exec/t-1/once"); r != nil || err != nil {
		t.Errorf("Recorded = %+v, %v, want nothing", r, err)
	}
	MustCommit(t, s, engine.Commit{ID: "c1", InstanceID: InstanceID, At: Start, Changes: decide.Changes{
		Execution: Execution("t-1"), Input: &decide.InputRecord{Key: "k", Answer: "a", Hash: "h"},
	}})
	for once, want := range map[string]engine.Recorded{
		"exec/t-1/once": {CommitID: "c1"}, "input/k": {CommitID: "c1", Answer: "a", Hash: "h"},
	} {
		if r, err := s.Recorded(t.Context(), InstanceID, once); err != nil || r == nil || *r != want {
			t.Errorf("Recorded(%s) = %+v, %v, want %+v", once, r, err, want)
		}
	}
	if state := mustLoad(t, s, InstanceID); state.Instance.Rev != 0 {
		t.Errorf("records alone gave the instance rev %d", state.Instance.Rev)
	}
}

func wakes(t *testing.T, s Subject) {
	due := func(now time.Time, more bool) (out []engine.Wakeup) {
		t.Helper()
		Must(t, s.Due(t.Context(), now, func(page []engine.Wakeup) bool { out = append(out, page...); return more }))
		return out
	}
	twice := func(do func(context.Context, engine.Wakeup) error, w engine.Wakeup) {
		t.Helper()
		Must(t, errors.Join(do(t.Context(), w), do(t.Context(), w)))
	}
	want := make([]engine.Wakeup, 250)
	for i := 249; i >= 0; i-- { // the last one first
		want[i] = engine.Wakeup{InstanceID: InstanceID, Due: Start.Add(time.Duration(i) * time.Second)}
		twice(s.Arm, want[i])
	}
	twice(s.Disarm, want[7])
	// Arming again replaces what a wake-up says.
	plain := want[8]
	want[8].Commands, want[8].Else = 3, Start.Add(time.Hour)
	want[9].Commands, want[9].Else = 3, Start.Add(time.Hour)
	twice(s.Arm, want[8])
	twice(s.Arm, want[9])
	twice(s.Arm, plain)
	want[8] = plain
	// A fraction of a millisecond is lost, in both.
	odd := engine.Wakeup{InstanceID: InstanceID, Due: Start.Add(-time.Hour + 300*time.Microsecond)}
	twice(s.Arm, odd)
	twice(s.Disarm, odd)
	now := want[200].Due
	want = slices.Delete(want[:201], 7, 8)
	if diff := cmp.Diff(want, due(now, true)); diff != "" {
		t.Errorf("due, the oldest first (-want +got):\n%s", diff)
	}
	if got := due(Start.Add(-time.Millisecond), true); len(got) > 0 {
		t.Errorf("before the first: %v", got)
	}
	if got := due(now, false); len(got) == 0 || len(got) > len(want) {
		t.Errorf("%d wake-ups were due in one page", len(got))
	}
}
