package inbox_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"aftercare/tests/localcloud/inbox"
)

const (
	integration = "0123456789abcdef0123456789abcdef"
	trigger     = `{"routing_key":"` + integration + `","event_action":"trigger","dedup_key":"k1","payload":{"summary":"disk is full","source":"i-1","severity":"critical"}}`
)

// event is trigger with one text replaced.
func event(old, new string) string { return strings.Replace(trigger, old, new, 1) }

func TestPagerDuty(t *testing.T) {
	s := start(t, inbox.Options{Channels: map[string]inbox.Channel{inbox.PagerDuty: {Token: integration, PerMinute: -1}}})
	at := s.URL(inbox.PagerDuty)
	invalid := func(mistake string) string {
		return `{"status":"invalid event","message":"Event object is invalid","errors":["` + mistake
	}
	const ok = `{"status":"success","message":"Event processed","dedup_key":"`
	try(t, s, ok, []attempt{
		{"a trigger", at, trigger, 202, ok + `k1"}`},
		{"a trigger without a dedup key", at, event(`"dedup_key":"k1",`, ""), 202, ok},
		{"a resolution", at, event("trigger", "resolve"), 202, ok + `k1"}`},
		{"an acknowledgement without a payload", at, `{"routing_key":"` + integration + `","event_action":"acknowledge","dedup_key":"k1"}`, 202, ok},
		{"a resolution without a dedup key", at, `{"routing_key":"` + integration + `","event_action":"resolve"}`, 400, invalid("'dedup_key' is missing")},
		{"a key that is too short", at, event(integration, "short"), 400, invalid("Length of 'routing_key' is incorrect")},
		{"another key", at, event(integration, strings.Repeat("x", 32)), 400, invalid("'routing_key' is invalid")},
		{"no action", at, event("trigger", "open"), 400, invalid("'event_action' is missing or invalid")},
		{"no summary", at, event("disk is full", ""), 400, invalid("'payload.summary' is missing")},
		{"no source", at, event("i-1", ""), 400, invalid("'payload.source' is missing")},
		{"another severity", at, event("critical", "high"), 400, invalid("'payload.severity' is invalid")},
		{"another time", at, event(`"source"`, `"timestamp":"noon","source"`), 400, invalid("'payload.timestamp' is no")},
		{"a long summary", at, event("disk is full", strings.Repeat("é", 1024)), 202, ok},
		{"a summary that is too long", at, event("disk is full", strings.Repeat("x", 1025)), 400, invalid("'payload.summary' is too long")},
		{"a dedup key that is too long", at, event("k1", strings.Repeat("x", 256)), 400, invalid("'dedup_key' is too long")},
		{"no JSON", at, "hello", 400, invalid("JSON cannot be parsed")},
		{"an event that is too large", at, event("disk is full", strings.Repeat("x", 512<<10)), 413, `{"status":"invalid event","message":"Event object is too large"}`},
	})
}

func TestIncidentsAreOpenedOnceAndResolved(t *testing.T) {
	path := t.TempDir() + "/inbox.jsonl"
	now := noon
	s := start(t, inbox.Options{File: path, Now: func() time.Time { now = now.Add(time.Second); return now }})
	for _, body := range []string{
		event("trigger", "resolve"), // of no incident: dropped
		trigger, event("disk is full", "disk is fuller"), event("trigger", "acknowledge"), event("trigger", "resolve"),
		event("trigger", "acknowledge"), // of a resolved one: dropped
		trigger, event("k1", "k2"), event(integration, strings.Repeat("f", 32)),
	} {
		if res, answer := post(t, s.URL(inbox.PagerDuty), body, nil); res.StatusCode != 202 {
			t.Fatalf("%s: %d %s", body, res.StatusCode, answer)
		}
	}
	show := func(s *inbox.Server) string {
		var b strings.Builder
		for _, in := range s.Incidents() {
			fmt.Fprintf(&b, "%s %s %s %s %s %s %s:", in.RoutingKey[:1], in.DedupKey, in.State, in.Severity, in.Source, in.Summary, in.Opened.Format("05"))
			for _, e := range in.Log {
				fmt.Fprintf(&b, " %s %s", e.At.Format("05"), e.Action)
			}
			b.WriteByte('\n')
		}
		return b.String()
	}
	want := `0 k1 resolved critical i-1 disk is full 02: 02 trigger 03 trigger 04 acknowledge 05 resolve
0 k1 triggered critical i-1 disk is full 07: 07 trigger
0 k2 triggered critical i-1 disk is full 08: 08 trigger
f k1 triggered critical i-1 disk is full 09: 09 trigger
`
	if got := show(s); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if got := show(start(t, inbox.Options{File: path})); got != want {
		t.Errorf("after a restart, got\n%swant\n%s", got, want)
	}
}

