package alert

import (
	"strconv"
	"strings"

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

func heading(a decide.Alert) string {
	if h, ok := english.headings[a.Kind]; ok {
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
