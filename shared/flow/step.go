package flow

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// step does the next thing, and reports whether more can be done at once.
func (r *Run) step(m Moment) (actions []Action, again bool) {
	switch p := &r.Pending; p.State {
	case "":
		if r.Index == len(r.list()) {
			if r.Section == SectionSteps {
				r.Result, r.Reason = ResultSucceeded, "every step ended"
			}
			r.leave(m)
			return nil, true
		}
		if m.Hold {
			return nil, false
		}
		return r.begin(m)
	case PendingCommand:
		if r.stepOver(m) && p.Over == "" {
			p.Over = stepTime
			return []Action{{Step: r.Current().ID, Attempt: p.Attempt, Cancel: true}}, false
		}
		return nil, false
	case PendingBackoff:
		switch {
		case r.stepOver(m):
			return r.done(StepTimedOut, "it timed out before the next attempt", m)
		case !m.Now.Before(p.Until) && !m.Hold:
			p.Attempt++
			return r.send(m)
		}
	case PendingWait, PendingBoot:
		switch {
		case p.State == PendingWait && !m.Now.Before(p.Until):
			return r.done(StepSucceeded, "the wait is over", m)
		case r.Booted(m.Instance):
			r.BootSeq = m.Instance.BootSeq
			return r.done(StepSucceeded, fmt.Sprintf("boot %d has begun", m.Instance.BootSeq), m)
		case r.stepOver(m):
			return r.done(StepTimedOut, "it timed out", m)
		}
	}
	return nil, false
}

// bootTolerance is how much older than the step before a boot may seem: clocks
// differ, and a boot's time is computed from its uptime.
const bootTolerance = time.Minute

// Booted reports whether the boot that the run waits for has begun. A first
// heartbeat that comes late, after the step before began, may belong to a boot
// that began long before. [28]
func (r *Run) Booted(i Instance) bool {
	if r.Pending.State != PendingBoot || i.BootSeq <= r.BootSeq {
		return false
	}
	since := r.StartedAt
	for _, rec := range r.Steps[:len(r.Steps)-1] {
		if rec.Status != StepSkipped {
			since = rec.StartedAt
		}
	}
	return i.BootTime.After(since.Add(-bootTolerance))
}

func (r *Run) stepOver(m Moment) bool {
	return !r.Pending.Deadline.IsZero() && !m.Now.Before(r.Pending.Deadline)
}

// begin begins the step at Index, or skips it.
func (r *Run) begin(m Moment) (actions []Action, again bool) {
	s := r.list()[r.Index]
	clause, err := r.holds(s, m)
	switch {
	case err != nil:
		r.open(s, m)
		return r.done(StepInvalid, "when could not be evaluated: "+err.Error(), m)
	case clause != "":
		r.skip(s, "when was false: "+clause, m)
		r.Index++
		return nil, true
	}
	// next-boot compares with the boot known when the step before began.
	since := r.BootSeq
	r.BootSeq = m.Instance.BootSeq
	r.open(s, m)
	p := &r.Pending
	p.Attempt = 1
	if s.Timeout > 0 {
		p.Deadline = m.Now.Add(s.Timeout.D())
	}
	switch s.Kind() {
	case KindRun, KindInvoke:
		return r.send(m)
	case KindAlert:
		text, err := r.texts(m)(s.Alert)
		if err != nil {
			return r.done(StepInvalid, "its text could not be evaluated: "+err.Error(), m)
		}
		if strings.TrimSpace(text) == "" {
			text = emptyAlert
		}
		alert := Action{
			Step: s.ID, Attempt: 1, Alert: Shorten(text, maxAlert), Severity: s.Severity, Route: s.Route, Runbook: cmp.Or(s.Runbook, r.Definition.Runbook),
			Trouble: r.Trouble(),
		}
		r.end(StepSucceeded, "it raised an alert", m)
		return []Action{alert}, true
	case KindWait:
		if s.Wait == WaitNextBoot {
			r.BootSeq = since
			p.State = PendingBoot
			return nil, true
		}
		d, err := time.ParseDuration(s.Wait)
		if err != nil {
			return r.done(StepInvalid, "its duration cannot be read", m)
		}
		p.State, p.Until = PendingWait, m.Now.Add(d)
		return nil, true
	}
	return r.done(StepSucceeded, "it ends the run"+r.because(s, m), m)
}

