package decide

import (
	"cmp"
	"slices"

	"aftercare/shared/flow"
)

// Cancel asks that tasks be stopped, or never started. Exactly one of TaskID,
// Label, RunID and All says which.
type Cancel struct {
	Key       string
	DedupeKey string
	// Hash is as Submission's.
	Hash   string
	TaskID string
	Label  string
	RunID  string
	// All: all that wait.
	All bool
	// By says who cancels, in that person's own words, Reason why.
	By, Reason string
}

// TaskID is the id of the task that a submission with this key makes for an
// instance.
func TaskID(key, instanceID string) string { return Key("task", key, instanceID) }

// Cancelled is what became of one task.
type Cancelled struct {
	TaskID string `json:"taskId"`
	// Outcome is cancelled or stopping.
	Outcome string `json:"outcome"`
}

// The outcomes of a cancel.
const (
	cancelled = "cancelled" // it was not sent, and will not be
	stopping  = "stopping"  // it may have been sent, and is stopped
	notFound  = "not_found"
)

// String says who cancelled, and why, for records.
func (c Cancel) String() string {
	text := "cancelled"
	if c.By != "" {
		text += " by " + c.By
	}
	if c.Reason != "" {
		text += ": " + c.Reason
	}
	return text
}

// what is what was cancelled, for records.
func (c Cancel) what() string {
	return firstNamed("all tasks that wait", "task", c.TaskID, "tasks with the label", c.Label, "flow run", c.RunID)
}

// of reports whether a task is to be cancelled.
func (c Cancel) of(v view, t Task) bool {
	return t.ID == c.TaskID || c.Label != "" && slices.Contains(t.Labels, c.Label) || c.RunID != "" && t.RunID == c.RunID ||
		c.All && v.notSent(t)
}

// notSent reports whether a task was certainly not sent.
func (v view) notSent(t Task) bool { return t.State == TaskQueued || v.unsent(t) }

// cancel ends tasks that were certainly not sent, and stops the others. A batch of
// them ends at once. The others that wait are marked, which is enough that they are
// never sent, and end one batch after another.
func (d *decision) cancel(in Cancel) (cause string) {
	d.once, d.hash = inputKey(in.Key), in.Hash
	d.answer.TaskID = in.TaskID
	if _, live := d.Tasks[in.TaskID]; !live && !d.queue() {
		return d.once
	}
	b := d.because(d.once)
	d.recordInput(in.Key, in.DedupeKey)
	record(d.draft, &d.changes.Acts, Act{Key: in.Key, Kind: ActCancel, At: d.now, What: in.what(), By: in.By, Reason: in.Reason})
	d.answer.Outcome = notFound
	if r, live := d.Runs[in.RunID]; live {
		d.answer.Outcome = cancelled
		b.endRun(r, flow.ResultCancelled, in.String())
	}
	ended := 0
	for _, t := range slices.Concat(d.sorted(TaskRunning), d.sorted(TaskReleasing), d.sorted(TaskQueued)) {
		if !in.of(d.view, t) {
			continue
		}
		one := Cancelled{t.ID, stopping}
		if d.notSent(t) {
			one.Outcome = cancelled
			ended++
		}
		if !d.ifRoom(func() {
			t.CancelReason = cmp.Or(t.CancelReason, in.String())
			if one.Outcome == cancelled && ended > d.policy.Batch {
				t.Cancel = true
				d.tasks.put(t.ID, t)
			} else {
				b.stopTask(t, in.String())
			}
			d.answer.Tasks = append(d.answer.Tasks, one)
		}) {
			d.answer.Tasks = d.answer.Tasks[:len(d.answer.Tasks)-1]
			d.answer.Left++
			continue
		}
		if d.answer.Outcome != stopping {
			d.answer.Outcome = one.Outcome
		}
	}
	switch {
	case d.answer.Outcome == notFound:
		d.answer.Reason = "this instance has no such task that waits or runs"
	case in.TaskID != "":
		d.answer.Tasks = nil // the answer names it
	case d.answer.Left > 0:
		d.answer.Reason = "there are more than one cancel can end: cancel again"
	}
	d.note("cancel of "+in.what(), d.answer.Outcome)
	d.changes.Input.Answer = d.answer.encode()
	d.changes.Acts[len(d.changes.Acts)-1].Outcome = d.answer.Outcome
	return d.once
}
