package alert_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"aftercare/shared/alert"
	"aftercare/shared/decide"
	"aftercare/shared/dispatch"
	"aftercare/shared/transport"
)

var rewrite = flag.Bool("rewrite", false, "write the texts that messages have into testdata")

var kinds = []alert.Kind{
	alert.DingTalk, alert.Lark, alert.WeCom, alert.Slack, alert.PagerDuty, alert.Alertmanager, alert.Webhook, alert.EventBridge,
}

// Secrets of the tests. No message, error or result may hold them, except where a
// vendor wants them.
const (
	urlToken  = "tok-5fd1a0"
	signKey   = "key-31c7e9"
	accessKey = "acc-88c2d4"

	routingKey = signKey + "0123456789012345678901"
)

var creds = transport.NewCredentials("id-"+accessKey, "sec-"+accessKey, "sts-"+accessKey)

// channelOf is a channel of a kind at an address, with all settings that it takes.
func channelOf(kind alert.Kind, address string) alert.Channel {
	ch := alert.Channel{Name: string(kind), Kind: kind, URL: transport.NewSecret(address + "/" + urlToken + "?access_token=" + urlToken)}
	switch kind {
	case alert.DingTalk, alert.Lark:
		ch.Secret, ch.Keyword = transport.NewSecret(signKey), "ops-alert"
	case alert.PagerDuty:
		ch.Secret = transport.NewSecret(routingKey)
	case alert.Alertmanager:
		ch.Secret = transport.NewSecret(signKey)
	case alert.Webhook:
		ch.Secret = transport.NewSecret("whsec_c2VjcmV0LW9mLTI0LWJ5dGVzLWF0LWxlYXN0 " + signKey)
	case alert.EventBridge:
		ch.URL, ch.Bus = transport.NewSecret(address), "alerts"
	}
	switch kind {
	case alert.DingTalk:
		ch.Mention = []string{"13800000000", "manager7"}
	case alert.Lark:
		ch.Mention = []string{"all", "ou_7d8a6e", "zhang@example.com"}
	case alert.WeCom:
		ch.Mention = []string{"zhangsan", "lisi"}
	case alert.Slack:
		ch.Mention = []string{"all", "U0123", "S0456"}
	}
	return ch
}

func client(t testing.TB, ch alert.Channel, setup alert.Setup) *alert.Client {
	t.Helper()
	setup.Now, setup.Credentials = clock, creds
	c, err := alert.NewClient(ch, setup)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// one is a flush with one alert, which says everything.
func one() dispatch.Notice {
	a := sample()
	a.Severity, a.Step, a.Runbook = decide.SeverityCritical, "install", "https://wiki.example.com/install(agent)?a=1&b=2"
	a.TaskID, a.Requeued = "4a63377c", true
	a.Labels, a.Tags = map[string]string{"team": "web"}, map[string]string{"env": "prod", "db_password": "hush"}
	a.Output = "reading /etc/agent.conf\n\tpassword=hush\n# disk <full> & *broken*\n`df -h`\n"
	return dispatch.Notice{
		ID: "f0a1", Group: "9a8b7c", Route: "web", By: map[string]string{"region": "cn-shanghai", "flow": "after-install"},
		Severity: decide.SeverityCritical, Firing: 1, Open: 1, Alerts: []decide.Alert{a}, At: noon.Add(-time.Minute),
	}
}

// many is a flush about 23 alerts, with samples of three.
func many() dispatch.Notice {
	f := one()
	f.Firing, f.Recovered, f.Open = 22, 1, 40
	second, third := f.Alerts[0], f.Alerts[0]
	second.InstanceID = "i-sh4web0018"
	third.Recovered, third.Kind, third.Flow = true, decide.AlertBreakerOpened, "restart"
	f.Alerts = append(f.Alerts, second, third)
	return f
}

func recovered() dispatch.Notice {
	f := one()
	f.Firing, f.Recovered, f.Open = 0, 1, 0
	f.Alerts[0].Recovered, f.Alerts[0].Output = true, ""
	return f
}

func repeated() dispatch.Notice {
	f := one()
	f.Firing, f.Open, f.Repeat, f.Severity = 5, 5, true, decide.SeverityWarning
	return f
}

// TestTexts holds what each kind of channel receives to testdata, which -rewrite
// writes. Secrets stand there where a vendor wants them.
func TestTexts(t *testing.T) {
	for _, kind := range kinds {
		t.Run(string(kind), func(t *testing.T) {
			var b strings.Builder
			for _, c := range []struct {
				name, language string
				flush          dispatch.Notice
			}{
				{"one", "en", one()}, {"many", "en", many()}, {"repeated", "en", repeated()}, {"recovered", "en", recovered()},
				{"many", "zh", many()}, {"recovered", "zh", recovered()}, {"nothing", "en", dispatch.Notice{}},
			} {
				address, requests := receiver(t, 200, "")
				ch := channelOf(kind, address)
				ch.Language = c.language
				client(t, ch, alert.Setup{}).Deliver(t.Context(), c.flush)
				fmt.Fprintf(&b, "=== %s, %s\n%s\n", c.name, c.language, shown(t, <-requests))
			}
			file := filepath.Join("testdata", string(kind)+".txt")
			if *rewrite {
				if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(b.String(), string(want)); diff != "" {
				t.Errorf("got texts (-) differ from testdata (+); -rewrite writes them:\n%s", diff)
			}
		})
	}
}

// shown prints a request: what is special in it, and each member of its body on
// lines of its own.
func shown(t *testing.T, r received) string {
	var b strings.Builder
	fmt.Fprintln(&b, "POST", r.path, strings.Join(slices.Sorted(maps.Keys(r.query)), " "))
	for _, name := range slices.Sorted(maps.Keys(r.header)) {
		if strings.HasPrefix(name, "Webhook-") || name == "Authorization" || name == "Content-Type" {
			value, _, _ := strings.Cut(r.header.Get(name), ",Signature=") // holds a random nonce
			fmt.Fprintln(&b, name+":", value)
		}
	}
	body := r.body
	if form, err := url.ParseQuery(string(body)); err == nil && form.Has("EventList") {
		fmt.Fprintln(&b, "EventBusName:", form.Get("EventBusName"))
		body = []byte(form.Get("EventList"))
	}
	var members any
	if err := json.Unmarshal(body, &members); err != nil {
		t.Fatal(err)
	}
	showMember(&b, "", members)
	return b.String()
}

func showMember(b *strings.Builder, path string, v any) {
	switch v := v.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			showMember(b, strings.TrimPrefix(path+"."+name, "."), v[name])
		}
	case []any:
		for i, inner := range v {
			showMember(b, fmt.Sprintf("%s[%d]", path, i), inner)
		}
	default:
		text := strings.ReplaceAll(fmt.Sprint(v), "\u200b", "<U+200B>")
		if strings.Contains(text, "\n") {
			text = "\n    " + strings.ReplaceAll(text, "\n", "\n    ")
		}
		fmt.Fprintf(b, "%s: %s\n", path, text)
	}
}

// hmacOf is the HMAC-SHA256 of text in base64.
func hmacOf(key, text string) string {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(text))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}
