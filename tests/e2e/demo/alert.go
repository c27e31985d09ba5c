package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// alertText is an alert as a person reads it.
type alertText struct {
	at          time.Time
	verified    bool
	fingerprint string
	heading     string
	// lines are its facts by their labels: What, Instance, Command, Flow, …
	lines map[string]string
}

// ofFlow reports whether a flow sent it; otherwise a command's bad end did.
func (a alertText) ofFlow() bool { return a.lines["Flow"] != "" }

// alerts reads the alerts that the chat robot received, in order.
func (s *story) alerts(ctx context.Context) ([]alertText, error) {
	box, err := s.c.Inbox(ctx)
	if err != nil {
		return nil, err
	}
	var out []alertText
	for _, m := range box.Messages {
		var body struct {
			Markdown struct {
				Text string `json:"text"`
			} `json:"markdown"`
		}
		if err := json.Unmarshal(m.Body, &body); err != nil {
			return nil, fmt.Errorf("read an alert: %w", err)
		}
		a := alertText{at: m.At, verified: m.Verified, fingerprint: m.Fingerprint, lines: map[string]string{}}
		for line := range strings.Lines(body.Markdown.Text) {
			if heading, ok := strings.CutPrefix(line, "### "); ok {
				a.heading = strings.TrimSpace(heading)
			}
			label, value, ok := strings.Cut(strings.TrimPrefix(line, "- **"), ":** ")
			if ok {
				a.lines[label] = plain(value)
			}
		}
		out = append(out, a)
	}
	return out, nil
}

// plain removes markdown's escapes.
func plain(text string) string {
	var b strings.Builder
	escaped := false
	for _, r := range strings.TrimSpace(text) {
		if r == '\\' && !escaped {
			escaped = true
			continue
		}
		escaped = false
		b.WriteRune(r)
	}
	return strings.NewReplacer("&lt;", "<", "&gt;", ">", "\u200b", "", "&amp;", "&").Replace(b.String())
}
