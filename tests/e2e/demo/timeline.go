package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"aftercare/shared/event"
	"aftercare/shared/remediation"
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

// printTimeline prints what happened, from the ledger's records; the times at
// which scripts began and ended are the local ECS's, which knows them to the
// millisecond.
func (s *story) printTimeline(ctx context.Context, w io.Writer) error {
	entries := slices.Clone(s.notes)
	all, err := s.recorded(ctx)
	if err != nil {
		return err
	}
	for _, id := range instances {
		runs, err := s.c.Runs(ctx, id)
		if err != nil {
			return err
		}
		byInvoke := map[string]cloud.Run{}
		for _, r := range runs {
			byInvoke[r.InvokeID] = r
		}
		records := all[id]
		for _, b := range records.Boots {
			entries = append(entries, entry{
				at: b.EventTime, instance: id, what: fmt.Sprintf("bootable, boot %d", b.Seq), why: "first heartbeat of a newer boot",
			})
		}
		tasks := map[string]remediation.Task{}
		for _, t := range records.Tasks {
			tasks[t.ID] = t
			entries = append(entries, entry{at: t.SubmittedAt, instance: id, what: "queued", command: t.Name, why: origin(t)})
		}
		for _, r := range records.Runs {
			entries = append(entries, entry{
				at: r.EndedAt, instance: id, what: "flow " + r.Result, command: r.Flow, why: r.Reason,
			})
		}
		for _, e := range records.Executions {
			line := entry{at: e.Received, instance: id, what: string(e.Event.Status), command: e.Name, why: outcome(tasks[e.TaskID], e)}
			if r, ok := byInvoke[e.Event.InvokeID]; ok {
				line.at = r.End
				line.took = r.End.Sub(r.Start).Round(time.Millisecond).String()
				entries = append(entries, entry{at: r.Start, instance: id, what: "started", command: e.Name, why: release(tasks[e.TaskID])})
				if s := e.Event.Status; s == event.StatusSuccess || s == event.StatusFailed {
					line.exit = fmt.Sprint(r.ExitCode)
				}
			}
			entries = append(entries, line)
		}
	}
	box, err := s.c.Inbox(ctx)
	if err != nil {
		return err
	}
	for _, m := range box.Messages {
		entries = append(entries, entry{
			at: m.At, what: "alert received", why: "by " + m.Channel + ", signature valid: " + fmt.Sprint(m.Verified),
			instance: mentioned(string(m.Body), instances), command: mentioned(string(m.Body), s.names()),
		})
	}
	slices.SortStableFunc(entries, func(a, b entry) int { return a.at.Compare(b.at) })

	const form = "%7s  %-12s  %-18s  %-34s  %4s  %8s  %s"
	line := func(cells ...any) {
		fmt.Fprintln(w, strings.TrimRight(fmt.Sprintf(form, cells...), " "))
	}
	line("time", "instance", "what", "command", "exit", "took", "why")
	for _, e := range entries {
		line(fmt.Sprintf("%.2fs", e.at.Sub(s.start).Seconds()), e.instance, e.what, e.command, e.exit, e.took, e.why)
	}
	return nil
}

// origin says why there is a task.
func origin(t remediation.Task) string {
	if t.RunID != "" {
		return fmt.Sprintf("step %s of flow %s", t.Step, strings.Join(t.Chain, " > "))
	}
	return fmt.Sprintf("submitted with priority %d", t.Priority)
}

// release says why a task's command was sent.
func release(t remediation.Task) string {
	if t.Attempt > 1 {
		return fmt.Sprintf("bootable again, attempt %d", t.Attempt)
	}
	return fmt.Sprintf("bootable, priority %d", t.Priority)
}

// outcome says what became of an execution's task by it.
func outcome(t remediation.Task, e remediation.Execution) string {
	switch {
	case t.ID == "":
		return "a command of somebody else"
	case t.InvokeID != e.Event.InvokeID:
		return "never started (" + e.Event.ErrorCode + "): queued again"
	case e.Event.ErrorCode != "":
		return fmt.Sprintf("task %s: %s", t.State, e.Event.ErrorCode)
	}
	return fmt.Sprintf("task %s", t.State)
}

// names are the names of the submitted commands.
func (s *story) names() []string {
	var out []string
	for name := range s.tasks {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

// mentioned is the first of the words that stands in the text.
func mentioned(text string, words []string) string {
	for _, word := range words {
		if strings.Contains(text, word) {
			return word
		}
	}
	return ""
}
