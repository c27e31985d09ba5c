package alert_test

import (
	"testing"
	"time"

	"aftercare/shared/alert"
	"aftercare/shared/dispatch"
)

var _ dispatch.Channels = alert.Clients{}

func TestClientsAreTheChannelsOfADispatcher(t *testing.T) {
	address, requests := receiver(t, 429, "")
	clients := alert.Clients{
		"chat": client(t, channelOf(alert.DingTalk, address), alert.Setup{}),
		"hook": client(t, channelOf(alert.Webhook, address), alert.Setup{}),
	}
	for name, want := range map[string]time.Duration{"chat": 3 * time.Second, "hook": 0, "none": 0} {
		if every, ok := clients.Every(name); every != want || ok != (name != "none") {
			t.Errorf("%s: got %s, %t", name, every, ok)
		}
	}
	want := dispatch.Result{RetryAt: noon.Add(time.Minute), Why: "too many messages (HTTP status 429): throttled"}
	if got := clients.Deliver(t.Context(), "chat", one()); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := clients.Deliver(t.Context(), "none", one()); got.Confirmed || got.Why != "there is no such channel" {
		t.Errorf("got %+v", got)
	}
	address, _ = receiver(t, 200, "")
	clients["hook"] = client(t, channelOf(alert.Webhook, address), alert.Setup{})
	if got := clients.Deliver(t.Context(), "hook", one()); got != (dispatch.Result{Confirmed: true}) || len(requests) != 1 {
		t.Errorf("got %+v", got)
	}
}

func TestOnlyAnAlertmanagerForgetsWhatIsNotRepeated(t *testing.T) {
	address, _ := receiver(t, 200, "")
	for _, kind := range []alert.Kind{alert.Alertmanager, alert.DingTalk, alert.Slack, alert.Webhook, alert.PagerDuty} {
		clients := alert.Clients{"ops": client(t, channelOf(kind, address), alert.Setup{})}
		if got := clients.Forgets("ops"); got != (kind == alert.Alertmanager) || clients.Forgets("none") {
			t.Errorf("%s forgets: %t", kind, got)
		}
	}
}
