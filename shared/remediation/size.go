package remediation

import (
	"strings"
	"unicode/utf8"

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
	expiryRows  = 6       // task, its record, its run, the run's record, alert
	releaseRows = 3       // task, which moves, and its effect
	matchRows   = 10      // task and run that end, the next step, alert
	smallRow    = 1 << 10 // bytes of a row without texts of users
	matchBytes  = 2*maxStartBytes + 64*smallRow
)

// maxText is how much of each text of an event is looked at, in bytes. The
// execution's record keeps all of it.
const maxText = 16 << 10

// full reports whether the decision has no room for so many more rows and
// bytes, so that they must wait for the next one.
func (d *draft) full(rows, bytes int) bool {
	l := &d.log
	used := 3 + 2*len(d.touched.tasks) + len(d.touched.effects) + len(d.touched.runs) + len(d.touched.unmatched) +
		len(l.EndedTasks) + len(l.EndedRuns) + len(l.Boots) + len(l.LostAlerts)
	return used+rows > maxRows || d.bytes+bytes > maxBytes
}

// brief is the event with its texts cut to what a decision needs.
func brief(ev event.TaskCompleted) event.TaskCompleted {
	for _, text := range []*string{
		&ev.CommandID, &ev.CommandName, &ev.ErrorCode, &ev.ErrorDesc, &ev.RepeatMode, &ev.OwnerUID, &ev.PlayerUID,
	} {
		if len(*text) > maxText {
			*text = strings.ToValidUTF8((*text)[:maxText], "")
		}
	}
	return ev
}

// size is about how many bytes the command takes in a row.
func (c Command) size() int {
	switch {
	case c.Run != nil:
		return smallRow + encoded(c.Run.Content) + encodedMap(c.Run.Parameters)
	case c.Invoke != nil:
		return smallRow + encodedMap(c.Invoke.Parameters)
	}
	return smallRow
}

// planSize is about how many bytes a run's plan takes in a row.
func planSize(p flow.Plan) int {
	n := smallRow
	for _, s := range p.Steps {
		n += smallRow + encoded(s.Run.Content) + encodedMap(s.Run.Parameters)
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
