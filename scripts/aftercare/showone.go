package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"aftercare/scripts/internal/screen"
	"aftercare/shared/decide"
	"aftercare/shared/event"
	"aftercare/shared/flow"
)

// facts prints names and values, but for those without a value.
func (p page) facts(pairs ...string) {
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			screen.Say(p.cmd.OutOrStdout(), fmt.Sprintf("  %-10s ", pairs[i]), screen.Plain(pairs[i+1]))
		}
	}
}

// exited is how something ended, with its exit code.
func exited(status string, exit *int64) string {
	if c := code(status, exit); c != "" {
		return status + ", exit code " + c
	}
	return status
}

func (p page) task(v view, state decide.State, t task) {
	ended := ""
	waits := ""
	switch {
	case !t.EndedAt.IsZero():
		ended = p.clock.moment(t.EndedAt)
	case t.State == string(decide.TaskQueued):
		waits = taskWaits(p.clock, v.Stopped.Control(), state, t) + "; it expires at " + p.clock.moment(t.ExpiresAt)
	case !t.Deadline.IsZero():
		waits = "its end, which is asked for at " + p.clock.moment(t.Deadline)
	}
	p.say("task %s/%s: %s", screen.Plain(v.Instance.ID), t.ID, t.State)
	p.facts("command", t.Name, "submitted", p.clock.moment(t.SubmittedAt), "priority", fmt.Sprint(t.Priority), "attempt", fmt.Sprint(t.Attempt),
		"execution", t.InvokeID, "of run", t.RunID, "step", t.Step, "waits for", waits,
		"ended", ended, "as", exitedTask(t), "why", errorOf(t.ErrorCode, t.Reason))
}

func exitedTask(t task) string {
	if t.EndedAt.IsZero() || t.Status == "" {
		return ""
	}
	return exited(t.Status, t.ExitCode)
}

func (p page) execution(e execution) {
	p.say("execution %s/%s: %s", screen.Plain(e.InstanceID), screen.Plain(e.InvokeID), screen.Plain(exited(e.Status, e.ExitCode)))
	source := e.Source
	if source == decide.SourcePoll {
		source = "no event; Cloud Assistant was asked"
	}
	p.facts("command", cmp.Or(e.CommandName, e.CommandID), "started", p.clock.moment(e.StartTime), "ended", p.clock.moment(e.FinishTime),
		"error", errorOf(e.ErrorCode, e.ErrorDesc), "task", e.TaskID, "event", e.EventID, "reported by", source, "received", p.clock.moment(e.Received))
	p.table(decidedTable(e.Decided, endValues(e)))
}

func (p page) boot(instanceID string, b boot) {
	p.say("boot %s/%d: at %s", screen.Plain(instanceID), b.Seq, p.clock.moment(b.Time))
	p.facts("heartbeat", p.clock.moment(b.EventTime), "agent", b.AgentVersion, "event", b.EventID)
	p.table(decidedTable(b.Decided, bootValues(b.AgentVersion)))
}

// decidedTable lists what was decided about flows for an event, and why. Read are the
// event's values.
func decidedTable(d decide.Decided, read map[string]string) *screen.Table {
	t := &screen.Table{Title: "Flows", Head: []string{"FLOW", "WHAT", "WHY"}, Whole: map[int]bool{1: true}}
	for _, f := range d.Flows {
		t.Add(f.Flow, string(f.What), because(f)+flow.Said(valuesIn(f.Why, read, d.Saw)))
	}
	if d.More > 0 {
		t.Add(fmt.Sprintf("%d others", d.More), string(decide.FlowNotStarted), "conditions were false; there was no room to keep which")
	}
	for _, v := range d.Saw {
		t.Add("", "", v.Name+" was "+v.Value)
	}
	return t
}

func because(f decide.FlowDecision) string {
	if f.RunID != "" {
		return strings.TrimPrefix(f.Why+"; run "+brief(f.RunID), "; ")
	}
	return f.Why
}

