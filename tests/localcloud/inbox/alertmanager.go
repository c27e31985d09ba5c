package inbox

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// alertmanager is the API v2 of Prometheus' Alertmanager, as far as it takes
// alerts. Rules and answers follow its api/v2/api.go and openapi.yaml.
var alertmanager = vendor{
	name: Alertmanager, title: "Alertmanager", pattern: "/alertmanager/api/v2/alerts",
	path: func(string) string { return "/alertmanager/api/v2/alerts" },
	has:  []string{"resolveSeconds"},
	own:  Channel{ResolveSeconds: 300},

	token: func(*call) string { return "" },
	judge: judgeAlertmanager,
	show:  showAlertmanager,
}

// postedAlert is an alert as clients post it.
type postedAlert struct {
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations,omitempty"`
	StartsAt     time.Time         `json:"startsAt,omitzero"`
	EndsAt       time.Time         `json:"endsAt,omitzero"`
	GeneratorURL string            `json:"generatorURL,omitempty"`
}

// complete does what an Alertmanager does with a posted alert before it looks
// at it.
func (a *postedAlert) complete(now time.Time, resolve time.Duration) {
	maps.DeleteFunc(a.Labels, func(_, value string) bool { return value == "" })
	if a.StartsAt.IsZero() {
		a.StartsAt = now
		if !a.EndsAt.IsZero() {
			a.StartsAt = a.EndsAt
		}
	}
	if a.EndsAt.IsZero() {
		a.EndsAt = now.Add(resolve)
	}
}

// mistake returns why a completed alert is refused, or "".
func (a *postedAlert) mistake() string {
	if a.EndsAt.Before(a.StartsAt) {
		return "start time must be before end time"
	}
	if len(a.Labels) == 0 {
		return "at least one label pair required"
	}
	for _, set := range []map[string]string{a.Labels, a.Annotations} {
		for _, name := range slices.Sorted(maps.Keys(set)) {
			if name == "" || !utf8.ValidString(name) {
				return fmt.Sprintf("invalid name %q", name)
			}
		}
	}
	return ""
}

// judgeAlertmanager stores the valid alerts of a message even if others are
// refused.
func judgeAlertmanager(c *call) answer {
	refused := func(status, code int, message string) answer {
		return jsonAnswer(status, fmt.Sprint(status), message, map[string]any{"code": code, "message": message})
	}
	var posted []postedAlert
	if err := json.Unmarshal(c.body, &posted); err != nil {
		return refused(http.StatusBadRequest, http.StatusBadRequest, "parsing alerts body from \"\" failed, because "+err.Error())
	}
	for i, a := range posted {
		if a.Labels == nil {
			return refused(http.StatusUnprocessableEntity, 602, fmt.Sprintf("%d.labels in body is required", i))
		}
	}
	valid, mistakes := []postedAlert{}, []string(nil)
	for _, a := range posted {
		a.complete(c.now, time.Duration(c.channel.ResolveSeconds)*time.Second)
		if mistake := a.mistake(); mistake != "" {
			mistakes = append(mistakes, mistake)
			continue
		}
		valid = append(valid, a)
	}
	if len(valid) > 0 || len(posted) == 0 {
		c.stored, _ = json.Marshal(valid) // it was decoded from JSON
	}
	if len(mistakes) > 0 {
		text := strings.Join(mistakes, "; ")
		return jsonAnswer(http.StatusBadRequest, "400", text, text)
	}
	return answer{status: http.StatusOK, header: http.Header{}, code: "200"}
}

// Alert is an alert of the Alertmanager, which its labels identify.
type Alert struct {
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations,omitempty"`
	// StartsAt, EndsAt and UpdatedAt are UTC. An alert without an end got one.
	StartsAt     time.Time `json:"startsAt"`
	EndsAt       time.Time `json:"endsAt"`
	UpdatedAt    time.Time `json:"updatedAt"`
	GeneratorURL string    `json:"generatorURL,omitempty"`
	// Posted is how often it came.
	Posted int `json:"posted"`
}

// Firing reports whether it has not ended yet.
func (a Alert) Firing(now time.Time) bool { return a.EndsAt.After(now) }

// Alerts returns the Alertmanager's alerts, in the order in which they came
// first.
func (s *Server) Alerts() []Alert {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.alerts)
}

// applyAlerts stores posted alerts; the caller holds mu. One that still fires
// keeps its start.
func (s *Server) applyAlerts(m Message) {
	var posted []postedAlert
	_ = json.Unmarshal(m.Body, &posted) // judged before
	for _, p := range posted {
		a := Alert{p.Labels, p.Annotations, p.StartsAt.UTC(), p.EndsAt.UTC(), m.At, p.GeneratorURL, 1}
		i := slices.IndexFunc(s.alerts, func(old Alert) bool { return maps.Equal(old.Labels, a.Labels) })
		if i < 0 {
			s.alerts = append(newest(s.alerts), a)
			continue
		}
		old := s.alerts[i]
		if old.EndsAt.After(a.StartsAt) && old.StartsAt.Before(a.StartsAt) {
			a.StartsAt = old.StartsAt
		}
		a.Posted = old.Posted + 1
		s.alerts[i] = a
	}
}

func showAlertmanager(body []byte) view {
	var posted []postedAlert
	if json.Unmarshal(body, &posted) != nil {
		return view{Body: lines(string(body))}
	}
	var v view
	for _, a := range posted {
		v.Body += element("div", element("b", escaped(a.Labels["alertname"]))+escaped(" "+pairs(a.Labels)))
		v.Body += element("small", escaped(pairs(a.Annotations)))
	}
	return v
}

// pairs writes labels on one line.
func pairs(labels map[string]string) string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		out = append(out, name+"="+labels[name])
	}
	return strings.Join(out, ", ")
}
