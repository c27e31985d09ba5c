package faults_test

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"aftercare/shared/alerting"
	"aftercare/shared/decide"
	"aftercare/shared/handler"
	"aftercare/shared/transport"
	"aftercare/tests/rig"
)

// secretChannels has a channel of each kind. AT is a server's address.
const secretChannels = `
version: 1
channels:
  dingtalk: {kind: dingtalk, url: "${env:DINGTALK_URL}", secret: "${env:DINGTALK_SECRET}"}
  lark: {kind: lark, url: "${env:LARK_URL}", secret: "${env:LARK_SECRET}"}
  wecom: {kind: wecom, url: "${env:WECOM_URL}"}
  slack: {kind: slack, url: "${env:SLACK_URL}"}
  pager: {kind: pagerduty, url: "${env:PAGER_URL}", secret: "${env:PAGER_SECRET}"}
  prom: {kind: alertmanager, url: "AT/prom", secret: "${env:PROM_SECRET}"}
  hook: {kind: webhook, url: "${env:HOOK_URL}", secret: "${env:HOOK_SECRET}"}
  bus: {kind: eventbridge, url: "AT", bus: ours}
defaults: {channels: [dingtalk, lark, wecom, slack, pager, prom, hook, bus]}
`

var channelSecrets = map[string]string{
	"DINGTALK_URL": "AT/robot/send?access_token=leak-dingtalk", "DINGTALK_SECRET": "SECleak-dingtalk-sign",
	"LARK_URL": "AT/open-apis/bot/v2/hook/leak-lark", "LARK_SECRET": "leak-lark-sign",
	"WECOM_URL": "AT/cgi-bin/webhook/send?key=leak-wecom", "SLACK_URL": "AT/services/T0/B0/leak-slack",
	"PAGER_URL": "AT/leak-pager/v2/enqueue", "PAGER_SECRET": "leak-pager-key0123456789abcdefgh", "PROM_SECRET": "leak-prom-token",
	"HOOK_URL": "AT/hook?leak-hook=1", "HOOK_SECRET": "whsec_bGVhay1ob29rLXNpZ24tbGVhay1ob29rLXNpZ24=",
}

// answers are the ways in which a channel, or what stands in front of it, answers. The
// text holds all that the channel was told, and every secret.
var answers = map[string]func(w http.ResponseWriter, text string){
	"a page with status 200": func(w http.ResponseWriter, text string) { fmt.Fprintf(w, "<html>%s</html>", text) },
	"a success": func(w http.ResponseWriter, text string) {
		fmt.Fprintf(w, `{"errcode":0,"code":0,"status":"success","errmsg":%q}`, text)
	},
	"a vendor's refusal": func(w http.ResponseWriter, text string) {
		fmt.Fprintf(w, `{"errcode":310000,"code":19021,"errmsg":%q,"msg":%q,"status":"invalid event","errors":[%q]}`, text, text, text)
	},
	"a code that is a text": func(w http.ResponseWriter, text string) { fmt.Fprintf(w, `{"errcode":%q,"code":%q}`, text, text) },
	"a redirect": func(w http.ResponseWriter, text string) {
		w.Header().Set("Location", "/"+strings.ReplaceAll(text, " ", "+"))
		w.WriteHeader(http.StatusFound)
	},
	"a Retry-After that is a text": func(w http.ResponseWriter, text string) {
		w.Header().Set("Retry-After", text)
		w.WriteHeader(http.StatusTooManyRequests)
	},
	"a cut connection": func(http.ResponseWriter, string) { panic(http.ErrAbortHandler) },
	"half an answer": func(w http.ResponseWriter, text string) {
		w.Header().Set("Content-Length", "9999")
		fmt.Fprint(w, text)
	},
	"no HTTP": func(w http.ResponseWriter, text string) {
		c, _, err := w.(http.Hijacker).Hijack()
		if err == nil {
			fmt.Fprint(c, text, "\r\n\r\n")
			_ = c.Close()
		}
	},
	"nothing": func(http.ResponseWriter, string) { time.Sleep(2 * time.Second) }, // longer than an invocation here
}

func init() {
	for _, status := range []int{400, 401, 403, 404, 408, 413, 429, 500, 502, 503} {
		answers[fmt.Sprint("status ", status)] = func(w http.ResponseWriter, text string) { http.Error(w, text, status) }
	}
}

// TestNoChannelLeaksItsSecrets: whatever a channel answers, its address, its token and
// its secret are in no log line, no answer and no row, also when it is given up.
func TestNoChannelLeaksItsSecrets(t *testing.T) {
	for _, name := range some(t, "answers", append(slices.Sorted(maps.Keys(answers)), "no server")) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			leakOf(t, name)
		})
	}
}

