package alerting_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"aftercare/shared/alerting"
	"aftercare/shared/decide"
	"aftercare/shared/dispatch"
	"aftercare/shared/handler"
	"aftercare/tests/localcloud/fault"
	"aftercare/tests/localcloud/inbox"
	"aftercare/tests/rig"
)

// office is the function alerts beside an inbox that imitates the vendors.
type office struct {
	*rig.Rig
	t        *testing.T
	inbox    *inbox.Server
	function handler.Handler
}

// The secrets of an office: no answer may have one.
const (
	robotSecret = "SECof-the-robot"
	robotToken  = "token-of-the-robot"
)

// newOffice has the channels of a file, in which URL is the inbox's address.
func newOffice(t *testing.T, channels map[string]inbox.Channel, faults *fault.Set, file string) *office {
	t.Helper()
	r := rig.New(t, rig.Options{})
	in, err := inbox.Start(inbox.Options{Channels: channels, Faults: faults, Now: r.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close() })
	// What is behind a token makes it another one.
	wrong := func(channel string) string { return map[bool]string{true: robotToken}[channels[channel].Token != ""] }
	s := r.Settings
	s.Alerts.Start, s.Alerts.Wait = 0, new(time.Duration)
	s.Alerts.File = filepath.Join(t.TempDir(), "alerts.yaml")
	if err := os.WriteFile(s.Alerts.File, []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	h, err := alerting.NewWith("alerts", s, []string{
		"ROBOT=" + in.Endpoint() + "/dingtalk/robot/send?access_token=" + robotToken, "SECRET=" + robotSecret, "HOOK=" + in.URL("webhook"), "SLACK=" + in.URL("slack"),
		"PAGER=" + in.URL("pagerduty"), "KEY=0123456789abcdef0123456789abcdef", "MANAGER=" + in.URL("alertmanager"), "GONE=" + in.Endpoint() + "/gone",
		"LARK=" + in.URL("lark") + wrong("lark"), "WECOM=" + in.URL("wecom") + wrong("wecom"),
	}, r.Log, r.Now)
	if err != nil {
		t.Fatal(err)
	}
	return &office{r, t, in, h}
}

// ask invokes the function.
func (o *office) ask(payload any) handler.Item {
	o.t.Helper()
	text, ok := payload.(string)
	if !ok {
		data, err := json.Marshal(payload)
		if err != nil {
			o.t.Fatal(err)
		}
		text = string(data)
	}
	ctx, cancel := o.Context()
	defer cancel()
	out, err := o.function(ctx, []byte(text))
	if err != nil || len(out.Items) != 1 {
		o.t.Fatalf("%s: %+v, %v\n%s", text, out, err, o.Log)
	}
	return out.Items[0]
}

func detail[T any](t *testing.T, item handler.Item) (d T) {
	t.Helper()
	if err := json.Unmarshal(item.Detail, &d); err != nil {
		t.Fatalf("the detail of %+v: %v", item, err)
	}
	return d
}

const hookFile = "version: 1\nchannels: {hook: {kind: webhook, url: '${env:HOOK}'}}\ndefaults: {channels: hook}\n"

// fail puts an alert about a command into the inbox.
func (o *office) fail(instance, command string, rev int64, recovered bool) {
	o.t.Helper()
	a := decide.Alert{
		Kind: decide.AlertExecution, Severity: decide.SeverityError, Lasting: true, Recovered: recovered, Fingerprint: instance + command, InstanceID: instance,
		CommandName: command, Summary: "It failed.", At: o.Now(),
	}
	if err := o.Ledger().Post(o.t.Context(), instance+"/"+command, rev, a); err != nil {
		o.t.Fatal(err)
	}
}

func (o *office) wantHeard(n int) {
	o.t.Helper()
	o.Advance(10 * time.Minute)
	if _, err := o.Sweep(); err != nil { // its absence would be told, too
		o.t.Fatal(err)
	}
	o.ask("{}")
	if got := len(o.inbox.Messages()); got != n {
		o.t.Errorf("the channel heard %d messages, want %d\n%s", got, n, o.Log)
	}
}

// TestASilenceIsKeptRecordedAndEnded from end to end.
func TestASilenceIsKeptRecordedAndEnded(t *testing.T) {
	o := newOffice(t, nil, nil, hookFile)
	request := `{"silence":{"match":{"command":["backup-*"]},"until":%q},"dedupeKey":"k1","submittedBy":"Ann","reason":"a move"}`
	text := fmt.Sprintf(request, o.Now().Add(24*time.Hour).Format(time.RFC3339))
	item := o.ask(text)
	s := detail[alerting.Silenced](t, item)
	if item.Result != handler.ResultAccepted || s.ID == "" || s.By != "Ann" || s.Reason != "a move" || s.String() != "command backup-*" {
		t.Errorf("the answer is %+v, %+v", item, s)
	}
	if again := o.ask(text); again.Result != handler.ResultDuplicate || detail[alerting.Silenced](t, again).ID != s.ID {
		t.Errorf("the second answer is %+v", again)
	}
	o.fail("i-1", "backup-db", 1, false)
	o.wantHeard(0)
	o.fail("i-1", "install", 1, false)
	o.wantHeard(1)
	for _, over := range []bool{false, true} {
		item := o.ask(alerting.Request{Expire: s.ID, SubmittedBy: "Bob", Reason: "moved"})
		if got := detail[alerting.Silenced](t, item); item.Result != handler.ResultAccepted || got.EndedBy != "Bob" || got.Over != over {
			t.Errorf("the end is %+v, %+v", item, got)
		}
	}
	o.wantHeard(2)
	var acts []string
	for _, a := range o.Records(decide.ActsID).Acts {
		acts = append(acts, strings.Join([]string{string(a.Kind), a.What, a.Outcome, a.By, a.Reason}, ", "))
	}
	want := "silence, command backup-*, silenced, Ann, a move\nexpire, silence of command backup-*, ended, Bob, moved"
	if got := strings.Join(acts, "\n"); got != want {
		t.Errorf("the acts are\n%s\nwant\n%s", got, want)
	}
}

func TestAnAcknowledgementNamesAnAlertThatIsOpen(t *testing.T) {
	o := newOffice(t, nil, nil, hookFile)
	o.fail("i-1", "install", 1, false)
	o.wantHeard(1)
	var hook struct{ Data struct{ Acknowledge string } }
	if err := json.Unmarshal(o.inbox.Messages()[0].Body, &hook); err != nil {
		t.Fatal(err)
	}
	id := strings.TrimPrefix(hook.Data.Acknowledge, "aftercare silence add --alert ")
	for want, alert := range map[string]string{"no alert has this id": "ffff", "": id} {
		item := o.ask(alerting.Request{Silence: &alerting.SilenceRequest{Alert: alert}, DedupeKey: alert, SubmittedBy: "Ann"})
		if item.Reason != want || (item.Result == handler.ResultAccepted) != (want == "") {
			t.Errorf("%s: the answer is %+v", alert, item)
		}
	}
	armed := 0
	if err := o.Ledger().Alerts().Armed(t.Context(), func(a dispatch.Armed) bool {
		armed += map[bool]int{true: 1}[a.Group == id && a.At.IsZero()]
		return true
	}); err != nil || armed != 1 {
		t.Errorf("the group is not looked at, though it may have recovered meanwhile: %v", err)
	}
	o.Advance(30 * time.Hour)
	o.wantHeard(1)
	o.fail("i-1", "install", 2, true)
	o.wantHeard(2)
	item := o.ask(alerting.Request{Silence: &alerting.SilenceRequest{Alert: id}, DedupeKey: "k2"})
	if item.Result != handler.ResultRefused || item.Reason != "nothing of this alert is open: it has recovered" {
		t.Errorf("the answer is %+v", item)
	}
	if acts := o.Records(decide.ActsID).Acts; len(acts) != 1 || acts[0].Outcome != decide.Acknowledged {
		t.Errorf("the acts are %+v", acts)
	}
}

// TestARequestThatCannotBeReadWholeIsRefused: what is left of it would silence too much.
func TestARequestThatCannotBeReadWholeIsRefused(t *testing.T) {
	o := newOffice(t, nil, nil, hookFile)
	until := o.Now().Add(time.Hour).Format(time.RFC3339)
	for payload, want := range map[string]string{
		`{"silence":{"match":{"command":["a"],"weekday":["Monday"]},"until":"` + until + `"},"dedupeKey":"k","reason":"r"}`: "the request cannot be read",
		`{"silence":{"match":{"command":["a"]},"until":"` + until + `"},"dedupeKey":"k"}`:                                   "the reason is missing",
		`{"silence":{"match":{"command":["a"]},"until":"` + until + `"},"reason":"r"}`:                                      "dedupeKey is missing",
		`{"silence":{},"dedupeKey":"k"}`: "it would silence everything",
		`{"expire":"ffff"}`:              "no silence has this id",
		`{"expire":""}`:                  "it asks for nothing",
		`{"silence":{"match":{"command":["a"]},"until":"` + until + `"},"dedupeKey":"k","reason":"` + strings.Repeat("r", 513) + `"}`: "the author has at most",
	} {
		if item := o.ask(payload); item.Result != handler.ResultRefused || !strings.HasPrefix(item.Reason, want) {
			t.Errorf("%.80s: %+v, want %s", payload, item, want)
		}
	}
	if acts := o.Records(decide.ActsID).Acts; len(acts) != 0 {
		t.Errorf("the acts are %+v", acts)
	}
}

// TestATestSaysWhatTheChannelRefuses: keyword, sign, address or limit, and no answer has
// a secret or an address.
func TestATestSaysWhatTheChannelRefuses(t *testing.T) {
	const file = `version: 1
channels:
  robot: {kind: dingtalk, url: '${env:ROBOT}', secret: '${env:SECRET}'}
  lark: {kind: lark, url: '${env:LARK}', secret: '${env:SECRET}', keyword: ops}
  wecom: {kind: wecom, url: '${env:WECOM}'}
  slack: {kind: slack, url: '${env:SLACK}'}
  pager: {kind: pagerduty, url: '${env:PAGER}', secret: '${env:KEY}'}
  manager: {kind: alertmanager, url: '${env:MANAGER}'}
  hook: {kind: webhook, url: '${env:HOOK}'}
  gone: {kind: webhook, url: '${env:GONE}'}
defaults: {channels: hook}
`
	down := fault.Fault{Call: "Webhook:webhook", Mode: fault.ErrorBefore, Times: 1 << 20}
	for _, c := range []struct {
		name, channel string
		inbox         map[string]inbox.Channel
		fault         *fault.Fault
		failed, why   string
	}{
		{"a robot that takes it", "robot", map[string]inbox.Channel{"dingtalk": {Token: robotToken, Secret: robotSecret}}, nil, "", ""},
		{"another keyword", "robot", map[string]inbox.Channel{"dingtalk": {Keywords: []string{"monitor"}}}, nil, "keyword", "keyword"},
		{"another secret", "robot", map[string]inbox.Channel{"dingtalk": {Secret: "SECanother"}}, nil, "sign", "signature"},
		{"another token", "robot", map[string]inbox.Channel{"dingtalk": {Token: "another"}}, nil, "address", "token"},
		{"another IP address", "robot", map[string]inbox.Channel{"dingtalk": {AllowFrom: []string{"192.0.2.1"}}}, nil, "address", "does not take messages from this address"},
		{"Lark, which takes it", "lark", map[string]inbox.Channel{"lark": {Keywords: []string{"ops"}}}, nil, "", ""},
		{"Lark's keyword", "lark", map[string]inbox.Channel{"lark": {Keywords: []string{"monitor"}}}, nil, "keyword", "keyword"},
		{"Lark's secret", "lark", map[string]inbox.Channel{"lark": {Secret: "another"}}, nil, "sign", "sign"},
		{"Lark's token", "lark", map[string]inbox.Channel{"lark": {Token: "another"}}, nil, "address", "token"},
		{"WeCom, which takes it", "wecom", nil, nil, "", ""},
		{"WeCom's key", "wecom", map[string]inbox.Channel{"wecom": {Token: "another"}}, nil, "address", "key"},
		{"Slack, which takes it", "slack", nil, nil, "", ""},
		{"PagerDuty, which takes it", "pager", nil, nil, "", ""},
		{"an Alertmanager that takes it", "manager", nil, nil, "", ""},
		{"a webhook that takes it", "hook", nil, nil, "", ""},
		{"a webhook that is down", "hook", nil, &down, "", "not available"},
		{"an address that nothing has", "gone", nil, nil, "address", "URL"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var faults *fault.Set
			if c.fault != nil {
				faults = new(fault.Set)
				faults.Add(*c.fault)
			}
			o := newOffice(t, c.inbox, faults, file)
			item := o.ask(alerting.Request{Test: c.channel})
			out := detail[alerting.Tested](t, item)
			if out.Channel != c.channel || out.Confirmed != (c.why == "") || string(out.Failed) != c.failed || !strings.Contains(out.Why, c.why) ||
				(item.Result == handler.ResultAccepted) != out.Confirmed {
				t.Errorf("the answer is %+v, want %q, %q", out, c.failed, c.why)
			}
			all := string(item.Detail) + item.Reason + o.Log.String()
			for _, secret := range []string{robotSecret, robotToken, o.inbox.Endpoint(), "0123456789abcdef"} {
				if strings.Contains(all, secret) {
					t.Errorf("an answer or the log has %s:\n%s", secret, all)
				}
			}
			for _, i := range o.inbox.Incidents() {
				if i.State != inbox.Resolved {
					t.Errorf("a test leaves the incident %+v", i)
				}
			}
			for _, a := range o.inbox.Alerts() {
				if a.Firing(o.Now()) {
					t.Errorf("a test leaves the alert %+v", a)
				}
			}
		})
	}
}

