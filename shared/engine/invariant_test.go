package engine_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/engine"
	"aftercare/shared/event"
	"aftercare/shared/flow"
)

// checkCommit looks at a commit that took effect.
func (w *world) checkCommit(c engine.Commit) {
	w.dirty[c.InstanceID] = true
	w.checkBegun(c)
	for _, ch := range c.Changes.Sends {
		if ch.Before != nil && ch.After != nil {
			w.checkClaim(c, *ch.Before, *ch.After)
		}
	}
	if in := c.Changes.Input; in != nil {
		var a decide.Answer
		if err := json.Unmarshal([]byte(in.Answer), &a); err != nil {
			w.breakf("answer of input %s: %v", in.Key, err)
		}
		switch a.Outcome {
		case "cancelled":
			w.cancelled[a.TaskID] = true
		case "stopping":
			w.stopping[a.TaskID] = w.now()
		}
	}
}

// checkClaim: nobody takes over an effect while its claimant may still send
// it, and who gives a claim up reports whether the effect may have been sent.
func (w *world) checkClaim(c engine.Commit, before, after decide.Send) {
	claimant, _, _ := strings.Cut(before.Claim.Commit, ".")
	v := w.byName[claimant]
	switch {
	case v == nil || after.Claim == before.Claim:
	case after.Claim.Commit == c.ID && strings.HasPrefix(c.ID, claimant+"."):
		// It claims again what it holds by a commit of unknown outcome.
	case after.Claim.Commit != "" && w.now().Before(v.until.Add(30*time.Second)):
		w.breakf("effect %s is claimed by %s while %s may be sending it", after.Key, c.ID, before.Claim.Commit)
	case after.Claim.Commit == "" && !after.FirstSent.Equal(before.PriorSent) && !w.unclear[after.Key]:
		w.breakf("effect %s, which was not sent, was first sent at %s before its claim, and at %s after it", after.Key, before.PriorSent, after.FirstSent)
	}
}

// checkDirty looks at the stored state of the instances that changed.
func (w *world) checkDirty() {
	for _, id := range slices.Sorted(maps.Keys(w.dirty)) {
		s := w.table.state(id)
		w.checkShape(s)
		w.checkWakeups(s)
	}
	clear(w.dirty)
}

func (w *world) checkShape(s decide.State) {
	for _, e := range s.Sends {
		t, ok := s.Tasks[e.TaskID]
		switch {
		case !ok:
			w.breakf("effect %s is there without its task %s", e.Key, e.TaskID)
		case e.Kind == decide.SendStop && t.State != decide.TaskRunning,
			e.Kind != decide.SendStop && (t.State != decide.TaskReleasing || t.SendKey != e.Key):
			w.breakf("effect %s %s belongs to a task that is %s", e.Kind, e.Key, t.State)
		}
	}
	for _, t := range s.Tasks {
		_, sending := s.Sends[t.SendKey]
		switch {
		case t.State == decide.TaskReleasing && !sending,
			t.State == decide.TaskRunning && (t.InvokeID == "" || t.Deadline.IsZero()):
			w.breakf("task %s is %s and nothing moves it on", t.ID, t.State)
		}
	}
	for _, r := range s.Runs {
		w.checkRun(s, r)
	}
}

