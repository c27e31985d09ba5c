package cloud_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"aftercare/tests/localcloud/cloud"
	"aftercare/tests/localcloud/seed"
)

func TestRequestsThatAreRefused(t *testing.T) {
	l := up(t, options(t))
	l.must(l.CreateInstance(l.ctx, cloud.Instance{ID: "i-1"}))
	for name, c := range map[string]struct {
		method, path, body string
		status             int
		want               string
	}{
		"an unknown path":              {"GET", "/nothing", "", 404, "GET /nothing is not part of the control surface"},
		"a body that is no JSON":       {"POST", "/instances", "{", 400, "the body is not what is expected"},
		"an unknown member":            {"POST", "/instances", `{"ID2":"i"}`, 400, "unknown field"},
		"two values":                   {"POST", "/faults", `{"mode":"cut-after"} {}`, 400, "something follows"},
		"an instance with a bad id":    {"POST", "/instances", `{"id":"x"}`, 400, "an id is i-"},
		"an instance that exists":      {"POST", "/instances", `{"id":"i-1"}`, 400, "exists already"},
		"booting nobody":               {"POST", "/instances/i-2/boot", "", 404, "no such instance"},
		"stopping what is stopped":     {"POST", "/instances/i-1/stop", "", 409, "state does not allow it"},
		"an unknown step":              {"POST", "/instances/i-1/explode", "", 404, `"explode" is not boot`},
		"killing nobody":               {"POST", "/functions/nobody/kill", "", 404, "there is no function nobody"},
		"a timer of nobody":            {"POST", "/functions/nobody/timers/x", "", 404, "there is no function nobody"},
		"a timer that does not exist":  {"POST", "/functions/ticks/timers/x", "", 404, "x"},
		"an event that lacks fields":   {"POST", "/events", `{"id":"1"}`, 400, "is missing"},
		"an array that is cut off":     {"POST", "/events", `[1`, 400, "not an array of events"},
		"an unknown mode of a fault":   {"POST", "/faults", `{"mode":"explode"}`, 400, `the mode "explode"`},
		"a fault that kills nobody":    {"POST", "/faults", `{"mode":"cut-after","kill":"nobody"}`, 404, "there is no function nobody"},
		"no copies":                    {"PUT", "/deliveries/duplicate", `{"times":0}`, 400, "from 1 to 100"},
		"a timeout of words":           {"GET", "/deliveries/idle?timeout=soon", "", 400, "timeout"},
		"a hold that does not exist":   {"POST", "/holds/7/release", `{}`, 404, "there is no hold 7"},
		"an order that does not exist": {"POST", "/holds/7/release", `{"order":"sideways"}`, 400, "in-order, reversed or never"},
	} {
		t.Run(name, func(t *testing.T) {
			status, text := send(t, l.URL, c.method, c.path, c.body, nil)
			var answer struct{ Error string }
			if err := json.Unmarshal([]byte(text), &answer); err != nil {
				t.Fatalf("answer %q: %v", text, err)
			}
			if status != c.status || !strings.Contains(answer.Error, c.want) {
				t.Errorf("got %d %q, want %d %q", status, answer.Error, c.status, c.want)
			}
		})
	}
}

func TestWebPagesAreRefused(t *testing.T) {
	l := up(t, options(t))
	status, text := send(t, l.URL, "POST", "/events", "[]", http.Header{"Origin": {"https://evil.example.com"}})
	if status != http.StatusForbidden {
		t.Errorf("a request of a web page got %d %s", status, text)
	}
	u, err := url.Parse(l.URL)
	l.must(err)
	req, err := http.NewRequestWithContext(l.ctx, "GET", l.URL, nil)
	l.must(err)
	req.Host = "evil.example.com:" + u.Port()
	res, err := http.DefaultClient.Do(req)
	l.must(err)
	defer res.Body.Close()
	if res.StatusCode != http.StatusForbidden {
		t.Errorf("a request for another host got %d", res.StatusCode)
	}
}

func TestWaitingForDeliveriesEnds(t *testing.T) {
	o := options(t)
	o.RetryScale = 1000
	l := up(t, o)
	l.must(touch(l.seen + ".fail"))
	l.must(l.PutEvents(l.ctx, event("test", "1")))
	l.waitRecorded(1)
	err := l.WaitIdle(l.ctx, 50*time.Millisecond)
	refused, ok := err.(*cloud.Error)
	if !ok || refused.Status != http.StatusGatewayTimeout {
		t.Errorf("got %v, want a timeout", err)
	}
}

func TestTheInboxIsShown(t *testing.T) {
	o := options(t)
	o.Seed = &seed.Seed{Channels: map[string]json.RawMessage{"webhook": json.RawMessage(`{"secret": ""}`), "wecom": json.RawMessage(`{"token": "bot"}`)}}
	l := up(t, o)
	address := l.cloud.Endpoints().Webhooks["dingtalk"]
	if status, text := send(t, address, "POST", "", `{"msgtype":"text","text":{"content":"x"}}`, http.Header{"Content-Type": {"application/json"}}); status != 200 {
		t.Fatalf("the inbox answered %d %s", status, text)
	}
	state, err := l.Inbox(l.ctx)
	l.must(err)
	if len(state.Messages) != 0 || len(state.Refusals) != 1 || state.Refusals[0].Channel != "dingtalk" || state.Refusals[0].Code != "310000" {
		t.Errorf("got %+v, want one refusal of an unsigned message", state)
	}
	e := l.cloud.Endpoints()
	if e.Webhooks["wecom"] != e.Inbox+"/wecom/cgi-bin/webhook/send?key=bot" || e.WebhookSecrets["webhook"] != "" || e.WebhookSecrets["lark"] == "" {
		t.Errorf("got %v and secrets of %d channels, want what the seed says", e.Webhooks, len(e.WebhookSecrets))
	}
	for channel, body := range map[string]string{
		"webhook": "no JSON", "alertmanager": `[{"labels":{"alertname":"A"}}]`,
		"pagerduty": `{"routing_key":"0123456789abcdef0123456789abcdef","event_action":"trigger","payload":{"summary":"s","source":"i","severity":"info"}}`,
	} {
		if status, text := send(t, e.Webhooks[channel], "POST", "", body, nil); status/100 != 2 {
			t.Errorf("%s answered %d %s", channel, status, text)
		}
	}
	state, err = l.Inbox(l.ctx)
	l.must(err)
	if len(state.Messages) != 3 || len(state.Incidents) != 1 || len(state.Alerts) != 1 ||
		!slices.ContainsFunc(state.Messages, func(m cloud.Message) bool { return string(m.Body) == `"no JSON"` }) {
		t.Errorf("got %+v, want three messages, an incident and an alert", state)
	}
}

func send(t *testing.T, base, method, path, body string, header http.Header) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, base+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range header {
		req.Header[k] = v
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(text)
}
