package main

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
)

// logLine is a line of a function's log about one instance.
type logLine struct {
	Function string   `json:"function"`
	Request  string   `json:"request_id"`
	Instance string   `json:"instance_id"`
	Decided  []string `json:"decided"`
}

// functionLog reads what the functions logged, in the order of writing.
func (c *running) functionLog() ([]logLine, error) {
	text, err := os.ReadFile(c.logFile())
	if err != nil {
		return nil, fmt.Errorf("read the functions' log: %w", err)
	}
	var lines []logLine
	for line := range strings.Lines(string(text)) {
		var l logLine
		if begin := strings.Index(line, "{"); begin >= 0 && json.Unmarshal([]byte(line[begin:]), &l) == nil && l.Instance != "" {
			lines = append(lines, l)
		}
	}
	return lines, nil
}

// sender returns the log line of the invocation that learned that a task runs:
// the one that sent it, unless that one was killed.
func sender(log []logLine, task string) logLine {
	for _, l := range log {
		if slices.ContainsFunc(l.Decided, func(note string) bool { return strings.HasPrefix(note, "task "+task+" running") }) {
			return l
		}
	}
	return logLine{}
}

// resender names what sent an attempt after its backoff: a sweep, or the event of the
// end before it, which is delivered twice, if chance made the backoff so short. It is
// empty if neither did.
func resender(l logLine) string {
	switch l.Function {
	case "sweep":
		return "a sweep"
	case "task-completed":
		return "a repeated event"
	}
	return ""
}
