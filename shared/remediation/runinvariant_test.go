package remediation_test

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"aftercare/shared/flow"
	"aftercare/shared/remediation"
)

// checkRun looks at a live run: something must move it on.
func (w *world) checkRun(s remediation.State, r remediation.FlowRun) {
	begun := !r.StartedAt.IsZero()
	switch {
	case r.Ended:
		w.breakf("flow run %s has ended, and is live", r.ID)
	case begun && r.Pending.State == "" && r.CheckAt.IsZero():
		w.breakf("flow run %s is between two steps, and its flow is not paused", r.ID)
	case r.Pending.State == flow.PendingCommand:
		task := remediation.Key("task", r.ID, r.Current().ID, strconv.Itoa(r.Pending.Attempt))
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
func turn(s remediation.State, r remediation.FlowRun) bool {
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
	lost := map[string]bool{}
	for _, e := range logged[remediation.Effect](w.table, id, "alert") {
		lost[e.Alert.Fingerprint] = true
	}
	told := func(r remediation.FlowRun, step string) {
		print := remediation.Key("alert", id, string(remediation.AlertFlow), remediation.Key("step", r.ID, step))
		if w.inbox[print] == 0 && !lost[print] {
			w.breakf("step %s of flow run %s alerted nobody", step, r.ID)
		}
	}
	var begun []time.Time
	for _, r := range logged[remediation.FlowRun](w.table, id, "flow") {
		if r.Result == "" || r.Reason == "" || r.EndedAt.IsZero() {
			w.breakf("flow run %s has ended without a result: %s", r.ID, encode(r))
		}
		for _, s := range r.Steps {
			commands := s.Kind == flow.KindRun && s.Status != flow.StepSkipped && r.Result != flow.ResultDryRun
			if s.Status == "" || s.Output != "" || commands && (s.Attempts == 0 || len(s.Tasks) != s.Attempts) {
				w.breakf("flow run %s has the step %s", r.ID, encode(s))
			}
		}
		if r.Flow != "care" || r.StartedAt.IsZero() {
			continue
		}
		begun = append(begun, r.StartedAt)
		told(r, "done")
		if slices.ContainsFunc(r.Steps, func(s flow.StepRecord) bool { return s.ID == "tell" && s.Status == flow.StepSucceeded }) {
			told(r, "tell")
		}
	}
	slices.SortFunc(begun, time.Time.Compare)
	for i := 2; i < len(begun); i++ {
		// Clocks are off by 14 s each at most.
		if begun[i].Sub(begun[i-2]) < 30*time.Minute-28*time.Second {
			w.breakf("flow care began on %s at %v, three times in half an hour", id, begun[i-2:i+1])
		}
	}
}

// checkFleet looks at what all instances share.
func (w *world) checkFleet() {
	if n := len(w.table.control.Breakers); n > 0 {
		w.breakf("%d breakers are open for ever", n)
	}
	kinds, lost := map[remediation.AlertKind]int{}, 0
	for _, kind := range w.fleetAlerts {
		kinds[kind]++
	}
	for id := range w.cloud.machines {
		lost += len(logged[remediation.Effect](w.table, id, "alert"))
	}
	opened, closed := kinds[remediation.AlertBreakerOpened], kinds[remediation.AlertBreakerClosed]
	if opened > w.table.opened || closed > w.table.opened || lost == 0 && (opened < w.table.opened || closed < w.table.opened) {
		w.breakf("%d breakers opened, %d alerts said so, and %d that they closed", w.table.opened, opened, closed)
	}
	for _, i := range w.cloud.invocations {
		if strings.HasPrefix(i.name, "look/") {
			w.breakf("%s was sent by a flow in dry-run", i.name)
		}
	}
}
