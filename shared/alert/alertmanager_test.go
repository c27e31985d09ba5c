package alert_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"aftercare/shared/alert"
	"aftercare/shared/decide"
	"aftercare/shared/dispatch"
	"aftercare/shared/transport"
)

// notification is what an Alertmanager sends to its receivers.
type notification struct {
	Status string
	Alerts []struct {
		Status              string
		Labels, Annotations map[string]string
		EndsAt              time.Time
	}
}

// TestTheRealAlertmanagerFiresAndResolves: its receiver hears of an alert, and
// of its end as soon as the group is over.
func TestTheRealAlertmanagerFiresAndResolves(t *testing.T) {
	program, err := exec.LookPath("prometheus-alertmanager")
	if err != nil {
		t.Skip("there is no prometheus-alertmanager")
	}
	heard := make(chan notification, 10)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var n notification
		if err := json.NewDecoder(r.Body).Decode(&n); err != nil {
			t.Error(err)
		}
		heard <- n
	}))
	t.Cleanup(receiver.Close)
	ch := channelOf(alert.Alertmanager, "https://hook.test")
	address := startAlertmanager(t, program, receiver.URL)
	ch.URL = transport.NewSecret(address)
	later := time.Duration(0)
	c, err := alert.NewClient(ch, alert.Setup{Now: func() time.Time { return time.Now().Add(later) }})
	if err != nil {
		t.Fatal(err)
	}
	firing, again, over := many(), many(), recovered()
	firing.At, again.At, over.At = time.Now(), time.Now(), time.Now()
	again.Repeat = true
	over.Severity = decide.SeverityWarning // not that of the alert which ends
	for _, want := range []struct {
		flush  dispatch.Notice
		status string
		ends   []time.Duration // from now
	}{{firing, "firing", []time.Duration{alert.Holds}}, {again, "", []time.Duration{alert.Holds + time.Hour}}, {over, "resolved", nil}} {
		if want.flush.Repeat {
			later = time.Hour
		}
		if r := c.Deliver(t.Context(), want.flush); !r.Confirmed() {
			t.Fatal(r.Err)
		}
		ends := active(t, address)
		if len(ends) != len(want.ends) { // else nothing more would be heard
			t.Fatalf("%d active alerts, want %d", len(ends), len(want.ends))
		}
		for i, end := range ends {
			if left := end.Sub(firing.At) - want.ends[i]; left < -time.Minute || left > 30*time.Minute {
				t.Errorf("it ends at %s, which is %s from what it should be", end, left)
			}
		}
		if later = 0; want.flush.Repeat { // it notifies again after its own repeat_interval
			continue
		}
		got := <-heard
		if got.Status != want.status || len(got.Alerts) != 1 || got.Alerts[0].Labels["group"] != "9a8b7c" {
			t.Errorf("heard of %+v, want one alert that is %s", got, want.status)
		}
		if firing := got.Alerts[0].Annotations["firing"]; firing != fmt.Sprint(want.flush.Firing) {
			t.Errorf("%s are firing, want %d", firing, want.flush.Firing)
		}
	}
}

// active is when the alerts end that an Alertmanager takes for firing.
func active(t *testing.T, address string) (ends []time.Time) {
	t.Helper()
	resp, err := http.Get(address + "/api/v2/alerts")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var alerts []struct {
		EndsAt time.Time `json:"endsAt"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&alerts); err != nil {
		t.Fatal(err)
	}
	for _, a := range alerts {
		ends = append(ends, a.EndsAt)
	}
	return ends
}

// startAlertmanager starts the program for the time of the test, and returns its
// address once it is ready.
func startAlertmanager(t *testing.T, program, receiver string) string {
	t.Helper()
	config := filepath.Join(t.TempDir(), "config.yml")
	if err := os.WriteFile(config, fmt.Appendf(nil, `
route: {receiver: here, group_by: [group], group_wait: 1ms, group_interval: 1ms, repeat_interval: 1h}
receivers: [{name: here, webhook_configs: [{url: %q, send_resolved: true}]}]
`, receiver), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 5 { // another program may get the port first
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		host := l.Addr().String()
		_ = l.Close()
		ctx, stop := context.WithCancel(context.Background())
		cmd := exec.CommandContext(ctx, program, "--config.file="+config, "--storage.path="+t.TempDir(), "--web.listen-address="+host, "--cluster.listen-address=")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		exited := make(chan struct{})
		go func() {
			defer close(exited)
			_ = cmd.Wait()
		}()
		t.Cleanup(func() {
			stop()
			<-exited
		})
		if ready(host, exited) {
			return "http://" + host
		}
	}
	t.Fatal("the Alertmanager is not ready")
	return ""
}

// ready waits until a program says that it is ready, or has exited.
func ready(host string, exited <-chan struct{}) bool {
	for {
		select {
		case <-exited:
			return false
		case <-time.After(10 * time.Millisecond):
		}
		if resp, err := http.Get("http://" + host + "/-/ready"); err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return true
			}
		}
	}
}
