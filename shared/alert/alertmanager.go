package alert

import (
	"bytes"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Holds is how long an Alertmanager takes a group for firing after a message. A
// group that stays open must be repeated before that, or it resolves itself.
const Holds = 25 * time.Hour

const alertsPath = "/api/v2/alerts"

// alertmanager posts to the API v2 of an Alertmanager.
//
// A group is one alert, since a flush says only of the group as a whole how much of
// it is open: it fires while anything is, and ends when nothing is. Its labels
// identify it, so they must not change meanwhile: they are the group, its route, and
// what the route groups by. The severity is an annotation, and a label only if the
// route groups by it.
type alertmanager struct{ endpoint }

func (alertmanager) markup() markup { return plainMarkup }

// postableAlert is an alert as the API has it.
type postableAlert struct {
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
	StartsAt    *time.Time        `json:"startsAt,omitempty"`
	EndsAt      time.Time         `json:"endsAt"`
}

func (alertmanager) write(m message) ([]byte, bool) {
	ends := m.now
	var starts *time.Time
	if !m.Over {
		ends = m.now.Add(Holds)
		at := m.At.UTC()
		if at.After(m.now) {
			at = m.now
		}
		starts = &at
	}
	annotations := map[string]string{
		"summary": m.plain.title, "description": m.plain.body, "severity": string(severityOf(m)),
		"firing": strconv.Itoa(m.Firing), "recovered": strconv.Itoa(m.Recovered), "open": strconv.Itoa(m.Open), "more": strconv.Itoa(m.More),
	}
	if m.First != nil && m.First.Runbook != "" {
		annotations["runbook_url"] = m.First.Runbook
	}
	labels := map[string]string{}
	for _, pair := range m.By {
		name, value, _ := strings.Cut(pair, "=")
		labels[labelName(name)] = value
	}
	labels["alertname"], labels["group"], labels["route"] = "Aftercare", m.Group, m.Route
	return encode([]postableAlert{{labels, annotations, starts, ends}}), true
}

var notInLabel = regexp.MustCompile(`[^a-zA-Z0-9_]`)

// labelName is a name that every Alertmanager takes.
func labelName(name string) string {
	name = notInLabel.ReplaceAllString(name, "_")
	if name == "" || name[0] >= '0' && name[0] <= '9' {
		name = "_" + name
	}
	return name
}

func (a alertmanager) sign(r *http.Request, _ []byte, _ message) {
	if path := strings.TrimSuffix(r.URL.Path, "/"); !strings.HasSuffix(path, alertsPath) {
		r.URL.Path, r.URL.RawPath = path+alertsPath, ""
	}
	if a.Secret.IsSet() {
		r.Header.Set("Authorization", "Bearer "+a.Secret.Reveal())
	}
}

// judge takes a page for the answer of something in between: an Alertmanager
// answers with nothing.
func (alertmanager) judge(a answer) verdict {
	if bytes.HasPrefix(bytes.TrimSpace(a.body), []byte("<")) {
		return unknown("the answer is a page, not that of an Alertmanager")
	}
	return verdict{}
}
