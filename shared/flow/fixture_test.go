package flow_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"aftercare/shared/command"
	"aftercare/shared/flow"

	"github.com/google/go-cmp/cmp"
)

// begun is when the runs of the tests begin.
var begun = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

var instance = flow.Instance{
	ID: "i-bp1", State: "bootable", BootSeq: 4, BootTime: begun.Add(-time.Hour), AgentVersion: "2.2.3", OS: "linux",
	Region: "cn-hangzhou", Zone: "cn-hangzhou-h",
}

func ended() flow.Event {
	return flow.Event{
		Kind: flow.TaskCompleted, ID: "event-1", Source: "acs.ecs", Region: "cn-hangzhou", Account: "1234", Time: begun,
		InstanceID: "i-bp1", InvokeID: "t-hz1", CommandID: "c-hz1", CommandName: "install-agent", InvocationStatus: "Failed",
		ExitCode: 3, ErrorCode: "ExitCodeNonzero", ErrorDesc: "it's $(no)\nthing", RepeatMode: "Once", Repeats: 1,
		StartTime: begun.Add(-90 * time.Second), FinishTime: begun.Add(-30 * time.Second), OwnerUID: "o", PlayerUID: "p", FailedBefore: 2, Requeued: true,
	}
}

func booted() flow.Event {
	return flow.Event{
		Kind: flow.FirstHeartbeat, ID: "event-2", Source: "acs.ecs", Region: "cn-hangzhou", Account: "1234", Time: begun,
		InstanceID: "i-bp1", ExitCode: -1, BizEventID: "biz", AgentVersion: "2.2.3", Zone: "cn-hangzhou-h",
		DataRegion: "cn-hangzhou", Uptime: 20_000, Extensions: `{"a":1}`,
	}
}

// at is the moment so long after begun.
func at(d time.Duration) flow.Moment {
	return flow.Moment{Now: begun.Add(d), Instance: instance, Cause: "input at " + d.String()}
}

// definition is a flow with these steps and the file's defaults.
func definition(steps ...flow.Step) flow.Definition {
	return flow.Definition{
		Name: "repair", On: []string{flow.TaskCompleted}, Mode: flow.ModeLive, Timeout: hours(24), WhenBusy: flow.BusyQueue,
		Limits: flow.Limits{PerInstance: flow.InstanceLimit{Max: 30, Window: hours(1)}}, Steps: steps,
	}
}

func hours(n int) flow.Duration   { return flow.Duration(time.Duration(n) * time.Hour) }
func seconds(n int) flow.Duration { return flow.Duration(time.Duration(n) * time.Second) }

// runStep is a step that runs a script with these names and values.
func runStep(id string, parameters ...string) flow.Step {
	s := flow.Step{ID: id, Run: &command.Run{Name: "command of " + id, Type: "RunShellScript", Content: "true", Timeout: seconds(60)}}
	s.Run.Parameters = pairs(parameters)
	return s
}

func invokeStep(id string, parameters ...string) flow.Step {
	return flow.Step{ID: id, Invoke: &command.Invoke{CommandID: "c-hz9", Parameters: pairs(parameters)}}
}

func alertStep(id, text string) flow.Step     { return flow.Step{ID: id, Alert: text} }
func waitStep(id, duration string) flow.Step  { return flow.Step{ID: id, Wait: duration} }
func stopStep(id, result string) flow.Step    { return flow.Step{ID: id, Stop: result} }
func when(s flow.Step, text string) flow.Step { s.When = text; return s }

func onFailure(s flow.Step, next string) flow.Step { s.OnFailure = next; return s }
func timeout(s flow.Step, n int) flow.Step         { s.Timeout = seconds(n); return s }

// retry lets a step be tried again at once, after these ends.
func retry(s flow.Step, times int, on ...string) flow.Step {
	s.Retry = &flow.Retry{Max: times, On: on, Factor: 1}
	return s
}

func pairs(list []string) map[string]string {
	if len(list) == 0 {
		return nil
	}
	m := map[string]string{}
	for i := 0; i < len(list); i += 2 {
		m[list[i]] = list[i+1]
	}
	return m
}

// Ends of commands.
var (
	success   = flow.StepEnd{Status: flow.StepSucceeded, InvocationStatus: "Success", ExitCode: code(0)}
	failure   = flow.StepEnd{Status: flow.StepFailed, InvocationStatus: "Failed", ErrorCode: "ExitCodeNonzero", ExitCode: code(3), Reason: "exit code 3"}
	offline   = flow.StepEnd{Status: flow.StepAborted, InvocationStatus: "Aborted", ErrorCode: "ClientNotOnline"}
	stopped   = flow.StepEnd{Status: flow.StepTerminated, InvocationStatus: "Terminated"}
	cancelled = flow.StepEnd{Status: flow.StepCancelled, InvocationStatus: "Cancelled", ErrorCode: "ClientNotOnline"}
	expired   = flow.StepEnd{Status: flow.StepExpired, Reason: "it waited too long"}
)

