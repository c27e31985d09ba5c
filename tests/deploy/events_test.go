package deploy_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"aftercare/shared/assistant"
	"aftercare/shared/event"
	"aftercare/shared/subscription"
	"aftercare/shared/transport"
	"aftercare/tests/localcloud/access"
	"aftercare/tests/localcloud/cloudmonitor"
	"aftercare/tests/localcloud/eventbridge"
	"aftercare/tests/rig"
)

// askForEvents makes every call of the operator's tool to EventBridge, but for those
// that change something, and to CloudMonitor, and lists ends.
func askForEvents(t *testing.T, c *recorder, r *rig.Rig, cloud *assistant.Client) error {
	t.Helper()
	opt := eventbridge.Options{Keys: access.NewKeys(r.Key), Invoke: func(context.Context, eventbridge.Invocation) error { return nil }}
	for _, rule := range (subscription.Site{}).Rules() {
		if rule.Trigger {
			opt.Rules = append(opt.Rules, eventbridge.Rule{Name: rule.Name, Pattern: rule.Pattern, Targets: []eventbridge.TargetSpec{{
				ID: "1", Type: "acs.fc.function", Endpoint: "acs:fc:" + rig.Region + ":" + rig.Account + ":functions/" + rule.Function,
				ParamList: []eventbridge.Param{{ResourceKey: "Body", Form: "ORIGINAL"}},
			}}})
		}
	}
	bus, err := eventbridge.Start(opt)
	if err != nil {
		return err
	}
	t.Cleanup(func() { bus.Close() })
	monitor, err := cloudmonitor.Start(cloudmonitor.Options{Keys: access.NewKeys(r.Key), Events: func() ([]json.RawMessage, error) { return nil, nil }})
	if err != nil {
		return err
	}
	t.Cleanup(func() { monitor.Close() })
	pool := transport.NewPool(time.Now)
	t.Cleanup(pool.CloseIdleConnections)
	keys := transport.NewCredentials(r.Key.ID, r.Key.Secret, r.Key.Token)
	config := subscription.Config{Site: subscription.Site{Region: rig.Region, Account: rig.Account}, RoundTripper: pool}
	config.Endpoint = c.front(t, "eventbridge", bus.Endpoint())
	events, err := subscription.New(config, keys)
	if err != nil {
		return err
	}
	config.Endpoint = c.front(t, "cms", monitor.Endpoint())
	system, err := subscription.NewCloudMonitor(config, keys)
	if err != nil {
		return err
	}
	const kind, source, id = "ecs:Instance:StateChange", "acs.ecs", "e-1"
	if err := bus.PutServiceEvent([]byte(`{"id":"` + id + `","source":"` + source + `","specversion":"1.0","type":"` + kind + `","data":{}}`)); err != nil {
		return err
	}
	from, before := time.Now().Add(-time.Minute), time.Now().Add(time.Minute)
	_, tried := events.Try(t.Context(), func(subscription.Tried) {})
	_, content := events.Event(t.Context(), subscription.BusDefault, source, id)
	_, way := events.Traces(t.Context(), subscription.BusDefault, id)
	_, ends := cloud.Ends(t.Context(), from, before, func(event.TaskCompleted) {})
	return errors.Join(tried, content, way, ends,
		events.EachTraced(t.Context(), subscription.BusDefault, kind, from, before, func(subscription.Traced) error { return nil }),
		system.EachSystemEvent(t.Context(), "Instance:StateChange", from, before, func(subscription.SystemEvent) error { return nil }))
}
