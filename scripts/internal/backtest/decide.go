package backtest

import (
	"cmp"
	"container/heap"
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"aftercare/shared/decide"
)

// Until plays what is due before a time.
func (w *World) Until(ctx context.Context, t time.Time) error {
	for len(w.wakes) > 0 && w.wakes[0].at.Before(t) {
		next := heap.Pop(&w.wakes).(wake)
		if i := w.fleet[next.instanceID]; i.wakeAt.Equal(next.at) {
			i.wakeAt = time.Time{}
			if err := w.decide(ctx, i, decide.WakeUp{}, next.at, choice{}); err != nil {
				return err
			}
		}
	}
	return nil
}

// decide makes one decision, and what follows from it at once.
func (w *World) decide(ctx context.Context, i *instance, in decide.Input, at time.Time, about choice) error {
	facts := decide.Facts{Control: w.control}
	m := decide.Moment{Now: at, Claim: decide.Claim{Commit: "backtest", Until: at}}
	d := decide.Decide(i.state, in, facts, w.policy, m)
	for range 4 {
		need := d.Needs
		need.Outputs, need.Once = nil, false // nobody knows them: what depends on one says so
		if need.Empty() {
			break
		}
		asked := &facts.Asked
		asked.Agent, asked.Machine = asked.Agent || need.Agent, asked.Machine || need.Machine
		asked.Invocations = append(asked.Invocations, need.Invocations...)
		asked.Ended, asked.EndedRun = append(asked.Ended, need.Ended...), cmp.Or(asked.EndedRun, need.EndedRun)
		if asked.Agent {
			facts.Agent = &decide.AgentStatus{Ready: true, Seen: at}
		}
		facts.Unlisted = asked.Machine // what is known of the instance stays
		d = decide.Decide(i.state, in, facts, w.policy, m)
	}
	return w.settle(ctx, i, d, at, about)
}

// settle takes over what was decided, without what is sent and told.
func (w *World) settle(ctx context.Context, i *instance, d decide.Decision, at time.Time, about choice) error {
	w.choose(i, d, at, about)
	before := i.state.Runs
	i.state = decide.NewState(d.Next.Instance.ID)
	i.state.Instance, i.state.Runs, i.state.Limits, i.state.Failing = d.Next.Instance, maps.Clone(d.Next.Runs), d.Next.Limits, d.Next.Failing
	for id, t := range d.Next.Tasks {
		if t.RunID == "" && len(t.Chain) == 0 {
			i.tries[id] = t
		}
	}
	for _, t := range d.Changes.EndedTasks {
		delete(i.tries, t.ID)
	}
	for _, m := range d.Next.Messages {
		if m.Kind == decide.MessageCount {
			w.countFailure(m.Fleet)
		}
	}
	i.state.Instance.LearnAt, i.state.Instance.CheckAt = time.Time{}, time.Time{}
	i.state.Instance.Waiting, i.state.Instance.WaitingUntil, i.state.Instance.WaitingFrom = 0, time.Time{}, time.Time{}
	for _, r := range d.Changes.EndedRuns {
		w.ended(i, r)
	}
	var begun []decide.FlowRun
	for id, r := range i.state.Runs {
		_, known := i.began[id]
		_, waited := before[id]
		switch {
		case !r.StartedAt.IsZero() && !known:
			begun = append(begun, r)
		case r.StartedAt.IsZero() && !waited:
			w.tallies[r.Flow].Waited[guardOf(r.Waits)]++
		}
	}
	slices.SortFunc(begun, func(a, b decide.FlowRun) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID))
	})
	for _, r := range begun {
		if err := w.begin(ctx, i, r, at); err != nil {
			return err
		}
	}
	if d.More {
		return w.decide(ctx, i, decide.Continue{}, at, choice{})
	}
	w.schedule(i)
	return nil
}

// schedule sees to it that what waits for a time is played then.
func (w *World) schedule(i *instance) {
	var at time.Time
	for _, r := range i.state.Runs {
		for _, due := range []time.Time{r.CheckAt, r.Due()} {
			if !due.IsZero() && (at.IsZero() || due.Before(at)) {
				at = due
			}
		}
	}
	if !at.IsZero() && !at.Equal(i.wakeAt) {
		heap.Push(&w.wakes, wake{at, i.state.Instance.ID})
	}
	i.wakeAt = at
}

// countFailure counts a failed run for its flow's breaker, and opens that.
func (w *World) countFailure(f *decide.Fleet) {
	since := f.At.Add(-f.Limit.Window.D())
	b, there := w.control.Breakers[f.Flow]
	if there && !b.ResumeAt.After(f.At) {
		since = decide.Later(since, b.ResumeAt.Add(time.Millisecond))
	}
	list := slices.DeleteFunc(append(w.failures[f.Flow], f.At), func(t time.Time) bool { return t.Before(since) })
	w.failures[f.Flow] = list
	if open := there && b.ResumeAt.After(f.At); !open && len(list) >= f.Limit.MaxFailures {
		w.control.Breakers = maps.Clone(w.control.Breakers)
		w.control.Breakers[f.Flow] = decide.Breaker{Flow: f.Flow, OpenedAt: f.At, ResumeAt: f.At.Add(f.Limit.ResumeAfter.D()), Failures: len(list)}
	}
}

// wakes are a heap of what is due, the first of it on top.
type wakes []wake

type wake struct {
	at         time.Time
	instanceID string
}

func (w wakes) Len() int { return len(w) }
func (w wakes) Less(a, b int) bool {
	return cmp.Or(w[a].at.Compare(w[b].at), cmp.Compare(w[a].instanceID, w[b].instanceID)) < 0
}
func (w wakes) Swap(a, b int) { w[a], w[b] = w[b], w[a] }
func (w *wakes) Push(x any)   { *w = append(*w, x.(wake)) }
func (w *wakes) Pop() any {
	last := (*w)[len(*w)-1]
	*w = (*w)[:len(*w)-1]
	return last
}

// act plays a stop or a resume.
func (w *World) act(h Happening) {
	kind, what, _ := strings.Cut(h.Act, " ")
	var scope decide.Scope
	switch of, name, _ := strings.Cut(what, " "); of {
	case "flow":
		scope.Flow = name
	case "instance":
		scope.Instance = name
	case "label":
		scope.Label = name
	}
	w.control.Stops = maps.Clone(w.control.Stops)
	switch decide.ActKind(kind) {
	case decide.ActStop:
		w.control.Stops[scope] = decide.Stop{Scope: scope, At: h.At}
	case decide.ActResume:
		delete(w.control.Stops, scope)
		delete(w.control.Breakers, scope.Flow)
		delete(w.failures, scope.Flow)
	case decide.ActRetry:
		w.unknown("what came of it that a person ran a flow again")
	}
}
