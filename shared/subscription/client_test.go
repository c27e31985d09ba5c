package subscription_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"aftercare/shared/engine"
	"aftercare/shared/openapi"
	"aftercare/shared/setup"
	"aftercare/shared/subscription"
	"aftercare/shared/transport"
	"aftercare/tests/localcloud/access"
	"aftercare/tests/localcloud/eventbridge"
	"aftercare/tests/localcloud/fault"
	"aftercare/tests/sample"
)

var key = access.Key{ID: "LTAIHushKey", Secret: "HushSecret"}

// bridge is a local EventBridge after the first 's deploy', and its functions.
type bridge struct {
	*eventbridge.Server
	faults *fault.Set
	client *subscription.Client

	mu      sync.Mutex
	invoked []string
	failing string // a function that fails
}

func open(t *testing.T, opt eventbridge.Options) *bridge {
	t.Helper()
	b := &bridge{faults: &fault.Set{}}
	opt.Keys, opt.Faults, opt.Scale = access.NewKeys(key), b.faults, 1e-9
	if opt.Lag == 0 {
		opt.Lag = -1
	}
	opt.Invoke = func(_ context.Context, in eventbridge.Invocation) error {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.invoked = append(b.invoked, in.Function)
		if in.Function == b.failing {
			return errors.New("it fails")
		}
		return nil
	}
	for _, r := range site.Rules() {
		if r.Trigger {
			opt.Rules = append(opt.Rules, eventbridge.Rule{Name: r.Name, Pattern: r.Pattern, Targets: []eventbridge.TargetSpec{{
				ID: "trigger", Type: "acs.fc.function", Endpoint: "acs:fc:cn-hangzhou:1234567890123456:functions/" + r.Function,
				ParamList: []eventbridge.Param{{ResourceKey: "Body", Form: "ORIGINAL"}},
			}}})
		}
	}
	var err error
	if b.Server, err = eventbridge.Start(opt); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	b.client = client(t, site, b.Endpoint())
	return b
}

func client(t *testing.T, site subscription.Site, endpoint string) *subscription.Client {
	t.Helper()
	pool := transport.NewPool(time.Now)
	t.Cleanup(pool.CloseIdleConnections)
	c, err := subscription.New(subscription.Config{
		Site: site, Endpoint: endpoint, RoundTripper: pool, Backoff: transport.Backoff{First: time.Millisecond, Most: time.Millisecond},
	}, transport.NewCredentials(key.ID, key.Secret, ""))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// apply applies a plan, and returns what it changed.
func (b *bridge) apply(t *testing.T, plan setup.Plan) (made []string, err error) {
	t.Helper()
	_, err = setup.Apply(t.Context(), plan, transport.Backoff{First: time.Millisecond, Most: time.Millisecond}, func(c setup.Change) { made = append(made, c.What) })
	return made, err
}

func lines(made []string) string { return strings.Join(made, "\n") }

// whats returns what changes change.
func whats(lines string) string { return regexp.MustCompile(`(?m)^\w+ `).ReplaceAllString(lines, "") }

func (b *bridge) calls() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Compact(slices.Sorted(slices.Values(b.invoked)))
}

