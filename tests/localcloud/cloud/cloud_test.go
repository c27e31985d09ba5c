package cloud_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aliyun/alibaba-cloud-sdk-go/sdk"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/auth/credentials"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/requests"

	"aftercare/shared/setup"
	"aftercare/shared/transport"
	"aftercare/tests/localcloud/cloud"
)

func TestFirstHeartbeatOfABootReachesItsFunction(t *testing.T) {
	l := up(t, options(t))
	l.must(l.CreateInstance(l.ctx, cloud.Instance{ID: "i-1", Tags: map[string]string{"role": "web"}}))
	l.must(l.Boot(l.ctx, "i-1"))
	lines := l.waitRecorded(1)
	events, err := l.Events(l.ctx, "ecs:CloudAssistant:FirstHeartbeat", "i-1")
	l.must(err)
	if len(events) != 1 || len(lines) != 1 {
		t.Fatalf("got %d heartbeats on record and %d at the function, want 1 and 1", len(events), len(lines))
	}
	if got, want := ids(t, lines), ids(t, []string{string(events[0])}); got[0] != want[0] {
		t.Errorf("the function got event %s, want %s", got[0], want[0])
	}
	all, err := l.Events(l.ctx, "", "i-1")
	l.must(err)
	if len(all) < 3 {
		t.Errorf("got %d events about the instance, want those of its state too", len(all))
	}
	list, err := l.Instances(l.ctx)
	l.must(err)
	if len(list) != 1 || list[0].ID != "i-1" || list[0].State != "Running" || !list[0].AgentUp || list[0].Tags["role"] != "web" {
		t.Errorf("got instances %+v, want i-1 running", list)
	}
}

func TestFunctionsUseTheirServicesWithTemporaryKeys(t *testing.T) {
	o := options(t)
	o.Env["OWN"] = "set"
	l := up(t, o)
	res, err := l.Invoke(l.ctx, "events", []byte(`{"do":"call"}`))
	l.must(err)
	if res.FunctionError != "" {
		t.Errorf("the function could not call Tablestore and ECS: %s", res.Body)
	}
	state, err := l.Faults(l.ctx)
	l.must(err)
	if state.Calls["ListTable"] != 1 || state.Calls["DescribeInstances"] != 1 {
		t.Errorf("got calls %v, want one of ListTable and one of DescribeInstances", state.Calls)
	}

	res, err = l.Invoke(l.ctx, "events", []byte(`{"do":"environment"}`))
	l.must(err)
	var env []string
	l.must(json.Unmarshal([]byte(res.Body), &env))
	e := l.cloud.Endpoints()
	for _, want := range []string{
		"AFTERCARE_TABLESTORE_ENDPOINT=" + e.Tablestore, "AFTERCARE_ECS_ENDPOINT=" + e.ECS,
		"AFTERCARE_TABLESTORE_INSTANCE=aftercare", "AFTERCARE_DINGTALK_URL=" + e.Webhooks["dingtalk"],
		"AFTERCARE_DINGTALK_SECRET=" + e.WebhookSecrets["dingtalk"], "AFTERCARE_WEBHOOK_URL=" + e.Webhooks["webhook"],
		"AFTERCARE_WEBHOOK_SECRET=" + e.WebhookSecrets["webhook"], "OWN=set",
		"FC_REGION=cn-hangzhou", "FC_ACCOUNT_ID=1234567890123456",
	} {
		if !slices.Contains(env, want) {
			t.Errorf("the function's environment lacks %s", want)
		}
	}
	if slices.ContainsFunc(env, func(v string) bool { return strings.Contains(v, e.AccessKeySecret) }) {
		t.Error("the function got the operator's key")
	}
}

func TestADeliveryThatFailsIsRepeated(t *testing.T) {
	o := options(t)
	l := up(t, o)
	mark := l.seen + ".fail"
	l.must(touch(mark))
	l.must(l.PutEvents(l.ctx, event("test", "1")))
	l.waitRecorded(2)
	l.must(os.Remove(mark))
	l.must(l.WaitIdle(l.ctx, time.Minute))
	d, err := l.Deliveries(l.ctx)
	l.must(err)
	if d.Pending != 0 {
		t.Errorf("got %d pending deliveries, want 0", d.Pending)
	}
	tries := len(l.recorded())
	l.must(l.SetDuplicate(l.ctx, 3))
	l.must(l.PutEvents(l.ctx, event("test", "2"), event("other", "3")))
	l.must(l.WaitIdle(l.ctx, time.Minute))
	got := ids(t, l.recorded()[tries:])
	if !slices.Equal(got, []string{"2", "2", "2"}) {
		t.Errorf("got deliveries of events %q, want 2 three times", got)
	}
}

