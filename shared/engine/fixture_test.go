package engine_test

import (
	"strings"
	"testing"
	"time"

	"aftercare/shared/command"
	"aftercare/shared/decide"
	"aftercare/shared/event"
	"aftercare/shared/flow/flowtest"
)

// now is when these tests begin.
var now = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

// policy is the default policy with alerts, and without flows.
func policy() decide.Policy {
	p := decide.DefaultPolicy()
	p.AlertOn = map[event.Status]bool{event.StatusFailed: true, event.StatusTimeout: true, event.StatusAborted: true}
	return p
}

// byOthers is the condition of flows that do not lead to themselves.
const byOthers = `event.commandName == "a stranger's"`

// oneStep is a flow f that sends a command when one of others has ended.
const oneStep = `[{name: f, when: ` + byOthers + `, steps: [{id: one, run: {}}]}]`

// withFlows is a policy with these flows.
func withFlows(t *testing.T, text string) decide.Policy {
	p := policy()
	p.Flows = flowtest.Set(t, text, 1, 0)
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
		s.Tasks[t.ID] = t
	}
}

// sendOf is the key of a task's send in these tests.
func sendOf(taskID string) string { return strings.Replace(taskID, "0", "e", 1) }

func running(invokeID string) func(*decide.Task) {
	return func(t *decide.Task) {
		t.State, t.InvokeID, t.Deadline = decide.TaskRunning, invokeID, now.Add(time.Minute)
	}
}

func overdue(t *decide.Task) { t.Deadline = now }

// beat is a first heartbeat that was sent so long ago, received now.
func beat(ago, uptime time.Duration) decide.Heartbeat {
	return decide.Heartbeat{Received: now, Event: event.FirstHeartbeat{
		Envelope:   event.Envelope{ID: "b", Region: "cn-hangzhou", Time: now.Add(-ago)},
		InstanceID: "i-1", AgentVersion: "2.2.4", Zone: "cn-hangzhou-h", Uptime: &uptime,
	}}
}

// ended is the end, now, of a task's command, or of one that others started.
func ended(invokeID, short string, status event.Status, code string) decide.Ended {
	ev := event.TaskCompleted{
		Envelope:   event.Envelope{ID: "e-" + invokeID, Source: "acs.ecs", Kind: event.KindTaskCompleted, Time: now, Region: "cn-hangzhou"},
		InstanceID: "i-1", InvokeID: invokeID, CommandID: "c-" + invokeID, CommandName: "a stranger's",
		Status: status, ErrorCode: code, RepeatMode: "Once", StartTime: now.Add(-2 * time.Second), FinishTime: now.Add(-time.Second),
	}
	if short != "" {
		ev.CommandName = command.OnWire(short, id(short))
	}
	return decide.Ended{Event: ev, Received: now, Source: decide.SourceEvent}
}

// happened is the end of a command that others started, another one for each id.
func happened(invokeID string) decide.Ended { return ended(invokeID, "", event.StatusSuccess, "") }

// endOf is the end of a task's command.
func endOf(t decide.Task, status event.Status, code string) decide.Ended {
	e := ended(t.InvokeID, "", status, code)
	e.Event.CommandName = command.OnWire(t.Name, t.ID)
	return e
}
