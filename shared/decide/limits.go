package decide

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"aftercare/shared/event"
	"aftercare/shared/flow"
)

// maxCounted bounds the runs, and the failures, that are kept for one flow: it
// is the largest limit that a flow can set.
const maxCounted = 1000

// counts counts what limits and conditions count: flows' starts and failures,
// and the bad ends of commands.
type counts struct{ outbox }

// limit returns a flow's Limit without the times that no longer count.
func (c counts) limit(name string, window time.Duration) Limit {
	l := c.Limits[name]
	l.Flow = name
	since := func(list []time.Time, d time.Duration, now time.Time) []time.Time {
		kept := slices.DeleteFunc(slices.Clone(list), func(t time.Time) bool { return !t.After(now.Add(-d)) })
		return kept[max(0, len(kept)-maxCounted):]
	}
	l.Starts = since(l.Starts, window, c.now)
	l.Failures = since(l.Failures, flow.FailureMemory, c.now)
	return l
}

func (c counts) countStart(r FlowRun) {
	window := r.Definition.Limits.PerInstance.Window.D()
	l := c.limit(r.Flow, window)
	l.Starts = append(l.Starts, c.now)
	l.Refused = 0
	l.Until = Later(l.Until, c.now.Add(window))
	c.limits.put(l.Flow, l)
}

// countRefusal reports whether this is the first refusal since a run began.
func (c counts) countRefusal(r FlowRun) bool {
	l := c.limit(r.Flow, r.Definition.Limits.PerInstance.Window.D())
	l.Refused++
	c.limits.put(l.Flow, l)
	return l.Refused == 1
}

// countFailure counts a failed run, here and for its flow's breaker (flow rule
// 55).
func (c counts) countFailure(r FlowRun) {
	l := c.limit(r.Flow, r.Definition.Limits.PerInstance.Window.D())
	l.Failures = append(l.Failures, c.now)
	l.Until = Later(l.Until, c.now.Add(flow.FailureMemory))
	c.limits.put(l.Flow, l)
	if fleet := r.Definition.Limits.Fleet; fleet != nil {
		c.plan(Message{
			Key: Key("count", r.ID), Kind: MessageCount,
			Fleet: &Fleet{Flow: r.Flow, RunID: r.ID, At: c.now, Limit: *fleet},
		})
	}
}

// opened plans the alert about a breaker that this instance's run opened, and its
// closing.
func (c counts) opened(b Breaker) {
	c.note("breaker of flow "+b.Flow+" opened", fmt.Sprintf("%d runs failed", b.Failures))
	c.tell(Alert{
		Kind: AlertBreakerOpened, Flow: b.Flow, At: b.OpenedAt,
		Summary: fmt.Sprintf("A flow starts no run on any instance until %s, because %d of its runs failed.",
			b.ResumeAt.UTC().Format(time.RFC3339), b.Failures),
	}, Key("opened", b.Key))
	c.plan(Message{
		Key: Key("close", b.Key), Kind: MessageClose,
		NotBefore: b.ResumeAt, Fleet: &Fleet{Flow: b.Flow, Breaker: &b},
	})
}

// closed plans the end of that alert, when the breaker has closed.
func (c counts) closed(b Breaker) {
	c.note("breaker of flow "+b.Flow+" closed", "its time is up")
	c.tell(Alert{
		Kind: AlertBreakerOpened, Recovered: true, Flow: b.Flow, At: b.ResumeAt,
		Summary: "A flow may start runs again: the breaker that opened at " + b.OpenedAt.UTC().Format(time.RFC3339) + " has closed.",
	}, Key("opened", b.Key))
}

// maxFailing bounds how many failing commands are tracked per instance, because
// every load reads a row for each. A command that recovered stays tracked for
// forgetGood, so that a late event about its earlier failure is recognised as
// old (flow rule 18).
const (
	maxFailing = 100
	forgetGood = time.Hour
)

// bad reports whether a command ended as it should not. A status that is not known
// is bad.
func bad(s event.Status) bool {
	return s != "" && s != event.StatusSuccess && s != event.StatusCancelled && s != event.StatusTerminated
}

// failedBefore returns how many ends in a row before this one were bad, and
// counts this one. It keeps nothing if no flow uses the count.
func (c counts) failedBefore(ev event.TaskCompleted) int {
	name := ev.CommandName
	if name == "" || !c.policy.Flows.Mentions("failedBefore") {
		return 0
	}
	f, known := c.Failing[name]
	before := f.Count
	at := c.orNow(ev.FinishTime)
	bad := bad(ev.Status)
	switch {
	case known && at.Before(f.Last), !bad && (!known || ev.Status != event.StatusSuccess):
		return before
	case bad:
		f.Count++
	default:
		f.Count = 0
	}
	f.Name, f.Last = name, at
	c.failing.put(name, f)
	if len(c.Failing) > maxFailing {
		oldest := slices.MinFunc(slices.Collect(maps.Values(c.Failing)), func(a, b Failing) int {
			return cmp.Or(a.Last.Compare(b.Last), strings.Compare(a.Name, b.Name))
		})
		c.failing.drop(oldest.Name)
	}
	return before
}

// forget drops rows that no longer count, as far as there is room, if the
// commit changes live rows anyway.
func (c counts) forget() {
	if c.liveSize() == (size{}) {
		return
	}
	more := c.more
	for _, name := range slices.Sorted(maps.Keys(c.Limits)) {
		if !c.Limits[name].Until.After(c.now) {
			c.try(func() { c.limits.drop(name) })
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Failing)) {
		if f := c.Failing[name]; f.Count == 0 && !f.Last.Add(forgetGood).After(c.now) {
			c.try(func() { c.failing.drop(name) })
		}
	}
	c.more = more // they can wait
}