func TestTriggersGetWhatTheirConfigurationSays(t *testing.T) {
	l := up(t, options(t))
	l.must(l.PutEvents(l.ctx, event("data-only", "1")))
	l.must(l.WaitIdle(l.ctx, time.Minute))
	if got, want := l.recorded(), []string{`{"instanceId":"i-1"}`}; !slices.Equal(got, want) {
		t.Errorf("with eventSchema RawData the function got %q, want %q", got, want)
	}
	l.must(l.PutEvents(l.ctx, event("asynchronous", "2")))
	l.must(l.WaitIdle(l.ctx, time.Minute))
	if got := ids(t, l.waitRecorded(2)[1:]); !slices.Equal(got, []string{"2"}) {
		t.Errorf("asynchronously the function got %q, want event 2", got)
	}
	res, err := l.FireTimer(l.ctx, "ticks", "hourly")
	l.must(err)
	if got := l.recorded()[2]; res.FunctionError != "" || !strings.Contains(got, `"payload":"tick"`) || !strings.Contains(got, `"triggerName":"hourly"`) {
		t.Errorf("the timer gave %s with %+v", got, res)
	}
	info, err := l.Info(l.ctx)
	l.must(err)
	if len(info.Functions) != 2 || info.Functions[0].TimeoutMS != 20_000 ||
		!slices.Equal(info.Functions[1].Timers, []string{"hourly"}) ||
		!slices.Equal(info.Functions[1].Rules, []string{"ticks-data", "ticks-later"}) {
		t.Errorf("got functions %+v", info.Functions)
	}
	if !slices.Equal(info.StandIns, []string{"OWN"}) {
		t.Errorf("got stand-ins %q, want OWN alone", info.StandIns)
	}
}

func TestTimersFollowTheirScale(t *testing.T) {
	o := options(t)
	o.TimerScale = 1.0 / 36000
	l := up(t, o)
	l.waitRecorded(2)
}

func TestHeldDeliveriesWaitAndComeInTheOrderAskedFor(t *testing.T) {
	l := up(t, options(t))
	byType, err := l.Hold(l.ctx, cloud.Match{Type: "test", Rule: "events-ecs"})
	l.must(err)
	l.must(l.PutEvents(l.ctx, event("test", "1"), event("test", "2"), event("test", "3"), event("data-only", "4")))
	l.must(l.WaitIdle(l.ctx, time.Minute))
	if got := l.recorded(); len(got) != 1 || !strings.Contains(got[0], "i-4") {
		t.Errorf("while the deliveries are held, the functions got %q", got)
	}
	list, err := l.Holds(l.ctx)
	l.must(err)
	if len(list) != 1 || list[0].Held != 3 || list[0].Type != "test" {
		t.Errorf("got holds %+v, want one with 3 deliveries", list)
	}
	l.must(l.Release(l.ctx, byType, cloud.Reversed))
	if got := ids(t, l.recorded()[1:]); !slices.Equal(got, []string{"3", "2", "1"}) {
		t.Errorf("released in reverse, the function got %q", got)
	}

	one, err := l.Hold(l.ctx, cloud.Match{ID: "6"})
	l.must(err)
	other, err := l.Hold(l.ctx, cloud.Match{Instance: "i-7"})
	l.must(err)
	_, err = l.Hold(l.ctx, cloud.Match{Rule: "ticks-data"})
	l.must(err)
	l.must(l.PutEvents(l.ctx, event("test", "5"), event("test", "6"), event("test", "7"), event("data-only", "8")))
	l.must(l.WaitIdle(l.ctx, time.Minute))
	if got := ids(t, l.recorded()[4:]); !slices.Equal(got, []string{"5"}) {
		t.Errorf("got %q, want 5 alone, which no hold fits", got)
	}
	l.must(l.Release(l.ctx, other, cloud.InOrder))
	l.must(l.Release(l.ctx, one, cloud.InOrder))
	if got := ids(t, l.recorded()[4:]); !slices.Equal(got, []string{"5", "7", "6"}) {
		t.Errorf("got %q, want 5, then 7 and 6 as they were released", got)
	}
}

func TestAFaultKillsTheFunctionThatMeetsIt(t *testing.T) {
	l := up(t, options(t))
	f := cloud.Fault{Kill: "events"}
	f.Call, f.Mode = "ListTable", "cut-after"
	l.must(l.AddFault(l.ctx, f))
	res, err := l.Invoke(l.ctx, "events", []byte(`{"do":"call"}`))
	l.must(err)
	if res.FunctionError == "" || !strings.Contains(res.Body, "exited") {
		t.Errorf("the function survived with %+v", res)
	}
	state, err := l.Faults(l.ctx)
	l.must(err)
	if state.Struck != 1 {
		t.Errorf("%d faults struck, want 1", state.Struck)
	}
	res, err = l.Invoke(l.ctx, "events", []byte(`{"do":"call"}`))
	l.must(err)
	if res.FunctionError != "" {
		t.Errorf("a new instance failed, too: %s", res.Body)
	}
	killed, err := l.Kill(l.ctx, "events")
	l.must(err)
	if killed != 1 {
		t.Errorf("killed %d instances, want 1", killed)
	}

	f.Kill, f.Times = "", -1
	l.must(l.AddFault(l.ctx, f))
	l.must(l.ClearFaults(l.ctx))
	l.must(l.ResetCalls(l.ctx))
	res, err = l.Invoke(l.ctx, "events", []byte(`{"do":"call"}`))
	l.must(err)
	state, err = l.Faults(l.ctx)
	l.must(err)
	if res.FunctionError != "" || state.Calls["ListTable"] != 1 {
		t.Errorf("after all faults were dropped: %s, calls %v", res.Body, state.Calls)
	}
}