// TestATestKeepsToTheLimitOfItsChannel, and so does what comes after it.
func TestATestKeepsToTheLimitOfItsChannel(t *testing.T) {
	const file = "version: 1\nchannels: {robot: {kind: dingtalk, url: '${env:ROBOT}', perMinute: 600}}\ndefaults: {channels: robot}\n"
	o := newOffice(t, map[string]inbox.Channel{"dingtalk": {PerMinute: 1}}, nil, file)
	o.ask(alerting.Request{Test: "robot"})
	for range 2 {
		out := detail[alerting.Tested](t, o.ask(alerting.Request{Test: "robot"}))
		if out.Confirmed || out.Failed != "limit" || !out.RetryAt.After(o.Now().Add(time.Minute)) {
			t.Errorf("the answer is %+v", out)
		}
	}
	if refused := o.inbox.Refusals(); len(refused) != 1 {
		t.Errorf("the robot was asked %d times while it was closed", len(refused))
	}
}

func TestATestOfAnUnknownChannelNamesTheOthers(t *testing.T) {
	o := newOffice(t, nil, nil, hookFile)
	item := o.ask(alerting.Request{Test: "hok"})
	if out := detail[alerting.Tested](t, item); item.Result != handler.ResultRefused || fmt.Sprint(out.Channels) != "[hook]" {
		t.Errorf("the answer is %+v, %+v", item, out)
	}
}
