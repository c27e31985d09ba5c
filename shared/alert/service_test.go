package alert_test

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"aftercare/shared/alert"
	"aftercare/shared/transport"
	"aftercare/tests/localcloud/access"
	"aftercare/tests/localcloud/eventbridge"
	"aftercare/tests/localcloud/inbox"
)

// TestTheLocalServicesTakeMessagesAndSignatures: they check both as the real ones
// do. A wrong key is refused with its reason.
func TestTheLocalServicesTakeMessagesAndSignatures(t *testing.T) {
	s, err := inbox.Start(inbox.Options{DingTalkSecret: signKey, LarkSecret: signKey, Now: clock})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	for kind, address := range map[alert.Kind]string{
		alert.DingTalk: s.DingTalkURL(), alert.Lark: s.LarkURL(), alert.WeCom: s.WeComURL(), alert.Slack: s.SlackURL(),
	} {
		ch := channelOf(kind, "https://hook.test")
		ch.URL = transport.NewSecret(address)
		if r := client(t, ch, alert.Setup{}).Deliver(t.Context(), alert.Sample(noon)); !r.Confirmed() {
			t.Errorf("%s: %v", kind, r.Err)
		}
		if !ch.Secret.IsSet() {
			continue
		}
		ch.Secret = transport.NewSecret("another")
		if r := client(t, ch, alert.Setup{}).Deliver(t.Context(), many()); r.Confirmed() || r.Failed != alert.PartSign {
			t.Errorf("%s with another key: %v, %q", kind, r.Err, r.Failed)
		}
	}
	verified := 0
	for _, m := range s.Messages() {
		if m.Verified {
			verified++
		}
	}
	if verified != 2 {
		t.Errorf("%d messages with a signature, want 2", verified)
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
