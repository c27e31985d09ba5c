package eventbridge_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aliyun/alibaba-cloud-sdk-go/sdk"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/auth/credentials"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/requests"

	"aftercare/tests/localcloud/access"
	"aftercare/tests/localcloud/eventbridge"
)

// functions is a Function Compute that remembers its invocations.
type functions struct {
	mu   sync.Mutex
	got  []eventbridge.Invocation
	fail bool
}

func (f *functions) invoke(_ context.Context, in eventbridge.Invocation) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fail {
		return fmt.Errorf("function %s failed", in.Function)
	}
	f.got = append(f.got, in)
	return nil
}

// calls returns each invocation as function/qualifier payload.
func (f *functions) calls() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := []string{}
	for _, in := range f.got {
		out = append(out, in.Function+"/"+in.Qualifier+" "+string(in.Payload))
	}
	return out
}

// plane is a control plane in a test.
type plane struct {
	*testing.T
	server *eventbridge.Server
	functions
}

func newPlane(t *testing.T, opt eventbridge.Options) *plane {
	t.Helper()
	p := &plane{T: t}
	opt.Keys, opt.Invoke = access.NewKeys(key), p.invoke
	if opt.Lag == 0 {
		opt.Lag = -1
	}
	p.server = listen(t, opt)
	return p
}

type answer struct {
	Code, Message, RequestID string
	Success                  bool
	Data                     json.RawMessage
}

// call calls an action with the vendor's SDK, its parameters in the query as the
// typed client sends them.
func (p *plane) call(action string, params ...string) answer {
	p.Helper()
	client, err := sdk.NewClientWithOptions("cn-hangzhou", sdk.NewConfig(), credentials.NewAccessKeyCredential(key.ID, key.Secret))
	if err != nil {
		p.Fatal(err)
	}
	r := requests.NewCommonRequest()
	r.Method, r.Scheme, r.Domain = "POST", "http", strings.TrimPrefix(p.server.Endpoint(), "http://")
	r.Product, r.Version, r.ApiName = "eventbridge", "2020-04-01", action
	r.SetReadTimeout(time.Minute)
	in := r.QueryParams
	if action == "TestEventPattern" {
		in = r.FormParams
	}
	for i := 0; i < len(params); i += 2 {
		in[params[i]] = params[i+1]
	}
	res, err := client.ProcessCommonRequest(r)
	if err != nil {
		p.Fatalf("%s: %v", action, err)
	}
	var out answer
	if err := json.Unmarshal(res.GetHttpContentBytes(), &out); err != nil {
		p.Fatal(err)
	}
	return out
}

// must calls an action that succeeds, and returns its data.
func (p *plane) must(action string, params ...string) json.RawMessage {
	p.Helper()
	a := p.call(action, params...)
	if !a.Success || a.Code != "Success" || a.RequestID == "" {
		p.Fatalf("%s: %s %s", action, a.Code, a.Message)
	}
	return a.Data
}

// refused calls an action that fails with status 200.
func (p *plane) refused(code, action string, params ...string) {
	p.Helper()
	if a := p.call(action, params...); a.Success || a.Code != code || a.Message == "" || a.RequestID == "" {
		p.Errorf("%s: got success %v, %s %q, want %s", action, a.Success, a.Code, a.Message, code)
	}
}

func (p *plane) into(v any, action string, params ...string) {
	p.Helper()
	if err := json.Unmarshal(p.must(action, params...), v); err != nil {
		p.Fatal(err)
	}
}

// rule returns the status of the rule r on the bus default, and each of its
// targets as its Id, strategy and queue.
func (p *plane) rule() (status string, targets []string) {
	p.Helper()
	var got eventbridge.RuleSpec
	p.into(&got, "GetRule", "EventBusName", "default", "RuleName", "r")
	for _, t := range got.Targets {
		queue := ""
		if t.DeadLetterQueue != nil {
			queue = t.DeadLetterQueue.Arn
		}
		targets = append(targets, strings.TrimSpace(t.ID+" "+string(t.PushRetryStrategy)+" "+queue))
	}
	slices.Sort(targets)
	return got.Status, targets
}

const (
	ecsPattern = `{"source":["acs.ecs"]}`
	toF3       = `{"Id":"3","Type":"acs.fc.function","Endpoint":"acs:fc:cn-hangzhou:1234567890123456:functions/f","PushRetryStrategy":"BACKOFF_RETRY",` +
		`"ParamList":[{"ResourceKey":"Body","Form":"JSONPATH","Value":"$.id"},{"ResourceKey":"Qualifier","Form":"CONSTANT","Value":"live"},` +
		`{"ResourceKey":"InvocationType","Form":"CONSTANT","Value":"Sync"},{"ResourceKey":"DataFormat","Form":"CONSTANT","Value":"ObjectList"}]}`
	toF2 = `{"Id":"2","Type":"acs.fc.function","Endpoint":"acs:fc:cn-hangzhou:1234567890123456:services/s.7/functions/g","DeadLetterQueue":{"Arn":""},"PushRetryStrategy":"",` +
		`"ParamList":[{"ResourceKey":"serviceName","Form":"CONSTANT","Value":"s"},{"ResourceKey":"functionName","Form":"CONSTANT","Value":"g"},{"ResourceKey":"Body","Form":"CONSTANT","Value":"tick"}]}`
)

var onDefault = []string{"EventBusName", "default", "RuleName", "r"}

func onRule(more ...string) []string { return append(slices.Clone(onDefault), more...) }
