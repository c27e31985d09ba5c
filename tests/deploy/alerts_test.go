package deploy_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"aftercare/shared/alerting"
	"aftercare/shared/decide"
	"aftercare/shared/dispatch"
	"aftercare/shared/handler"
	"aftercare/shared/ledger"
	"aftercare/shared/routing"
)

// bring makes the function alerts bring one alert to a webhook, and give another up,
// because the webhook refuses it for longer than a day.
func bring(t *testing.T, c *recorder) {
	var refuses atomic.Bool
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if refuses.Load() {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	t.Cleanup(hook.Close)
	r := newRig(t, c)
	s := r.Settings
	s.Alerts.Start, s.Alerts.Wait = 0, new(time.Duration)
	round, err := alerting.NewWith(alerts, s, []string{"AFTERCARE_WEBHOOK_URL=" + hook.URL}, r.Log, r.Now)
	if err != nil {
		t.Fatal(err)
	}
	for _, last := range []struct {
		key     string
		refuses bool
		wait    time.Duration
		count   string // that the last round after the wait reports
	}{
		{"taken", false, 0, "confirmed"}, {"given up", true, 25 * time.Hour, "givenUp"},
	} {
		refuses.Store(last.refuses)
		a := decide.Alert{Kind: decide.AlertFlow, InstanceID: instanceID, At: r.Now(), Fingerprint: last.key, Summary: "It happened."}
		if err := r.Ledger().Post(t.Context(), last.key, 1, a); err != nil {
			t.Fatal(err)
		}
		c.record(true)
		got := 0
		for _, wait := range []time.Duration{0, last.wait} {
			r.Advance(wait)
			ctx, cancel := r.Context()
			out, err := round(ctx, []byte(`{}`))
			cancel()
			if err != nil {
				t.Fatal(err)
			}
			got += out.Items[0].Counts[last.count]
		}
		c.record(false)
		if got != 1 {
			t.Errorf("%s: %d are %s, want 1:\n%s", last.key, got, last.count, r.Log)
		}
	}
	c.record(true)
	defer c.record(false)
	for _, asked := range []string{
		fmt.Sprintf(`{"silence":{"match":{"command":["a"]},"until":%q},"dedupeKey":"k","reason":"r"}`, r.Now().Add(time.Hour).Format(time.RFC3339)),
		fmt.Sprintf(`{"expire":%q}`, decide.Key("silence", "k")), `{"test":"webhook"}`,
	} {
		ctx, cancel := r.Context()
		out, err := round(ctx, []byte(asked))
		cancel()
		if err != nil || out.Items[0].Detail == nil {
			t.Errorf("%s: %+v, %v\n%s", asked, out, err, r.Log)
		}
	}
}

// lookAtAlerts reads what operators see of alerts.
func lookAtAlerts(ctx context.Context, l *ledger.Ledger) error {
	return errors.Join(
		l.EachSilence(ctx, false, func(routing.Silence) error { return nil }),
		l.EachMember(ctx, func(string, dispatch.Member) error { return nil }),
	)
}

func must(t *testing.T) func(handler.Outcome, error) {
	return func(_ handler.Outcome, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
}
