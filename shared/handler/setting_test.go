package handler_test

import (
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"aftercare/shared/event"
	"aftercare/shared/flow"
	"aftercare/shared/handler"
)

// wrong holds wrong values of each variable that has no range. Each value holds
// the secret, where it can: no mistake may repeat it.
var wrong = map[string][]string{
	"AFTERCARE_TABLESTORE_ENDPOINT": {secret, "http://" + secret + ".example.com", "https://host/" + secret},
	"AFTERCARE_TABLESTORE_INSTANCE": {secret + " name", secret + "\n", strings.Repeat("n", 65)},
	"AFTERCARE_ECS_ENDPOINT":        {"host/" + secret, "http://" + secret + ".example.com"},
	"AFTERCARE_FC_ENDPOINT":         {"host/" + secret, "http://" + secret + ".example.com"},
	"AFTERCARE_EVENTS_NEED":         {secret, "envelope," + secret, "Envelope", "none,id", ","},
	"AFTERCARE_ALERT_ON":            {secret, "Failed," + secret, "failed", "none,Failed", ","},
	"AFTERCARE_DINGTALK_URL":        {secret, "http://" + secret + ".example.com", "https://user:" + secret + "@host", "https://host?a=%zz" + secret},
	"AFTERCARE_WEBHOOK_URL":         {secret, "http://" + secret + ".example.com", "\x7f" + secret},
	"AFTERCARE_DINGTALK_SECRET":     {" " + secret, secret},
	"AFTERCARE_ALERT_WAIT":          {secret, "-1s", "61m", "7"},
	"AFTERCARE_WEBHOOK_SECRET":      {" " + secret, secret},
	"AFTERCARE_MASK":                {"(" + secret, secret + "*|x?"},
	"AFTERCARE_LOG_LEVEL":           {secret, "trace", "INFO", "disabled", "9"},
	"AFTERCARE_TASK_TTL":            {secret, "59s", "2161h", "7", "-1h", "99999999h"},
	"DEBUG":                         {"sdk", "x,sdk", "sdk,tea"},
}

// bounded matches the range of a variable between two values.
var bounded = regexp.MustCompile(`^(\d+\S*) to (\d+\S*)$`)

// mistaken adds to wrong what lies outside of the documented ranges.
func mistaken(t *testing.T) map[string][]string {
	all := maps.Clone(wrong)
	for _, v := range handler.Variables() {
		if ends := bounded.FindStringSubmatch(v.Range); ends != nil {
			_, below := step(t, ends[1], -time.Millisecond)
			_, above := step(t, ends[2], time.Millisecond)
			all[v.Name] = []string{secret, fmt.Sprint(below), fmt.Sprint(above), "1.5", "-1", "60m60", "99999999999999999999"}
		}
		if v.Name != "AFTERCARE_FLOWS" && v.Name != "AFTERCARE_ALERTS" && len(all[v.Name]) == 0 {
			t.Errorf("the test has no wrong value of %s", v.Name)
		}
	}
	return all
}

// good is an environment without mistakes.
func good() []string {
	return []string{
		"PATH=/bin", "AFTERCARE_TABLESTORE_ENDPOINT=https://mine.cn-hangzhou.ots.aliyuncs.com",
		"AFTERCARE_TABLESTORE_INSTANCE=mine", "DEBUG=tea,sdks",
	}
}

func TestEveryWrongSettingIsNamedAndNeverItsValue(t *testing.T) {
	for name, values := range mistaken(t) {
		for _, value := range values {
			_, err := handler.FromEnv(append(good(), name+"="+value))
			if err == nil {
				t.Errorf("%s=%q is accepted", name, value)
				continue
			}
			text := err.Error()
			if strings.Contains(text, "\n") || !strings.HasPrefix(text, name+" ") {
				t.Errorf("%s=%q: the mistakes are %q, want one that begins with the variable", name, value, text)
			}
			if strings.Contains(text, secret) {
				t.Errorf("%s=%q: the mistake repeats the value: %s", name, value, text)
			}
		}
	}
}

