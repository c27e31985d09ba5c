package flow

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Run is how far one execution of a flow has come. It is stored as JSON and
// holds all that it needs to go on. Its methods change it and say what is to
// be done; nothing is done by them. It is not safe for concurrent use, and
// must be cloned before it is changed.
type Run struct {
	// Seed stands for chance in delays; the run's id.
	Seed       string     `json:"seed,omitempty"`
	Definition Definition `json:"definition,omitzero"`
	Event      Event      `json:"event,omitzero"`
	// Depth is how many flows led to the event.
	Depth int `json:"depth"`
	// StartedAt is when the first step began; zero before.
	StartedAt time.Time `json:"startedAt,omitzero"`
	// Section and Index say which step is next or under way.
	Section Section `json:"section,omitempty"`
	Index   int     `json:"index"`
	// Deadline is when the section's time is over.
	Deadline time.Time `json:"deadline,omitzero"`
	Pending  Pending   `json:"pending,omitzero"`
	// BootSeq is the boot that was counted when the step before began, or that
	// it waited for. [28]
	BootSeq int64        `json:"bootSeq,omitempty"`
	Steps   []StepRecord `json:"steps,omitempty"`
	// Result and Reason are known before the end if onFailure or finally
	// follow.
	Result string `json:"result,omitempty"`
	Reason string `json:"reason,omitempty"`
	Ended  bool   `json:"ended,omitempty"`
}

// Section is one of a flow's lists of steps.
type Section string

// The sections, in their order.
const (
	SectionSteps     Section = "steps"
	SectionOnFailure Section = "onFailure"
	SectionFinally   Section = "finally"
)

// Pending is the step under way; the zero value is between two steps.
type Pending struct {
	State PendingState `json:"state,omitempty"`
	// Attempt counts from 1.
	Attempt int `json:"attempt,omitempty"`
	// Until is when a wait or a backoff is over; zero for the next boot.
	Until time.Time `json:"until,omitzero"`
	// Deadline is when the step's own time is over; zero if it has none.
	Deadline time.Time `json:"deadline,omitzero"`
	// Over says whose time was over when the command was asked to stop.
	Over string `json:"over,omitempty"`
}

// PendingState says what a step waits for.
type PendingState string

// What a step waits for.
const (
	PendingCommand PendingState = "command"
	PendingBackoff PendingState = "backoff"
	PendingWait    PendingState = "wait"
	PendingBoot    PendingState = "boot"
)

// Moment is when and where a run goes on, and because of which input.
type Moment struct {
	Now      time.Time
	Instance Instance
	Cause    string
	// Hold: the flow is paused, so that no step begins and nothing is sent,
	// while its time goes on. [51]
	Hold bool
}

// Action is something that a run asks for. Exactly one of Run, Invoke, Alert
// and Cancel is set.
type Action struct {
	Step    string
	Attempt int
	Run     *RunCommand
	Invoke  *InvokeCommand
	Alert   string
	// Cancel: stop the step's command, whose end is then told as usual.
	Cancel bool
}

// StepEnd is how an attempt of a step's command ended.
type StepEnd struct {
	// Status is one of StepStatuses.
	Status           string
	Reason           string
	InvocationStatus string
	ErrorCode        string
	ExitCode         *int64
	// Output is set if the step captures and it could be fetched, OutputError
	// if it could not.
	Output      string
	Dropped     int64
	OutputError string
}

// NewRun is a run that has not begun.
func NewRun(seed string, d Definition, ev Event, depth int) Run {
	return Run{Seed: seed, Definition: d, Event: ev, Depth: depth}
}

// Clone is a copy that shares nothing that changes.
func (r Run) Clone() Run {
	r.Steps = slices.Clone(r.Steps)
	for i := range r.Steps {
		r.Steps[i].Tasks = slices.Clone(r.Steps[i].Tasks)
	}
	return r
}

// Begin begins the run's first step.
func (r *Run) Begin(m Moment) []Action {
	r.StartedAt = m.Now
	r.BootSeq = m.Instance.BootSeq
	r.enter(SectionSteps, m)
	return r.Advance(m)
}

func (r *Run) enter(s Section, m Moment) {
	r.Section, r.Index, r.Pending = s, 0, Pending{}
	r.Deadline = m.Now.Add(r.Definition.Timeout.D())
}

func (r *Run) list() []Step {
	switch r.Section {
	case SectionOnFailure:
		return r.Definition.OnFailure
	case SectionFinally:
		return r.Definition.Finally
	}
	return r.Definition.Steps
}

// Current is the step under way, nil between two steps.
func (r *Run) Current() *Step {
	if list := r.list(); r.Pending.State != "" && r.Index < len(list) {
		return &list[r.Index]
	}
	return nil
}

// Captures reports whether the output of the command under way is wanted.
func (r *Run) Captures() bool {
	s := r.Current()
	return s != nil && s.Capture && r.Pending.State == PendingCommand
}

