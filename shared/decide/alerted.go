package decide

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"
)

// maxAlerted bounds how many alerts are followed per instance, because every load
// reads a row for each.
const maxAlerted = 50

// succeeded is what a success says of an alert that it ends.
const succeeded = "The command has succeeded since."

// Alerted is an alert that is not over.
type Alerted struct {
	Kept
	// Alert says what it is about, and where it went.
	Alert Alert `json:"alert"`
	// Until are what ends it, each if it happens after Since.
	Until []Until   `json:"until"`
	Since time.Time `json:"since"`
}

// Until names what ends an alert on its instance.
type Until string

// untilSuccess is a success of a command that no flow sent, or, of a flow's step, of
// that step.
func untilSuccess(name, flow, step string) Until {
	if flow != "" {
		return Until("step/" + flow + "/" + step)
	}
	return Until("command/" + name)
}

// untilRun is a run of a flow that went well, untilBegun one that began.
func untilRun(flow string) Until   { return Until("flow/" + flow) }
func untilBegun(flow string) Until { return Until("begun/" + flow) }

// untilMoved is that a task waits no longer: it was sent, or has ended.
func untilMoved(taskID string) Until { return Until("task/" + taskID) }

// lasting is something bad that lasts.
type lasting struct {
	until []Until
	// since is when it began: what happened before does not end it.
	since time.Time
	// over reports whether it has ended already; nil means that it has not.
	over func() bool
	// quiet: while it lasts, it is not told again.
	quiet bool
}

// follow plans an alert about a state. Its key is what it is about and where it
// goes, so a later one like it is the same alert, and its recovery goes where it
// went. [54]
func (o outbox) follow(a Alert, s lasting) {
	if o.policy.AlertOn == nil {
		return
	}
	a = o.complete(a)
	a.Lasting = true
	about := whereabouts(a)
	a.Fingerprint = Key("alert", about.encode())
	known, open := o.Alerted[a.Fingerprint]
	switch {
	case o.Instance.Gone(): // nothing will end it
		a.Lasting = false
		o.post(a)
		return
	case open && known.Alert.At.After(a.At):
		o.note("no alert", "a newer one says the same")
		return
	case !open && s.over != nil && s.over():
		a.Recovered = true
		a.Summary += " " + succeeded
		o.post(a)
		return
	case !open || !s.quiet:
		o.post(a)
	}
	about.Kept, about.Fingerprint, about.At, about.Runbook = known.Alert.Kept, a.Fingerprint, a.At, a.Runbook
	o.alerted.put(a.Fingerprint, Alerted{Kept: known.Kept, Alert: about, Until: s.until, Since: cmp.Or(s.since, a.At)})
	if len(o.Alerted) > maxAlerted {
		oldest := slices.MinFunc(slices.Collect(maps.Values(o.Alerted)), func(a, b Alerted) int {
			return cmp.Or(a.Alert.At.Compare(b.Alert.At), cmp.Compare(a.Alert.Fingerprint, b.Alert.Fingerprint))
		})
		o.recovered(oldest, o.now, fmt.Sprintf("This is no longer followed: the instance has more than %d open alerts.", maxAlerted))
	}
}

// untilGood is that a task's command succeeds, or, of a flow's step, that step does.
func untilGood(t Task) []Until { return []Until{untilSuccess(t.Name, t.Flow(), t.Step)} }

// recover ends the alerts that this ends, but not those about what came later.
func (o outbox) recover(until Until, at time.Time, summary string) {
	for _, key := range slices.Sorted(maps.Keys(o.Alerted)) {
		if a := o.Alerted[key]; slices.Contains(a.Until, until) && !a.Since.After(at) {
			o.recovered(a, at, summary)
		}
	}
}

// recoverAll ends all alerts.
func (o outbox) recoverAll(at time.Time, summary string) {
	for _, key := range slices.Sorted(maps.Keys(o.Alerted)) {
		o.recovered(o.Alerted[key], at, summary)
	}
}

func (o outbox) recovered(was Alerted, at time.Time, summary string) {
	o.alerted.drop(was.Alert.Fingerprint)
	a := was.Alert
	a.Recovered, a.Summary, a.At = true, summary, at
	o.post(a)
}

// whereabouts are those fields of an alert that say what it is about and where it
// goes. An alert and its recovery have the same.
func whereabouts(a Alert) Alert {
	return Alert{
		Lasting: a.Lasting, Kind: a.Kind, Severity: a.Severity, InstanceID: a.InstanceID, Region: a.Region, CommandName: a.CommandName, Flow: a.Flow, Step: a.Step,
		Route: a.Route, Labels: a.Labels, Tags: a.Tags,
	}
}

func (a Alert) encode() string {
	b, err := json.Marshal(a)
	if err != nil {
		panic(err) // a struct of plain values
	}
	return string(b)
}