func TestAllMistakesOfTheSettingsAreReportedAtOnce(t *testing.T) {
	environ := []string{"AFTERCARE_TASK_TTLS=1h", "AFTERCARE_=1", "aftercare_flows=x", "NOT_AFTERCARE_X=1"}
	want := []string{
		"AFTERCARE_TASK_TTLS is not a setting of Aftercare", "AFTERCARE_ is not a setting of Aftercare",
		"AFTERCARE_TABLESTORE_INSTANCE is missing",
	}
	for name, values := range mistaken(t) {
		if name != "AFTERCARE_TABLESTORE_INSTANCE" {
			environ, want = append(environ, name+"="+values[0]), append(want, name+" ")
		}
	}
	_, err := handler.FromEnv(environ)
	if err == nil {
		t.Fatal("accepted")
	}
	lines := strings.Split(err.Error(), "\n")
	for _, w := range want {
		if !slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(l, w) }) {
			t.Errorf("no line begins with %q", w)
		}
	}
	if len(lines) != len(want) {
		t.Errorf("%d mistakes are reported, want %d:\n%s", len(lines), len(want), err)
	}
}

func TestSettingsAtTheirLimitsAreAccepted(t *testing.T) {
	limits := map[string][]string{"AFTERCARE_TASK_TTL": {"1m", "2160h"}, "AFTERCARE_TABLESTORE_INSTANCE": {strings.Repeat("n", 64)}}
	for _, v := range handler.Variables() {
		if ends := bounded.FindStringSubmatch(v.Range); ends != nil {
			limits[v.Name] = ends[1:]
		}
	}
	for name, values := range limits {
		for _, value := range values {
			if _, err := handler.FromEnv(append(good(), name+"="+value)); err != nil {
				t.Errorf("%s=%s is refused: %v", name, value, err)
			}
		}
	}
	if len(limits) != 15 {
		t.Errorf("%d settings have limits, want 15", len(limits))
	}
}

func TestSettingsTakeEffect(t *testing.T) {
	s, err := handler.FromEnv(append(good(),
		"AFTERCARE_ECS_ENDPOINT=host", "AFTERCARE_FC_ENDPOINT=functions", "AFTERCARE_FLOWS=other.yaml", "FC_FUNC_CODE_PATH=/code", "AFTERCARE_ALERTS=/etc/alerts", "AFTERCARE_ALERT_ON= Failed , Success",
		"AFTERCARE_DINGTALK_URL=https://robot", "AFTERCARE_DINGTALK_SECRET=a", "AFTERCARE_WEBHOOK_URL=https://hook", "AFTERCARE_WEBHOOK_SECRET=b",
		"AFTERCARE_TABLE_TTL=35", "AFTERCARE_TASK_TTL=2h", "AFTERCARE_SENDS_PER_MINUTE=3", "AFTERCARE_CLAIM_GRACE=61s",
		"AFTERCARE_WAKE_PRECISION=2s", "AFTERCARE_AGENT_CHECK_FIRST=4s", "AFTERCARE_AGENT_CHECK_MAX=5s", "AFTERCARE_END_MARGIN=6s", "AFTERCARE_STOP_CHECK=12s",
		"AFTERCARE_DEADLINE_MARGIN=7s", "AFTERCARE_SWEEP_PARALLEL=9", "AFTERCARE_REPAIRS_PER_HOUR=8", "AFTERCARE_MAX_RUNNING_PER_INSTANCE=10", "AFTERCARE_LOG_LEVEL=error"))
	must(t, err)
	p := s.Policy
	got := fmt.Sprintln(s.Ledger.Endpoint, s.Ledger.Instance, s.ECSEndpoint, s.FCEndpoint, s.FlowsFile, p.AlertOn,
		s.Alerts.File, s.Alerts.DingTalkURL.Reveal(), s.Alerts.DingTalkSecret.Reveal(), s.Alerts.WebhookURL.Reveal(), s.Alerts.WebhookSecret.Reveal(),
		p.TableTTL, p.TaskTTL, s.SendsPerMinute, p.ClaimGrace, p.Minute, p.CheckFirst, p.CheckMax, p.EndMargin, p.HoldCheck, s.Margin, s.Parallel, p.RepairsPerHour, p.MaxRunning, s.LogLevel)
	want := fmt.Sprintln("https://mine.cn-hangzhou.ots.aliyuncs.com", "mine", "host", "functions", "/code/other.yaml",
		map[event.Status]bool{event.StatusFailed: true, event.StatusSuccess: true}, "/etc/alerts", "https://robot", "a", "https://hook", "b",
		35*24*time.Hour, 2*time.Hour, 3, 61*time.Second, 2*time.Second, 4*time.Second, 5*time.Second, 6*time.Second, 12*time.Second, 7*time.Second, 9, 8, 10, "error")
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestDefaultsAreWhatTheVariablesSay sets each variable to its documented
// default, and finds no difference.
func TestDefaultsAreWhatTheVariablesSay(t *testing.T) {
	plain, err := handler.FromEnv(good())
	must(t, err)
	environ := good()
	for _, v := range handler.Variables() {
		if v.Default != "" && !strings.Contains(v.Default, "<region>") {
			environ = append(environ, v.Name+"="+v.Default)
		}
	}
	set, err := handler.FromEnv(environ)
	must(t, err)
	if got, want := fmt.Sprintf("%+v", set), fmt.Sprintf("%+v", plain); got != want {
		t.Errorf("with every default set: %s\nwithout: %s", got, want)
	}
}

func TestVariablesAreDocumentedOnceEach(t *testing.T) {
	seen := map[string]bool{}
	for _, v := range handler.Variables() {
		if !strings.HasPrefix(v.Name, "AFTERCARE_") || strings.ToUpper(v.Name) != v.Name || seen[v.Name] {
			t.Errorf("%s is not a name, or comes twice", v.Name)
		}
		seen[v.Name] = true
		if v.Doc == "" || strings.HasSuffix(v.Doc, ".") || v.Unit == "" {
			t.Errorf("%s needs a unit and a sentence without its full stop: %q, %q", v.Name, v.Unit, v.Doc)
		}
		if v.Required == (v.Default != "") && !v.Secret || v.Secret && v.Default != "" {
			t.Errorf("%s is required (%v) or has a default (%q), and a secret has none", v.Name, v.Required, v.Default)
		}
		number := slices.Contains([]string{"duration", "days", "commands", "instances", "repairs", "level"}, v.Unit)
		if list := v.Name == "AFTERCARE_ALERT_ON" || v.Name == "AFTERCARE_EVENTS_NEED"; number != (v.Range != "") && !list {
			t.Errorf("%s is counted in %s, and its range is %q", v.Name, v.Unit, v.Range)
		}
		if secret := strings.Contains(v.Name, "SECRET") || strings.HasSuffix(v.Name, "_URL"); secret != v.Secret {
			t.Errorf("%s is secret: %v", v.Name, v.Secret)
		}
	}
	list := handler.Variables()
	list[0].Name = "changed"
	if handler.Variables()[0].Name == "changed" {
		t.Error("whoever has the list can change the settings")
	}
}

func TestSettingsDoNotPrintSecrets(t *testing.T) {
	s, err := handler.FromEnv(append(good(), "AFTERCARE_DINGTALK_URL=https://host?access_token="+secret, "AFTERCARE_DINGTALK_SECRET="+secret,
		"AFTERCARE_WEBHOOK_URL=https://host/"+secret, "AFTERCARE_WEBHOOK_SECRET="+secret))
	must(t, err)
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		if text := fmt.Sprintf(format, s); strings.Contains(text, secret) {
			t.Errorf("%s prints a secret: %s", format, text)
		}
	}
}

