package inbox

import (
	"bytes"
	_ "embed"
	"html/template"
	"net/http"
	"slices"
	"strings"
	"time"
)

//go:embed page.html
var pageText string

var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{
	"clock":  clock,
	"day":    func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") },
	"colour": colour, "details": details,
}).Parse(pageText))

// clock writes a time; of another day than now, with its day.
func clock(now, t time.Time) string {
	if now.UTC().YearDay() == t.UTC().YearDay() && now.Sub(t).Abs() < 24*time.Hour {
		return t.UTC().Format("15:04:05")
	}
	return t.UTC().Format("01-02 15:04:05")
}

// shown is how many messages, incidents and alerts of a channel the page has,
// unless one channel alone is asked for.
const shown = 50

// entry is an accepted or refused message on the page.
type entry struct {
	view
	At          time.Time
	Code        string // of a refusal
	Reason      string // of a refusal
	Verified    bool
	Repeated    bool
	ID          string
	Fingerprint string
	Raw         string
}

// section is a channel on the page.
type section struct {
	Name, Title, Path  string
	Accepted, Refused  int
	Entries            []entry // the newest first
	Incidents          []Incident
	Alerts             []alertState
	Left               int // how many older ones the page leaves out
	Firing, Unresolved int
}

// Folded reports whether what the messages made is more telling than they are.
func (s section) Folded() bool { return len(s.Incidents)+len(s.Alerts) > 0 }

type alertState struct {
	Alert
	Firing bool
}

// page shows what arrived. The query's channel shows one channel alone, with all
// that is remembered; refresh=N loads the page again every N seconds.
func (s *Server) page(w http.ResponseWriter, r *http.Request) {
	only, refresh := r.URL.Query().Get("channel"), r.URL.Query().Get("refresh")
	if strings.Trim(refresh, "0123456789") != "" {
		refresh = ""
	}
	data := struct {
		Now      time.Time
		Only     string
		Refresh  string
		Sections []section
	}{Now: s.opt.Now().UTC(), Only: only, Refresh: refresh}
	for _, v := range vendors {
		if only == "" || only == v.name {
			data.Sections = append(data.Sections, s.section(v, data.Now, only != ""))
		}
	}
	var body bytes.Buffer
	if err := pageTemplate.Execute(&body, data); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	// No script runs and nothing is loaded, whatever a message says.
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	w.Header().Set("Referrer-Policy", "no-referrer")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(body.Bytes()) // the client may be gone
}

// section collects a channel.
func (s *Server) section(v *vendor, now time.Time, all bool) section {
	out := section{Name: v.name, Title: v.title, Path: strings.NewReplacer("{token}", "…", "{token...}", "…").Replace(v.pattern)}
	var entries []entry
	for _, m := range s.Messages() {
		if m.Channel == v.name {
			out.Accepted++
			entries = append(entries, entry{At: m.At, Verified: m.Verified, Repeated: m.Repeated, ID: m.ID, Fingerprint: m.Fingerprint, Raw: string(m.Body)})
		}
	}
	for _, r := range s.Refusals() {
		if r.Channel == v.name {
			out.Refused++
			entries = append(entries, entry{At: r.At, Code: r.Code, Reason: r.Reason, Raw: string(r.Body)})
		}
	}
	slices.SortStableFunc(entries, func(a, b entry) int { return a.At.Compare(b.At) })
	out.Entries = newestFirst(entries, all, &out.Left)
	for i, e := range out.Entries {
		out.Entries[i].view = v.show([]byte(e.Raw))
	}
	if v.name == PagerDuty {
		incidents := s.Incidents()
		for _, in := range incidents {
			if in.State != Resolved {
				out.Unresolved++
			}
		}
		out.Incidents = newestFirst(incidents, all, &out.Left)
	}
	if v.name == Alertmanager {
		var alerts []alertState
		for _, a := range s.Alerts() {
			firing := a.Firing(now)
			if firing {
				out.Firing++
			}
			alerts = append(alerts, alertState{a, firing})
		}
		out.Alerts = newestFirst(alerts, all, &out.Left)
	}
	return out
}

// newestFirst turns a list around, and adds to left how many it leaves out.
func newestFirst[T any](list []T, all bool, left *int) []T {
	if n := len(list) - shown; n > 0 && !all {
		*left += n
		list = list[n:]
	}
	list = slices.Clone(list)
	slices.Reverse(list)
	return list
}