func (p page) run(instanceID string, r flowRun) {
	result := cmp.Or(r.Result, underWay)
	p.say("run %s/%s of flow %s: %s", screen.Plain(instanceID), r.ID, r.Flow, result)
	ended, waits := p.clock.moment(r.EndedAt), ""
	if r.EndedAt.IsZero() {
		waits = waitsFor(r)
		if !r.Due.IsZero() {
			waits += ", until " + p.clock.moment(r.Due)
		}
	}
	chain := ""
	if len(r.Chain) > 1 {
		chain = strings.Join(r.Chain, " > ")
	}
	cause := caused(r.Cause)
	if strings.HasPrefix(r.Cause, "input/") {
		cause = "a start by hand"
	}
	if !r.Tick.IsZero() {
		cause = "the schedule of " + r.Flow + " at " + p.clock.moment(r.Tick)
	}
	if r.RetryOf != "" {
		cause = "a retry of run " + r.RetryOf
	}
	var inputs []string
	for _, name := range sortedKeys(r.Inputs) {
		inputs = append(inputs, name+"="+written(r.Inputs[name]))
	}
	p.facts("cause", cause, "by", r.By, "purpose", r.Purpose, "inputs", strings.Join(inputs, ", "),
		"chain", chain, "flows", r.Version, "made", p.clock.moment(r.CreatedAt), "began", p.clock.moment(r.StartedAt),
		"ended", ended, "why", r.Reason, "next", waits)
	t := &screen.Table{Title: "Steps", Head: []string{"STEP", "RESULT", "BEGAN", "TOOK", "TASK", "WHY"}, Whole: map[int]bool{2: true, 4: true}}
	for _, s := range r.Steps {
		task := ""
		if n := len(s.Tasks); n > 0 {
			task = brief(s.Tasks[n-1])
		}
		result := cmp.Or(s.Status, underWay)
		if exit := code(s.Status, s.ExitCode); exit != "" && exit != "0" {
			result += " " + exit
		}
		if s.Attempts > 1 {
			result += fmt.Sprintf(" in %d attempts", s.Attempts)
		}
		t.Add(s.ID, result, p.clock.moment(s.StartedAt), between(s.StartedAt, s.EndedAt), task, s.Reason)
	}
	p.table(t)
}

// caused says in words which input made a run.
func caused(cause string) string {
	kind, rest, _ := strings.Cut(cause, "/")
	switch kind {
	case "exec":
		invokeID, _, _ := strings.Cut(rest, "/")
		return "the end of " + invokeID
	case "boot":
		return "boot " + rest
	}
	return cause
}

// state says in words whether the instance takes commands.
func (i instance) state(c clock) string {
	switch {
	case !i.Known:
		return "no work is open, and nothing is known of its agent"
	case i.Boot == decide.BootBootable:
		out := "bootable since " + c.moment(i.BootSince)
		if i.BootSeq > 0 {
			out += fmt.Sprintf(", boot %d", i.BootSeq)
		}
		return out
	case slices.Contains([]event.State{event.StateStopping, event.StateStopped, event.StateDeleted}, i.State):
		return string(i.Boot) + ": ECS reported it " + string(i.State) + " at " + c.moment(i.StateAt)
	case i.Boot == decide.BootWaiting && i.CheckAt.After(time.Now()):
		return "waiting: its agent was not up; asked again at " + c.moment(i.CheckAt)
	case i.Boot == decide.BootWaiting:
		return "waiting: its agent was not up"
	}
	return "unknown: whether its agent is up was not asked yet"
}

// what says what ECS answered about the instance, and when; empty if it was not asked.
func (i instance) what(c clock) string {
	if i.LearnedAt.IsZero() {
		return ""
	}
	parts := slices.DeleteFunc([]string{i.Name, i.OS, i.Zone}, func(s string) bool { return s == "" })
	if i.Tags != nil {
		for _, key := range sortedKeys(*i.Tags) {
			parts = append(parts, "tag "+strings.TrimSuffix(key+"="+(*i.Tags)[key], "="))
		}
	}
	return strings.Join(parts, ", ") + "; as of " + c.moment(i.LearnedAt)
}
