package engine_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"aftercare/shared/command"
	"aftercare/shared/decide"
	"aftercare/shared/engine"
	"aftercare/shared/event"

	"github.com/google/go-cmp/cmp"
)

// now is when every decision of these tests is made.
var now = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

// claim is what the decisions' own claims bear, held is somebody else's.
var (
	claim = decide.Claim{Commit: "mine", Until: now.Add(2 * time.Minute)}
	held  = decide.Claim{Commit: "theirs", Until: now.Add(time.Minute)}
	stale = decide.Claim{Commit: "dead", Until: now.Add(-time.Minute)}
)

// policy is the default policy with alerts, and without flows.
func policy() decide.Policy {
	p := decide.DefaultPolicy()
	p.AlertOn = map[event.Status]bool{event.StatusFailed: true, event.StatusTimeout: true, event.StatusAborted: true}
	return p
}

// state is an instance with a boot state, and the rows that each option adds.
func state(boot decide.BootState, rows ...func(*decide.State)) decide.State {
	s := decide.NewState("i-1")
	s.Instance.Rev = 7
	s.Instance.Boot = boot
	if boot != decide.BootUnknown {
		s.Instance.BootSince = now.Add(-time.Hour)
		s.Instance.BootTime = now.Add(-time.Hour - time.Minute)
		s.Instance.BootSeq = 3
	}
	if boot == decide.BootWaiting {
		s.Instance.CheckAt = now.Add(time.Minute)
	}
	for _, row := range rows {
		row(&s)
	}
	return s
}

// id is a task's id, spelled out from a short one.
func id(short string) string { return strings.Repeat("0", 32-len(short)) + short }

// task is a queued command with the task's id as its name.
func task(short string, change ...func(*decide.Task)) func(*decide.State) {
	return func(s *decide.State) {
		t := decide.Task{
			ID: id(short), State: decide.TaskQueued, Name: short, Priority: 5, Attempt: 1, Cause: "cause",
			Command:     command.Command{Run: &command.Run{Name: short, Type: "RunShellScript", Content: "true"}},
			SubmittedAt: now.Add(-time.Minute), ExpiresAt: now.Add(time.Hour),
		}
		for _, c := range change {
			c(&t)
		}
		t.Kind, t.Timeout = decide.SendRun, t.Command.Timeout()
		if saved := t.Command.Invoke; saved != nil {
			t.Kind, t.CommandID = decide.SendInvoke, saved.CommandID
		}
		s.Tasks[t.ID] = t
		if t.State == decide.TaskReleasing {
			s.Sends[t.SendKey] = decide.Send{
				Key: t.SendKey, Kind: decide.SendRun, TaskID: t.ID, Attempt: t.Attempt, Tries: 1,
				PlannedAt: now.Add(-time.Minute),
			}
		}
	}
}

func priority(n int) func(*decide.Task) {
	return func(t *decide.Task) { t.Priority = n }
}

func submittedAgo(d time.Duration) func(*decide.Task) {
	return func(t *decide.Task) { t.SubmittedAt = now.Add(-d) }
}

func expired(t *decide.Task) { t.ExpiresAt = now.Add(-time.Second) }

func cancelled(t *decide.Task) { t.Cancel = true }

// saved makes the task one that invokes a saved command.
func saved(t *decide.Task) {
	t.Name, t.Command = savedCommand, command.Command{Invoke: &command.Invoke{CommandID: savedCommand}}
}

// releasing makes the task one whose effect is planned; effect then says more.
func releasing(t *decide.Task) {
	t.State, t.SendKey = decide.TaskReleasing, effectOf(t.ID)
}

// effectOf is the key of a task's effect in these tests.
func effectOf(taskID string) string { return strings.Replace(taskID, "0", "e", 1) }

func running(invokeID string) func(*decide.Task) {
	return func(t *decide.Task) {
		t.State, t.InvokeID, t.Deadline = decide.TaskRunning, invokeID, now.Add(time.Minute)
	}
}

