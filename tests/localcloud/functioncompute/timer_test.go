package functioncompute_test

import (
	"encoding/json"
	"path/filepath"
	"testing"
	"time"

	"aftercare/tests/localcloud/functioncompute"
)

func TestTimerFiresOnItsScaledSchedule(t *testing.T) {
	for _, tt := range []struct{ name, cron string }{
		{"an interval", "@every 1m"},
		{"a cron expression", "0 * * * * *"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			record := filepath.Join(t.TempDir(), "events")
			f := probe("sweep")
			f.Env = map[string]string{"PROBE_RECORD": record}
			f.Timers = []functioncompute.Timer{{Name: "each-minute", Cron: tt.cron, Payload: `{"op":"sweep"}`}}
			at := time.Date(2026, 5, 1, 12, 0, 0, 0, time.FixedZone("CST", 8*3600))
			start(t, functioncompute.Options{
				Functions: []functioncompute.Function{f}, TimerScale: 1.0 / 600,
				Now: func() time.Time { return at },
			})
			eventually(t, "the timer fires three times", func() bool { return len(lines(t, record)) >= 3 })
			for _, line := range lines(t, record)[:3] {
				want := `{"triggerTime":"2026-05-01T04:00:00Z","triggerName":"each-minute","payload":"{\"op\":\"sweep\"}"}`
				if line != want {
					t.Errorf("event is %s, want %s", line, want)
				}
			}
		})
	}
}

func TestFireTimerDoesNotWaitForTheSchedule(t *testing.T) {
	f := probe("sweep")
	f.Timers = []functioncompute.Timer{{Name: "yearly", Cron: "0 0 0 1 1 *", Payload: "p"}}
	s := start(t, functioncompute.Options{Functions: []functioncompute.Function{f}})
	res, err := s.FireTimer(t.Context(), "sweep", "yearly")
	if err != nil || res.Err() != nil {
		t.Fatalf("got %v and %v", err, res.Err())
	}
	var ignored struct{}
	if err := json.Unmarshal(res.Body, &ignored); err != nil {
		t.Errorf("body %s: %v", res.Body, err)
	}
	if _, err := s.FireTimer(t.Context(), "sweep", "monthly"); err == nil {
		t.Error("a timer that does not exist was fired")
	}
	if _, err := s.FireTimer(t.Context(), "other", "yearly"); err == nil {
		t.Error("a timer of a function that does not exist was fired")
	}
}
