package decide

import (
	"strings"
	"unicode/utf8"

	"aftercare/shared/command"
	"aftercare/shared/event"
	"aftercare/shared/flow"
)

// What one commit may hold: the store takes 200 rows and 4 MB at once, and a
// part of the bytes is kept for keys, columns and what is not counted here.
const (
	maxRows  = 200
	maxBytes = 3 << 20
)

// Upper bounds of what one step of a decision adds.
const (
	runRows     = 14          // a run that advances: itself, its record, limit, count, task, effect, alerts
	expiryRows  = 4 + runRows // task, its record, alert
	releaseRows = 4           // task, which moves, its effect and its run
	startRows   = 4           // a run that begins with a command: itself, limit, task
	matchRows   = 7 + runRows // task that ends, alert, the execution's record
	smallRow    = 1 << 10     // bytes of a row without texts of users
	matchBytes  = 2*maxStartBytes + 64*smallRow + maxDecided
	commandSize = 128 << 10 // bytes of a step's command: its script has 24 KB as base64
)

// maxText is how much of each text of an event is looked at, in bytes. The
// execution's record keeps all of it.
const maxText = 16 << 10

// full reports whether the decision has no room for so many more rows and
// bytes, so that they must wait for the next one. An empty commit is never full
// of bytes: no other could have more room.
func (d *draft) full(rows, bytes int) bool {
	l := &d.changes
	used := 3 + 2*len(d.touched.tasks) + len(d.touched.effects) + len(d.touched.runs) + len(d.touched.unmatched) +
		len(d.touched.limits) + len(d.touched.failing) +
		len(l.EndedTasks) + len(l.EndedRuns) + len(l.Boots) + len(l.LostAlerts) + len(l.Matched)
	return used+rows > maxRows || d.bytes+bytes > maxBytes && d.bytes > 0
}

// endBytes bounds what the end of a task adds.
func (d *draft) endBytes(t Task) int {
	n := expiryRows * smallRow
	if r, ok := d.Runs[t.RunID]; ok {
		n += advanceBytes(r)
	}
	return n
}

// advanceBytes bounds the bytes that advancing a run adds.
func advanceBytes(r FlowRun) int { return definitionSize(r.Definition) + recordSize(r) + commandSize }

// brief returns the event with its texts cut to what a decision needs.
func brief(ev event.TaskCompleted) event.TaskCompleted {
	for _, text := range []*string{
		&ev.CommandID, &ev.CommandName, &ev.ErrorCode, &ev.ErrorDesc, &ev.RepeatMode, &ev.OwnerUID, &ev.PlayerUID,
	} {
		*text = cut(*text)
	}
	return ev
}

func cut(text string) string {
	if len(text) > maxText {
		return strings.ToValidUTF8(text[:maxText], "")
	}
	return text
}

// bytesOf estimates how many bytes a command takes in a row.
func bytesOf(c command.Command) int {
	switch {
	case c.Run != nil:
		return smallRow + encoded(c.Run.Content) + encodedMap(c.Run.Parameters)
	case c.Invoke != nil:
		return smallRow + encodedMap(c.Invoke.Parameters)
	}
	return smallRow
}

// definitionSize estimates how many bytes a flow takes in a run's row.
func definitionSize(d flow.Definition) int {
	n := smallRow + encoded(d.When)
	for _, list := range [][]flow.Step{d.Steps, d.OnFailure, d.Finally} {
		for _, s := range list {
			n += smallRow + encoded(s.When) + encoded(s.Alert)
			switch {
			case s.Run != nil:
				n += encoded(s.Run.Content) + encodedMap(s.Run.Parameters)
			case s.Invoke != nil:
				n += encodedMap(s.Invoke.Parameters)
			}
		}
	}
	return n
}

// recordSize estimates how many bytes the rest of a run takes.
func recordSize(r FlowRun) int {
	n := smallRow
	for _, text := range []string{
		r.Event.CommandID, r.Event.CommandName, r.Event.ErrorCode, r.Event.ErrorDesc, r.Event.RepeatMode,
		r.Event.OwnerUID, r.Event.PlayerUID, r.Event.BizEventID, r.Event.Extensions,
	} {
		n += encoded(text)
	}
	for _, s := range r.Steps {
		n += smallRow/2 + encoded(s.Reason) + encoded(s.Output)
	}
	return n
}

func encodedMap(m map[string]string) int {
	n := 0
	for k, v := range m {
		n += encoded(k) + encoded(v) + 6
	}
	return n
}

// encoded is the length of s as JSON, which escapes some characters.
func encoded(s string) int {
	n := 0
	for _, r := range s {
		switch {
		case r == '"', r == '\\', r == '\n', r == '\r', r == '\t':
			n += 2
		case r < ' ', r == '<', r == '>', r == '&', r == '\u2028', r == '\u2029', r == utf8.RuneError:
			n += 6
		default:
			n += utf8.RuneLen(r)
		}
	}
	return n
}
