package eventbridge_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aliyun/alibaba-cloud-sdk-go/sdk"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/auth/credentials"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/requests"
	typed "github.com/aliyun/alibaba-cloud-sdk-go/services/eventbridge"

	"aftercare/tests/localcloud/eventbridge"
)

// TestTheVendorsTypedClient sends an empty text for each field that is not set, and
// reads answers into fields with types.
func TestTheVendorsTypedClient(t *testing.T) {
	p := newPlane(t, eventbridge.Options{Buses: []string{"dead"}})
	client, err := typed.NewClientWithOptions("cn-hangzhou", sdk.NewConfig(), credentials.NewAccessKeyCredential(key.ID, key.Secret))
	if err != nil {
		t.Fatal(err)
	}
	at := func(r *requests.RpcRequest) {
		r.Scheme, r.Domain = "http", strings.TrimPrefix(p.server.Endpoint(), "http://")
		r.SetReadTimeout(time.Minute)
	}
	made := typed.CreateCreateRuleRequest()
	at(made.RpcRequest)
	made.EventBusName, made.RuleName, made.FilterPattern = "default", "r", ecsPattern
	made.EventTargets = &[]typed.CreateRuleEventTargets{{
		Id: "1", Type: "acs.fc.function", Endpoint: "acs:fc:cn-hangzhou:1:functions/f",
		ParamList: &[]typed.CreateRuleEventTargetsParamListItem{{ResourceKey: "Body", Form: "ORIGINAL"}, {ResourceKey: "functionName", Form: "CONSTANT", Value: "f"}},
	}}
	if res, err := client.CreateRule(made); err != nil || !res.Success || !strings.HasSuffix(res.Data.RuleARN, "/rule/r") {
		t.Fatalf("CreateRule: %v, %v", res, err)
	}
	put(t, p.server, "a")
	waitIdle(t, p.server)
	if got := p.calls(); len(got) != 1 || !strings.HasPrefix(got[0], "f/ ") {
		t.Errorf("invoked %q", got)
	}

	changed := typed.CreatePutTargetsRequest()
	at(changed.RpcRequest)
	changed.EventBusName, changed.RuleName = "default", "r"
	changed.Targets = &[]typed.PutTargetsTargets{
		{Id: "1", Type: "acs.fc.function", Endpoint: "acs:fc:cn-hangzhou:1:functions/f", PushRetryStrategy: "EXPONENTIAL_DECAY_RETRY", ErrorsTolerance: "ALL",
			DeadLetterQueue: typed.PutTargetsTargetsDeadLetterQueue{Arn: "acs:eventbridge:cn-hangzhou:1:eventbus/dead"}},
		{Id: "2", Type: "acs.nothing"},
	}
	if res, err := client.PutTargets(changed); err != nil || !res.Success || res.Data.ErrorEntriesCount != 1 || res.Data.ErrorEntries[0].EntryId != "2" {
		t.Fatalf("PutTargets: %v, %v", res, err)
	}
	read := typed.CreateGetRuleRequest()
	at(read.RpcRequest)
	read.EventBusName, read.RuleName = "default", "r"
	rule, err := client.GetRule(read)
	if err != nil || rule.Data.Status != "ENABLE" || rule.Data.CreatedTimestamp == 0 || len(rule.Data.Targets) != 1 ||
		rule.Data.Targets[0].DeadLetterQueue.Arn != "acs:eventbridge:cn-hangzhou:1:eventbus/dead" || rule.Data.Targets[0].ParamList[0].ResourceKey != "IsBase64Encode" {
		t.Errorf("GetRule: %v, %v", rule, err)
	}

	traced := typed.CreateQueryTracedEventsRequest()
	at(traced.RpcRequest)
	traced.EventBusName, traced.StartTime, traced.EndTime = "default", "0", requests.Integer(fmt.Sprint(time.Now().UnixMilli()+1000))
	events, err := client.QueryTracedEvents(traced)
	if err != nil || events.Data.Total != 1 || events.Data.Events[0].EventId != "a" || events.Data.Events[0].EventReceivedTime == 0 {
		t.Errorf("QueryTracedEvents: %v, %v", events, err)
	}
	steps := typed.CreateQueryEventTracesRequest()
	at(steps.RpcRequest)
	steps.EventBusName, steps.EventId = "default", "a"
	trace, err := client.QueryEventTraces(steps)
	if err != nil || len(trace.Data) != 3 || trace.Data[2].NotifyStatus != "[200]Ok" || trace.Data[2].NotifyTime == 0 {
		t.Errorf("QueryEventTraces: %v, %v", trace, err)
	}
	tested := typed.CreateTestEventPatternRequest()
	at(tested.RpcRequest)
	tested.Event, tested.EventPattern = string(serviceEvent("a")), ecsPattern
	if res, err := client.TestEventPattern(tested); err != nil || !res.Data.Result {
		t.Errorf("TestEventPattern: %v, %v", res, err)
	}
	off := typed.CreateDisableRuleRequest()
	at(off.RpcRequest)
	off.EventBusName, off.RuleName = "default", "r"
	if res, err := client.DisableRule(off); err != nil || !res.Success {
		t.Errorf("DisableRule: %v, %v", res, err)
	}
}
