package alert

import (
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"aftercare/shared/decide"
	"aftercare/shared/dispatch"
	"aftercare/shared/event"
	"aftercare/shared/mask"
	"aftercare/shared/transport"
)

// Message is what templates see of a flush. Secrets are masked, long values are
// cut and say so, and each is on one line, except Output.
type Message struct {
	// ID, Group, Route, Severity, Firing, Recovered, Open, Repeat and At are
	// those of the flush.
	ID, Group, Route        string
	Severity                decide.Severity
	Firing, Recovered, Open int
	// Over: nothing fires, and nothing is open.
	Over   bool
	Repeat bool
	At     time.Time
	// By is what the alerts have in common: "name=value", in order of names.
	By []string
	// First is the first of Alerts, nil without any.
	First *Entry
	// Alerts are those that the message shows.
	Alerts []Entry
	// Others is how many alerts the flush is about beside First, More how many
	// beside Alerts. Both are exact.
	Others, More int
	// Acknowledge is the command that stops repeats until recovery; empty if all
	// is over.
	Acknowledge string
}

// Entry is one alert of a message.
type Entry struct {
	decide.Alert
	// Heading is its kind in words, and About the flow or command, with the
	// instance.
	Heading, About string
	// Why is its status, exit code and error.
	Why string
	// Next is what Aftercare does next; empty if Summary says all.
	Next string
	// Look are the commands that look closer.
	Look []string
}

// detail is how much a message says.
type detail struct {
	alerts int // shown
	value  int // bytes of a value
	output int // bytes of what a command printed
	pairs  int // labels, tags and names of the group
}

// details are tried in this order until a message fits.
var details = []detail{
	{dispatch.MaxSample, 1000, 2000, 20}, {dispatch.MaxSample, 500, 1000, 10}, {dispatch.MaxSample, 200, 800, 6}, {5, 200, 600, 6}, {3, 150, 400, 4}, {2, 120, 300, 4},
	{1, 120, 300, 3}, {1, 80, 0, 2}, {1, 60, 0, 1},
}

// maxRunbook is the longest address of a runbook that is shown, in bytes. Half an
// address leads nowhere.
const maxRunbook = 300

// cleaned returns a flush whose values are fit to be shown, but may be long. Secrets
// are masked before anything is cut: half a secret may have no form.
func cleaned(f dispatch.Notice, m mask.Mask) dispatch.Notice {
	clean := once(func(text string) string { return clean(text, m) }) // alerts of a group have much in common
	printed := once(func(text string) string { return printed(text, m) })
	pairs := func(all map[string]string) map[string]string {
		cleanPairs := map[string]string{}
		for name, value := range all {
			// The name says whether the value is a secret.
			name, value, _ := strings.Cut(clean(name+"="+value), "=")
			cleanPairs[name] = value
		}
		return cleanPairs
	}
	f.Route = clean(f.Route)
	f.Severity = decide.Severity(clean(string(f.Severity)))
	f.By = pairs(f.By)
	f.Alerts = slices.Clone(f.Alerts[:min(len(f.Alerts), dispatch.MaxSample)])
	for i := range f.Alerts {
		a := &f.Alerts[i]
		for _, text := range append(texts(a), &a.Runbook) {
			*text = clean(*text)
		}
		a.Labels, a.Tags = pairs(a.Labels), pairs(a.Tags)
		a.Output = printed(a.Output)
		a.ExitCode = event.Status(a.Status).Exit(a.ExitCode)
	}
	return f
}

// once returns f, which it calls once for each text.
func once(f func(string) string) func(string) string {
	known := map[string]string{}
	return func(text string) string {
		done, ok := known[text]
		if !ok {
			done = f(text)
			known[text] = done
		}
		return done
	}
}

// texts are the values of an alert that have one line and any length.
func texts(a *decide.Alert) []*string {
	return []*string{
		&a.Fingerprint, (*string)(&a.Kind), (*string)(&a.Severity), &a.Summary, &a.InstanceID, &a.Region, &a.CommandName, &a.InvokeID,
		&a.TaskID, &a.RunID, &a.Flow, &a.Step, &a.Route, &a.Status, &a.ErrorCode, &a.ErrorDesc,
	}
}

// clean masks secrets and puts a value on one line: runs of white space, and
// characters that are invisible or change the direction of writing, become one
// space.
func clean(text string, m mask.Mask) string {
	return strings.Join(strings.FieldsFunc(strings.ToValidUTF8(m.Text(text), "\ufffd"), func(r rune) bool {
		return unicode.IsSpace(r) || unicode.In(r, unicode.C, unicode.Zl, unicode.Zp)
	}), " ")
}

// printed is what a command printed, without secrets and control characters.
func printed(text string, m mask.Mask) string {
	var lines []string
	for line := range strings.Lines(m.Text(strings.ToValidUTF8(text, "\ufffd"))) {
		line = strings.Map(func(r rune) rune {
			switch {
			case r == '\t':
				return ' '
			case unicode.In(r, unicode.C, unicode.Zl, unicode.Zp):
				return -1
			}
			return r
		}, line)
		lines = append(lines, strings.TrimRightFunc(line, unicode.IsSpace))
	}
	return strings.Trim(strings.Join(lines, "\n"), "\n")
}

