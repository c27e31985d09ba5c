package main

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"aftercare/shared/command"
	"aftercare/shared/decide"
	"aftercare/shared/flow"
	"aftercare/shared/ledger"
)

// view is an instance as it is printed. It holds no scripts and no parameters,
// which may contain secrets.
type view struct {
	Instance  instance         `json:"instance"`
	Queue     []task           `json:"queue"`
	Tasks     []task           `json:"tasks"`
	Sends     []send           `json:"sends"`
	Messages  []message        `json:"messages"`
	FlowRuns  []flowRun        `json:"flowRuns"`
	Unmatched []execution      `json:"unmatched"`
	Limits    []decide.Limit   `json:"limits"`
	Failing   []decide.Failing `json:"failing"`
	// Stopped is what holds its work, or may hold it.
	Stopped decide.Standing `json:"stopped"`
	Log     records         `json:"log"`
}

type instance struct {
	ID    string `json:"id"`
	Known bool   `json:"known"`
	decide.Instance
}

type task struct {
	ID          string    `json:"id"`
	Name        string    `json:"name"`
	Kind        string    `json:"kind,omitempty"`
	State       string    `json:"state"`
	Priority    int       `json:"priority"`
	Attempt     int       `json:"attempt"`
	SubmittedAt time.Time `json:"submittedAt"`
	ExpiresAt   time.Time `json:"expiresAt,omitzero"`
	Deadline    time.Time `json:"deadline,omitzero"`
	InvokeID    string    `json:"invokeId,omitempty"`
	RunID       string    `json:"runId,omitempty"`
	Step        string    `json:"step,omitempty"`
	Cancel      bool      `json:"cancel,omitempty"`
	EndedAt     time.Time `json:"endedAt,omitzero"`
	Status      string    `json:"status,omitempty"`
	ExitCode    *int64    `json:"exitCode,omitempty"`
	ErrorCode   string    `json:"errorCode,omitempty"`
	Reason      string    `json:"reason,omitempty"`
}

type send struct {
	Key          string    `json:"key"`
	Kind         string    `json:"kind"`
	TaskID       string    `json:"taskId"`
	Tries        int       `json:"tries"`
	NotBefore    time.Time `json:"notBefore,omitzero"`
	ClaimedUntil time.Time `json:"claimedUntil,omitzero"`
	FirstSent    time.Time `json:"firstSent,omitzero"`
	PlannedAt    time.Time `json:"plannedAt"`
}

type message struct {
	Key          string        `json:"key"`
	Kind         string        `json:"kind"`
	Flow         string        `json:"flow,omitempty"`
	Alert        *decide.Alert `json:"alert,omitempty"`
	Tries        int           `json:"tries"`
	NotBefore    time.Time     `json:"notBefore,omitzero"`
	ClaimedUntil time.Time     `json:"claimedUntil,omitzero"`
	PlannedAt    time.Time     `json:"plannedAt"`
}

type flowRun struct {
	ID      string   `json:"id"`
	Flow    string   `json:"flow"`
	Chain   []string `json:"chain"`
	Cause   string   `json:"cause"`
	RetryOf string   `json:"retryOf,omitempty"`
	Version string   `json:"flowsVersion,omitempty"`
	// By, Purpose and Inputs are those of a start by hand. Tick is when the flow's
	// schedule started it.
	By        string            `json:"by,omitempty"`
	Purpose   string            `json:"purpose,omitempty"`
	Inputs    map[string]string `json:"inputs,omitempty"`
	Tick      time.Time         `json:"tick,omitzero"`
	CreatedAt time.Time         `json:"createdAt"`
	StartedAt time.Time         `json:"startedAt,omitzero"`
	// Waits is what the run waits for if it has not begun, otherwise what the
	// step under way waits for; Due is when it is checked next.
	Waits   string            `json:"waits,omitempty"`
	Due     time.Time         `json:"due,omitzero"`
	EndedAt time.Time         `json:"endedAt,omitzero"`
	Result  string            `json:"result,omitempty"`
	Reason  string            `json:"reason,omitempty"`
	Steps   []flow.StepRecord `json:"steps,omitempty"`
}

type boot struct {
	Kind         string    `json:"kind"`
	InstanceID   string    `json:"instanceId"`
	Seq          int64     `json:"seq"`
	Time         time.Time `json:"time"`
	EventID      string    `json:"eventId"`
	EventTime    time.Time `json:"eventTime,omitzero"`
	AgentVersion string    `json:"agentVersion,omitempty"`

	Decided decide.Decided `json:"decided,omitzero"`
}

// records are the newest first.
type records struct {
	// Older says that there are older ones.
	Older      bool         `json:"older,omitempty"`
	Executions []execution  `json:"executions"`
	Tasks      []task       `json:"tasks"`
	FlowRuns   []flowRun    `json:"flowRuns"`
	Boots      []boot       `json:"boots"`
	Acts       []decide.Act `json:"acts"`
	Lost       []message    `json:"lostMessages"`
}

