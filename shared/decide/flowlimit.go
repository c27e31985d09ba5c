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

// startsWithin counts the runs of a flow that began within a window.
func (d *draft) startsWithin(name string, window time.Duration) int {
	n := 0
	for _, t := range d.Limits[name].Starts {
		if t.After(d.m.Now.Add(-window)) {
			n++
		}
	}
	return n
}

// failedRuns counts the runs of all flows that failed within FailureMemory.
func (d *draft) failedRuns() int {
	n := 0
	for _, l := range d.Limits {
		for _, t := range l.Failures {
			if t.After(d.m.Now.Add(-flow.FailureMemory)) {
				n++
			}
		}
	}
	return n
}

func (d *draft) setLimit(l Limit) {
	d.Limits[l.Flow] = l
	d.touched.limits.add(l.Flow)
	d.bytes += smallRow + 40*(len(l.Starts)+len(l.Failures))
}

// limit returns a flow's Limit without the times that no longer count.
func (d *draft) limit(name string, window time.Duration) Limit {
	l := d.Limits[name]
	l.Flow = name
	since := func(list []time.Time, d time.Duration, now time.Time) []time.Time {
		kept := slices.DeleteFunc(slices.Clone(list), func(t time.Time) bool { return !t.After(now.Add(-d)) })
		return kept[max(0, len(kept)-maxCounted):]
	}
	l.Starts = since(l.Starts, window, d.m.Now)
	l.Failures = since(l.Failures, flow.FailureMemory, d.m.Now)
	return l
}

func (d *draft) countStart(r FlowRun) {
	window := r.Definition.Limits.PerInstance.Window.D()
	l := d.limit(r.Flow, window)
	l.Starts = append(l.Starts, d.m.Now)
	l.Refused = 0
	l.Until = Later(l.Until, d.m.Now.Add(window))
	d.setLimit(l)
}

// countRefusal reports whether this is the first refusal since a run began.
func (d *draft) countRefusal(r FlowRun) bool {
	l := d.limit(r.Flow, r.Definition.Limits.PerInstance.Window.D())
	l.Refused++
	d.setLimit(l)
	return l.Refused == 1
}

// countFailure counts a failed run, here and for its flow's breaker (flow rule
// 55).
func (d *draft) countFailure(r FlowRun) {
	l := d.limit(r.Flow, r.Definition.Limits.PerInstance.Window.D())
	l.Failures = append(l.Failures, d.m.Now)
	l.Until = Later(l.Until, d.m.Now.Add(flow.FailureMemory))
	d.setLimit(l)
	if fleet := r.Definition.Limits.Fleet; fleet != nil {
		d.setEffect(Effect{
			Key: effectKey(EffectCount, r.ID, "", 1), Kind: EffectCount, Attempt: 1, PlannedAt: d.m.Now,
			Fleet: &Fleet{Flow: r.Flow, RunID: r.ID, At: d.m.Now, Limit: *fleet},
		})
	}
}

// opened plans the alert for a breaker that this instance's run opened, and its
// closing.
func (d *draft) opened(b Breaker) {
	d.note("breaker of flow "+b.Flow+" opened", fmt.Sprintf("%d runs failed", b.Failures))
	d.planAlert(Alert{
		Kind: AlertBreakerOpened, Flow: b.Flow, At: b.OpenedAt,
		Summary: fmt.Sprintf("A flow starts no run on any instance until %s, because %d of its runs failed.",
			b.ResumeAt.UTC().Format(time.RFC3339), b.Failures),
	}, Key("opened", b.Key))
	d.setEffect(Effect{
		Key: effectKey(EffectClose, b.Key, "", 1), Kind: EffectClose, Attempt: 1, PlannedAt: d.m.Now,
		NotBefore: b.ResumeAt, Fleet: &Fleet{Flow: b.Flow, Breaker: &b},
	})
}

// closed plans the alert for a breaker that has closed.
func (d *draft) closed(b Breaker) {
	d.note("breaker of flow "+b.Flow+" closed", "its time is up")
	d.planAlert(Alert{
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
func (d *draft) failedBefore(ev event.TaskCompleted) int {
	name := ev.CommandName
	if name == "" || !d.p.Flows.Mentions("failedBefore") {
		return 0
	}
	f, known := d.Failing[name]
	before := f.Count
	at := ev.FinishTime
	if at.IsZero() {
		at = d.m.Now
	}
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
	d.Failing[name] = f
	d.touched.failing.add(name)
	d.bytes += smallRow + len(name)
	if len(d.Failing) > maxFailing {
		oldest := slices.MinFunc(slices.Collect(maps.Values(d.Failing)), func(a, b Failing) int {
			return cmp.Or(a.Last.Compare(b.Last), strings.Compare(a.Name, b.Name))
		})
		delete(d.Failing, oldest.Name)
		d.touched.failing.add(oldest.Name)
	}
	return before
}

// forget drops rows that no longer count, as far as there is room.
func (d *draft) forget() {
	for _, name := range slices.Sorted(maps.Keys(d.Limits)) {
		if !d.Limits[name].Until.After(d.m.Now) && !d.full(1, 0) {
			delete(d.Limits, name)
			d.touched.limits.add(name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(d.Failing)) {
		if f := d.Failing[name]; f.Count == 0 && !f.Last.Add(forgetGood).After(d.m.Now) && !d.full(1, 0) {
			delete(d.Failing, name)
			d.touched.failing.add(name)
		}
	}
}