func TestWrongFlowsStopTheFunction(t *testing.T) {
	file := filepath.Join(t.TempDir(), "flows.compiled")
	write(t, file, string(noFlows(t)))
	if _, err := handler.New("sweep", append(good(), "AFTERCARE_FLOWS="+file), io.Discard); err != nil {
		t.Errorf("good ones: %v", err)
	}
	write(t, file, "version: 1\nflows: []\n")
	_, err := handler.New("sweep", append(good(), "AFTERCARE_FLOWS="+file), io.Discard)
	if want := "AFTERCARE_FLOWS: this is not the stored form of flows: make it with 'aftercare flows compile'"; err == nil || err.Error() != want {
		t.Errorf("a file that was not compiled: %v, want %s", err, want)
	}
	// Together with the mistakes of the settings.
	_, err = handler.New("sweep", []string{"AFTERCARE_FLOWS=" + file}, io.Discard)
	for _, want := range []string{"AFTERCARE_TABLESTORE_ENDPOINT is missing", "AFTERCARE_TABLESTORE_INSTANCE is missing", "not the stored form"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in:\n%v", want, err)
		}
	}
	_, err = handler.New("sweep", append(good(), "AFTERCARE_FLOWS=/"+secret), io.Discard)
	if want := "AFTERCARE_FLOWS names a file that cannot be read: no such file or directory"; err == nil || err.Error() != want {
		t.Errorf("a missing file: %v, want %s", err, want)
	}
}

// noFlows is the stored form of a file without flows.
func noFlows(t *testing.T) []byte {
	t.Helper()
	stored, err := flow.Store(nil)
	must(t, err)
	return stored
}

func write(t *testing.T, file, content string) {
	t.Helper()
	must(t, os.WriteFile(file, []byte(content), 0o600))
}
