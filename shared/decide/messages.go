package decide

import (
	"cmp"
	"fmt"
	"strings"
)

// maxAlertText bounds each text of an alert, in bytes. The record of an execution has
// them whole.
const maxAlertText = 4000

// maxAlertOutput bounds what an alert has of a command's output, in bytes: messages
// show no more.
const maxAlertOutput = 2000

// lastLines returns the end of what a command printed, from the beginning of a line
// on; of a line that is too long, from the beginning of a word on. So no secret loses
// the part by which it is known.
func lastLines(text string, limit int) string {
	text = strings.TrimRight(strings.ToValidUTF8(text, "\ufffd"), " \t\r\n")
	if len(text) <= limit {
		return text
	}
	from := len(text) - limit
	next := strings.IndexByte(text[from-1:], '\n')
	if next < 0 || next > limit/2 {
		next = strings.IndexAny(text[from-1:], " \t\r\n")
	}
	if next < 0 {
		return "…"
	}
	return "…\n" + text[from+next:]
}

// outbox plans messages and claims those that are due.
type outbox struct{ *draft }

// alert plans one alert about the owner, a key of what it reports. It is news: nothing
// ends it.
func (o outbox) alert(a Alert, owner string) {
	a = o.complete(a)
	a.Fingerprint = Key("alert", a.InstanceID, string(a.Kind), owner)
	o.post(a)
}

// tell plans an alert about a state of the owner that lasts, or, if it is recovered,
// its end: both have one key, and nothing of the instance that plans them says where
// they go.
func (o outbox) tell(a Alert, owner string) {
	a = o.complete(a)
	a.Lasting, a.Tags = true, nil
	a.Fingerprint = Key("alert", a.InstanceID, string(a.Kind), owner)
	o.post(a)
}

// complete adds what the instance and the alert's kind say.
func (o outbox) complete(a Alert) Alert {
	if a.InstanceID = o.Instance.ID; a.InstanceID == SweepID {
		a.InstanceID = "" // it is about none
	}
	for _, text := range []*string{&a.Summary, &a.CommandName, &a.Status, &a.ErrorCode, &a.ErrorDesc} {
		*text = cut(o.policy.Mask.Text(*text), maxAlertText)
	}
	a.Output = lastLines(a.Output, maxAlertOutput)
	a.Severity = cmp.Or(a.Severity, severities[a.Kind])
	if a.Flow != "" && a.Runbook == "" {
		a.Runbook = o.policy.Flows.Runbook(a.Flow)
	}
	if tags := o.Instance.Tags; tags != nil {
		a.Tags = *tags
	}
	a.Region = cmp.Or(a.Region, o.Instance.Region)
	return a
}

// post plans the message with an alert.
func (o outbox) post(a Alert) {
	if o.policy.AlertOn == nil || !o.plan(Message{Key: a.Fingerprint, Kind: MessageAlert, Alert: &a}) {
		return
	}
	what := "alert planned"
	if a.Recovered {
		what = "alert recovered"
	}
	o.note(what, string(a.Kind))
}

// ofTask is an alert about a task.
func (d *draft) ofTask(t Task, kind AlertKind, summary string) Alert {
	return Alert{
		Kind: kind, Summary: summary, CommandName: t.Name, InvokeID: t.InvokeID, TaskID: t.ID, Labels: labelled(t), At: d.now,
		Flow: t.Flow(), Step: t.Step, Runbook: d.runbook(t),
	}
}

// runbook is that of the definition to which the task's run keeps, if the run is
// still known.
func (d *draft) runbook(t Task) string {
	r, ok := d.Runs[t.RunID]
	if !ok {
		r = d.before.Runs[t.RunID]
	}
	return r.Definition.Runbook
}

// labelled are a task's labels as an alert has them.
func labelled(t Task) map[string]string {
	out := map[string]string{}
	for _, label := range t.Labels {
		out[label] = label
	}
	return out
}

// plan plans a message, unless the same news is on its way already. A newer version
// of an alert takes the place of one that nobody is delivering.
func (o outbox) plan(m Message) bool {
	for row, other := range o.Messages {
		switch {
		case other.Key != m.Key:
		case m.Alert == nil || !m.Alert.Lasting:
			return false
		case !other.Claim.held(o.now):
			o.messages.drop(row)
		}
	}
	m.Rev = o.before.Instance.NextRev(o.now)
	m.PlannedAt = o.now
	o.messages.put(m.Row(), m)
	return true
}

// claimMessages claims the messages that are due, at most a batch of them.
func (o outbox) claimMessages() {
	for i, m := range o.dueMessages() {
		if i == o.policy.Batch {
			o.more = true
			return
		}
		if !o.try(func() {
			m.Claim = o.mine
			m.Tries++
			o.messages.put(m.Row(), m)
			o.claimed++
		}) {
			return
		}
	}
}

// counted is a number of things in words, such as 2 attempts.
func counted(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprint(n, " ", what)
}