// TestAppliedRulesBringEventsToTheFunctions, and what a function did not take to the
// one for dead letters. A second Apply finds nothing to do.
func TestAppliedRulesBringEventsToTheFunctions(t *testing.T) {
	b := open(t, eventbridge.Options{})
	for _, want := range []string{whats(firstChanges), ""} {
		if made, err := b.apply(t, b.client.Complete(false)); err != nil || lines(made) != want {
			t.Fatalf("made %s, %v\nwant %s", lines(made), err, want)
		}
	}
	b.failing = "aftercare-instance-state"
	for _, s := range subscription.Samples() {
		put := b.PutServiceEvent
		if s.Name == "submit-task" {
			put = func(raw []byte) error { return b.PutEvent("aftercare", raw) }
		}
		if err := put([]byte(s.JSON)); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.WaitIdle(t.Context()); err != nil {
		t.Fatal(err)
	}
	const want = "aftercare-dead-letters aftercare-first-heartbeat aftercare-instance-state aftercare-submit-task aftercare-task-completed"
	if got := strings.Join(b.calls(), " "); got != want {
		t.Errorf("events came to %s, want %s", got, want)
	}
	if made, err := b.apply(t, b.client.Remove()); err != nil || len(made) != 4 {
		t.Errorf("removed %s, %v", lines(made), err)
	}
	if made, err := b.apply(t, b.client.Remove()); err != nil || len(made) > 0 {
		t.Errorf("removed again %s, %v", lines(made), err)
	}
}

// TestAnyCallMayFail: each, before and after its effect, by an error, a cut, and an
// error in an answer with status 200. Whatever Apply says of it, what it leaves is
// completed, or removed, by another.
func TestAnyCallMayFail(t *testing.T) {
	inside := fault.Fault{Mode: fault.ErrorBefore, Status: http.StatusOK, Code: "InternalHush"}
	insideAfter := inside
	insideAfter.Mode = fault.ErrorAfter
	all := []fault.Fault{{Mode: fault.ErrorBefore}, {Mode: fault.ErrorAfter}, {Mode: fault.CutBefore}, {Mode: fault.CutAfter}, inside, insideAfter}
	for _, removes := range []bool{false, true} {
		for _, f := range sample.Some(t, all) {
			sample.Calls(t, 15, 22, func(n int) bool {
				f.Nth = n
				return failed(t, f, removes)
			})
		}
	}
}

// failed applies a plan while a call fails, and reports whether there was such a call.
func failed(t *testing.T, f fault.Fault, removes bool) bool {
	t.Helper()
	b := open(t, eventbridge.Options{})
	plan := b.client.Complete(false)
	if removes {
		if _, err := b.apply(t, plan); err != nil {
			t.Fatal(err)
		}
		plan = b.client.Remove()
	}
	b.faults.Add(f)
	_, err := b.apply(t, plan)
	struck := b.faults.Struck() > 0
	if err != nil && (f.Status != http.StatusOK || !struck) {
		t.Errorf("%v, removes %v: it is not tried again: %v", f, removes, err)
	}
	b.faults.Clear()
	var made []string
	for range 2 {
		if made, err = b.apply(t, plan); err != nil {
			t.Errorf("%v, removes %v, then: %v", f, removes, err)
		}
	}
	if len(made) > 0 {
		t.Errorf("%v, removes %v: a third Apply changes %s", f, removes, lines(made))
	}
	return struck
}

// TestAnErrorIsNeverSomethingMissing: what may not be read is not made.
func TestAnErrorIsNeverSomethingMissing(t *testing.T) {
	for _, f := range []fault.Fault{
		{Call: "ListEventBuses", Status: 403, Code: "AccessDenied"}, {Call: "ListRules", Status: 403, Code: "AccessDenied"},
		{Call: "ListTargets", Status: 200, Code: "EventRuleNotExisted"}, {Call: "ListRules", Status: 200, Code: "EventBusNotExist"},
	} {
		b := open(t, eventbridge.Options{})
		f.Mode, f.Times = fault.ErrorBefore, -1
		b.faults.Add(f)
		made, err := b.apply(t, b.client.Complete(false))
		if err == nil || len(made) > 0 || !strings.Contains(err.Error(), f.Call) {
			t.Errorf("%v: made %s, %v", f, lines(made), err)
		}
		if f.Status == 403 != errors.Is(err, engine.ErrDenied) {
			t.Errorf("%v: %v", f, err)
		}
		for call, n := range b.faults.Calls() {
			if n > 0 && !strings.HasPrefix(call, "List") {
				t.Errorf("%v: it calls %s", f, call)
			}
		}
	}
	for _, text := range []string{`{}`, `{"Data":{}}`, `{"Success":true,"Data":{"Total":3}}`, ``} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, text) }))
		t.Cleanup(s.Close)
		if have, err := client(t, site, s.URL).Read(t.Context()); err == nil {
			t.Errorf("%q is read as %v", text, have)
		}
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"Data":{"EventBuses":[],"NextToken":"same"}}`)
	}))
	t.Cleanup(s.Close)
	if _, err := client(t, site, s.URL).Read(t.Context()); err == nil || !strings.Contains(err.Error(), "same page twice") {
		t.Errorf("pages without an end: %v", err)
	}
}

// TestARefusedTargetIsAnErrorInAnAnswerOfSuccess.
func TestARefusedTargetIsAnErrorInAnAnswerOfSuccess(t *testing.T) {
	for data, want := range map[string]string{
		`{"ErrorEntriesCount":1,"ErrorEntries":[{"EntryId":"f-1","ErrorCode":"BadTarget"}]}`: "PutTargets: the service refuses a target (code BadTarget)",
		`{"ErrorEntriesCount":1}`: "PutTargets: the service refuses a target, and does not say why",
	} {
		c := answers(func(call url.Values) string {
			switch call.Get("Action") {
			case "PutTargets":
				return `{"Success":true,"Data":` + data + `}`
			case "ListTargets":
				return `{"Success":true,"Data":{"Targets":[` + strings.ReplaceAll(byTrigger, "NAME", "aftercare-task-completed") + `]}}`
			}
			return `{"Success":true,"Data":{"EventBuses":[],"Rules":[{"RuleName":"aftercare-task-completed-ecs"}]}}`
		}).client(t)
		_, err := setup.Apply(t.Context(), c.Complete(false), transport.Backoff{}, func(setup.Change) {})
		if err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// TestApplyWaitsUntilTheServiceShowsTheChange.
func TestApplyWaitsUntilTheServiceShowsTheChange(t *testing.T) {
	b := open(t, eventbridge.Options{Lag: 100 * time.Millisecond})
	if _, err := b.apply(t, b.client.Complete(false)); err != nil {
		t.Fatal(err)
	}
	if left, err := b.client.Complete(false)(t.Context()); err != nil || len(left.Changes) > 0 {
		t.Errorf("it does not wait for %v, %v", left.Changes, err)
	}
}

// TestThePatternsThatTheServiceHasAreTried with each sample.
func TestThePatternsThatTheServiceHasAreTried(t *testing.T) {
	b := open(t, eventbridge.Options{})
	try := func() (wrong []string, missing []string, n int) {
		missing, err := b.client.Try(t.Context(), func(tried subscription.Tried) {
			if n++; tried.Matches != tried.Should {
				wrong = append(wrong, fmt.Sprint(tried.Rule, " ", tried.Sample, " ", tried.Matches))
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		return wrong, missing, n
	}
	if wrong, missing, n := try(); len(wrong) > 0 || n != 15 || strings.Join(missing, " ") != "aftercare-submit-task-events aftercare-dead-letters-events" {
		t.Errorf("wrong %v, missing %v of %d", wrong, missing, n)
	}
	if _, err := b.apply(t, b.client.Complete(false)); err != nil {
		t.Fatal(err)
	}
	if wrong, missing, n := try(); len(wrong)+len(missing) > 0 || n != 25 {
		t.Errorf("wrong %v, missing %v of %d", wrong, missing, n)
	}
	api, err := openapi.New(openapi.Config{Endpoint: b.Endpoint(), Version: "2020-04-01", RoundTripper: http.DefaultTransport}, transport.NewCredentials(key.ID, key.Secret, ""))
	if err == nil {
		err = api.RPC(t.Context(), "UpdateRule", url.Values{
			"EventBusName": {"default"}, "RuleName": {"aftercare-task-completed-ecs"}, "FilterPattern": {`{"source":["acs.oss"]}`},
		}, nil, nil)
	}
	if wrong, _, _ := try(); err != nil || strings.Join(wrong, ", ") != "aftercare-task-completed-ecs task-completed false" {
		t.Errorf("after drift, wrong is %v, %v", wrong, err)
	}
}

func TestSamplesAreEvents(t *testing.T) {
	names := []string{}
	for _, s := range subscription.Samples() {
		var e struct{ ID, Source, SpecVersion, Type string }
		if err := json.Unmarshal([]byte(s.JSON), &e); err != nil || e.ID == "" || e.Source == "" || e.SpecVersion != "1.0" || e.Type == "" {
			t.Errorf("%s: %+v, %v", s.Name, e, err)
		}
		names = append(names, s.Name)
	}
	if got := strings.Join(names, " "); got != "another first-heartbeat instance-state submit-task task-completed" {
		t.Errorf("the samples are %s", got)
	}
}
