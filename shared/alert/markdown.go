package alert

import (
	"strconv"
	"strings"
	"unicode"

	"aftercare/shared/decide"
	"aftercare/shared/event"
)

// DingTalk refuses messages over 20,000 bytes. The bounds below count bytes
// after escaping, and their sum leaves room for JSON, which at worst doubles
// escaped text.
const (
	maxTitleBytes = 120
	maxShortBytes = 300
	maxLongBytes  = 2000
)

var headings = map[decide.AlertKind]string{
	decide.AlertExecution:      "Command ended badly",
	decide.AlertFlowStopped:    "Flow stopped",
	decide.AlertOutcomeUnknown: "Outcome unknown",
	decide.AlertTaskExpired:    "Command expired",
	decide.AlertBootDeadline:   "Instance not bootable in time",
	decide.AlertTaskInvalid:    "Command refused",
	decide.AlertFlow:           "Alert from a flow",
	decide.AlertFlowLimit:      "Flow reached its limit",
	decide.AlertBreakerOpened:  "Flow stopped everywhere",
	decide.AlertBreakerClosed:  "Flow may start again",
	decide.AlertRepairs:        "Sweeps repair too much",
}

func heading(a decide.Alert) string {
	if h, ok := headings[a.Kind]; ok {
		return h
	}
	return "Alert"
}

// title is what phones show before the message is opened. It is plain text.
func title(a decide.Alert) string {
	s := heading(a)
	about := a.CommandName
	switch a.Kind {
	case decide.AlertFlow, decide.AlertFlowLimit, decide.AlertFlowStopped,
		decide.AlertBreakerOpened, decide.AlertBreakerClosed:
		about = a.Flow
	}
	if about != "" {
		s += ": " + about
	}
	if a.InstanceID != "" {
		s += " on " + a.InstanceID
	}
	return oneLine(s, maxTitleBytes, func(r, _ rune) string { return string(r) })
}

// markdown writes the message: one fact per line, in the order in which people
// need them at night, and the fingerprint last. Every value follows a label, so
// that no value can begin a line.
func markdown(a decide.Alert) string {
	var b strings.Builder
	b.WriteString("### " + heading(a) + "\n\n")
	line := func(label, value string, limit int) {
		if value != "" {
			b.WriteString("- **" + label + ":** " + oneLine(value, limit, escape) + "\n")
		}
	}
	line("What", a.Summary, maxLongBytes)
	line("Instance", a.InstanceID, maxShortBytes)
	line("Region", a.Region, maxShortBytes)
	line("Command", a.CommandName, maxShortBytes)
	line("Status", a.Status, maxShortBytes)
	if code := event.Status(a.Status).Exit(a.ExitCode); code != nil {
		line("Exit code", strconv.FormatInt(*code, 10), maxShortBytes)
	}
	line("Error", a.ErrorCode, maxShortBytes)
	line("Error text", a.ErrorDesc, maxLongBytes)
	if a.Requeued {
		line("Aftercare", "the script never started; its task waits in the queue again", maxShortBytes)
	}
	line("Flow", a.Flow, maxShortBytes)
	line("Task", a.TaskID, maxShortBytes)
	line("Invocation", a.InvokeID, maxShortBytes)
	if !a.At.IsZero() {
		line("Time", a.At.UTC().Format("2006-01-02 15:04:05")+" UTC", maxShortBytes)
	}
	line("Fingerprint", a.Fingerprint, maxShortBytes)
	return b.String()
}

// oneLine puts a value on one line: runs of white space, and characters that
// are invisible or change the direction of writing, become one space. Write
// writes each other character; it also gets the one before. Text beyond limit
// bytes is cut off between two characters and replaced by an ellipsis.
func oneLine(value string, limit int, write func(r, before rune) string) string {
	const ellipsis = "…"
	var b strings.Builder
	whole := 0 // bytes of b that leave room for the ellipsis
	space, last := false, rune(0)
	for _, r := range value {
		if unicode.IsSpace(r) || unicode.In(r, unicode.C, unicode.Zl, unicode.Zp) {
			space = true
			continue
		}
		s := write(r, last)
		if space && b.Len() > 0 {
			s = " " + s
		}
		if b.Len()+len(s) > limit {
			return b.String()[:whole] + ellipsis
		}
		b.WriteString(s)
		if b.Len()+len(ellipsis) <= limit {
			whole = b.Len()
		}
		space, last = false, r
	}
	return b.String()
}

// escape writes a character so that it shows and does nothing. HTML's special
// characters become entities, because not every reader of markdown accepts a
// backslash before them. An invisible space breaks "://": otherwise the app would
// make a link of any address in an event.
func escape(r, before rune) string {
	switch r {
	case '/':
		if before == ':' {
			return "\u200b/"
		}
	case '\\', '`', '*', '_', '[', ']', '~':
		return `\` + string(r)
	case '&':
		return "&amp;"
	case '<':
		return "&lt;"
	case '>':
		return "&gt;"
	}
	return string(r)
}
