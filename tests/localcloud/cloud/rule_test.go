package cloud_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/aliyun/alibaba-cloud-sdk-go/sdk"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/auth/credentials"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/requests"

	"aftercare/tests/localcloud/cloud"
	"aftercare/tests/localcloud/eventbridge"
)

// control calls an action of EventBridge's control plane, and returns its data.
func control(t *testing.T, e cloud.Endpoints, action string, params map[string]string) json.RawMessage {
	t.Helper()
	client, err := sdk.NewClientWithOptions(e.Region, sdk.NewConfig(), credentials.NewAccessKeyCredential(e.AccessKeyID, e.AccessKeySecret))
	if err != nil {
		t.Fatal(err)
	}
	r := requests.NewCommonRequest()
	r.Method, r.Scheme, r.Domain = "POST", "http", strings.TrimPrefix(e.EventBridge, "http://")
	r.Product, r.Version, r.ApiName, r.QueryParams = "eventbridge", "2020-04-01", action, params
	r.SetReadTimeout(time.Minute)
	res, err := client.ProcessCommonRequest(r)
	if err != nil {
		t.Fatal(err)
	}
	var out struct {
		Success       bool
		Code, Message string
		Data          json.RawMessage
	}
	if err := json.Unmarshal(res.GetHttpContentBytes(), &out); err != nil || !out.Success {
		t.Fatalf("%s: %s, %v", action, res.GetHttpContentString(), err)
	}
	return out.Data
}

// triggerTarget returns the target that the trigger ecs made.
func triggerTarget(t *testing.T, e cloud.Endpoints) eventbridge.TargetSpec {
	t.Helper()
	var rule eventbridge.RuleSpec
	if err := json.Unmarshal(control(t, e, "GetRule", map[string]string{"EventBusName": "default", "RuleName": "events-ecs"}), &rule); err != nil {
		t.Fatal(err)
	}
	if len(rule.Targets) != 1 {
		t.Fatalf("the rule of the trigger is %+v, want one target", rule)
	}
	return rule.Targets[0]
}

// TestTheRuleOfATriggerIsChangedByCalls: the change survives a restart, and a
// reset undoes it.
func TestTheRuleOfATriggerIsChangedByCalls(t *testing.T) {
	o := options(t)
	o.NoRunOptions, o.RuleLag = true, -1
	first := up(t, o)
	target := triggerTarget(t, first.cloud.Endpoints())
	if target.Type != "acs.fc.function" || !strings.HasSuffix(target.Endpoint, ":functions/events") || target.PushRetryStrategy != "BACKOFF_RETRY" || target.DeadLetterQueue != nil {
		t.Errorf("Function Compute made %+v", target)
	}
	target.PushRetryStrategy = "EXPONENTIAL_DECAY_RETRY"
	for i, p := range target.ParamList {
		if p.ResourceKey == "Body" {
			target.ParamList[i] = eventbridge.Param{ResourceKey: "Body", Form: eventbridge.Constant, Value: `{"id":"changed"}`}
		}
	}
	text, err := json.Marshal([]eventbridge.TargetSpec{target})
	if err != nil {
		t.Fatal(err)
	}
	control(t, first.cloud.Endpoints(), "PutTargets", map[string]string{"EventBusName": "default", "RuleName": "events-ecs", "Targets": string(text)})
	if err := first.cloud.Close(); err != nil {
		t.Fatal(err)
	}

	again := up(t, o)
	if got := triggerTarget(t, again.cloud.Endpoints()); got.PushRetryStrategy != "EXPONENTIAL_DECAY_RETRY" {
		t.Errorf("after a restart the target is %+v", got)
	}
	again.must(again.PutEvents(again.ctx, event("test", "e")))
	if got := ids(t, again.waitRecorded(1)); got[0] != "changed" {
		t.Errorf("the function got %v, want what the changed target makes of the event", got)
	}
	again.must(again.Reset(again.ctx))
	if got := triggerTarget(t, again.cloud.Endpoints()); got.PushRetryStrategy != "BACKOFF_RETRY" {
		t.Errorf("after a reset the target is %+v", got)
	}
}
