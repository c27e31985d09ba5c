package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/event"
	"aftercare/shared/ledger"
	"aftercare/tests/localcloud/inbox"
)

//go:embed alerts.yaml
var ownAlerts []byte

// alert is an alert that the webhook received.
type alert struct {
	decide.Alert
	verified bool
}

// message is what the chat robot received at once.
type message struct {
	at       time.Time
	verified bool
	title    string
	text     string // in markdown
	firing   int    // alerts
}

func (m message) about() string {
	if m.firing == 1 {
		return "1 alert"
	}
	return fmt.Sprint(m.firing, " alerts")
}

// received is what arrived at the inbox, in order.
type received struct {
	// alerts came to the webhook, in this many posts.
	alerts []alert
	// over are their recoveries, heard what both were about.
	over  []decide.Alert
	heard map[string]bool
	posts int
	// messages came to the chat robot.
	messages []message
	// refused counts what the inbox refused.
	refused int
}

// received reads the inbox.
func (s *story) received(ctx context.Context) (r received, err error) {
	box, err := s.c.Inbox(ctx)
	if err != nil {
		return r, err
	}
	r.refused, r.heard = len(box.Refusals), map[string]bool{}
	for _, m := range box.Messages {
		switch {
		case m.Channel == inbox.DingTalk:
			out, err := readMessage(m.Body)
			if err != nil {
				return r, err
			}
			out.at, out.verified = m.At, m.Verified
			r.messages = append(r.messages, out)
		case !m.Repeated:
			var body struct {
				Data struct {
					Alerts []decide.Alert
					More   int
				}
			}
			if err := json.Unmarshal(m.Body, &body); err != nil {
				return r, fmt.Errorf("read what the webhook received: %w", err)
			}
			if body.Data.More > 0 {
				return r, errors.New("a group was too large for the webhook to get each of its alerts")
			}
			r.posts++
			for _, a := range body.Data.Alerts {
				r.heard[keyOf(a)] = true
				if a.Recovered {
					r.over = append(r.over, a)
				} else {
					r.alerts = append(r.alerts, alert{a, m.Verified})
				}
			}
		}
	}
	return r, nil
}

// keyOf says what an alert is about.
func keyOf(a decide.Alert) string {
	about := a.CommandName
	if a.Flow != "" {
		about = a.Flow + "/" + a.Step
	}
	return fmt.Sprintf("%s: %s of %s", a.InstanceID, a.Kind, about)
}

// firing adds up the alerts of the robot's messages.
func (r received) firing() (n int) {
	for _, m := range r.messages {
		n += m.firing
	}
	return n
}

// counted finds how many alerts a message of the robot is about. It does not say so
// if it is about one.
var counted = regexp.MustCompile(`\*\*Count\*\*: (\d+) firing`)

func readMessage(body []byte) (m message, err error) {
	var in struct{ Markdown struct{ Title, Text string } }
	if err := json.Unmarshal(body, &in); err != nil {
		return m, fmt.Errorf("read what the robot received: %w", err)
	}
	m.title, m.text = in.Markdown.Title, in.Markdown.Text
	switch found := counted.FindStringSubmatch(in.Markdown.Text); {
	case found != nil:
		m.firing, err = strconv.Atoi(found[1])
	case !strings.HasPrefix(m.title, "Recovered"):
		m.firing = 1
	}
	return m, err
}

// unmarked removes what markdown adds to a text.
var unmarked = strings.NewReplacer("### ", "", "**", "", `\`, "", "\u200b", "", "&lt;", "<", "&gt;", ">", "&amp;", "&")

// printMessages prints how many messages the alerts became, and the largest one of
// the chat robot.
func (s *story) printMessages(ctx context.Context, w io.Writer) error {
	r, err := s.received(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "\n%d alerts and %d recoveries came to the webhook in %d messages, and to the chat robot, which takes 20 a minute, in %d. The largest of these:\n\n",
		len(r.alerts), len(r.over), r.posts, len(r.messages))
	largest := slices.MaxFunc(r.messages, func(a, b message) int { return a.firing - b.firing })
	for line := range strings.Lines(largest.text) {
		if line = strings.TrimSpace(unmarked.Replace(line)); line != "" {
			fmt.Fprintln(w, "  "+line)
		}
	}
	return nil
}

// badEnds are the commands, and the steps of flows, that ended badly on an instance
// and were not tried again.
func badEnds(all map[string]ledger.Records) map[string]bool {
	bad := map[string]bool{}
	for id, records := range all {
		flows := map[string]string{}
		for _, r := range records.Runs {
			flows[r.ID] = r.Flow
		}
		for _, e := range records.Executions {
			again := slices.ContainsFunc(records.Executions, func(o decide.Execution) bool {
				same := e.TaskID != "" && o.TaskID == e.TaskID || e.RunID != "" && o.RunID == e.RunID && o.Step == e.Step
				return same && o.Received.After(e.Received) // times of ends have whole seconds
			})
			switch e.Event.Status {
			case event.StatusFailed, event.StatusTimeout, event.StatusAborted:
				if !again {
					bad[keyOf(decide.Alert{InstanceID: id, Kind: decide.AlertExecution, CommandName: e.Name, Flow: flows[e.RunID], Step: e.Step})] = true
				}
			}
		}
	}
	return bad
}