// missing makes a running task one that Cloud Assistant has not listed for an hour.
func missing(t *decide.Task) { t.Missing, t.MissingSince = 5, now.Add(-time.Hour) }

// effect changes the effect of a releasing task.
func effect(short string, change ...func(*decide.Send)) func(*decide.State) {
	return func(s *decide.State) {
		e := s.Sends[effectOf(id(short))]
		for _, c := range change {
			c(&e)
		}
		s.Sends[e.Key] = e
	}
}

// heldBy holds the instance's commands back.
func heldBy(kind decide.ResultKind, in time.Duration) func(*decide.State) {
	return func(s *decide.State) { s.Instance.HeldBy, s.Instance.HeldUntil = kind, now.Add(in) }
}

func claimedBy(c decide.Claim) func(*decide.Send) {
	return func(e *decide.Send) { e.Claim = c }
}

func firstSent(ago time.Duration) func(*decide.Send) {
	return func(e *decide.Send) { e.FirstSent = now.Add(-ago) }
}

func priorSent(ago time.Duration) func(*decide.Send) {
	return func(e *decide.Send) { e.PriorSent = now.Add(-ago) }
}

func notBefore(in time.Duration) func(*decide.Send) {
	return func(e *decide.Send) { e.NotBefore = now.Add(in) }
}

// decide makes a decision. Whatever the test is about, the state that it is
// given must stay as it was, and the decision must be the same each time.
func must(t *testing.T, s decide.State, in decide.Input, f decide.Facts, p decide.Policy) decide.Decision {
	t.Helper()
	return decideAt(t, now, s, in, f, p)
}

func decideAt(t *testing.T, now time.Time, s decide.State, in decide.Input, f decide.Facts, p decide.Policy) decide.Decision {
	t.Helper()
	before := picture(s)
	d := decide.Decide(s, in, f, p, decide.Moment{Now: now, Claim: claim})
	if after := picture(s); after != before {
		t.Errorf("Decide changed the state that it was given (-before +after):\n%s", cmp.Diff(before, after))
	}
	first := fmt.Sprintf("%s %+v", encode(d), d.Next.Instance)
	times := 8
	if len(first) > 1<<18 {
		times = 1
	}
	for range times {
		again := decide.Decide(s, in, f, p, decide.Moment{Now: now, Claim: claim})
		if got := fmt.Sprintf("%s %+v", encode(again), again.Next.Instance); got != first {
			t.Fatalf("Decide is not deterministic (-first +again):\n%s", cmp.Diff(first, got))
		}
	}
	checkChanges(t, s, d)
	return d
}

// picture is all of a state as text.
func picture(s decide.State) string {
	return fmt.Sprintf("%s %s %d", encode(s), s.Instance.ID, s.Instance.Rev)
}

// checkChanges: the changes applied to the state give the next state, each
// row is there once, live changes come with the instance's row, and all of it
// fits into one commit.
func checkChanges(t *testing.T, s decide.State, d decide.Decision) {
	t.Helper()
	c := d.Changes
	check := func(kind string, got, want any) {
		if diff := cmp.Diff(got, want); diff != "" {
			t.Errorf("the changes of %s do not give the next state (-changes +next):\n%s", kind, diff)
		}
	}
	check("tasks", apply(s.Tasks, c.Tasks, func(t decide.Task) string { return t.ID }), d.Next.Tasks)
	check("sends", apply(s.Sends, c.Sends, func(e decide.Send) string { return e.Key }), d.Next.Sends)
	check("messages", apply(s.Messages, c.Messages, decide.Message.Row), d.Next.Messages)
	check("flow runs", apply(s.Runs, c.Runs, func(r decide.FlowRun) string { return r.ID }), d.Next.Runs)
	check("unmatched ends", apply(s.Unmatched, c.Unmatched, func(u decide.Unmatched) string { return u.Event.InvokeID }), d.Next.Unmatched)
	check("limits", apply(s.Limits, c.Limits, func(l decide.Limit) string { return l.Flow }), d.Next.Limits)
	check("failing commands", apply(s.Failing, c.Failing, func(f decide.Failing) string { return f.Name }), d.Next.Failing)
	live := len(c.Tasks) + len(c.Sends) + len(c.Messages) + len(c.Runs) + len(c.Unmatched) + len(c.Limits) + len(c.Failing)
	if live > 0 && c.Instance == nil {
		t.Error("live rows change without the instance's row, which carries the guard")
	}
	b := batchOf(engine.Commit{InstanceID: s.Instance.ID, Changes: c})
	if n := len(b.puts) + len(b.drops); n > maxRows || b.bytes > maxBytes || b.twice != "" {
		t.Errorf("the commit has %d rows, %d bytes, and a row twice: %q", n, b.bytes, b.twice)
	}
}

