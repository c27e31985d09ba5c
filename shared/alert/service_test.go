package alert_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"aftercare/shared/alert"
	"aftercare/shared/dispatch"
	"aftercare/shared/engine"
	"aftercare/shared/transport"
	"aftercare/tests/localcloud/access"
	"aftercare/tests/localcloud/eventbridge"
	"aftercare/tests/localcloud/inbox"
)

const webhookSecret = "whsec_c2VjcmV0LW9mLTI0LWJ5dGVzLWF0LWxlYXN0"

// services starts the services of all vendors, with a key, a keyword and a limit
// of their own. Change may change their settings.
func services(t *testing.T, change func(name string, c *inbox.Channel)) *inbox.Server {
	t.Helper()
	all := map[string]inbox.Channel{}
	for _, name := range inbox.Names() {
		var c inbox.Channel
		has := inbox.Settings(name)
		if slices.Contains(has, "secret") {
			c.Secret = signKey
		}
		if name == inbox.Webhook {
			c.Secret = webhookSecret
		}
		if slices.Contains(has, "keywords") {
			c.Keywords = []string{"ops-alert"}
		}
		if name == inbox.PagerDuty {
			c.Token = routingKey
		}
		change(name, &c)
		all[name] = c
	}
	s, err := inbox.Start(inbox.Options{Channels: all, Now: clock})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// at is a channel of a service.
func at(s *inbox.Server, name string) alert.Channel {
	ch := channelOf(alert.Kind(name), "https://hook.test")
	ch.URL = transport.NewSecret(s.URL(name))
	return ch
}

// TestTheLocalServicesTakeWhatIsSent: they check signatures, keywords and sizes as
// the real ones do.
func TestTheLocalServicesTakeWhatIsSent(t *testing.T) {
	s := services(t, func(string, *inbox.Channel) {})
	over := alert.Sample(noon)
	over.Firing, over.Recovered, over.Open = 0, 12, 0
	for _, name := range inbox.Names() {
		for _, f := range []dispatch.Notice{alert.Sample(noon), over} {
			if r := client(t, at(s, name), alert.Setup{}).Deliver(t.Context(), f); !r.Confirmed() {
				t.Errorf("%s: %v", name, r.Err)
			}
		}
	}
	signed := map[string]bool{}
	for _, m := range s.Messages() {
		signed[m.Channel] = m.Verified
	}
	for _, name := range []string{inbox.DingTalk, inbox.Lark, inbox.Webhook} {
		if !signed[name] {
			t.Errorf("%s has no message with a signature", name)
		}
	}
	if all := s.Incidents(); len(all) != 1 || all[0].State != inbox.Resolved || all[0].DedupKey != "sample" {
		t.Errorf("got the incidents %+v", all)
	}
	if all := s.Alerts(); len(all) != 1 || all[0].Firing(noon) || all[0].Posted != 2 {
		t.Errorf("got the alerts %+v", all)
	}
}

// TestTheLocalServicesSayWhatTheyRefuse, and the result says it.
func TestTheLocalServicesSayWhatTheyRefuse(t *testing.T) {
	for _, c := range []struct {
		name   string
		part   alert.Part
		change func(*inbox.Channel) // of the service
		by     []string
	}{
		{"another key", alert.PartSign, func(c *inbox.Channel) { c.Secret += "x" }, []string{inbox.DingTalk, inbox.Lark}},
		{"another webhook key", alert.PartSign, func(c *inbox.Channel) { c.Secret = "whsec_YW5vdGhlcg==" }, []string{inbox.Webhook}},
		{"another keyword", alert.PartKeyword, func(c *inbox.Channel) { c.Keywords = []string{"backup-ops"} }, []string{inbox.DingTalk, inbox.Lark}},
		{"another sender", alert.PartAddress, func(c *inbox.Channel) { c.AllowFrom = []string{"192.0.2.1"} }, []string{inbox.DingTalk, inbox.Lark}},
	} {
		for _, name := range c.by {
			s := services(t, func(of string, service *inbox.Channel) {
				if of == name {
					c.change(service)
				}
			})
			if r := client(t, at(s, name), alert.Setup{}).Deliver(t.Context(), one()); r.Confirmed() || r.Failed != c.part {
				t.Errorf("%s of %s: %v, %q", c.name, name, r.Err, r.Failed)
			}
		}
	}
}

// TestTheLocalServicesSayWhenToComeBack after a message too many.
func TestTheLocalServicesSayWhenToComeBack(t *testing.T) {
	s := services(t, func(name string, c *inbox.Channel) {
		if slices.Contains(inbox.Settings(name), "perMinute") {
			c.PerMinute = 1
		}
		c.HTTP429 = name == inbox.Lark
	})
	for name, want := range map[string]time.Duration{
		inbox.DingTalk: 10 * time.Minute, inbox.Lark: time.Minute, inbox.WeCom: time.Minute, inbox.Slack: time.Minute, inbox.Webhook: time.Minute,
	} {
		c := client(t, at(s, name), alert.Setup{})
		if r := c.Deliver(t.Context(), one()); !r.Confirmed() {
			t.Errorf("%s: %v", name, r.Err)
		}
		if r := c.Deliver(t.Context(), one()); !errors.Is(r.Err, engine.ErrThrottled) || r.RetryAt.Sub(noon) != want {
			t.Errorf("%s: %v, come back after %s, want %s", name, r.Err, r.RetryAt.Sub(noon), want)
		}
	}
}

func TestTheLocalEventBridgeTakesTheEvent(t *testing.T) {
	id, secret, token := creds.Reveal()
	s, err := eventbridge.Start(eventbridge.Options{
		Buses: []string{"alerts"}, Keys: access.NewKeys(access.Key{ID: id, Secret: secret, Token: token}), Now: clock,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	for bus, part := range map[string]alert.Part{"alerts": "", "other": alert.PartAddress} {
		ch := channelOf(alert.EventBridge, s.Endpoint())
		ch.Bus = bus
		r := client(t, ch, alert.Setup{}).Deliver(t.Context(), many())
		if r.Confirmed() != (part == "") || r.Failed != part {
			t.Errorf("bus %s: %v, %q", bus, r.Err, r.Failed)
		}
	}
}

// TestEveryKeyOfAWebhookSigns what the receiver gets, as the standard has it.
func TestEveryKeyOfAWebhookSigns(t *testing.T) {
	address, requests := receiver(t, 204, "")
	if r := client(t, channelOf(alert.Webhook, address), alert.Setup{}).Deliver(t.Context(), one()); !r.Confirmed() {
		t.Fatal(r.Err)
	}
	got := <-requests
	standard, _ := base64.StdEncoding.DecodeString("c2VjcmV0LW9mLTI0LWJ5dGVzLWF0LWxlYXN0")
	want := ""
	for _, key := range []string{string(standard), signKey} {
		want += " v1," + hmacOf(key, "f0a1.1741089600."+string(got.body))
	}
	if got.header.Get("webhook-signature") != want[1:] || got.header.Get("webhook-id") != "f0a1" || got.header.Get("webhook-timestamp") != "1741089600" {
		t.Errorf("got %v, want %s", got.header, want)
	}
	var body struct {
		Type string
		Data struct {
			Firing int
			Alerts []struct{ Output string }
		}
	}
	if err := json.Unmarshal(got.body, &body); err != nil {
		t.Fatal(err)
	}
	if body.Type != "aftercare.alert.firing" || body.Data.Firing != 1 || !strings.Contains(body.Data.Alerts[0].Output, "[masked]") {
		t.Errorf("got %s", got.body)
	}
}

// TestARobotIsSignedAnewForEachTry: an address that grew with each try would be
// refused in the end.
func TestARobotIsSignedAnewForEachTry(t *testing.T) {
	address, requests := receiver(t, 200, `{"errcode":0}`)
	c := client(t, channelOf(alert.DingTalk, address), alert.Setup{})
	for range 3 {
		c.Deliver(t.Context(), one())
		got := <-requests
		want := url.Values{"access_token": {urlToken}, "timestamp": {"1741089600123"}, "sign": {hmacOf(signKey, "1741089600123\n"+signKey)}}
		if url.Values(got.query).Encode() != want.Encode() {
			t.Errorf("got %v, want %v", got.query, want)
		}
	}
}

// TestNoHostileIDGetsIntoACommand: people copy commands.
func TestNoHostileIDGetsIntoACommand(t *testing.T) {
	for _, id := range []string{"a; rm -rf /", "$(id)", "-o", "a b", "`id`", "a/b"} {
		f := one()
		f.Alerts[0].InstanceID, f.Alerts[0].TaskID, f.Alerts[0].InvokeID = id, id, id
		_, _, text := inner(t, alert.PagerDuty, delivered(t, channelOf(alert.PagerDuty, "https://hook.test"), alert.Setup{}, f))
		if strings.Contains(text, "aftercare show") || strings.Contains(text, "aftercare output") {
			t.Errorf("%q gets into a command:\n%s", id, text)
		}
	}
}
