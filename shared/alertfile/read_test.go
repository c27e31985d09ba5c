package alertfile_test

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"aftercare/shared/alert"
	"aftercare/shared/alertfile"
	"aftercare/shared/decide"
	"aftercare/shared/dispatch"
	"aftercare/shared/transport"

	"github.com/google/go-cmp/cmp"
)

// [5]
func TestARouteInheritsWhatItDoesNotSay(t *testing.T) {
	routes := good(t, everyKey(t)).Routes
	for name, want := range map[string]dispatch.Route{
		"default": {
			Channels: []string{"ops"}, Fallback: []string{"own"},
			GroupWait: time.Minute, GroupInterval: 10 * time.Minute, RepeatInterval: 12 * time.Hour,
		},
		"pages": {
			Channels: []string{"pager", "prometheus", "bus"}, Fallback: []string{},
			GroupInterval: 10 * time.Minute, RepeatInterval: 12 * time.Hour,
		},
		"database-china": {
			Channels: []string{"lark", "wecom"}, Fallback: []string{"slack"}, GroupWait: time.Minute, GroupInterval: 30 * time.Minute,
		},
		"security": {
			Channels: []string{"slack"}, Fallback: []string{"own"},
			GroupWait: time.Minute, GroupInterval: 10 * time.Minute, RepeatInterval: 12 * time.Hour,
		},
	} {
		if diff := cmp.Diff(want, routes.Route(name)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	// A night in Shanghai.
	night := time.Date(2026, 3, 2, 18, 0, 0, 0, time.UTC)
	for name, muted := range map[string]bool{"default": true, "pages": false, "database-china": true} {
		if until := routes.MutedUntil(name, night); until.IsZero() == muted {
			t.Errorf("%s is muted until %v, want muted %v", name, until, muted)
		}
	}
	a := decide.Alert{Kind: decide.AlertFlow, Flow: "mend", CommandName: "x", Tags: map[string]string{"team": "web"}}
	if got, want := routes.Of(a)[0].By, map[string]string{"kind": "flow", "flow": "mend", "tags.team": "web"}; !cmp.Equal(got, want) {
		t.Errorf("it is grouped by %v, want %v", got, want)
	}
}

// least is a file with only what must be there.
const least = "version: 1\nchannels: {ops: {kind: slack, url: '${env:OPS}'}}\ndefaults: {channels: ops}\n"

// [5]
func TestWithoutDefaultsOfItsOwnAFileHasThose(t *testing.T) {
	routes := good(t, []byte(least)).Routes
	want := dispatch.Route{Channels: []string{"ops"}, GroupWait: 30 * time.Second, GroupInterval: 5 * time.Minute, RepeatInterval: 24 * time.Hour}
	if diff := cmp.Diff(want, routes.Route("default")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	got := routes.Of(decide.Alert{Kind: decide.AlertExecution, Flow: "f", CommandName: "c", Step: "s", InstanceID: "i-1", Region: "r"})[0].By
	if want := map[string]string{"kind": "execution", "flow": "f", "command": "c"}; !cmp.Equal(got, want) {
		t.Errorf("it is grouped by %v, want %v", got, want)
	}
}

// [6]
func TestWhatNothingUsesIsAWarning(t *testing.T) {
	f := good(t, []byte(least+`
muteTimes: {night: {timeZone: UTC, during: [{from: "22:00", to: "06:00"}]}}
templates: {short: "{{.Summary}}"}
`))
	f2 := good(t, []byte(strings.Replace(least, "channels: {", "channels: {spare: {kind: slack, url: '${env:OPS}'}, ", 1)))
	got := slices.Concat(f.Warnings, f2.Warnings).Error()
	want := "alerts.yaml:5:13: nothing uses the mute time night: remove it, or name it where it belongs\n" +
		"alerts.yaml:6:13: nothing uses the template short: remove it, or name it where it belongs\n" +
		"alerts.yaml:2:12: nothing uses the channel spare: remove it, or name it where it belongs"
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if w := good(t, everyKey(t)).Warnings; len(w) > 0 {
		t.Errorf("a file that uses everything has warnings: %v", w)
	}
}

// [8] An Alertmanager ends by itself what it does not hear of again.
func TestWhatAnAlertmanagerWouldEndIsAWarning(t *testing.T) {
	const file = `version: 1
channels: {prom: {kind: alertmanager, url: "http://127.0.0.1:9093"}, ops: {kind: slack, url: "${env:OPS}"}}
defaults: {channels: ops, repeatInterval: 48h}
routes:
  - {name: daily, match: {severity: error}, channels: prom, repeatInterval: 24h}
  - {name: never, match: {severity: info}, channels: ops, fallback: prom, repeatInterval: 0s}
  - {name: rare, match: {severity: warning}, channels: [prom, ops], repeatInterval: 30h}
  - {name: inherits, match: {kind: repairs}, channels: prom}
`
	got := good(t, []byte(file)).Warnings.Error()
	const why = "the Alertmanager prom takes an alert for over after 25h, unless it is told again: write a repeatInterval of at most that"
	if want := "alerts.yaml:6:91: " + why + "\nalerts.yaml:7:85: " + why + "\nalerts.yaml:8:56: " + why; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// files is a file system for secrets.
func files(name string) ([]byte, error) {
	if name == "/run/secrets/pager" {
		return []byte("R0123456789\r\n"), nil
	}
	return nil, &os.PathError{Op: "open", Path: name, Err: os.ErrNotExist}
}

func variables(set map[string]string) func(string) string {
	return func(name string) string { return set[name] }
}

// [10]
func TestChannelsAreMadeWithTheirSecrets(t *testing.T) {
	env := map[string]string{"OPS_URL": "https://a.example.com/?k=0123456789", "OPS_SECRET": "SEC0123456789 "}
	list, err := good(t, everyKey(t)).Channels(variables(env), files)
	got := map[string]alert.Channel{}
	for _, ch := range list {
		got[ch.Name] = ch
	}
	if len(got) != 3 {
		t.Errorf("got %d channels, want 3: %v", len(got), got)
	}
	ops := got["ops"]
	if ops.URL.Reveal() != env["OPS_URL"] || ops.Secret.Reveal() != env["OPS_SECRET"] || got["pager"].Secret.Reveal() != "R0123456789" {
		t.Errorf("the secrets are %q, %q and %q", ops.URL.Reveal(), ops.Secret.Reveal(), got["pager"].Secret.Reveal())
	}
	if url := got["bus"].URL.Reveal(); url != "https://eventbridge.example.com" {
		t.Errorf("an address that is no secret is %q", url)
	}
	ops.URL, ops.Secret = transport.Secret{}, transport.Secret{}
	want := alert.Channel{
		Name: "ops", Kind: alert.DingTalk, Keyword: "Aftercare", Mention: []string{"all", "13800000000"}, MentionFrom: "error", PerMinute: 10, Language: "zh", Template: "short",
	}
	if diff := cmp.Diff(want, ops, cmp.Comparer(func(a, b transport.Secret) bool { return a.Reveal() == b.Reveal() })); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if err == nil {
		t.Fatal("channels without their secrets are no error")
	}
	for _, want := range []string{"channel lark: url: the environment variable LARK_URL", "WECOM_URL", "SLACK_URL", "AM_TOKEN", "OWN_URL", "OWN_SECRET is not set"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error lacks %q: %v", want, err)
		}
	}
}

// [10] [4]
func TestAnErrorAboutASecretDoesNotRepeatIt(t *testing.T) {
	f := good(t, []byte(strings.ReplaceAll(least, "'${env:OPS}'", "'${file:/run/secrets/pager}'")))
	_, err := f.Channels(variables(nil), files)
	if err == nil || strings.Contains(err.Error(), "0123456789") || !strings.Contains(err.Error(), "channel ops: url: what it refers to must begin with https://") {
		t.Errorf("got %v", err)
	}
	f = good(t, []byte(strings.ReplaceAll(least, "'${env:OPS}'", "'${file:/none}'")))
	if _, err := f.Channels(variables(nil), files); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want that the file does not exist", err)
	}
	if text := fmt.Sprintf("%+v", f); strings.Contains(text, "0123456789") {
		t.Errorf("a file prints a secret: %s", text)
	}
}

// [11]
func TestTheEnvironmentIsEnoughToBeginWith(t *testing.T) {
	if f := alertfile.FromEnv(variables(nil)); len(f.ChannelNames()) > 0 || len(f.Routes.Of(decide.Alert{})) != 1 {
		t.Errorf("got %v without any setting, want nothing", f)
	}
	env := variables(map[string]string{
		"AFTERCARE_DINGTALK_URL": "https://a.example.com", "AFTERCARE_DINGTALK_SECRET": "SEC1", "AFTERCARE_WEBHOOK_URL": "https://b.example.com",
	})
	f := alertfile.FromEnv(env)
	list, err := f.Channels(env, files)
	if err != nil || len(list) != 2 || list[0].Kind != alert.DingTalk || list[0].Secret.Reveal() != "SEC1" || list[1].Kind != alert.Webhook ||
		list[1].URL.Reveal() != "https://b.example.com" || list[1].Secret.IsSet() {
		t.Errorf("got %+v, %v", list, err)
	}
	targets := f.Routes.Of(decide.Alert{Kind: decide.AlertExecution})
	if len(targets) != 1 {
		t.Fatalf("got %v, want one route", targets)
	}
	if got, want := f.Routes.Route(targets[0].Route).Channels, []string{"dingtalk", "webhook"}; !slices.Equal(got, want) {
		t.Errorf("alerts go to %v, want %v", got, want)
	}
}

// [12]
func TestTheFileSaysHowSevereAKindIs(t *testing.T) {
	routes := good(t, []byte(least+"severities: {task-expired: critical}\n")).Routes
	if got := routes.Rated(decide.Alert{Kind: decide.AlertTaskExpired, Severity: decide.SeverityWarning}).Severity; got != decide.SeverityCritical {
		t.Errorf("it is %s, want critical", got)
	}
	if got := routes.Rated(decide.Alert{Kind: decide.AlertBootDeadline, Severity: decide.SeverityWarning}).Severity; got != decide.SeverityWarning {
		t.Errorf("another kind is %s, want warning", got)
	}
}
