package inbox

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// pagerDuty is PagerDuty's Events API v2. Answers and limits follow
// https://developer.pagerduty.com/docs/events-api-v2/trigger-events/
var pagerDuty = vendor{
	name: PagerDuty, title: "PagerDuty", pattern: "/pagerduty/v2/enqueue",
	path: func(string) string { return "/pagerduty/v2/enqueue" },
	has:  []string{"token", "perMinute"},
	own:  Channel{PerMinute: 120},

	token: func(c *call) string {
		event, _ := object(c.body)
		return textAt(event, "routing_key")
	},
	judge: judgePagerDuty,
	tooFast: func(_ *call, wait time.Duration) answer {
		return eventAnswer(http.StatusTooManyRequests, "throttle exceeded",
			"Requests for this service are arriving too quickly. Please retry later.").retryAfter(wait)
	},
	show: showPagerDuty,
}

// The limits of an event; lengths are in characters.
const (
	maxEventBytes = 512 << 10
	maxDedupKey   = 255
	maxSummary    = 1024
	routingKey    = 32 // exactly
)

func eventAnswer(status int, word, message string, errors ...string) answer {
	return jsonAnswer(status, fmt.Sprint(status), strings.Join(append([]string{message}, errors...), ": "), struct {
		Status  string   `json:"status"`
		Message string   `json:"message"`
		Errors  []string `json:"errors,omitempty"`
	}{word, message, errors})
}

func judgePagerDuty(c *call) answer {
	if len(c.body) > maxEventBytes {
		return eventAnswer(http.StatusRequestEntityTooLarge, "invalid event", "Event object is too large")
	}
	event, ok := object(c.body)
	if !ok {
		return eventAnswer(http.StatusBadRequest, "invalid event", "Event object is invalid", "JSON cannot be parsed")
	}
	var errors []string
	mistake := func(is bool, text string) {
		if is {
			errors = append(errors, text)
		}
	}
	key, dedup, action := textAt(event, "routing_key"), textAt(event, "dedup_key"), textAt(event, "event_action")
	mistake(len(key) != routingKey, "Length of 'routing_key' is incorrect (should be 32 characters)")
	mistake(len(key) == routingKey && !c.rightToken(key), "'routing_key' is invalid")
	mistake(utf8.RuneCountInString(dedup) > maxDedupKey, "'dedup_key' is too long (maximum is 255 characters)")
	switch action {
	case "trigger":
		for _, name := range []string{"summary", "source", "severity"} {
			mistake(textAt(event, "payload", name) == "", "'payload."+name+"' is missing or blank")
		}
		mistake(utf8.RuneCountInString(textAt(event, "payload", "summary")) > maxSummary, "'payload.summary' is too long (maximum is 1024 characters)")
		severity := textAt(event, "payload", "severity")
		mistake(severity != "" && !slices.Contains([]string{"critical", "error", "warning", "info"}, severity), "'payload.severity' is invalid (must be one of critical, error, warning, info)")
		if timestamp := textAt(event, "payload", "timestamp"); timestamp != "" {
			_, err := time.Parse(time.RFC3339Nano, timestamp)
			mistake(err != nil, "'payload.timestamp' is no ISO 8601 timestamp")
		}
	case "acknowledge", "resolve":
		mistake(dedup == "", "'dedup_key' is missing or blank")
	default:
		mistake(true, "'event_action' is missing or invalid (must be one of trigger, acknowledge, resolve)")
	}
	if len(errors) > 0 {
		return eventAnswer(http.StatusBadRequest, "invalid event", "Event object is invalid", errors...)
	}
	return c.accept(jsonAnswer(http.StatusAccepted, "202", "", struct {
		Status  string `json:"status"`
		Message string `json:"message"`
		Key     string `json:"dedup_key"`
	}{"success", "Event processed", dedupKey(event, c.body, c.now)}))
}

// dedupKey returns an event's key, or the one that a trigger without a key gets.
func dedupKey(event map[string]any, body []byte, at time.Time) string {
	if key := textAt(event, "dedup_key"); key != "" {
		return key
	}
	return fmt.Sprintf("%x", sha256.Sum256(fmt.Appendf(nil, "%d %s", at.UnixNano(), body)))[:32]
}

// The states of an incident.
const (
	Triggered    = "triggered"
	Acknowledged = "acknowledged"
	Resolved     = "resolved"
)

// Incident is what the events with one routing key and dedup key made. A trigger
// after the resolution opens another.
type Incident struct {
	RoutingKey string    `json:"routingKey"`
	DedupKey   string    `json:"dedupKey"`
	State      string    `json:"state"`
	Summary    string    `json:"summary"` // of the first trigger, as the next three
	Source     string    `json:"source"`
	Severity   string    `json:"severity"`
	Opened     time.Time `json:"opened"` // UTC
	// Details are the custom_details of the newest event that has some.
	Details any `json:"details,omitempty"`
	// Log lists its events, in order.
	Log []IncidentEvent `json:"log"`
}

// IncidentEvent is one event of an incident.
type IncidentEvent struct {
	At      time.Time `json:"at"`     // UTC
	Action  string    `json:"action"` // trigger, acknowledge or resolve
	Summary string    `json:"summary,omitempty"`
}

// Incidents returns PagerDuty's incidents, in the order in which they were
// opened.
func (s *Server) Incidents() []Incident {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := slices.Clone(s.incidents)
	for i := range out {
		out[i].Log = slices.Clone(out[i].Log)
	}
	return out
}

// applyEvent changes the incidents; the caller holds mu. An acknowledgement or
// resolution without an open incident is dropped.
func (s *Server) applyEvent(m Message) {
	event, _ := object(m.Body)
	key, dedup, action := textAt(event, "routing_key"), dedupKey(event, m.Body, m.At), textAt(event, "event_action")
	summary := textAt(event, "payload", "summary")
	var open *Incident
	for i := range s.incidents {
		if in := &s.incidents[i]; in.RoutingKey == key && in.DedupKey == dedup && in.State != Resolved {
			open = in
		}
	}
	if open == nil {
		if action != "trigger" {
			return
		}
		s.incidents = append(newest(s.incidents), Incident{
			RoutingKey: key, DedupKey: dedup, State: Triggered, Summary: summary, Opened: m.At,
			Source: textAt(event, "payload", "source"), Severity: textAt(event, "payload", "severity"),
		})
		open = &s.incidents[len(s.incidents)-1]
	}
	switch action {
	case "acknowledge":
		open.State = Acknowledged
	case "resolve":
		open.State = Resolved
	}
	if value := at(event, "payload", "custom_details"); value != nil {
		open.Details = value
	}
	open.Log = append(open.Log, IncidentEvent{m.At, action, summary})
}

func showPagerDuty(body []byte) view {
	event, _ := object(body)
	action := textAt(event, "event_action")
	v := view{Title: action + " " + textAt(event, "dedup_key"), Body: lines(textAt(event, "payload", "summary"))}
	v.Colour = map[string]string{"trigger": colour(textAt(event, "payload", "severity")), "acknowledge": "blue", "resolve": "green"}[action]
	if value := at(event, "payload", "custom_details"); value != nil {
		v.Body += details(value)
	}
	for _, l := range listAt(event, "links") {
		v.button(textAt(l, "text"), textAt(l, "href"))
	}
	v.button(textAt(event, "client"), textAt(event, "client_url"))
	return v
}
