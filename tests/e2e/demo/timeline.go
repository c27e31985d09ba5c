package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/flow"
	"aftercare/shared/ledger"
	"aftercare/tests/localcloud/cloud"
)

// entry is one line of the timeline.
type entry struct {
	at       time.Time
	instance string
	what     string
	command  string
	exit     string
	took     string
	why      string
}

func (s *story) note(instance, what, command, why string) {
	s.notes = append(s.notes, entry{at: time.Now(), instance: instance, what: what, command: command, why: why})
}

// printTimeline prints what happened, from the ledger's records. The start and
// end of each script are from the local ECS, to the millisecond.
func (s *story) printTimeline(ctx context.Context, w io.Writer) error {
	entries := slices.Clone(s.notes)
	all, err := s.recorded(ctx)
	if err != nil {
		return err
	}
	r, err := s.received(ctx)
	if err != nil {
		return err
	}
	log, err := s.c.functionLog()
	if err != nil {
		return err
	}
	for _, id := range instances {
		runs, err := s.c.Runs(ctx, id)
		if err != nil {
			return err
		}
		t := tale{story: s, id: id, trail: newTrail(all[id]), log: log, alerts: r.alerts, over: r.over, scripts: map[string]cloud.Run{}}
		for _, r := range runs {
			t.scripts[r.InvokeID] = r
		}
		entries = append(entries, t.entries(all[id])...)
	}
	for _, m := range r.messages {
		entries = append(entries, entry{at: m.at, what: "chat message", command: m.about(), why: m.title})
	}
	slices.SortStableFunc(entries, func(a, b entry) int { return a.at.Compare(b.at) })

	lines := table{right: []int{0, 4, 5}}
	lines.add("time", "instance", "what", "command or flow", "exit", "took", "why")
	for _, e := range entries {
		lines.add(fmt.Sprintf("%.2fs", e.at.Sub(s.start).Seconds()), e.instance, e.what, e.command, e.exit, e.took, e.why)
	}
	lines.print(w)
	return nil
}

// tale is what happened on one instance.
type tale struct {
	story *story
	trail
	id      string
	log     []logLine
	alerts  []alert
	over    []decide.Alert
	scripts map[string]cloud.Run // by invoke id
}

func (t tale) entries(records ledger.Records) (out []entry) {
	add := func(e entry) {
		e.instance = t.id
		out = append(out, e)
	}
	for _, b := range records.Boots {
		add(entry{at: b.EventTime, what: "bootable", why: fmt.Sprintf("first heartbeat of boot %d", b.Seq)})
	}
	if began := t.firstScript(); len(records.Boots) == 0 && !began.IsZero() {
		add(entry{at: began, what: "bootable", why: "no first heartbeat came: a sweep asked for its agent's status"})
	}
	// A run comes after the one whose end started it.
	slices.SortStableFunc(records.Runs, func(a, b decide.FlowRun) int { return a.StartedAt.Compare(b.StartedAt) })
	for _, r := range records.Runs {
		for _, e := range t.ofRun(r) {
			add(e)
		}
	}
	for _, task := range records.Tasks {
		switch _, ran := t.scripts[task.InvokeID]; {
		case task.RunID != "":
		case t.story.waited[task.ID] != "":
			add(entry{at: task.SubmittedAt, what: "queued", command: task.Name, why: fmt.Sprintf("submitted with priority %d, %s", task.Priority, t.story.waited[task.ID])})
		case !ran || task.Attempt > 1: // no "started" follows at once
			add(entry{at: task.SubmittedAt, what: "submitted", command: task.Name, why: "bootable, so sent at once"})
		}
	}
	for _, task := range records.Tasks {
		if task.InvokeID == "" {
			add(entry{at: task.EndedAt, what: string(task.State), command: task.Name, why: task.Reason})
		}
	}
	for _, e := range records.Executions {
		line := entry{at: e.Received, what: string(e.Event.Status), command: e.Name, why: t.outcome(e)}
		if r, ok := t.scripts[e.Event.InvokeID]; ok {
			line.at = r.End
			line.took = r.End.Sub(r.Start).Round(time.Millisecond).String()
			add(entry{at: r.Start, what: "started", command: e.Name, why: t.release(t.tasks[e.TaskID])})
			if r.ExitCode != nil {
				line.exit = fmt.Sprint(*r.ExitCode)
			}
		}
		add(line)
	}
	for _, a := range t.alerts {
		if a.Kind != decide.AlertExecution && a.InstanceID == t.id {
			add(entry{at: a.At, what: "alert", command: cmp.Or(a.Flow, a.CommandName), why: shortened(a.Summary)})
		}
	}
	for _, a := range t.over {
		if a.InstanceID == t.id {
			add(entry{at: a.At, what: "recovered", command: cmp.Or(a.Flow, a.CommandName), why: shortened(a.Summary)})
		}
	}
	return out
}