// checkWakeups: whenever there is live work, a wake-up is stored that is due
// no later than when the work is, or when the newest invocation's claims end.
func (w *world) checkWakeups(s decide.State) {
	now := w.now()
	var work time.Time
	need := func(t time.Time) {
		if t.Before(now) {
			t = now
		}
		if work.IsZero() || t.Before(work) {
			work = t
		}
	}
	for _, e := range s.Sends {
		if e.Claim.Commit != "" && e.Claim.Until.After(now) {
			need(e.Claim.Until)
		} else {
			need(decide.Later(e.NotBefore, s.Instance.HeldUntil))
		}
	}
	for _, m := range s.Messages {
		if m.Claim.Commit != "" && m.Claim.Until.After(now) {
			need(m.Claim.Until)
		} else {
			need(m.NotBefore)
		}
	}
	released := 0
	for _, t := range s.Tasks {
		if t.State != decide.TaskQueued {
			released++
		}
	}
	for _, t := range s.Tasks {
		switch {
		case t.State == decide.TaskRunning:
			need(t.Deadline)
		case t.State == decide.TaskQueued:
			need(t.ExpiresAt)
			if !t.BootBy.IsZero() {
				need(t.BootBy)
			}
			switch {
			case w.policy.MaxRunning <= released: // the end of another releases it
			case s.Instance.Boot == decide.BootBootable || t.Unbooted:
				need(decide.Later(t.NotBefore, s.Instance.HeldUntil))
			case s.Instance.CheckAt.IsZero() && t.NotBefore.IsZero():
				w.breakf("task %s waits for an instance that nobody asks about", t.ID)
			default:
				need(decide.Later(t.NotBefore, s.Instance.CheckAt))
			}
		}
	}
	for _, r := range s.Runs {
		if r.Pending.State == flow.PendingBackoff && !r.CheckAt.IsZero() {
			r.Pending.Until = time.Time{} // it is, or was, stopped
		}
		if turn(s, r) {
			need(now)
		}
		for _, t := range []time.Time{r.Due(), r.CheckAt} {
			if !t.IsZero() {
				need(t)
			}
		}
	}
	for _, u := range s.Unmatched {
		need(u.Received.Add(w.policy.SendWindow))
	}
	if work.IsZero() {
		return
	}
	bound := work.Add(w.inv + w.policy.ClaimGrace + w.policy.Minute + 30*time.Second)
	// What is, or was, stopped waits for its next look.
	if w.unread || len(w.table.control.Stops) > 0 || now.Sub(w.resumed) <= w.policy.HoldCheck {
		bound = bound.Add(w.policy.HoldCheck)
	}
	for u := range w.table.armed {
		if u.InstanceID == s.Instance.ID && !u.Due.After(bound) {
			return
		}
	}
	w.breakf("%s has work due at %s, and no wake-up before %s", s.Instance.ID, work.Format(time.TimeOnly), bound.Format(time.TimeOnly))
}

// checkSend looks at a command that the cloud accepts, and reports whether it
// was accepted before.
func (w *world) checkSend(s engine.Send) (again bool) {
	var same []*invoked
	for _, i := range w.cloud.invocations {
		if i.Token == s.Token {
			same = append(same, i)
		}
	}
	if len(same) > 1 {
		w.breakf("token %s was accepted as %s and again as %s", s.Token, same[0].InvokeID, same[1].InvokeID)
	}
	if same[0].accepted.Before(w.now()) {
		return true
	}
	if w.cancelled[s.TaskID] {
		w.breakf("task %s is sent, and was answered to be cancelled", s.TaskID)
	}
	// An invocation that held a claim then may still send.
	if at, ok := w.stopping[s.TaskID]; ok && w.now().After(at.Add(w.inv+30*time.Second)) {
		w.breakf("task %s is sent long after it was to be stopped", s.TaskID)
	}
	return false
}

// checkAck: what was answered with success is stored.
func (w *world) checkAck(work *delivery, out engine.Outcome) {
	once, answer := "", string(encode(out.Answer))
	switch in := work.input(w.now()).(type) {
	case decide.Ended:
		once, answer = "exec/"+in.Event.InvokeID+"/"+in.Event.Suffix(), ""
	case decide.Submission:
		once = "input/" + in.Key
		if in.Flow != "" && out.Answer.Outcome == decide.Refused && out.Answer.RunID == "" {
			return // it leaves no record
		}
	case decide.Cancel:
		once = "input/" + in.Key
	default:
		return
	}
	if r, ok := w.table.records[work.instanceID+"/"+once]; !ok || r.Answer != answer {
		w.breakf("%s was answered %q, and %q is recorded: %v", work.name, answer, r.Answer, ok)
	}
}

