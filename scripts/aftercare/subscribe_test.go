package main

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"aftercare/shared/handler"
	"aftercare/shared/openapi"
	"aftercare/shared/setup"
	"aftercare/shared/subscription"
	"aftercare/shared/transport"
	"aftercare/tests/localcloud/access"
	"aftercare/tests/localcloud/eventbridge"
	"aftercare/tests/localcloud/sls"
	"aftercare/tests/rig"
)

const account = "1234567890123456"

// bridgeOf is a local EventBridge with the rules that Function Compute makes of
// triggers, for the rig's keys.
func bridgeOf(t *testing.T, r *rig.Rig) *eventbridge.Server {
	t.Helper()
	keys := credentials(t, r)
	opt := eventbridge.Options{
		Keys: access.NewKeys(access.Key{ID: keys.AccessKeyId, Secret: keys.AccessKeySecret, Token: keys.SecurityToken}), Region: rig.Region, Account: account,
		Invoke: func(context.Context, eventbridge.Invocation) error { return nil }, Lag: -1,
	}
	for _, rule := range (subscription.Site{}).Rules() {
		if rule.Trigger {
			opt.Rules = append(opt.Rules, eventbridge.Rule{Name: rule.Name, Pattern: rule.Pattern, Targets: []eventbridge.TargetSpec{{
				ID: "ecs", Type: "acs.fc.function", Endpoint: "acs:fc:" + rig.Region + ":" + account + ":functions/" + rule.Function,
				ParamList: []eventbridge.Param{{ResourceKey: "Body", Form: eventbridge.Original}},
			}}})
		}
	}
	s, err := eventbridge.Start(opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// subscribedBy completes the rules of a local EventBridge.
func subscribedBy(t *testing.T, r *rig.Rig, s *eventbridge.Server) *eventbridge.Server {
	t.Helper()
	keys := credentials(t, r)
	c, err := subscription.New(subscription.Config{
		Site: subscription.Site{Region: rig.Region, Account: account}, Endpoint: s.Endpoint(), RoundTripper: transport.NewPool(time.Now),
	}, transport.NewCredentials(keys.AccessKeyId, keys.AccessKeySecret, keys.SecurityToken))
	if err == nil {
		_, err = setup.Apply(t.Context(), c.Complete(false), transport.Backoff{}, func(setup.Change) {})
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// byHand is a command of the scripts: it calls an action of EventBridge with
// parameters NAME=VALUE, as somebody does in the console.
func byHand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: eventbridge ACTION NAME=VALUE...")
	}
	c, err := openapi.New(openapi.Config{Endpoint: ts.Getenv(variableEvents), Version: "2020-04-01", RoundTripper: transport.NewPool(time.Now)},
		transport.NewCredentials(ts.Getenv(variableKeyID), ts.Getenv(variableSecret), ts.Getenv("ALIBABA_CLOUD_SECURITY_TOKEN")))
	ts.Check(err)
	query := url.Values{}
	for _, arg := range args[1:] {
		name, value, _ := strings.Cut(arg, "=")
		query.Set(name, value)
	}
	ts.Check(c.RPC(context.Background(), args[0], query, nil, nil))
}

// logged is a command of the scripts: it adds a line to the log of requests, as
// Function Compute does when a function was invoked.
func logged(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: logged FUNCTION Sync|Async")
	}
	line := sls.Line{At: time.Now(), Topic: "FCRequestMetrics:/" + args[0], Fields: map[string]string{"functionName": args[0], "invocationType": args[1]}}
	if !ts.Value("logs").(*sls.Server).Write(ts.Getenv(variableProject), ts.Getenv(variableLogstore), line) {
		ts.Fatalf("the logstore does not exist")
	}
}

// TestDeadLettersAreSaid by the doctor and by now, however old they are.
func TestDeadLettersAreSaid(t *testing.T) {
	r := rig.New(t, rig.Options{Flows: flows})
	for n, reason := range []string{handler.ReasonDeadLetter + ": ends of commands", "not understood", handler.ReasonDeadLetter} {
		if err := r.Ledger().Quarantine(t.Context(), "task-completed", fmt.Append(nil, n), reason, r.Now().Add(-2*lookBack)); err != nil {
			t.Fatal(err)
		}
	}
	wantFinding(t, examined(t, r, asItComes), "wrong letters 2 events could not be delivered, and wait in quarantine When the cause is mended, 'aftercare redrive dead-letters'")
	out := operator(t, r)("now")
	wantFinding(t, out, "Dead letters: 'aftercare redrive dead-letters' delivers them WHEN SHA256 FUNCTION WHY")
	if n := strings.Count(out, " "+handler.ReasonDeadLetter); n != 2 || strings.Contains(out, "not understood") {
		t.Errorf("now lists %d dead letters:\n%s", n, out)
	}
	if out := operator(t, r)("now", "-o", "json"); !strings.Contains(out, `"deadLetters": [`+"\n    {") {
		t.Errorf("for programs: %s", out)
	}
}