func TestDeadLettersAreListed(t *testing.T) {
	o := options(t)
	o.RetryScale = 1e-6
	l := up(t, o)
	l.must(touch(l.seen + ".fail"))
	l.must(l.PutEvents(l.ctx, event("data-only", "1")))
	l.must(l.WaitIdle(l.ctx, time.Minute))
	letters, err := l.DeadLetters(l.ctx)
	l.must(err)
	if len(letters) != 1 || letters[0].Attempts != 4 || !strings.Contains(letters[0].LastError, "refused on purpose") {
		t.Errorf("got dead letters %+v, want one after 4 attempts", letters)
	}
}

func TestTimeoutsAreOverridden(t *testing.T) {
	o := options(t)
	o.Timeouts = map[string]time.Duration{"": 2 * time.Second, "ticks": 7 * time.Second}
	l := up(t, o)
	info, err := l.Info(l.ctx)
	l.must(err)
	if info.Functions[0].TimeoutMS != 2000 || info.Functions[1].TimeoutMS != 7000 {
		t.Errorf("got functions %+v, want timeouts of 2 s and 7 s", info.Functions)
	}
}

func TestTheFunctionsOutputIsLogged(t *testing.T) {
	o := options(t)
	l := up(t, o)
	_, err := l.Invoke(l.ctx, "events", []byte(`{"do":"environment"}`))
	l.must(err)
	eventually(t, "the invocation in the log", func() bool {
		text, err := os.ReadFile(filepath.Join(o.Data, "functions.log"))
		l.must(err)
		return strings.Contains(string(text), "FC Invoke Start RequestId")
	})
}

func TestPutEventsTakesTheOperatorsKey(t *testing.T) {
	o := options(t)
	o.Buses = []string{"orders"}
	l := up(t, o)
	e := l.cloud.Endpoints()
	client, err := sdk.NewClientWithOptions(e.Region, sdk.NewConfig(), credentials.NewAccessKeyCredential(e.AccessKeyID, e.AccessKeySecret))
	l.must(err)
	r := requests.NewCommonRequest()
	r.Method, r.Scheme, r.Domain, r.Version, r.ApiName = "POST", "http", strings.TrimPrefix(e.EventBridge, "http://"), "2020-04-01", "PutEvents"
	r.SetReadTimeout(time.Minute) // the SDK's own is too short for a busy machine
	r.FormParams["EventBusName"] = "orders"
	r.FormParams["EventList"] = `[{"Id":"1","Source":"shop","Type":"created"}]`
	answer, err := client.ProcessCommonRequest(r)
	l.must(err)
	if text := answer.GetHttpContentString(); !strings.Contains(text, `"FailedEntryCount":0`) {
		t.Errorf("answered %s", text)
	}
}

// TestInvocationsHaveALineInTheLog, once the logstore is there.
func TestInvocationsHaveALineInTheLog(t *testing.T) {
	l := up(t, options(t))
	e := l.cloud.Endpoints()
	logs, err := setup.NewSLS(setup.Config{Endpoint: e.SLS, RoundTripper: http.DefaultTransport}, e.Region, transport.NewCredentials(e.AccessKeyID, e.AccessKeySecret, ""))
	l.must(err)
	invoke := func() {
		t.Helper()
		_, err := l.Invoke(l.ctx, "events", []byte(`{"do":"environment"}`))
		l.must(err)
	}
	invoke() // nothing keeps its line
	names := setup.Names{Project: "probe-logs", Logstore: "functions"}
	index := []setup.Document{{File: "index", JSON: `{"line":{"token":[" "]}}`}}
	_, err = setup.Apply(l.ctx, logs.Logs(names, 30, index), transport.Backoff{}, func(setup.Change) {})
	l.must(err)
	invoke()
	r, err := http.NewRequest(http.MethodPost, e.FunctionCompute+"/2023-03-30/functions/events/invocations", strings.NewReader(`{"do":"environment"}`))
	l.must(err)
	r.Header.Set("x-fc-invocation-type", "Async")
	res, err := http.DefaultClient.Do(r)
	l.must(err)
	res.Body.Close()
	now := time.Now()
	eventually(t, "two lines", func() bool {
		lines, whole, err := logs.Lines(l.ctx, "probe-logs", "functions", "functionName: events", now.Add(-time.Hour), now.Add(time.Hour))
		l.must(err)
		if len(lines) < 2 || !whole {
			return false
		}
		for i, want := range []string{"Async", "Sync"} { // newest first
			if line := lines[i]; line["invocationType"] != want || line["hasFunctionError"] != "false" || line["isColdStart"] != "false" || line["requestId"] == "" {
				t.Errorf("line %d is %v, want one of an invocation %s", i, line, want)
			}
		}
		return true
	})
}
