package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/engine"
	"aftercare/shared/event"
	"aftercare/shared/ledger/ledgertest"
	"aftercare/tests/rig"
)

// examined is what the doctor says of a rig through a front that changes the
// answers of Tablestore.
func examined(t *testing.T, r *rig.Rig, change func(*http.Response) error) string {
	t.Helper()
	to, err := url.Parse(r.Tables.Endpoint())
	if err != nil {
		t.Fatal(err)
	}
	front := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite:        func(p *httputil.ProxyRequest) { p.SetURL(to); p.Out.Host = p.In.Host },
		ModifyResponse: change,
	})
	t.Cleanup(front.Close)
	keys := credentials(t, r)
	out, errOut, code := played(t, func(name string) string {
		return map[string]string{
			variableEndpoint: front.URL, variableInstance: "rig", variableKeyID: keys.AccessKeyId, variableSecret: keys.AccessKeySecret,
			"ALIBABA_CLOUD_SECURITY_TOKEN": keys.SecurityToken, variableECS: r.Settings.ECSEndpoint,
			variableFC: functionCompute(t, r), variableRegion: rig.Region,
		}[name]
	}, "doctor", "--utc")
	if (code == 0) == strings.Contains(out, "wrong") || code > 1 {
		t.Errorf("exit code %d, %s:\n%s", code, errOut, out)
	}
	return out
}

func asItComes(*http.Response) error { return nil }

func wantFinding(t *testing.T, got, want string) {
	t.Helper()
	if !strings.Contains(strings.Join(strings.Fields(got), " "), want) {
		t.Errorf("got\n%s\nwant %q", got, want)
	}
}

func TestTheDoctorNoticesAWrongClock(t *testing.T) {
	r := rig.New(t, rig.Options{Flows: flows})
	got := examined(t, r, func(a *http.Response) error {
		a.Header.Set("Date", time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat))
		return nil
	})
	// The other services' answers have the right date.
	wantFinding(t, got, "ok clock ")
	for _, c := range []struct {
		ahead time.Duration
		known bool
		want  string
	}{
		{time.Minute, true, ""},
		{-time.Minute, true, ""},
		{time.Minute + time.Second, true, "this machine's clock is 1m1s ahead of the services'"},
		{-time.Hour, true, "this machine's clock is 1h0m0s behind the services'"},
		{0, false, "no service answered with its time"},
	} {
		if f := clockFound(c.ahead, c.known)[0]; f.OK != (c.want == "") || !f.OK && (f.What != c.want || f.Do == "") {
			t.Errorf("%s, %t: %+v, want %q", c.ahead, c.known, f, c.want)
		}
	}
}

// carrier answers each request with the next of some dates.
type carrier struct{ dates []string }

func (c *carrier) RoundTrip(*http.Request) (*http.Response, error) {
	date := c.dates[0]
	c.dates = c.dates[1:]
	if date == "fail" {
		return nil, fmt.Errorf("broken")
	}
	return &http.Response{Header: http.Header{"Date": {date}}}, nil
}

func TestTheClockIsComparedWithTheNearestAnswer(t *testing.T) {
	if _, known := new(dated).ahead(); known {
		t.Error("without an answer the time is known")
	}
	at := func(ahead time.Duration) string { return time.Now().Add(-ahead).UTC().Format(http.TimeFormat) }
	d := &dated{RoundTripper: &carrier{[]string{"", "fail", at(9 * time.Hour), at(-2 * time.Hour), at(5 * time.Hour)}}}
	for range 5 {
		_, _ = d.RoundTrip(nil)
	}
	if got, known := d.ahead(); !known || got.Round(time.Hour) != -2*time.Hour {
		t.Errorf("got %s, %t", got, known)
	}
}

func TestTheDoctorNoticesWhatIsOverdueAndTooOld(t *testing.T) {
	r := rig.New(t, rig.Options{Flows: flows})
	l := r.Ledger()
	ledgertest.Must(t, l.Arm(t.Context(), engine.Wakeup{InstanceID: "i-1", Due: time.Now().Add(-time.Hour)}))
	for n, agent := range []struct{ os, version string }{
		{"linux", "1.0.2.568"}, {"linux", "1.0.2.569"}, {"windows", "1.0.0.148"}, {"windows", "2.1"}, {"linux", "1.0.1.999"}, {"", "0.1"},
	} {
		s := decide.NewState(fmt.Sprintf("i-agent-%d", n))
		s.Instance.Boot, s.Instance.Seen, s.Instance.OS, s.Instance.AgentVersion = decide.BootBootable, true, agent.os, agent.version
		ledgertest.MustCommit(t, l, ledgertest.Creation("made", s))
	}
	got := examined(t, r, asItComes)
	wantFinding(t, got, "wrong sweeps no sweep has ended yet, and something is due since ")
	wantFinding(t, got, "wrong agents 3 agents too old to send first heartbeats: i-agent-0 (1.0.2.568), i-agent-2 (1.0.0.148), i-agent-4 (1.0.1.999) Update")
}

