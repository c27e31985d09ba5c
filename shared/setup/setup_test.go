package setup_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"aftercare/shared/engine"
	"aftercare/shared/setup"
	"aftercare/shared/transport"
	"aftercare/tests/localcloud/access"
	"aftercare/tests/localcloud/fault"
	"aftercare/tests/localcloud/ram"
	"aftercare/tests/localcloud/sls"
	"aftercare/tests/sample"
)

var (
	key   = access.Key{ID: "STS.HushKey", Secret: "HushSecret", Token: "HushToken"}
	names = setup.Names{Region: "cn-hangzhou", Account: "1234567890123456", TablestoreName: "aftercare", Project: "aftercare-logs", Logstore: "functions"}
	quick = transport.Backoff{First: 1, Most: 1}
	// documents are one of each kind.
	documents = []setup.Document{
		{File: "index.json", JSON: `{"line":{"token":[" "]},"keys":{"durationMs":{"type":"double","doc_value":true}}}`},
		{File: "board.json", JSON: `{"dashboardName":"aftercare","charts":[{"title":"a","search":{"logstore":"<log-store>"}}]}`},
		{File: "rule.json", JSON: `{"name":"aftercare-rule","displayName":"rule","configuration":{"queryList":[{"store":"<log-store>"}],"threshold":1},"schedule":{"type":"FixedRate","interval":"60s"}}`},
	}
)

// planes are local control planes, and clients of them.
type planes struct {
	faults *fault.Set
	ram    *setup.RAM
	sls    *setup.SLS
	at     [2]string // the addresses of ram and sls
}