const (
	// maxAlert is the most characters of an alert's text. [26]
	maxAlert = 1000
	// maxReason is the most characters of a run's reason.
	maxReason = 1000
	// emptyAlert replaces a text whose expressions gave nothing.
	emptyAlert = "(the text of this alert is empty)"
)

// open begins a step's record.
func (r *Run) open(s Step, m Moment) {
	r.Pending = Pending{Attempt: 1}
	r.Steps = append(r.Steps, StepRecord{ID: s.ID, Kind: s.Kind(), StartedAt: m.Now, Cause: m.Cause})
}

// send sends the present attempt.
func (r *Run) send(m Moment) (actions []Action, again bool) {
	s := r.list()[r.Index]
	p := &r.Pending
	p.State, p.Until = PendingCommand, time.Time{}
	c, err := r.command(s, m)
	if err != nil {
		return r.done(StepInvalid, err.Error(), m)
	}
	rec := r.last()
	rec.Attempts = p.Attempt
	if p.Attempt > 1 && !slices.Contains(NotStarted, rec.ErrorCode) {
		rec.MayHaveRunTwice = true
	}
	return []Action{{Step: s.ID, Attempt: p.Attempt, Command: c}}, false
}

func (r *Run) last() *StepRecord { return &r.Steps[len(r.Steps)-1] }

// SetTask records the task of the attempt under way.
func (r *Run) SetTask(id string) { r.last().Tasks = append(r.last().Tasks, id) }

// CommandEnded records the end of an attempt and advances the run. The end of
// anything but the attempt under way changes nothing.
func (r *Run) CommandEnded(step string, attempt int, e StepEnd, m Moment) []Action {
	s := r.Current()
	p := &r.Pending
	if s == nil || p.State != PendingCommand || s.ID != step || p.Attempt != attempt {
		return nil
	}
	if p.Over != "" && !m.Now.Before(r.Deadline) {
		p.Over = runTime // the run had timed out, too, when the command was stopped
	}
	rec, reason := r.last(), e.why()
	rec.ExitCode, rec.ErrorCode, rec.Alerted = e.ExitCode, e.ErrorCode, e.Alerted
	// As it will be after it was stored.
	rec.Output = strings.ToValidUTF8(e.Output, "\uFFFD")
	rec.OutputBytes, rec.Dropped, rec.OutputError = len(e.Output), e.Dropped, e.OutputError
	retry := DefaultRetry()
	if s.Retry != nil {
		retry = *s.Retry
	}
	switch {
	case e.Status == StepSucceeded && p.Over != runTime:
		r.end(StepSucceeded, e.Reason, m)
	case p.Over == runTime:
		status := StepTimedOut
		if e.Status == StepSucceeded {
			status = StepSucceeded
		}
		r.end(status, runTime+" timed out, and the command ended as "+e.Status, m)
		r.failed(ResultTimedOut, step, runTime+" timed out in step "+step, m)
	case p.Over != "":
		r.end(StepTimedOut, p.Over+" timed out, and the command ended as "+e.Status, m)
	case e.Status != StepCancelled && attempt <= retry.Max && retry.matches(e):
		rec.Reason, rec.Alerted = reason, false // it is not the end of the step
		p.State, p.Until = PendingBackoff, m.Now.Add(retry.delay(r.Seed+"\x00"+step, attempt))
	default:
		r.end(e.Status, reason, m)
	}
	return r.Advance(m)
}

// The values of Pending.Over.
const (
	runTime  = "the run"
	stepTime = "the step"
)