// Advance goes on as far as it can at this moment: it is to be called when
// Due has come, and at a first heartbeat. Calling it too often does no harm.
func (r *Run) Advance(m Moment) (actions []Action) {
	for !r.Ended {
		if r.StartedAt.IsZero() {
			return actions
		}
		if !m.Now.Before(r.Deadline) && r.Pending.Over == "" {
			// A section without a step left has no time to be over.
			if r.Pending.State == "" && r.Index == len(r.list()) {
				r.finishSection(m)
				continue
			}
			a, stop := r.timeOver(m)
			actions = append(actions, a...)
			if stop {
				return actions
			}
			continue
		}
		a, again := r.step(m)
		actions = append(actions, a...)
		if !again {
			return actions
		}
	}
	return actions
}

// step does the next thing, and reports whether more can be done at once.
func (r *Run) step(m Moment) (actions []Action, again bool) {
	switch p := &r.Pending; p.State {
	case "":
		if r.Index == len(r.list()) {
			r.finishSection(m)
			return nil, true
		}
		if m.Hold {
			return nil, false
		}
		return r.begin(m)
	case PendingCommand:
		if r.stepOver(m) && p.Over == "" {
			p.Over = "the step's"
			return []Action{{Step: r.Current().ID, Attempt: p.Attempt, Cancel: true}}, false
		}
		return nil, false
	case PendingBackoff:
		switch {
		case r.stepOver(m):
			r.end(StepTimedOut, "its time was over before the next attempt", m)
			return nil, true
		case !m.Now.Before(p.Until) && !m.Hold:
			p.Attempt++
			return r.send(m)
		}
	case PendingWait, PendingBoot:
		switch {
		case p.State == PendingWait && !m.Now.Before(p.Until):
			r.end(StepSucceeded, "the wait is over", m)
			return nil, true
		case r.Booted(m.Instance):
			r.end(StepSucceeded, fmt.Sprintf("boot %d has begun", m.Instance.BootSeq), m)
			return nil, true
		case r.stepOver(m):
			r.end(StepTimedOut, "its time was over", m)
			return nil, true
		}
	}
	return nil, false
}

// bootTolerance is how much older than the step before a boot may seem: clocks
// differ, and a boot's time is told by its uptime.
const bootTolerance = time.Minute

// Booted reports whether the boot that the run waits for has begun. Its first
// heartbeat may come late, behind the step before, although it began long
// before that. [28]
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
		r.end(StepInvalid, "when could not be evaluated: "+err.Error(), m)
		return nil, true
	case clause != "":
		r.skip(s, "when was false: "+clause, m)
		r.Index++
		return nil, true
	}
	// next-boot looks back to when the step before began.
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
			r.end(StepInvalid, "its text could not be evaluated: "+err.Error(), m)
			return nil, true
		}
		if strings.TrimSpace(text) == "" {
			text = emptyAlert
		}
		r.end(StepSucceeded, "the alert is planned", m)
		return []Action{{Step: s.ID, Attempt: 1, Alert: shorten(text, maxAlert)}}, true
	case KindWait:
		if s.Wait == WaitNextBoot {
			r.BootSeq = since
			p.State = PendingBoot
			return nil, true
		}
		d, err := time.ParseDuration(s.Wait)
		if err != nil {
			r.end(StepInvalid, "its duration cannot be read", m)
			return nil, true
		}
		p.State, p.Until = PendingWait, m.Now.Add(d)
		return nil, true
	}
	r.end(StepSucceeded, "it ends the run", m)
	return nil, true
}

const (
	// maxAlert is the most characters of an alert's text. [26]
	maxAlert = 1000
	// emptyAlert stands for a text whose expressions gave nothing.
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
	a := Action{Step: s.ID, Attempt: p.Attempt}
	var err error
	if s.Run != nil {
		a.Run, err = r.runCommand(*s.Run, m)
	} else {
		a.Invoke, err = r.invokeCommand(*s.Invoke, m)
	}
	if err != nil {
		r.end(StepInvalid, err.Error(), m)
		return nil, true
	}
	rec := r.last()
	rec.Attempts = p.Attempt
	if p.Attempt > 1 && !slices.Contains(NotStarted, rec.ErrorCode) {
		rec.MayHaveRunTwice = true
	}
	return []Action{a}, false
}

func (r *Run) last() *StepRecord { return &r.Steps[len(r.Steps)-1] }

// SetTask notes the task of the attempt under way.
func (r *Run) SetTask(id string) { r.last().Tasks = append(r.last().Tasks, id) }