func TestAlertmanager(t *testing.T) {
	s := start(t, inbox.Options{})
	at := s.URL(inbox.Alertmanager)
	try(t, s, "OK", []attempt{
		{"no JSON", at, "hello", 400, `{"code":400,"message":"parsing alerts body`},
		{"an object", at, `{"labels":{"a":"b"}}`, 400, `{"code":400,`},
		{"no labels", at, `[{"annotations":{"a":"b"}}]`, 422, `{"code":602,"message":"0.labels in body is required"}`},
		{"empty labels alone", at, `[{"labels":{"a":""}}]`, 400, `"at least one label pair required"`},
		{"an end before the start", at, `[{"labels":{"a":"b"},"startsAt":"2026-05-01T12:00:00Z","endsAt":"2026-05-01T11:00:00Z"}]`, 400, `"start time must be before end time"`},
		{"a label without a name", at, `[{"labels":{"":"b"}}]`, 400, `"invalid name`},
	})
	if res, answer := post(t, at, `[{"labels":{"alertname":"A"}}]`, nil); res.StatusCode != 200 || answer != "" {
		t.Errorf("got %d %s, want 200 and no body", res.StatusCode, answer)
	}
}

func TestValidAlertsAreStoredBesideInvalidOnes(t *testing.T) {
	s := start(t, inbox.Options{})
	res, answer := post(t, s.URL(inbox.Alertmanager), `[{"labels":{}},{"labels":{"alertname":"A","none":""}}]`, nil)
	if res.StatusCode != 400 || answer != `"at least one label pair required"` {
		t.Errorf("got %d %s", res.StatusCode, answer)
	}
	if a := s.Alerts(); len(a) != 1 || len(a[0].Labels) != 1 || a[0].Labels["alertname"] != "A" {
		t.Errorf("alerts are %+v", a)
	}
	if len(s.Messages()) != 1 || len(s.Refusals()) != 1 {
		t.Errorf("messages are %+v, refusals %+v", s.Messages(), s.Refusals())
	}
}

func TestAnAlertResolvesItself(t *testing.T) {
	now := noon
	path := t.TempDir() + "/inbox.jsonl"
	options := inbox.Options{File: path, Now: func() time.Time { return now }}
	s := start(t, options)
	send := func(members string) {
		t.Helper()
		if res, answer := post(t, s.URL(inbox.Alertmanager), `[{"labels":{"alertname":"A"}`+members+`}]`, nil); res.StatusCode != 200 {
			t.Fatalf("%d %s", res.StatusCode, answer)
		}
	}
	check := func(from, to time.Time, posted int) {
		t.Helper()
		a := s.Alerts()
		if len(a) != 1 || !a[0].StartsAt.Equal(from) || !a[0].EndsAt.Equal(to) || a[0].Posted != posted {
			t.Fatalf("alerts are %+v, want one from %s to %s, posted %d times", a, from, to, posted)
		}
		if !a[0].Firing(to.Add(-time.Second)) || a[0].Firing(to) {
			t.Error("it does not fire until its end")
		}
	}
	send("")
	check(noon, noon.Add(5*time.Minute), 1)
	now = noon.Add(4 * time.Minute)
	send(`,"annotations":{"count":"2"}`) // again, in time
	check(noon, noon.Add(9*time.Minute), 2)
	now = noon.Add(5 * time.Minute)
	send(`,"endsAt":"2026-05-01T12:05:00Z"`) // resolved
	check(noon, now, 3)
	now = noon.Add(time.Hour)
	send(`,"startsAt":"2026-05-01T13:00:00Z","endsAt":"2026-05-01T17:00:00Z"`) // anew
	check(now, noon.Add(5*time.Hour), 4)
	s = start(t, options)
	check(now, noon.Add(5*time.Hour), 4)

	s = start(t, inbox.Options{Now: options.Now})
	send(`,"startsAt":"2026-05-01T11:00:00Z"`) // an hour before noon
	check(noon.Add(-time.Hour), now.Add(5*time.Minute), 1)

	s = start(t, inbox.Options{Channels: map[string]inbox.Channel{inbox.Alertmanager: {ResolveSeconds: 30}}})
	send("")
	check(noon, noon.Add(30*time.Second), 1)
}