// checkEnd looks at what is left when everything has come to rest.
func (w *world) checkEnd() {
	for id := range w.cloud.machines {
		s := w.table.state(id)
		if len(s.Tasks)+len(s.Sends)+len(s.Messages)+len(s.Runs)+len(s.Unmatched) > 0 {
			w.breakf("%s is left with %s", id, encode(s))
		}
		for n, b := range logged[decide.Boot](w.table, id, "boot") {
			if b.Seq != int64(n+1) {
				w.breakf("boot record %d of %s has the number %d", n+1, id, b.Seq)
			}
		}
		w.checkRuns(id)
		if seq, real := s.Instance.BootSeq, int64(w.cloud.machine(id).boots); seq > real {
			w.breakf("%d boots of %s are counted, it booted %d times", seq, id, real)
		}
		w.checkExecutions(id)
		w.checkAlerts(id)
	}
	w.checkTasks()
	w.checkFleet()
}

func (w *world) checkExecutions(id string) {
	runs := map[string]decide.FlowRun{}
	for _, r := range logged[decide.FlowRun](w.table, id, "flow") {
		runs[r.ID] = r
	}
	for _, e := range logged[decide.Execution](w.table, id, "exec") {
		key := "exec/" + e.Event.InvokeID + "/" + e.Event.Suffix()
		ok := e.Event.Status == event.StatusSuccess
		for name, starts := range map[string]bool{
			"after-alpha": e.Name == "alpha" && ok, "ring": e.Name == "beta", "after-saved": e.Event.CommandID == savedCommand && ok,
		} {
			_, started := runs[decide.Key("run", name, key, id)]
			if starts != started && (name != "ring" || e.Name == "beta") {
				w.breakf("flow %s started %v on the end of %s (%s, %s), want %v", name, started, e.Event.InvokeID, e.Name, e.Event.Status, starts)
			}
		}
	}
}

// checkTasks compares what became of every task with what really ran.
func (w *world) checkTasks() {
	ended := map[string]decide.Task{}
	for id := range w.cloud.machines {
		for _, t := range logged[decide.Task](w.table, id, "task") {
			ended[t.ID] = t
		}
	}
	for _, s := range w.tasks {
		_, accepted := w.table.records[s.instanceID+"/input/"+s.key]
		if _, ok := ended[s.taskID]; !ok || !accepted {
			w.breakf("task %s never ended", s.taskID)
		}
	}
	started, sent := map[string]int{}, map[string]int{}
	for _, i := range w.cloud.invocations {
		if i.Token == "" {
			continue
		}
		sent[i.taskID]++
		if !i.StartTime.IsZero() {
			started[i.taskID]++
		}
		t := ended[i.taskID]
		_, recorded := w.table.records[i.instanceID+"/exec/"+i.InvokeID+"/once"]
		if !recorded && t.Reason != "outcome_unknown" {
			w.breakf("%s of task %s, which is %s, is not recorded", i.InvokeID, i.taskID, t.State)
		}
	}
	for id, t := range ended {
		if started[id] > 1 {
			w.breakf("the script of task %s ran %d times", id, started[id])
		}
		switch t.State {
		case decide.TaskSucceeded, decide.TaskTimedOut, decide.TaskTerminated:
			if started[id] != 1 {
				w.breakf("task %s is %s, and its script ran %d times", id, t.State, started[id])
			}
		case decide.TaskInvalid:
			w.breakf("task %s is %s: %s", id, t.State, t.Reason)
		case decide.TaskExpired:
			early := t.EndedAt.Before(t.ExpiresAt.Add(-time.Minute)) && t.OnBootDeadline != decide.DropAtDeadline
			if early || sent[id] > t.Attempt-1 {
				w.breakf("task %s expired at %s instead of %s, and was sent %d times in attempt %d", id, t.EndedAt, t.ExpiresAt, sent[id], t.Attempt)
			}
		}
	}
}