// CommandEnded takes notice of the end of an attempt, and goes on. The end of
// anything but the attempt under way changes nothing.
func (r *Run) CommandEnded(step string, attempt int, e StepEnd, m Moment) []Action {
	s := r.Current()
	p := &r.Pending
	if s == nil || p.State != PendingCommand || s.ID != step || p.Attempt != attempt {
		return nil
	}
	if p.Over != "" && !m.Now.Before(r.Deadline) {
		p.Over = runTime // which was over, too, when the command had been stopped
	}
	rec := r.last()
	rec.ExitCode, rec.ErrorCode = e.ExitCode, e.ErrorCode
	// As it will be once it was stored.
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
		r.end(status, runTime+" time was over, and the command ended as "+e.Status, m)
		r.failed(ResultTimedOut, runTime+" time was over", m)
	case p.Over != "":
		r.end(StepTimedOut, p.Over+" time was over, and the command ended as "+e.Status, m)
	case e.Status != StepCancelled && attempt <= retry.Max && retry.matches(e):
		rec.Reason = e.Reason
		p.State, p.Until = PendingBackoff, m.Now.Add(retry.delay(r.Seed+"\x00"+step, attempt))
	default:
		r.end(e.Status, e.Reason, m)
	}
	return r.Advance(m)
}

// runTime is what Pending.Over says if the whole run's time was over.
const runTime = "the run's"

// timeOver ends what is under way because the section's time is over. Stop
// says that the end of a command must be waited for.
func (r *Run) timeOver(m Moment) (actions []Action, stop bool) {
	s := r.Current()
	switch {
	case s != nil && r.Pending.State == PendingCommand:
		r.Pending.Over = runTime
		return []Action{{Step: s.ID, Attempt: r.Pending.Attempt, Cancel: true}}, true
	case s != nil:
		r.Pending.Over = runTime
		r.end(StepTimedOut, runTime+" time was over", m)
	}
	r.failed(ResultTimedOut, runTime+" time was over", m)
	return nil, false
}

// end ends the step under way, and says which one is next.
func (r *Run) end(status, reason string, m Moment) {
	s := r.list()[r.Index]
	rec := r.last()
	rec.Status, rec.Reason, rec.EndedAt, rec.EndedBy = status, reason, m.Now, m.Cause
	over := r.Pending.Over
	r.Pending = Pending{}
	r.Index++
	switch {
	case over == runTime:
		// Whoever saw that says what follows.
	case status == StepSucceeded && s.Stop != "" && r.Section == SectionFinally:
		r.Ended = true
	case status == StepSucceeded && s.Stop != "":
		r.Result, r.Reason = s.Stop, "step "+s.ID+" ends the run"
		r.enter(SectionFinally, m)
	case status == StepSucceeded || s.OnFailure == FailureContinue || r.Section == SectionFinally && (s.OnFailure == "" || s.OnFailure == FailureStop):
	case s.OnFailure == "" || s.OnFailure == FailureStop:
		r.failed(ResultFailed, fmt.Sprintf("step %s ended as %s", s.ID, status), m)
	default:
		r.jump(s, m)
	}
}

// jump goes on at the step that a failed one names. [42]
func (r *Run) jump(from Step, m Moment) {
	list := r.list()
	to := slices.IndexFunc(list, func(s Step) bool { return s.ID == from.OnFailure })
	if to < r.Index {
		r.failed(ResultFailed, fmt.Sprintf("step %s names no later step to go on at", from.ID), m)
		return
	}
	for ; r.Index < to; r.Index++ {
		r.skip(list[r.Index], "step "+from.ID+" did not succeed, and the run goes on at "+from.OnFailure, m)
	}
}

func (r *Run) skip(s Step, why string, m Moment) {
	r.Steps = append(r.Steps, StepRecord{
		ID: s.ID, Kind: s.Kind(), Status: StepSkipped, Reason: why, StartedAt: m.Now, EndedAt: m.Now, Cause: m.Cause, EndedBy: m.Cause,
	})
}

// failed says what follows when a section cannot go on.
func (r *Run) failed(result, reason string, m Moment) {
	switch r.Section {
	case SectionSteps:
		r.Result, r.Reason = result, reason
		r.enter(SectionOnFailure, m)
	case SectionOnFailure:
		r.enter(SectionFinally, m)
	default:
		r.Ended = true
	}
}

// finishSection says what follows when a section has no step left.
func (r *Run) finishSection(m Moment) {
	switch r.Section {
	case SectionSteps:
		r.Result, r.Reason = ResultSucceeded, "every step ended"
		r.enter(SectionFinally, m)
	case SectionOnFailure:
		r.enter(SectionFinally, m)
	default:
		r.Ended = true
	}
}

// Due is when Advance has something to do next, zero if only an end or a
// first heartbeat can bring that.
func (r *Run) Due() time.Time {
	if r.Ended || r.StartedAt.IsZero() {
		return time.Time{}
	}
	var due time.Time
	for _, t := range []time.Time{r.Pending.Until, r.Pending.Deadline, r.Deadline} {
		if !t.IsZero() && (due.IsZero() || t.Before(due)) {
			due = t
		}
	}
	if r.Pending.Over != "" {
		return time.Time{} // the command's end is waited for
	}
	return due
}

// Forget drops what only a live run needs. [72]
func (r *Run) Forget() {
	r.Definition, r.Event, r.Seed, r.Pending = Definition{}, Event{}, "", Pending{}
	r.Deadline = time.Time{}
	for i := range r.Steps {
		r.Steps[i].Output = ""
	}
}