// TestItIsSaidWhetherSweepsCome by the doctor and by now.
func TestItIsSaidWhetherSweepsCome(t *testing.T) {
	const nothing = "Nothing needs you"
	for name, c := range map[string]struct {
		ended, due    time.Duration // ago; 0 for none
		want, do, now string
	}{
		"they come":            {time.Minute, 4 * time.Minute, "ok sweeps the last sweep ended at ", "", nothing},
		"none ended":           {0, 0, "wrong sweeps no sweep has ended yet Look at the timer", "aftercare sweep", "sweeps no sweep has ended yet"},
		"none ended for long":  {6 * time.Minute, 0, "wrong sweeps no sweep has ended since ", "Look at the timer", "sweeps no sweep has ended since "},
		"nor did what was due": {6 * time.Minute, 7 * time.Minute, "wrong sweeps no sweep has ended since ", ", and something is due since ", ", and something is due since "},
		"they leave something": {time.Minute, 6 * time.Minute, "wrong sweeps the last sweep ended at ", "AFTERCARE_SENDS_PER_MINUTE", ", and something is due since "},
	} {
		t.Run(name, func(t *testing.T) {
			r := rig.New(t, rig.Options{Flows: flows})
			if c.ended > 0 {
				ledgertest.Must(t, r.Ledger().Swept(t.Context(), time.Now().Add(-c.ended)))
			}
			if c.due > 0 {
				ledgertest.Must(t, r.Ledger().Arm(t.Context(), engine.Wakeup{InstanceID: "i-1", Due: time.Now().Add(-c.due)}))
			}
			got := examined(t, r, asItComes)
			wantFinding(t, got, c.want)
			wantFinding(t, got, c.do)
			keys := credentials(t, r)
			out, errOut, code := played(t, func(name string) string {
				return map[string]string{
					variableEndpoint: r.Tables.Endpoint(), variableInstance: "rig", variableKeyID: keys.AccessKeyId, variableSecret: keys.AccessKeySecret,
					"ALIBABA_CLOUD_SECURITY_TOKEN": keys.SecurityToken,
				}[name]
			}, "now")
			if wantFinding(t, out, c.now); code != 0 || strings.Contains(out, nothing) != (c.now == nothing) {
				t.Errorf("exit code %d, %s:\n%s", code, errOut, out)
			}
		})
	}
}

func TestTheDoctorNoticesFieldsThatNoEventHas(t *testing.T) {
	now := time.Now().UTC().Truncate(time.Millisecond)
	record := func(source string, id string, account string) *decide.Execution {
		return &decide.Execution{Name: "check", Source: source, Received: now, Event: event.TaskCompleted{
			Envelope: event.Envelope{ID: id, Account: account, Region: "r", Time: now}, InstanceID: "i-1", InvokeID: "t-" + id + source,
			StartTime: now, FinishTime: now, Status: event.StatusSuccess,
		}}
	}
	for _, c := range []struct {
		name    string
		records []*decide.Execution
		want    string
	}{
		{"all have it", []*decide.Execution{record(decide.SourceEvent, "a", "1")}, "ok events each field was set in one of the newest 1 end and 0 boots"},
		{"one has it", []*decide.Execution{record(decide.SourceEvent, "a", ""), record(decide.SourceEvent, "b", "1")}, "ok events each field was set in one of the newest 2 ends"},
		{"none has it", []*decide.Execution{record(decide.SourceEvent, "a", ""), record(decide.SourceEvent, "b", "")},
			"wrong events none of the newest 2 TaskCompleted events had account Let EventBridge's rule"},
		{"none came", []*decide.Execution{record(decide.SourcePoll, "", "")}, "wrong events no event came within 24h, and 1 record had to be asked for"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := rig.New(t, rig.Options{Flows: flows})
			for n, e := range c.records {
				ledgertest.MustCommit(t, r.Ledger(), engine.Commit{
					ID: fmt.Sprint("made", n), InstanceID: "i-1", At: now, Changes: decide.Changes{Execution: e}, Next: decide.NewState("i-1"),
				})
			}
			wantFinding(t, examined(t, r, asItComes), c.want)
		})
	}
}
