package alerting_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"aftercare/shared/alerting"
	"aftercare/tests/rig"
)

// hook is a webhook that keeps the titles of what it gets.
type hook struct {
	mu     sync.Mutex
	titles []string
}

func (h *hook) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	_, title, _ := strings.Cut(string(body), `"title":"`)
	title, _, _ = strings.Cut(title, `"`)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.titles = append(h.titles, title)
}

func (h *hook) take() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := h.titles
	h.titles = nil
	return out
}

// TestASweepThatDoesNotRunIsToldOnceAndWhenItRunsAgain: also where none ever ran.
func TestASweepThatDoesNotRunIsToldOnceAndWhenItRunsAgain(t *testing.T) {
	const missing, over = "CRITICAL: No sweep comes", "Recovered: No sweep comes"
	r := rig.New(t, rig.Options{})
	heard := &hook{}
	server := httptest.NewServer(heard)
	t.Cleanup(server.Close)
	s := r.Settings
	s.Alerts.Start, s.Alerts.Wait = 0, new(time.Duration)
	round, err := alerting.NewWith("alerts", s, []string{"AFTERCARE_WEBHOOK_URL=" + server.URL}, r.Log, r.Now)
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		when  string
		wait  time.Duration
		sweep bool
		want  []string
	}{
		{"at the first round", 0, false, nil},
		{"after 5 minutes without a first one", 5*time.Minute + time.Second, false, []string{missing}},
		{"after another", time.Minute, false, nil},
		{"after a long time", time.Hour, false, nil},
		{"when it ran", time.Minute, true, []string{over}},
		{"after almost 5 minutes", 5*time.Minute - time.Second, false, nil},
		{"after 5 minutes", 2 * time.Second, false, []string{missing}},
		{"when it ran again", 0, true, []string{over}},
	} {
		r.Advance(step.wait)
		if step.sweep {
			if _, err := r.Sweep(); err != nil {
				t.Fatal(err)
			}
		}
		ctx, cancel := r.Context()
		if _, err := round(ctx, []byte(`{}`)); err != nil {
			t.Fatal(err)
		}
		cancel()
		if got := heard.take(); !slices.Equal(got, step.want) {
			t.Fatalf("%s: heard %v, want %v; log:\n%s", step.when, got, step.want, r.Log)
		}
	}
	if asked := r.Asked(); len(asked) != 0 {
		t.Errorf("alerts invoked %v, and comes each minute by itself", asked)
	}
}