func leakOf(t *testing.T, name string) {
	var secret strings.Builder
	for _, value := range channelSecrets {
		secret.WriteString(strings.TrimPrefix(value, "AT") + " ")
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text := r.URL.String() + " " + r.Header.Get("Authorization") + " " + secret.String()
		answers[name](w, strings.NewReplacer("\r", "", "\n", "").Replace(text))
	}))
	t.Cleanup(server.Close)
	if answers[name] == nil {
		server.Close() // nobody listens there
	}
	r := rig.New(t, rig.Options{Timeout: time.Minute})
	if name == "nothing" {
		r.Timeout = 1500 * time.Millisecond
	}
	s := r.Settings
	s.Alerts.Start, s.Alerts.Wait, s.Alerts.File = 0, new(time.Duration), filepath.Join(t.TempDir(), "alerts.yaml")
	mustDo(os.WriteFile(s.Alerts.File, []byte(strings.ReplaceAll(secretChannels, "AT", server.URL)), 0o600))
	var environ []string
	for variable, value := range channelSecrets {
		environ = append(environ, variable+"="+strings.Replace(value, "AT", server.URL, 1))
	}
	round, err := alerting.NewWith("alerts", s, environ, r.Log, r.Now)
	mustDo(err)
	e := &ear{t: t}
	tried, lost := 0, 0
	for _, wait := range []time.Duration{0, 0, time.Hour, 25 * time.Hour} {
		r.Advance(wait)
		if tried == 0 {
			mustDo(r.Ledger().Post(context.Background(), "one", 1, decide.Alert{
				Kind: decide.AlertFlow, InstanceID: instanceID, At: r.Now(), Fingerprint: "one", Summary: "It happened.", Severity: decide.SeverityError,
			}))
		}
		ctx, cancel := r.Context()
		out, err := round(ctx, []byte(`{}`))
		cancel()
		e.hear(out, err)
		for _, item := range out.Items {
			tried += item.Counts["confirmed"] + item.Counts["refused"] + item.Counts["failed"]
			lost += item.Counts["givenUp"]
		}
	}
	// In each answer, only a success is one for every kind.
	if tried < 8 || lost == 0 && name != "a success" {
		t.Errorf("%d deliveries were tried and %d given up: the test shows too little; log:\n%s", tried, lost, r.Log)
	}
	found := func(where, text string) {
		for _, s := range []string{"leak-", strings.TrimPrefix(channelSecrets["HOOK_SECRET"], "whsec_"), r.Key.Secret, r.Key.Token, server.URL} {
			if i := strings.Index(text, s); i >= 0 {
				t.Errorf("%s holds %q: …%s…", where, s, text[max(0, i-200):min(len(text), i+100)])
			}
		}
	}
	found("the log", r.Log.String())
	found("an answer", e.b.String())
	for table := range keys {
		for _, row := range rows(t, r, table) {
			found("a row of "+table, row.String())
		}
	}
}

// counting counts the calls to Tablestore that it carries, by name.
type counting struct {
	next http.RoundTripper

	mu    sync.Mutex
	calls map[string]int
}

func (c *counting) RoundTrip(r *http.Request) (*http.Response, error) {
	c.mu.Lock()
	c.calls[r.URL.Path]++
	c.mu.Unlock()
	return c.next.RoundTrip(r)
}

// TestAHangingChannelBeside400AlertsDelaysNoCommand: a heartbeat makes the same calls,
// one by one, as without them, and the command that waited is sent.
func TestAHangingChannelBeside400AlertsDelaysNoCommand(t *testing.T) {
	released := func(beside func(*rig.Rig)) map[string]int {
		pool := transport.NewPool(time.Now)
		t.Cleanup(pool.CloseIdleConnections)
		made := &counting{next: pool, calls: map[string]int{}} // beside makes others meanwhile
		r := rig.New(t, rig.Options{Timeout: patience, Settings: func(s *handler.Settings) { s.Ledger.Transport = made }})
		r.Create(instanceID)
		must(submission("waits", "true", 9)(r))
		beat := r.Boot(instanceID)
		beside(r)
		clear(made.calls)
		out, err := r.FirstHeartbeat(beat)
		must(out, err)
		if r.Faults.Calls()["RunCommand"] != 1 || out.Items[0].Left != 0 {
			t.Errorf("the command was not sent: %+v, %+v", r.Faults.Calls(), out)
		}
		until("the command to start", func() bool { return len(r.ECS.Runs(instanceID)) == 1 })
		return made.calls
	}
	var asked atomic.Bool
	hangs := make(chan struct{})
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		asked.Store(true)
		<-hangs
	}))
	t.Cleanup(hook.Close)
	t.Cleanup(func() { close(hangs) })
	alone := released(func(*rig.Rig) {})
	beside := released(func(r *rig.Rig) {
		for n := range 400 {
			mustDo(r.Ledger().Post(context.Background(), fmt.Sprint("alert", n), 1, decide.Alert{
				Kind: decide.AlertExecution, InstanceID: instanceID, At: r.Now(), Fingerprint: fmt.Sprint("alert", n), Severity: decide.SeverityCritical,
			}))
		}
		s := r.Settings
		s.Alerts.Start, s.Alerts.File, s.Ledger.Transport = 0, "", nil
		round, err := alerting.NewWith("alerts", s, []string{"AFTERCARE_WEBHOOK_URL=" + hook.URL}, r.Log, r.Now)
		mustDo(err)
		ctx, cancel := r.Context()
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			_, _ = round(ctx, []byte(`{}`))
		}()
		t.Cleanup(func() { cancel(); <-ended })
		until("the channel to hang", asked.Load)
	})
	if len(alone) == 0 || !maps.Equal(alone, beside) {
		t.Errorf("the heartbeat makes the calls %v beside a hanging channel, and %v without one", beside, alone)
	}
}