func apply[T any](before map[string]T, changes []decide.Change[T], key func(T) string) map[string]T {
	after := map[string]T{}
	for k, v := range before {
		after[k] = v
	}
	for _, c := range changes {
		if c.Before != nil {
			delete(after, key(*c.Before))
		}
		if c.After != nil {
			after[key(*c.After)] = *c.After
		}
	}
	return after
}

// claimedTasks are the short ids of the tasks whose commands were claimed.
func claimedTasks(d decide.Decision) string {
	var out []string
	for _, e := range claims(d) {
		if e.Kind == string(decide.SendRun) || e.Kind == string(decide.SendInvoke) {
			out = append(out, strings.TrimLeft(e.TaskID, "0"))
		}
	}
	return strings.Join(out, " ")
}

// alerts are the kinds of the alerts that a decision plans.
func alerts(d decide.Decision) string {
	var out []string
	for _, c := range d.Changes.Messages {
		if c.Before == nil && c.After != nil && c.After.Alert != nil {
			out = append(out, string(c.After.Alert.Kind))
		}
	}
	return strings.Join(out, " ")
}

// endedAs is how a task ended in a decision; empty if it did not.
func endedAs(d decide.Decision, short string) decide.TaskState {
	for _, t := range d.Changes.EndedTasks {
		if t.ID == id(short) {
			return t.State
		}
	}
	return ""
}

// results are results for the effects of tasks.
func results(list ...decide.Result) decide.Results { return decide.Results{Sends: list} }

func result(short string, by decide.Claim, kind decide.ResultKind) decide.Result {
	return decide.Result{Key: effectOf(id(short)), Commit: by.Commit, Kind: kind, InvokeID: "t-" + short, Reason: "why"}
}

// work is a send or a message that a decision claims.
type work struct {
	Key, Kind, TaskID string
	Tries             int
	Claim             decide.Claim
	FirstSent         time.Time
	PriorSent         time.Time
	Alert             *decide.Alert
}

// claims are the sends, and then the messages, that a decision claims, in their
// order.
func claims(d decide.Decision) []work {
	var sends []decide.Send
	for _, c := range d.Changes.Sends {
		if c.After != nil && c.After.Claim == claim {
			sends = append(sends, *c.After)
		}
	}
	d.Next.Sort(sends)
	var out []work
	for _, s := range sends {
		out = append(out, work{s.Key, string(s.Kind), s.TaskID, s.Tries, s.Claim, s.FirstSent, s.PriorSent, nil})
	}
	var messages []decide.Message
	for _, c := range d.Changes.Messages {
		if c.After != nil && c.After.Claim == claim {
			messages = append(messages, *c.After)
		}
	}
	decide.Sort(messages)
	for _, m := range messages {
		out = append(out, work{m.Row(), string(m.Kind), "", m.Tries, m.Claim, time.Time{}, time.Time{}, m.Alert})
	}
	return out
}

// needs is what a decision needs to know at first.
func needs(s decide.State, in decide.Input) decide.Needs {
	return decide.Decide(s, in, decide.Facts{}, policy(), decide.Moment{Now: now}).Needs
}