func newView(s decide.State, r ledger.Records, older bool) view {
	v := view{
		Instance: instance{ID: s.Instance.ID, Known: s.Instance.Rev > 0, Instance: s.Instance},
		Queue:    queueOf(s), Tasks: []task{},
		Sends:     mapped(slices.Collect(maps.Values(s.Sends)), newSend),
		Messages:  mapped(slices.Collect(maps.Values(s.Messages)), newMessage),
		FlowRuns:  mapped(slices.Collect(maps.Values(s.Runs)), newFlowRun),
		Unmatched: []execution{},
		Limits:    slices.AppendSeq([]decide.Limit{}, maps.Values(s.Limits)),
		Failing:   slices.AppendSeq([]decide.Failing{}, maps.Values(s.Failing)),
		Log: records{
			Older: older,
			Tasks: mapped(r.Tasks, newTask), FlowRuns: mapped(r.Runs, newFlowRun),
			Executions: mapped(r.Executions, printed),
			Boots: mapped(r.Boots, func(b decide.Boot) boot {
				return boot{kindWords[ledger.EntryBoot], s.Instance.ID, b.Seq, b.Time, b.EventID, b.EventTime, b.AgentVersion, b.Decided}
			}),
			Acts: append([]decide.Act{}, r.Acts...),
			Lost: mapped(r.Lost, newMessage),
		},
	}
	for _, t := range s.Tasks {
		if t.State != decide.TaskQueued {
			v.Tasks = append(v.Tasks, newTask(t))
		}
	}
	for _, u := range s.Unmatched {
		given, _ := command.Split(u.Event.CommandName)
		v.Unmatched = append(v.Unmatched, printed(decide.Execution{Event: u.Event, Name: given, Received: u.Received}))
	}
	byTime(v.Tasks, func(t task) (time.Time, string) { return t.SubmittedAt, t.ID })
	byTime(v.Sends, func(s send) (time.Time, string) { return s.PlannedAt, s.Key })
	byTime(v.Messages, func(m message) (time.Time, string) { return m.PlannedAt, m.Key })
	byTime(v.FlowRuns, func(r flowRun) (time.Time, string) { return r.CreatedAt, r.ID })
	slices.SortFunc(v.Limits, func(a, b decide.Limit) int { return cmp.Compare(a.Flow, b.Flow) })
	slices.SortFunc(v.Failing, func(a, b decide.Failing) int { return cmp.Compare(a.Name, b.Name) })
	finished := func(e execution) (time.Time, string) { return e.FinishTime, e.InvokeID }
	byTime(v.Unmatched, finished)
	newest(v.Log.Executions, finished)
	newest(v.Log.Tasks, func(t task) (time.Time, string) { return t.EndedAt, t.ID })
	newest(v.Log.FlowRuns, func(r flowRun) (time.Time, string) { return r.EndedAt, r.ID })
	newest(v.Log.Lost, func(m message) (time.Time, string) { return m.PlannedAt, m.Key })
	slices.SortFunc(v.Log.Boots, func(a, b boot) int { return cmp.Compare(b.Seq, a.Seq) })
	return v
}

func newest[T any](list []T, of func(T) (time.Time, string)) {
	byTime(list, of)
	slices.Reverse(list)
}

func mapped[A, B any](list []A, f func(A) B) []B {
	out := make([]B, 0, len(list))
	for _, v := range list {
		out = append(out, f(v))
	}
	return out
}

func byTime[T any](list []T, of func(T) (time.Time, string)) {
	slices.SortFunc(list, func(a, b T) int {
		at, ak := of(a)
		bt, bk := of(b)
		return cmp.Or(at.Compare(bt), cmp.Compare(ak, bk))
	})
}

func newTask(t decide.Task) task {
	return task{
		ID: t.ID, Name: t.Name, Kind: string(t.Kind), State: string(t.State), Priority: t.Priority, Attempt: t.Attempt,
		SubmittedAt: t.SubmittedAt, ExpiresAt: t.ExpiresAt, Deadline: t.Deadline, InvokeID: t.InvokeID,
		RunID: t.RunID, Step: t.Step, Cancel: t.Cancel,
		EndedAt: t.EndedAt, Status: string(t.Status), ExitCode: t.ExitCode, ErrorCode: t.ErrorCode,
		Reason: cmp.Or(t.Reason, t.CancelReason),
	}
}

// besides is why a task ended, beside how its execution did.
func (t task) besides() string {
	before, _, _ := strings.Cut(t.Reason, "its execution ended as")
	return strings.TrimSuffix(before, "; ")
}

func newSend(s decide.Send) send {
	return send{
		Key: s.Key, Kind: string(s.Kind), TaskID: s.TaskID, Tries: s.Tries,
		NotBefore: s.NotBefore, ClaimedUntil: s.Claim.Until, FirstSent: s.FirstSent, PlannedAt: s.PlannedAt,
	}
}

func newMessage(m decide.Message) message {
	v := message{
		Key: m.Key, Kind: string(m.Kind), Alert: m.Alert, Tries: m.Tries,
		NotBefore: m.NotBefore, ClaimedUntil: m.Claim.Until, PlannedAt: m.PlannedAt,
	}
	if m.Fleet != nil {
		v.Flow = m.Fleet.Flow
	}
	return v
}

func newFlowRun(r decide.FlowRun) flowRun {
	v := flowRun{
		ID: r.ID, Flow: r.Flow, Chain: r.Chain, Cause: r.Cause, RetryOf: r.RetryOf, Version: r.FlowsVersion, By: r.Event.By, Purpose: r.Event.Reason, Inputs: r.Event.Inputs, CreatedAt: r.CreatedAt, StartedAt: r.StartedAt,
		EndedAt: r.EndedAt, Result: r.Result, Reason: r.Reason, Steps: r.Steps, Waits: r.Waits, Due: r.Due(),
	}
	if r.Event.Kind == flow.Scheduled {
		v.Tick = r.Event.Time
	}
	v.Steps = slices.Clone(v.Steps)
	for i := range v.Steps {
		v.Steps[i].Output = "" // it may hold secrets
	}
	if v.EndedAt.IsZero() && v.Waits == "" {
		v.Result, v.Reason, v.Waits = "", "", string(r.Pending.State)
	}
	if !r.CheckAt.IsZero() {
		v.Due = r.CheckAt
	}
	return v
}