// message is what a cleaned flush says in this much detail.
func (w *words) message(f dispatch.Notice, d detail) Message {
	m := Message{
		ID: f.ID, Group: f.Group, Route: w.cut(f.Route, d.value), Severity: decide.Severity(w.cut(string(f.Severity), d.value)),
		Firing: f.Firing, Recovered: f.Recovered, Open: f.Open, Over: f.Firing == 0 && f.Open == 0, Repeat: f.Repeat, At: f.At,
	}
	by := w.cutPairs(f.By, d)
	for _, name := range slices.Sorted(maps.Keys(by)) {
		m.By = append(m.By, name+"="+by[name])
	}
	for _, a := range f.Alerts[:min(len(f.Alerts), d.alerts)] {
		m.Alerts = append(m.Alerts, w.entry(a, d))
	}
	if len(m.Alerts) > 0 {
		m.First = &m.Alerts[0]
	}
	m.Others = max(0, f.Firing+f.Recovered-1)
	m.More = max(0, f.Firing+f.Recovered-len(m.Alerts))
	if id := transport.Printable(f.Group); f.Open > 0 && id != "" {
		m.Acknowledge = "aftercare silence add --alert " + id
	}
	return m
}

func (w *words) entry(a decide.Alert, d detail) Entry {
	e := Entry{Alert: a, Heading: w.heading(a.Kind), Look: look(a)}
	switch {
	case a.Recovered:
	case a.Requeued:
		e.Next = w.requeued
	default:
		e.Next = w.next[a.Kind]
	}
	for _, text := range texts(&e.Alert) {
		*text = w.cut(*text, d.value)
	}
	if len(e.Runbook) > maxRunbook {
		e.Runbook = w.cut(e.Runbook, d.value)
	}
	e.Labels, e.Tags = w.cutPairs(a.Labels, d), w.cutPairs(a.Tags, d)
	e.Output = w.cutStart(a.Output, d.output)
	e.About = w.about(e)
	e.Why = w.why(e)
	return e
}

// cutPairs are the first names, in order, with their values.
func (w *words) cutPairs(all map[string]string, d detail) map[string]string {
	kept := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if len(kept) == d.pairs {
			break
		}
		kept[w.cut(name, d.value)] = w.cut(all[name], d.value)
	}
	return kept
}

// lookAt are the commands that look closer at a kind of alert that is about no
// instance.
var lookAt = map[decide.AlertKind][]string{
	decide.AlertQuarantine: {"aftercare quarantine list"}, decide.AlertRefused: {"aftercare quarantine list"},
	decide.AlertDeadLetters: {"aftercare redrive dead-letters"},
	decide.AlertQuota:       {"aftercare queue"}, decide.AlertRight: {"aftercare doctor"}, decide.AlertSweepMissing: {"aftercare doctor"},
	decide.AlertEventsSilent: {"aftercare doctor", "aftercare backfill --since 2h --plan"},
}

// look returns the commands that look closer at an alert. An id that is not a
// plain word is not put into a command, which people copy.
func look(a decide.Alert) []string {
	plain := func(id string) bool { return id != "" && transport.Printable(id) == id && id[0] != '-' }
	commands := slices.Clone(lookAt[a.Kind])
	instance, task := plain(a.InstanceID), plain(a.TaskID)
	switch {
	case instance && plain(a.RunID):
		commands = append(commands, "aftercare show "+a.InstanceID+"/"+a.RunID)
	case instance && task:
		commands = append(commands, "aftercare show "+a.InstanceID+"/"+a.TaskID)
	case instance && plain(a.InvokeID):
		commands = append(commands, "aftercare show "+a.InstanceID+"/"+a.InvokeID)
	case instance:
		commands = append(commands, "aftercare show "+a.InstanceID)
	}
	switch {
	case plain(a.InvokeID):
		commands = append(commands, "aftercare output "+a.InvokeID)
	case instance && task && plain(a.RunID): // a step's command, in whose run it is seen whether it ran
		commands = append(commands, "aftercare output "+a.InstanceID+"/"+a.TaskID)
	}
	return commands
}

// cut returns text if it has at most limit bytes. Otherwise it returns as many
// whole characters as there is room for, and how many bytes are missing.
func (w *words) cut(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	keep := room(text, limit, w.cutNote)
	for !utf8.RuneStart(text[keep]) {
		keep--
	}
	return text[:keep] + w.cutNote(len(text)-keep)
}

// cutCharacters is cut with a limit in characters.
func (w *words) cutCharacters(text string, limit int) string {
	characters := []rune(text)
	if len(characters) <= limit {
		return text
	}
	keep := string(characters[:limit-utf8.RuneCountInString(w.cutNote(len(text)))])
	return keep + w.cutNote(len(text)-len(keep))
}

// cutStart is cut for text whose end matters. It prefers to begin with a line.
func (w *words) cutStart(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	from := len(text) - room(text, limit, w.startNote)
	for from < len(text) && !utf8.RuneStart(text[from]) {
		from++
	}
	if end := strings.IndexByte(text[from:], '\n'); from > 0 && text[from-1] != '\n' && end >= 0 && end < (len(text)-from)/2 {
		from += end + 1
	}
	return w.startNote(from) + text[from:]
}

// room is what a limit leaves beside the longest note.
func room(text string, limit int, note func(int) string) int {
	return max(0, limit-len(note(len(text))))
}
