package engine_test

import (
	"cmp"
	"strconv"
	"strings"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/engine"
	"aftercare/shared/flow"
)

// checkRun looks at a live run: something must move it on.
func (w *world) checkRun(s decide.State, r decide.FlowRun) {
	begun := !r.StartedAt.IsZero()
	switch {
	case begun && r.Pending.State == "" && r.CheckAt.IsZero():
		w.breakf("flow run %s is between two steps, and it is not stopped", r.ID)
	case r.Pending.State == flow.PendingCommand:
		task := decide.Key("task", r.ID, r.Current().ID, strconv.Itoa(r.Pending.Attempt))
		if _, there := s.Tasks[task]; !there {
			w.breakf("flow run %s waits for task %s, which is not there", r.ID, task)
		}
	}
	if begun {
		for _, o := range s.Runs {
			if o.Flow == r.Flow && o.ID != r.ID && !o.StartedAt.IsZero() {
				w.breakf("flow %s runs twice at once: %s and %s", r.Flow, r.ID, o.ID)
			}
		}
	}
}

// turn reports whether nothing is before a run that waits only for others of
// its flow.
func turn(s decide.State, r decide.FlowRun) bool {
	if !r.StartedAt.IsZero() || !r.CheckAt.IsZero() {
		return false
	}
	for _, o := range s.Runs {
		older := cmp.Or(o.CreatedAt.Compare(r.CreatedAt), cmp.Compare(o.ID, r.ID)) < 0
		if o.Flow == r.Flow && (!o.StartedAt.IsZero() || older) {
			return false
		}
	}
	return true
}

// checkRuns looks at the runs of one instance that have ended.
func (w *world) checkRuns(id string) {
	lost := w.undelivered(id)
	for _, r := range logged[decide.FlowRun](w.table, id, "flow") {
		if r.StartedAt.IsZero() || r.Result == flow.ResultDryRun {
			continue
		}
		w.checkSteps(id, r)
		for _, step := range r.Steps {
			if step.Kind == flow.KindAlert && step.Status == flow.StepSucceeded && !w.heard[id+"/"+r.Flow+"/"+step.ID] && len(lost) == 0 {
				w.breakf("step %s of flow run %s alerted nobody", step.ID, r.ID)
			}
		}
	}
}

// undelivered are the messages of an instance that were given up.
func (w *world) undelivered(id string) map[string]bool {
	lost := map[string]bool{}
	for _, e := range logged[decide.Message](w.table, id, "message") {
		lost[e.Key] = true
	}
	return lost
}

// checkFleet looks at what all instances share.
func (w *world) checkFleet() {
	if n := len(w.table.control.Breakers); n > 0 {
		w.breakf("%d breakers are open for ever", n)
	}
	opened, closed, lost := len(w.fleetAlerts), 0, 0
	for _, over := range w.fleetAlerts {
		if over {
			closed++
		}
	}
	for id := range w.cloud.machines {
		lost += len(w.undelivered(id))
	}
	if opened > w.table.opened || closed > w.table.opened || lost == 0 && (opened < w.table.opened || closed < w.table.opened) {
		w.breakf("%d breakers opened, %d alerts said so, and %d that they closed", w.table.opened, opened, closed)
	}
}

// barred is the stop of one of the scopes, or of everything, that was there when an
// invocation began; empty if there was none, or is none any more.
func (w *world) barred(v *invocation, scopes ...decide.Scope) string {
	for _, scope := range append(scopes, decide.Scope{}) {
		if s, ok := w.table.control.Stops[scope]; ok && s.At.Before(v.began) {
			return s.String()
		}
	}
	return ""
}

// checkBegun: no run begins whose flow or instance is stopped, or whose breaker is open.
func (w *world) checkBegun(c engine.Commit) {
	name, _, _ := strings.Cut(c.ID, ".")
	v := w.byName[name]
	begun := func(r decide.FlowRun) {
		if why := w.barred(v, decide.Scope{Flow: r.Flow}, decide.Scope{Instance: c.InstanceID}); why != "" {
			w.breakf("%s begins run %s of flow %s, and %s", v.name, r.ID, r.Flow, why)
		}
		// The clock of who opened it is off by 14 s at most.
		b, open := w.table.control.Breakers[r.Flow]
		if open && b.OpenedAt.Add(14*time.Second).Before(v.began) && c.At.Before(b.ResumeAt) {
			w.breakf("%s begins run %s of flow %s, whose breaker is open until %s", v.name, r.ID, r.Flow, b.ResumeAt)
		}
	}
	before := map[string]bool{} // those that had begun
	for _, ch := range c.Changes.Runs {
		if ch.Before != nil && !ch.Before.StartedAt.IsZero() {
			before[ch.Before.ID] = true
		} else if r := ch.After; r != nil && !r.StartedAt.IsZero() {
			begun(*r)
		}
	}
	for _, r := range c.Changes.EndedRuns {
		if r.StartedAt.Equal(c.At) && !before[r.ID] {
			begun(r)
		}
	}
}

// checkStop: nothing is sent that was stopped before the invocation began.
func (w *world) checkStop(v *invocation, s engine.Send) {
	state := w.table.state(s.InstanceID)
	t := state.Tasks[s.TaskID]
	scopes := []decide.Scope{{Instance: s.InstanceID}, {Flow: state.Runs[t.RunID].Flow}}
	for _, label := range t.Labels {
		scopes = append(scopes, decide.Scope{Label: label})
	}
	if why := w.barred(v, scopes...); why != "" {
		w.breakf("%s sends task %s, and %s", v.name, s.TaskID, why)
	}
}

// checkSteps looks at the steps of a run that has ended: its tasks are its own.
func (w *world) checkSteps(id string, r decide.FlowRun) {
	tasks := map[string]decide.Task{}
	for _, t := range logged[decide.Task](w.table, id, "task") {
		tasks[t.ID] = t
	}
	for _, s := range r.Steps {
		for i, task := range s.Tasks {
			t, ok := tasks[task]
			if !ok || t.RunID != r.ID || t.Step != s.ID || t.StepAttempt != i+1 {
				w.breakf("task %s of step %s of flow run %s is recorded as %s", task, s.ID, r.ID, encode(t))
			}
		}
	}
}