// firstScript is when the first script of the instance started; zero if none did.
func (t tale) firstScript() (began time.Time) {
	for _, r := range t.scripts {
		if began.IsZero() || r.Start.Before(began) {
			began = r.Start
		}
	}
	return began
}

// shortened cuts a text that is too long for a line.
func shortened(text string) string {
	const most = 80
	if letters := []rune(text); len(letters) > most {
		return string(letters[:most-1]) + "…"
	}
	return text
}

// ofRun returns the entries of a flow's run: its start, the steps that it
// skipped, and its end.
func (t tale) ofRun(r decide.FlowRun) (out []entry) {
	end := entry{at: r.EndedAt, what: "flow " + r.Result, command: r.Flow, why: r.Reason}
	if r.StartedAt.IsZero() || r.Result == flow.ResultDryRun {
		return []entry{end}
	}
	out = append(out, entry{at: r.StartedAt, what: "flow started", command: r.Flow, why: ending(t.byKey[r.Cause])})
	for _, s := range r.Steps {
		if s.Status == flow.StepSkipped {
			out = append(out, entry{at: s.StartedAt, what: "step skipped", command: r.Flow + "/" + s.ID, why: s.Reason})
		}
	}
	return append(out, end)
}

// release says why a task's command was sent.
func (t tale) release(task decide.Task) string {
	switch {
	case t.story.sent[task.ID] != "":
		return "sent " + t.story.sent[task.ID]
	case task.StepAttempt > 1:
		tasks := step(t.runs[task.RunID], task.Step).Tasks
		before, now := t.script(tasks[task.StepAttempt-2]), t.script(task.ID)
		return fmt.Sprintf("attempt %d, sent by %s %.1fs after attempt %d failed", task.StepAttempt,
			resender(sender(t.log, task.ID)), now.Start.Sub(before.End).Seconds(), task.StepAttempt-1)
	case task.RunID != "":
		return t.before(task)
	case task.Attempt > 1:
		return fmt.Sprintf("bootable again, attempt %d", task.Attempt)
	case t.story.waited[task.ID] == held:
		return "resumed"
	case t.story.waited[task.ID] != "":
		return fmt.Sprintf("bootable, priority %d", task.Priority)
	}
	return "submitted while bootable"
}

// script returns a task's run.
func (t tale) script(task string) cloud.Run { return t.scripts[t.tasks[task].InvokeID] }

// before says why a step's command was sent: which step it follows.
func (t tale) before(task decide.Task) string {
	why := "its flow's first step"
	if len(task.Chain) > 1 {
		why = "first step of " + strings.Join(task.Chain, " > ")
	}
	for _, s := range t.runs[task.RunID].Steps {
		switch {
		case s.ID == task.Step:
			return why
		case s.Status == flow.StepSucceeded:
			why = s.ID + " succeeded"
		case s.Status == flow.StepFailed:
			why = "onFailure, because " + s.ID + " failed"
		}
	}
	return why
}

// outcome says what an execution's end meant for its task, where the status
// does not show it.
func (t tale) outcome(e decide.Execution) string {
	var said []string
	task := t.tasks[e.TaskID]
	switch {
	case task.ID == "":
		said = append(said, "not sent by Aftercare")
	case task.InvokeID != e.Event.InvokeID:
		said = append(said, "never started ("+e.Event.ErrorCode+"): queued again")
	case t.triedAgain(task):
		said = append(said, "the step is tried again")
	case e.Event.ErrorCode != "" && e.Event.ErrorCode != "ExitCodeNonzero":
		said = append(said, e.Event.ErrorCode)
	}
	if e.Source == decide.SourcePoll {
		said = append(said, "its event was lost: a sweep asked for the end")
	}
	for _, a := range t.alerts {
		if a.Kind == decide.AlertExecution && a.InvokeID == e.Event.InvokeID {
			said = append(said, "alerted")
		}
	}
	return strings.Join(said, "; ")
}

// triedAgain reports whether another attempt of a task's step followed.
func (t tale) triedAgain(task decide.Task) bool {
	tasks := step(t.runs[task.RunID], task.Step).Tasks
	at := slices.Index(tasks, task.ID)
	return at >= 0 && at < len(tasks)-1
}

// printDecisions prints which flows one event started, and why: the check that
// led to the first restart of the api.
func (s *story) printDecisions(ctx context.Context, w io.Writer) error {
	records, err := s.c.ledger.Records(ctx, api1)
	if err != nil {
		return err
	}
	for _, r := range runsOf(records, "restart-api")[:1] {
		e := newTrail(records).byKey[r.Cause]
		fmt.Fprintf(w, "\nThe second check-api on %s ended with exit code 3. Which flows it started, and why:\n\n", api1)
		lines := table{indent: "  "}
		for _, d := range e.Decided.Flows {
			lines.add(d.Flow, string(d.What), d.Why)
		}
		lines.print(w)
	}
	return nil
}
