package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"aftercare/shared/command"
	"aftercare/shared/decide"
	"aftercare/shared/engine"
	"aftercare/shared/event"
	"aftercare/shared/flow"
	"aftercare/shared/ledger"
	"aftercare/shared/transport"
	"aftercare/tests/bench/wire"
	"aftercare/tests/rig"
)

// The fleet, and the records of each instance: ends, one of them of a task, and a
// flow run and a boot.
const (
	listedInstances = 10_000
	endsEach        = 7
	recordsEach     = endsEach + 3
	writersAtOnce   = 8
)

// listCommands are those that list or show.
var listCommands = [][]string{
	{"now"}, {"instances"}, {"instances", "--limit", "0"}, {"queue"}, {"runs"}, {"tasks"}, {"history"}, {"history", "--failed"}, {"acts"},
	{"show", instanceOf(7)}, {"show", "t-of7end6"},
}

// measureLists times what the operator's tool lists of a large fleet.
func (r *results) measureLists() (err error) {
	s, err := r.newSite(0, newCloud(0))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.end()) }()
	if err := s.settle(listedInstances); err != nil {
		return err
	}
	s.latency = r.latency
	name := fmt.Sprintf("lists of %d instances, %d records", listedInstances, listedInstances*recordsEach)
	for _, args := range listCommands {
		var took []time.Duration
		for range r.rounds {
			begun := time.Now()
			if _, err := s.operate(args...); err != nil {
				return err
			}
			took = append(took, time.Since(begun))
		}
		r.note(name, "aftercare "+strings.Join(args, " "), median(took).Seconds(), "%.2f s", atMost(1), "")
	}
	begun := time.Now()
	if _, err := s.operate("flows", "backtest", "functions/flows.yaml", "--since", "2d"); err != nil {
		return err
	}
	r.note(name, "aftercare flows backtest, of the shipped flows", time.Since(begun).Seconds(), "%.0f s", atMost(120), "")
	return nil
}

// settle writes the rows of n instances with a day behind them.
func (s *site) settle(n int) error {
	pool := transport.NewPool(time.Now)
	defer pool.CloseIdleConnections()
	l, err := ledger.Open(context.Background(), ledger.Config{
		Endpoint: s.endpoint[wire.Tablestore], Instance: "bench", Transport: pool,
	}, transport.NewCredentials(benchKey.ID, benchKey.Secret, benchKey.Token))
	if err != nil {
		return err
	}
	now := time.Now().UTC().Truncate(time.Millisecond)
	next, failed := make(chan int), make(chan error, writersAtOnce)
	var writing sync.WaitGroup
	for range writersAtOnce {
		writing.Go(func() {
			for i := range next {
				for _, c := range past(i, n, now) {
					if err := l.Commit(context.Background(), c); err != nil {
						failed <- fmt.Errorf("write %s: %w", c.InstanceID, err)
						for range next { // the others
						}
						return
					}
				}
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	writing.Wait()
	close(failed)
	return <-failed
}

// past are the commits of the i-th of n instances: of each tenth end a bad one, on
// each tenth instance a task that waits, on each twentieth a task that runs, and on
// each fiftieth a flow run that has not ended.
func past(i, n int, now time.Time) (commits []engine.Commit) {
	id := instanceOf(i)
	at := func(k int) time.Time { // spread over a day
		return now.Add(-24 * time.Hour * time.Duration(k*n+i) / time.Duration(n*recordsEach))
	}
	state := decide.NewState(id)
	in := &state.Instance
	in.Boot, in.BootSeq, in.BootSince, in.BootTime, in.Seen, in.AgentVersion, in.OS = decide.BootBootable, 1, at(9), at(9), true, "2.2.3.529", "linux"
	changes := decide.Changes{Boots: []decide.Boot{{Seq: 1, Time: at(9), EventID: "boot-of-" + id, EventTime: at(9), AgentVersion: "2.2.3.529"}}}
	run := func(k string) decide.FlowRun {
		return decide.FlowRun{ID: decide.Key(k, id), Flow: "look", Chain: []string{"look"}, Cause: "exec/t-of/once", CreatedAt: at(8), Run: flow.Run{StartedAt: at(8)}}
	}
	if i%10 == 0 {
		in.Boot, in.Waiting, in.WaitingUntil = decide.BootWaiting, 1, now.Add(time.Hour)
		t := decide.Task{ID: decide.Key("waits", id), State: decide.TaskQueued, Name: "waits", Priority: 5, Attempt: 1, SubmittedAt: at(1), ExpiresAt: now.Add(time.Hour),
			Command: command.Command{Run: &command.Run{Name: "waits", Type: "RunShellScript", Content: "df -h"}}}
		state.Tasks[t.ID] = t
		changes.Tasks = append(changes.Tasks, decide.Change[decide.Task]{After: &t})
	}
	if i%20 == 1 {
		t := decide.Task{ID: decide.Key("runs", id), State: decide.TaskRunning, Name: "runs", Priority: 5, Attempt: 1, SubmittedAt: at(1), InvokeID: "t-runs" + id, Deadline: now.Add(time.Hour)}
		state.Tasks[t.ID] = t
		changes.Tasks = append(changes.Tasks, decide.Change[decide.Task]{After: &t})
	}
	if i%50 == 2 {
		f := run("open")
		f.Run.Pending.State = flow.PendingCommand
		state.Runs[f.ID] = f
		changes.Runs = append(changes.Runs, decide.Change[decide.FlowRun]{After: &f})
	}
	zero := int64(0)
	ended := decide.Task{
		ID: decide.Key("ended", id), State: decide.TaskSucceeded, Name: "check", InvokeID: fmt.Sprintf("t-of%dend0", i), SubmittedAt: at(8), EndedAt: at(7),
		Status: event.StatusSuccess, ExitCode: &zero,
	}
	f := run("ended")
	f.EndedAt, f.Run.Result = at(7), flow.ResultSucceeded
	changes.Instance, changes.EndedTasks, changes.EndedRuns = in, []decide.Task{ended}, []decide.FlowRun{f}
	commits = append(commits, engine.Commit{ID: "first", InstanceID: id, At: now, Changes: changes, Next: state})
	for k := range endsEach {
		e := event.TaskCompleted{
			Envelope:   event.Envelope{ID: fmt.Sprintf("e-of%dend%d", i, k), Source: "acs.ecs", Kind: event.KindTaskCompleted, Account: rig.Account, Region: rig.Region, Time: at(k)},
			InstanceID: id, InvokeID: fmt.Sprintf("t-of%dend%d", i, k), CommandID: "c-hz1", CommandName: "check", Status: event.StatusSuccess,
			ExitCode: &zero, RepeatMode: "Once", Repeats: 1, StartTime: at(k), FinishTime: at(k),
		}
		if (i+k)%10 == 0 {
			three := int64(3)
			e.Status, e.ExitCode, e.ErrorCode = event.StatusFailed, &three, "ExitCodeNonzero"
		}
		commits = append(commits, engine.Commit{
			ID: "end", InstanceID: id, At: now, Next: state,
			Changes: decide.Changes{Execution: &decide.Execution{Event: e, Name: "check", Source: decide.SourceEvent, Received: at(k)}},
		})
	}
	return commits
}
