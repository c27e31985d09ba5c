package deploy_test

import (
	"context"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"aftercare/shared/openapi"
	"aftercare/shared/setup"
	"aftercare/shared/subscription"
	"aftercare/shared/transport"
	"aftercare/tests/localcloud/access"
	"aftercare/tests/localcloud/eventbridge"
	"aftercare/tests/localcloud/fault"
)

// TestSubscribeIsAllowedWhatItCallsAndNoMore compares a deployer's rights on
// EventBridge with the calls that complete the rules, put them back, try and remove
// them; and an operator's with those that look.
func TestSubscribeIsAllowedWhatItCallsAndNoMore(t *testing.T) {
	key := access.Key{ID: "me", Secret: "s3cret"}
	creds := transport.NewCredentials(key.ID, key.Secret, "")
	site := subscription.Site{Region: "cn-hangzhou", Account: "1234567890123456"}
	faults := &fault.Set{}
	opt := eventbridge.Options{Keys: access.NewKeys(key), Faults: faults, Lag: -1, Invoke: func(context.Context, eventbridge.Invocation) error { return nil }}
	for _, r := range site.Rules() {
		if r.Trigger {
			opt.Rules = append(opt.Rules, eventbridge.Rule{Name: r.Name, Pattern: r.Pattern, Targets: []eventbridge.TargetSpec{{
				ID: "trigger", Type: "acs.fc.function", Endpoint: "acs:fc:cn-hangzhou:1234567890123456:functions/" + r.Function,
				ParamList: []eventbridge.Param{{ResourceKey: "Body", Form: "ORIGINAL"}},
			}}})
		}
	}
	bus, err := eventbridge.Start(opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { bus.Close() })
	pool := transport.NewPool(time.Now)
	t.Cleanup(pool.CloseIdleConnections)
	quick := transport.Backoff{First: 1, Most: 1}
	c, err := subscription.New(subscription.Config{Site: site, Endpoint: bus.Endpoint(), RoundTripper: pool, Backoff: quick}, creds)
	if err != nil {
		t.Fatal(err)
	}
	api, err := openapi.New(openapi.Config{Endpoint: bus.Endpoint(), Version: "2020-04-01", RoundTripper: pool}, creds)
	if err != nil {
		t.Fatal(err)
	}
	called := map[string]bool{}
	do := func(what func() error) {
		t.Helper()
		faults.ResetCalls()
		if err := what(); err != nil {
			t.Fatal(err)
		}
		for call := range faults.Calls() {
			called["eventbridge:"+call] = true
		}
	}
	apply := func(plan setup.Plan) func() error {
		return func() error {
			_, err := setup.Apply(t.Context(), plan, quick, func(setup.Change) {})
			return err
		}
	}
	hand := func(action string, parameters url.Values) {
		t.Helper()
		parameters.Set("EventBusName", "default")
		parameters.Set("RuleName", "aftercare-task-completed-ecs")
		if err := api.RPC(t.Context(), action, parameters, nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	do(apply(c.Complete(false)))
	hand("DisableRule", url.Values{})
	hand("UpdateRule", url.Values{"FilterPattern": {`{"source":["other"]}`}})
	do(apply(c.Complete(false)))
	do(func() error { _, err := c.Try(t.Context(), func(subscription.Tried) {}); return err })
	do(apply(c.Remove()))
	if got, want := granted(setup.Deployer), slices.Sorted(maps.Keys(called)); !slices.Equal(got, want) {
		t.Errorf("a deployer may call %q\nand %q are called", got, want)
	}

	clear(called)
	do(func() error { _, err := c.Complete(false)(t.Context()); return err })
	do(func() error { _, err := c.Try(t.Context(), func(subscription.Tried) {}); return err })
	now := time.Now()
	do(func() error {
		return c.EachTraced(t.Context(), subscription.BusDefault, "ecs:Instance:StateChange", now.Add(-time.Hour), now, func(subscription.Traced) error { return nil })
	})
	for _, look := range []func() error{
		func() error { _, err := c.Event(t.Context(), subscription.BusDefault, "acs.ecs", "none"); return err },
		func() error { _, err := c.Traces(t.Context(), subscription.BusDefault, "none"); return err },
	} {
		faults.ResetCalls()
		_ = look() // there is no such event
		for call := range faults.Calls() {
			called["eventbridge:"+call] = true
		}
	}
	if got, want := granted(setup.Operator), slices.Sorted(maps.Keys(called)); !slices.Equal(got, want) {
		t.Errorf("an operator may call %q\nand %q are called", got, want)
	}
}

// granted lists a policy's actions on EventBridge.
func granted(name string) (all []string) {
	for _, s := range setup.Policies()[name].Statement {
		for _, action := range s.Action {
			if s.Effect == "Allow" && strings.HasPrefix(action, "eventbridge:") {
				all = append(all, action)
			}
		}
	}
	slices.Sort(all)
	return all
}
