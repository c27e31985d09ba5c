package alert

import (
	"net/http"
	"time"

	"aftercare/shared/decide"
)

// The limits of an event, in bytes but for the summary's characters. Source:
// https://developer.pagerduty.com/docs/send-alert-event
const (
	maxPagerDuty        = 512 << 10
	maxPagerDutySummary = 1024
)

// pagerDuty posts to the Events API v2. A group is one incident: whatever is open
// triggers it, again if it is there already, and nothing open resolves it. So a
// message that comes twice does nothing.
type pagerDuty struct{ endpoint }

func (pagerDuty) markup() markup { return plainMarkup }

func (p pagerDuty) write(m message) ([]byte, bool) {
	event := map[string]any{"routing_key": p.Secret.Reveal(), "dedup_key": m.Group, "event_action": "resolve"}
	if !m.Over {
		event["event_action"] = "trigger"
		event["client"] = "Aftercare"
		event["payload"] = map[string]any{
			"summary": m.words.cutCharacters(m.plain.title, maxPagerDutySummary), "source": sourceOf(m), "severity": severityOf(m), "group": m.Route,
			"timestamp": m.At.UTC().Format(time.RFC3339), "custom_details": map[string]any{
				"text": m.plain.body, "firing": m.Firing, "recovered": m.Recovered, "open": m.Open, "more": m.More,
			},
		}
		if e := m.First; e != nil {
			if address, ok := safe(e.Runbook); ok {
				event["links"] = []any{map[string]string{"href": address, "text": "runbook"}}
			}
		}
	}
	body := encode(event)
	return body, len(body) <= maxPagerDuty
}

// sourceOf is where the first alert happened.
func sourceOf(m message) string {
	if m.First != nil && m.First.InstanceID != "" {
		return m.First.InstanceID
	}
	return "aftercare"
}

// severityOf is the message's severity, an error if that is not known.
func severityOf(m message) decide.Severity { return decide.Severities[rank(m.Severity)] }

func (pagerDuty) sign(*http.Request, []byte, message) {}

func (pagerDuty) judge(a answer) verdict {
	if a.status == http.StatusAccepted {
		return verdict{}
	}
	return unknown("the answer is not that of PagerDuty").with("HTTP status", float64(a.status))
}

// refusal: a bad request is refused for good, for its routing key as a rule.
func (pagerDuty) refusal(a answer) (verdict, bool) {
	v := invalid("", "the routing key or the event is not valid")
	return v.with("HTTP status", float64(a.status)), a.status == http.StatusBadRequest
}