// timeOver ends what is under way because the section timed out, and reports
// whether the run can continue: not if it must wait for the end of a command.
func (r *Run) timeOver(m Moment) (actions []Action, again bool) {
	s, step := r.Current(), r.list()[r.Index].ID
	where := " timed out before step "
	switch {
	case s != nil && r.Pending.State == PendingCommand:
		r.Pending.Over = runTime
		return []Action{{Step: s.ID, Attempt: r.Pending.Attempt, Cancel: true}}, false
	case s != nil:
		r.Pending.Over = runTime
		r.end(StepTimedOut, runTime+" timed out", m)
		where = " timed out in step "
	}
	r.failed(ResultTimedOut, step, runTime+where+step, m)
	return nil, true
}

// end ends the step under way and moves to the next one.
func (r *Run) end(status, reason string, m Moment) {
	s := r.list()[r.Index]
	rec := r.last()
	rec.Status, rec.Reason, rec.EndedAt, rec.EndedBy = status, reason, m.Now, m.Cause
	over := r.Pending.Over
	r.Pending = Pending{}
	r.Index++
	switch {
	case over == runTime:
		// The caller decides what follows.
	case status == StepSucceeded && s.Stop != "" && r.Section == SectionFinally:
		r.Ended = true
	case status == StepSucceeded && s.Stop != "":
		r.stop(s, strings.TrimPrefix(reason, "it"), m)
	case status == StepSucceeded || s.OnFailure == FailureContinue || r.Section == SectionFinally && (s.OnFailure == "" || s.OnFailure == FailureStop):
	case s.OnFailure == "" || s.OnFailure == FailureStop:
		r.failed(ResultFailed, s.ID, rec.How(), m)
	default:
		r.jump(s, m)
	}
}

// done is end for a step after which the run can continue at once.
func (r *Run) done(status, reason string, m Moment) (actions []Action, again bool) {
	r.end(status, reason, m)
	return nil, true
}

// jump continues at the step that a failed one names. [42]
func (r *Run) jump(from Step, m Moment) {
	list := r.list()
	to := slices.IndexFunc(list, func(s Step) bool { return s.ID == from.OnFailure })
	if to < r.Index {
		r.failed(ResultFailed, from.ID, fmt.Sprintf("step %s names no later step to continue at", from.ID), m)
		return
	}
	for ; r.Index < to; r.Index++ {
		r.skip(list[r.Index], "step "+from.ID+" did not succeed, and the run continues at "+from.OnFailure, m)
	}
}

func (r *Run) skip(s Step, why string, m Moment) {
	r.Steps = append(r.Steps, StepRecord{
		ID: s.ID, Kind: s.Kind(), Status: StepSkipped, Reason: why, StartedAt: m.Now, EndedAt: m.Now, Cause: m.Cause, EndedBy: m.Cause,
	})
}

// stop ends the run with the result that the step says. [29]
func (r *Run) stop(s Step, how string, m Moment) {
	reason := "step " + s.ID + how
	switch {
	case s.Stop == ResultSucceeded:
		r.FailedStep = ""
	case r.FailedStep == "":
		r.FailedStep = s.ID
	default:
		reason = r.Reason + "; " + reason
	}
	r.Result, r.Reason = s.Stop, Shorten(reason, maxReason)
	r.enter(SectionFinally, m)
}

// failed moves on from a section that failed or timed out at a step.
func (r *Run) failed(result, step, reason string, m Moment) {
	if r.Section == SectionSteps {
		r.Result, r.Reason, r.FailedStep = result, Shorten(reason, maxReason), step
		r.enter(SectionOnFailure, m)
		return
	}
	r.leave(m)
}

// leave moves on from a section to finally, or to the end behind it.
func (r *Run) leave(m Moment) {
	if r.Section == SectionFinally {
		r.Ended = true
		return
	}
	r.enter(SectionFinally, m)
}