func TestStandardWebhooks(t *testing.T) {
	key := "0123456789012345678901234567"
	secret := "whsec_" + base64.StdEncoding.EncodeToString([]byte(key))
	s := start(t, inbox.Options{Channels: map[string]inbox.Channel{inbox.Webhook: {Secret: secret}}})
	const body = `{"type":"alert","timestamp":"2026-05-01T12:00:00Z","data":{"fingerprint":"ab12"}}`
	sign := func(id string, at time.Time, key, body string) string {
		return "v1," + base64.StdEncoding.EncodeToString(mac(key, fmt.Sprintf("%s.%d.%s", id, at.Unix(), body)))
	}
	good := sign("msg_1", noon, key, body)
	old, future := noon.Add(-5*time.Minute-time.Second), noon.Add(6*time.Minute)
	for _, c := range []struct {
		name, id  string
		at        time.Time
		signature string
		status    int
	}{
		{"a right signature", "msg_1", noon, good, 200},
		{"one of two is right", "msg_1", noon, "v1,AAAA " + good, 200},
		{"five minutes old", "msg_1", noon.Add(-5 * time.Minute), sign("msg_1", noon.Add(-5*time.Minute), key, body), 200},
		{"older", "msg_1", old, sign("msg_1", old, key, body), 401},
		{"of the future", "msg_1", future, sign("msg_1", future, key, body), 401},
		{"no signature", "msg_1", noon, "", 401},
		{"no id", "", noon, sign("", noon, key, body), 401},
		{"an id with a dot", "msg.1", noon, sign("msg.1", noon, key, body), 401},
		{"another id", "msg_2", noon, good, 401},
		{"another body", "msg_1", noon, sign("msg_1", noon, key, body+" "), 401},
		{"another secret", "msg_1", noon, sign("msg_1", noon, "other", body), 401},
		{"the secret as it is written", "msg_1", noon, sign("msg_1", noon, secret, body), 401},
		{"another version", "msg_1", noon, strings.Replace(good, "v1,", "v1a,", 1), 401},
	} {
		t.Run(c.name, func(t *testing.T) {
			header := http.Header{}
			header.Set("webhook-id", c.id)
			header.Set("webhook-timestamp", fmt.Sprint(c.at.Unix()))
			header.Set("webhook-signature", c.signature)
			if res, answer := post(t, s.URL(inbox.Webhook), body, header); res.StatusCode != c.status {
				t.Errorf("got %d %s, want %d", res.StatusCode, answer, c.status)
			}
		})
	}
	m := s.Messages()
	if len(m) != 3 || !m[0].Verified || string(m[0].Body) != body || m[0].Fingerprint != "ab12" || m[0].ID != "msg_1" {
		t.Fatalf("accepted %+v", m)
	}
	if m[0].Repeated || !m[1].Repeated || !m[2].Repeated {
		t.Errorf("repeated are %v, %v, %v", m[0].Repeated, m[1].Repeated, m[2].Repeated)
	}
}

func TestAPlainKeySignsWebhooks(t *testing.T) {
	s := start(t, inbox.Options{Channels: map[string]inbox.Channel{inbox.Webhook: {Secret: "key"}}})
	stamp := fmt.Sprint(noon.Unix())
	header := http.Header{}
	header.Set("webhook-id", "1")
	header.Set("webhook-timestamp", stamp)
	header.Set("webhook-signature", "v1,"+base64.StdEncoding.EncodeToString(mac("key", "1."+stamp+".{}")))
	if res, answer := post(t, s.URL(inbox.Webhook), "{}", header); res.StatusCode != 200 {
		t.Errorf("got %d %s", res.StatusCode, answer)
	}
}

func TestASignatureOfTheOlderFormIsChecked(t *testing.T) {
	s := start(t, inbox.Options{Channels: map[string]inbox.Channel{inbox.Webhook: {Secret: "key"}}})
	for name, c := range map[string]struct {
		at     time.Time
		key    string
		status int
	}{
		"right":       {noon, "key", 200},
		"too old":     {noon.Add(-2 * time.Hour), "key", 401},
		"another key": {noon, "other", 401},
	} {
		stamp := fmt.Sprint(c.at.Unix())
		header := http.Header{}
		header.Set("X-Aftercare-Signature", fmt.Sprintf("t=%s,v1=%x", stamp, mac(c.key, stamp+".{}")))
		if res, answer := post(t, s.URL(inbox.Webhook), "{}", header); res.StatusCode != c.status {
			t.Errorf("%s: got %d %s, want %d", name, res.StatusCode, answer, c.status)
		}
	}
}

// TestIncidentsAndAlertsAreJSON holds the names that the control surface shows.
func TestIncidentsAndAlertsAreJSON(t *testing.T) {
	s := start(t, inbox.Options{})
	post(t, s.URL(inbox.PagerDuty), trigger, nil)
	post(t, s.URL(inbox.Alertmanager), `[{"labels":{"alertname":"A"},"annotations":{"x":"y"},"generatorURL":"http://a/"}]`, nil)
	got, err := json.Marshal([]any{s.Incidents(), s.Alerts()})
	if err != nil {
		t.Fatal(err)
	}
	want := `[[{"routingKey":"` + integration + `","dedupKey":"k1","state":"triggered","summary":"disk is full","source":"i-1","severity":"critical",` +
		`"opened":"2026-05-01T12:00:00Z","log":[{"at":"2026-05-01T12:00:00Z","action":"trigger","summary":"disk is full"}]}],` +
		`[{"labels":{"alertname":"A"},"annotations":{"x":"y"},"startsAt":"2026-05-01T12:00:00Z","endsAt":"2026-05-01T12:05:00Z",` +
		`"updatedAt":"2026-05-01T12:00:00Z","generatorURL":"http://a/","posted":1}]]`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
