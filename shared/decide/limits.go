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

// limit returns a flow's Limit without the times that no longer count.
func (d *decision) limit(name string, window time.Duration) Limit {
	l := d.Limits[name]
	l.Flow = name
	since := func(list []time.Time, d time.Duration, now time.Time) []time.Time {
		kept := slices.DeleteFunc(slices.Clone(list), func(t time.Time) bool { return !t.After(now.Add(-d)) })
		return kept[max(0, len(kept)-maxCounted):]
	}
	l.Starts = since(l.Starts, window, d.now)
	l.Failures = since(l.Failures, flow.FailureMemory, d.now)
	return l
}

func (d *decision) countStart(r FlowRun) {
	window := r.Definition.Limits.PerInstance.Window.D()
	l := d.limit(r.Flow, window)
	l.Starts = append(l.Starts, d.now)
	l.Refused = 0
	l.Until = Later(l.Until, d.now.Add(window))
	d.limits.put(l.Flow, l)
}

// countRefusal reports whether this is the first refusal since a run began.
func (d *decision) countRefusal(r FlowRun) bool {
	l := d.limit(r.Flow, r.Definition.Limits.PerInstance.Window.D())
	l.Refused++
	d.limits.put(l.Flow, l)
	return l.Refused == 1
}

// countFailure counts a failed run, here and for its flow's breaker (flow rule
// 55).
func (d *decision) countFailure(r FlowRun) {
	l := d.limit(r.Flow, r.Definition.Limits.PerInstance.Window.D())
	l.Failures = append(l.Failures, d.now)
	l.Until = Later(l.Until, d.now.Add(flow.FailureMemory))
	d.limits.put(l.Flow, l)
	if fleet := r.Definition.Limits.Fleet; fleet != nil {
		d.plan(Message{
			Key: Key("count", r.ID), Kind: MessageCount,
			Fleet: &Fleet{Flow: r.Flow, RunID: r.ID, At: d.now, Limit: *fleet},
		})
	}
}

// opened plans the alert for a breaker that this instance's run opened, and its
// closing.
func (d *decision) opened(b Breaker) {
	d.note("breaker of flow "+b.Flow+" opened", fmt.Sprintf("%d runs failed", b.Failures))
	d.alert(Alert{
		Kind: AlertBreakerOpened, Flow: b.Flow, At: b.OpenedAt,
		Summary: fmt.Sprintf("A flow starts no run on any instance until %s, because %d of its runs failed.",
			b.ResumeAt.UTC().Format(time.RFC3339), b.Failures),
	}, Key("opened", b.Key))
	d.plan(Message{
		Key: Key("close", b.Key), Kind: MessageClose,
		NotBefore: b.ResumeAt, Fleet: &Fleet{Flow: b.Flow, Breaker: &b},
	})
}

// closed plans the alert for a breaker that has closed.
func (d *decision) closed(b Breaker) {
	d.note("breaker of flow "+b.Flow+" closed", "its time is up")
	d.alert(Alert{
		Kind: AlertBreakerClosed, Flow: b.Flow, At: b.ResumeAt,
		Summary: "A flow may start runs again: the breaker that opened at " + b.OpenedAt.UTC().Format(time.RFC3339) + " has closed.",
	}, Key("closed", b.Key))
}

// maxFailing bounds how many failing commands are tracked per instance, because
// every load reads a row for each. A command that recovered stays tracked for
// forgetGood, so that a late event about its earlier failure is recognised as
// old (flow rule 18).
const (
	maxFailing = 100
	forgetGood = time.Hour
)

// failedBefore returns how many ends in a row before this one were bad, and
// counts this one. It keeps nothing if no flow uses the count.
func (d *decision) failedBefore(ev event.TaskCompleted) int {
	name := ev.CommandName
	if name == "" || !d.policy.Flows.Mentions("failedBefore") {
		return 0
	}
	f, known := d.Failing[name]
	before := f.Count
	at := d.orNow(ev.FinishTime)
	bad := ev.Status != event.StatusSuccess && ev.Status != event.StatusCancelled && ev.Status != event.StatusTerminated
	switch {
	case known && at.Before(f.Last), !bad && (!known || ev.Status != event.StatusSuccess):
		return before
	case bad:
		f.Count++
	default:
		f.Count = 0
	}
	f.Name, f.Last = name, at
	d.failing.put(name, f)
	if len(d.Failing) > maxFailing {
		oldest := slices.MinFunc(slices.Collect(maps.Values(d.Failing)), func(a, b Failing) int {
			return cmp.Or(a.Last.Compare(b.Last), strings.Compare(a.Name, b.Name))
		})
		d.failing.drop(oldest.Name)
	}
	return before
}

// forget drops rows that no longer count, as far as there is room, if the
// commit changes live rows anyway.
func (d *decision) forget() {
	if d.liveSize() == (size{}) {
		return
	}
	more := d.more
	for _, name := range slices.Sorted(maps.Keys(d.Limits)) {
		if !d.Limits[name].Until.After(d.now) {
			d.try(func() { d.limits.drop(name) })
		}
	}
	for _, name := range slices.Sorted(maps.Keys(d.Failing)) {
		if f := d.Failing[name]; f.Count == 0 && !f.Last.Add(forgetGood).After(d.now) {
			d.try(func() { d.failing.drop(name) })
		}
	}
	d.more = more // they can wait
}
