package engine_test

import (
	"slices"

	"aftercare/shared/decide"
	"aftercare/shared/event"
	"aftercare/shared/flow"
)

// letter is an alert in the inbox.
type letter struct {
	rev   int64
	alert decide.Alert
}

// checkAlert: an alert about one thing always has the same key.
func (w *world) checkAlert(key string, rev int64, a decide.Alert) {
	if rev > w.inbox[key].rev {
		w.inbox[key] = letter{rev, a}
	}
	if a.Kind == decide.AlertBreakerOpened {
		w.fleetAlerts[a.Fingerprint] = w.fleetAlerts[a.Fingerprint] || a.Recovered
	}
	w.heard[a.InstanceID+"/"+a.InvokeID] = true
	w.heard[a.InstanceID+"/"+a.TaskID] = true
	w.heard[a.InstanceID+"/"+a.Flow+"/"+a.Step] = true
	if a.TaskID == "" && a.InvokeID == "" || a.Kind == decide.AlertFlow {
		return // about a flow, of which there may be many, or a recovery
	}
	about := a.InstanceID + "/" + string(a.Kind) + "/" + a.TaskID + "/" + a.InvokeID
	if old := w.prints[about]; old != "" && old != a.Fingerprint {
		w.breakf("the alert about %s has fingerprint %s and %s", about, old, a.Fingerprint)
	}
	w.prints[about] = a.Fingerprint
}

// checkAlerts: of each command, and each step, an alert says the newest bad end if it
// is not over, and an alert is over if the command went well after it.
func (w *world) checkAlerts(id string) {
	if len(w.undelivered(id)) > 0 {
		return
	}
	runs, tries := map[string]string{}, map[string][]string{}
	for _, r := range logged[decide.FlowRun](w.table, id, "flow") {
		runs[r.ID] = r.Flow
		for _, step := range r.Steps {
			tries[r.ID+"/"+step.ID] = step.Tasks
		}
	}
	ends := logged[decide.Execution](w.table, id, "exec")
	same := func(a, b decide.Execution) bool {
		return a.Name == b.Name && (a.RunID == "" || a.Step == b.Step && runs[a.RunID] == runs[b.RunID])
	}
	for _, e := range ends {
		over := slices.ContainsFunc(ends, func(o decide.Execution) bool {
			later := !o.Event.FinishTime.Before(e.Event.FinishTime) && o.Event.InvokeID != e.Event.InvokeID
			return later && same(e, o) && (w.policy.AlertOn[o.Event.Status] || o.Event.Status == event.StatusSuccess)
		})
		// An attempt of a step that was tried again is not alerted; how the last one
		// ended is, and that may be that it was never sent.
		tasks := tries[e.RunID+"/"+e.Step]
		last := len(tasks) > 0 && tasks[len(tasks)-1] != e.TaskID && w.heard[id+"/"+tasks[len(tasks)-1]]
		if w.policy.AlertOn[e.Event.Status] && !over && !last && !w.triedAgain(id, e) && !w.heard[id+"/"+e.Event.InvokeID] {
			w.breakf("no alert says that %s ended as %s", e.Event.InvokeID, e.Event.Status)
		}
	}
	for key, l := range w.inbox {
		a := l.alert
		if a.InstanceID != id || a.Kind != decide.AlertExecution || a.Recovered {
			continue
		}
		for _, e := range ends {
			mine := e.Name == a.CommandName && (a.Flow == "" || e.Step == a.Step && runs[e.RunID] == a.Flow)
			if mine && e.Event.Status == event.StatusSuccess && e.Event.FinishTime.After(a.At) {
				w.breakf("alert %s about %s is not over, though %s went well after it", key, a.InvokeID, e.Event.InvokeID)
			}
		}
	}
}

// triedAgain reports whether the end is one of a submission's command that never
// started and was queued again: it ended in another way.
func (w *world) triedAgain(id string, e decide.Execution) bool {
	if e.TaskID == "" || e.RunID != "" || !slices.Contains(flow.NotStarted, e.Event.ErrorCode) {
		return false
	}
	t := record[decide.Task](w.table, id, "task", e.TaskID)
	return t == nil || t.InvokeID != e.Event.InvokeID
}