func code(n int64) *int64 { return &n }

// player drives a run as the engine does: the run is stored after every
// decision, and loaded by another process before the next.
type player struct {
	testing.TB
	run flow.Run
	// did is what the run asked for, as words.
	did []string
}

func begin(t testing.TB, d flow.Definition) *player {
	t.Helper()
	p := &player{TB: t, run: flow.NewRun("run-1", d, ended(), 0)}
	return p.decide(func(r *flow.Run) []flow.Action { return r.Begin(at(0)) })
}

func (p *player) decide(change func(*flow.Run) []flow.Action) *player {
	p.Helper()
	actions := change(&p.run)
	for _, a := range actions {
		p.did = append(p.did, words(a))
		if a.Run != nil || a.Invoke != nil {
			p.run.SetTask(fmt.Sprintf("task-%d", len(p.did)))
		}
	}
	p.run = roundTrip(p, p.run)
	return p
}

// advance advances the run, so long after begun.
func (p *player) advance(d time.Duration) *player {
	p.Helper()
	return p.decide(func(r *flow.Run) []flow.Action { return r.Advance(at(d)) })
}

// boot brings the first heartbeat of a boot.
func (p *player) boot(d time.Duration, seq int64) *player {
	p.Helper()
	m := at(d)
	m.Instance.BootSeq, m.Instance.BootTime = seq, m.Now
	return p.decide(func(r *flow.Run) []flow.Action { return r.Advance(m) })
}

// end ends an attempt of a step's command.
func (p *player) end(d time.Duration, step string, attempt int, e flow.StepEnd) *player {
	p.Helper()
	return p.decide(func(r *flow.Run) []flow.Action { return r.CommandEnded(step, attempt, e, at(d)) })
}

// wants compares what the run asked for since the last time.
func (p *player) wants(want ...string) *player {
	p.Helper()
	if diff := cmp.Diff(p.did, want); diff != "" {
		p.Fatalf("the run's actions (-got +want):\n%s", diff)
	}
	p.did = nil
	return p
}

// wantSteps compares the records, each as its id and status.
func (p *player) wantSteps(want ...string) *player {
	p.Helper()
	if diff := cmp.Diff(statuses(p.run.Steps), want); diff != "" {
		p.Fatalf("the run's records (-got +want):\n%s", diff)
	}
	return p
}

// wantEnd compares the result of a run that has ended.
func (p *player) wantEnd(result, reason string) *player {
	p.Helper()
	if !p.run.Ended || p.run.Result != result || p.run.Reason != reason {
		p.Fatalf("ended %t, %q because %q, want %q because %q", p.run.Ended, p.run.Result, p.run.Reason, result, reason)
	}
	return p
}

// wantDue compares when the run is to be looked at next.
func (p *player) wantDue(d time.Duration) *player {
	p.Helper()
	if got := p.run.Due().Sub(begun); got != d {
		p.Fatalf("due after %v, want %v", got, d)
	}
	return p
}

// wantNotDue says that the run waits for an end.
func (p *player) wantNotDue() *player {
	p.Helper()
	if got := p.run.Due(); !got.IsZero() {
		p.Fatalf("due after %v, want never", got.Sub(begun))
	}
	return p
}

// record is a step's record.
func (p *player) record(id string) flow.StepRecord {
	p.Helper()
	for _, r := range p.run.Steps {
		if r.ID == id {
			return r
		}
	}
	p.Fatalf("there is no record of step %s", id)
	return flow.StepRecord{}
}

func statuses(records []flow.StepRecord) []string {
	var out []string
	for _, r := range records {
		out = append(out, strings.TrimSpace(r.ID+" "+r.Status))
	}
	return out
}

// words is an action as one reads it: "run check 1 host=i-bp1".
func words(a flow.Action) string {
	text := fmt.Sprintf("%s %d", a.Step, a.Attempt)
	parameters := func(m map[string]string) string {
		var out strings.Builder
		for _, name := range slices.Sorted(maps.Keys(m)) {
			fmt.Fprintf(&out, " %s=%s", name, m[name])
		}
		return out.String()
	}
	switch {
	case a.Cancel:
		return "cancel " + text
	case a.Run != nil:
		return "run " + text + parameters(a.Run.Parameters)
	case a.Invoke != nil:
		return "invoke " + text + parameters(a.Invoke.Parameters)
	case a.Alert != "":
		return "alert " + a.Step + ": " + a.Alert
	}
	return "nothing " + text
}

func roundTrip(t testing.TB, r flow.Run) flow.Run {
	t.Helper()
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var out flow.Run
	if err := json.Unmarshal(text, &out); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(r, out); diff != "" {
		t.Fatalf("the run changed when it was stored (-before +after):\n%s", diff)
	}
	return out
}