func open(t *testing.T) planes {
	t.Helper()
	p := planes{faults: &fault.Set{}}
	r, err := ram.Start(ram.Options{Keys: access.NewKeys(key), Faults: p.faults})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	l, err := sls.Start(sls.Options{Keys: access.NewKeys(key), Faults: p.faults, Taken: []string{"taken"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	p.at = [2]string{r.Endpoint(), l.Endpoint()}
	p.connect(t, p.at[0], p.at[1], transport.NewCredentials(key.ID, key.Secret, key.Token))
	return p
}

func (p *planes) connect(t *testing.T, ramAt, slsAt string, creds transport.Credentials) {
	t.Helper()
	pool := transport.NewPool(time.Now)
	t.Cleanup(pool.CloseIdleConnections)
	cfg := setup.Config{Endpoint: ramAt, RoundTripper: p.faults.Impatient(pool), Backoff: quick}
	var err error
	if p.ram, err = setup.NewRAM(cfg, creds); err != nil {
		t.Fatal(err)
	}
	cfg.Endpoint = slsAt
	if p.sls, err = setup.NewSLS(cfg, "cn-hangzhou", creds); err != nil {
		t.Fatal(err)
	}
}

// steps are the plans of a deployment and of its end, by name.
func (p planes) steps() map[string][2]setup.Plan {
	some := []string{"task-completed", "first-heartbeat"}
	return map[string][2]setup.Plan{
		"roles": {p.ram.Roles(some, names), p.ram.WithoutRoles(some)},
		"logs":  {p.sls.Logs(names, 30, documents), p.sls.WithoutLogs(names.Project)},
	}
}

// apply applies a plan and returns what was changed.
func apply(t *testing.T, plan setup.Plan) (made []string, err error) {
	t.Helper()
	_, err = setup.Apply(t.Context(), plan, quick, func(c setup.Change) { made = append(made, c.What) })
	return made, err
}

func mustApply(t *testing.T, plan setup.Plan) []string {
	t.Helper()
	made, err := apply(t, plan)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func planned(t *testing.T, plan setup.Plan) (words []string, notes []string) {
	t.Helper()
	found, err := plan(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range found.Changes {
		words = append(words, c.What)
	}
	return words, found.Notes
}

// TestASecondTimeChangesNothing: each step says what it will do, does that, finds
// nothing to do then, and its end takes all of it away.
func TestASecondTimeChangesNothing(t *testing.T) {
	for name, want := range map[string]string{
		"roles": `make the role aftercare-task-completed
make the policy aftercare-task-completed
give the role aftercare-task-completed its policy
make the role aftercare-first-heartbeat
make the policy aftercare-first-heartbeat
give the role aftercare-first-heartbeat its policy`,
		"logs": `make the log project aftercare-logs
make the logstore functions, which keeps lines 30 days
make the index of the logstore functions
make the dashboard aftercare
make the alert rule aftercare-rule`,
	} {
		t.Run(name, func(t *testing.T) {
			step := open(t).steps()[name]
			if words, _ := planned(t, step[1]); words != nil {
				t.Errorf("nothing is there, and %q would be removed", words)
			}
			words, _ := planned(t, step[0])
			if got := strings.Join(words, "\n"); got != want {
				t.Fatalf("planned %s\nwant %s", got, want)
			}
			if made := mustApply(t, step[0]); !slices.Equal(made, words) {
				t.Errorf("made %q, want %q", made, words)
			}
			if words, notes := planned(t, step[0]); words != nil || notes != nil {
				t.Errorf("a second time would change %q and notes %q", words, notes)
			}
			if made := mustApply(t, step[0]); made != nil {
				t.Errorf("a second time changed %q", made)
			}
			mustApply(t, step[1])
			if words, _ := planned(t, step[0]); strings.Join(words, "\n") != want {
				t.Errorf("after the end, %q is missing, want all", words)
			}
		})
	}
}

// TestAFaultAtAnyCallLosesNothing fails each call in turn, before and after its
// effect, until a run meets no fault. One more run then does the rest, whatever was
// left.
func TestAFaultAtAnyCallLosesNothing(t *testing.T) {
	for name := range open(t).steps() {
		for end := range 2 {
			for _, mode := range sample.Some(t, fault.Modes) {
				t.Run(fmt.Sprint(name, " ", end, " ", mode), func(t *testing.T) {
					t.Parallel()
					sample.Calls(t, 3, 16, func(nth int) bool {
						p := open(t)
						step := p.steps()[name]
						if end == 1 {
							mustApply(t, step[0])
						}
						// The service is out for as long as a call is tried.
						p.faults.Add(fault.Fault{Nth: nth, Times: 4, Mode: mode})
						_, err := apply(t, step[end])
						struck := p.faults.Struck() > 0
						p.faults.Clear()
						if !struck {
							if err != nil {
								t.Errorf("without a fault: %v", err)
							}
							return false
						}
						mustApply(t, step[end])
						if words, _ := planned(t, step[end]); words != nil {
							t.Fatalf("after a fault at call %d, %q is left", nth, words)
						}
						return true
					})
				})
			}
		}
	}
}

// TestALostAnswerIsNoError: the next try of a call finds what the lost one made.
func TestALostAnswerIsNoError(t *testing.T) {
	for name := range open(t).steps() {
		for end := range 2 {
			sample.Calls(t, 3, 16, func(nth int) bool {
				p := open(t)
				step := p.steps()[name]
				if end == 1 {
					mustApply(t, step[0])
				}
				p.faults.Add(fault.Fault{Nth: nth, Mode: fault.CutAfter})
				if _, err := apply(t, step[end]); err != nil {
					t.Errorf("%s, end %d, call %d: %v", name, end, nth, err)
				}
				return p.faults.Struck() > 0
			})
		}
	}
}

// TestAnErrorIsNotMissing: a plan that cannot read says so, and does not want to make
// all anew.
func TestAnErrorIsNotMissing(t *testing.T) {
	for _, refusal := range []fault.Fault{
		{Status: 403, Code: "NoPermission"}, {Status: 404, Code: "Unheard.Of"}, {Status: 400, Code: "ParameterInvalid", Message: "the role does not exist"}, {},
		{Status: 200, Code: "InternalServerError"}, // a failure inside an answer of success
	} {
		p := open(t)
		refusal.Mode, refusal.Times = fault.ErrorBefore, -1
		p.faults.Add(refusal)
		for name, step := range p.steps() {
			for _, plan := range step {
				if found, err := plan(t.Context()); err == nil {
					t.Errorf("%s: %+v gave the plan %+v", name, refusal, found)
				}
			}
		}
	}
}

// TestWhatWasJustMadeMayNotBeShownYet: what needs it waits.
func TestWhatWasJustMadeMayNotBeShownYet(t *testing.T) {
	for _, f := range []fault.Fault{
		{Call: "CreateLogStore", Status: 404, Code: "ProjectNotExist"}, {Call: "CreateIndex", Status: 404, Code: "LogStoreNotExist"},
		{Call: "AttachPolicyToRole", Status: 404, Code: "EntityNotExist.Role"},
		// After the changes, the plan does not see them at once.
		{Call: "GetIndex", Status: 404, Code: "IndexConfigNotExist"}, {Call: "GetPolicy", Nth: 3, Status: 404, Code: "EntityNotExist.Policy"},
	} {
		p := open(t)
		f.Mode, f.Times = fault.ErrorBefore, 3
		p.faults.Add(f)
		for _, step := range p.steps() {
			mustApply(t, step[0])
		}
		if p.faults.Struck() != 3 {
			t.Errorf("%v struck %d times, want 3", f, p.faults.Struck())
		}
	}
}

func TestAnotherAccountsProjectIsSaid(t *testing.T) {
	p := open(t)
	other := names
	other.Project = "taken"
	_, err := apply(t, p.sls.Logs(other, 30, documents))
	if !errors.Is(err, engine.ErrDenied) || !strings.Contains(err.Error(), "another account has its name") {
		t.Errorf("got %v", err)
	}
	// Where it is not denied, it is not found.
	p.faults.Add(fault.Fault{Call: "CreateProject", Mode: fault.ErrorBefore, Times: -1, Status: 400, Code: "ProjectAlreadyExist"})
	if _, err := apply(t, p.sls.Logs(names, 30, documents)); err == nil || !strings.Contains(err.Error(), "another account has its name") {
		t.Errorf("got %v", err)
	}
}

// TestErrorsHoldNoSecret: neither the key nor the signed request.
func TestErrorsHoldNoSecret(t *testing.T) {
	p := open(t)
	for name, creds := range map[string]transport.Credentials{
		"another key": transport.NewCredentials("STS.HushOther", "HushSecret", "HushToken"), "another token": transport.NewCredentials(key.ID, key.Secret, "HushOld"),
		"another secret": transport.NewCredentials(key.ID, "HushOld", key.Token),
	} {
		wrong := p
		wrong.connect(t, p.at[0], p.at[1], creds)
		for step, plans := range wrong.steps() {
			if _, err := plans[0](t.Context()); err == nil || strings.Contains(err.Error(), "Hush") || !errors.Is(err, engine.ErrDenied) {
				t.Errorf("%s, %s: %v", step, name, err)
			}
		}
	}
	for _, mode := range []fault.Mode{fault.ErrorBefore, fault.CutBefore, fault.HangBefore} {
		p.faults.Clear()
		p.faults.Add(fault.Fault{Mode: mode, Times: -1, Status: 403, Code: "SignatureNotMatch", Message: "server string to sign is HushToken"})
		for name, step := range p.steps() {
			_, err := step[0](context.Background())
			if err == nil || strings.Contains(err.Error(), "Hush") || strings.Contains(err.Error(), "http") {
				t.Errorf("%s, %s: %v", name, mode, err)
			}
		}
	}
}
