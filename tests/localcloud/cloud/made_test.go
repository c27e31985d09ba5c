package cloud_test

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"aftercare/shared/openapi"
	"aftercare/shared/transport"
	"aftercare/tests/localcloud/cloud"
	"aftercare/tests/localcloud/eventbridge"
)

// functionCompute makes a call of Function Compute's control plane.
func functionCompute(t *testing.T, e cloud.Endpoints, method, path string, body any) map[string]any {
	t.Helper()
	c, err := openapi.New(openapi.Config{Endpoint: e.FunctionCompute, Version: "2023-03-30", RoundTripper: http.DefaultTransport},
		transport.NewCredentials(e.AccessKeyID, e.AccessKeySecret, ""))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]any{}
	if err := c.ROA(t.Context(), "Test", method, "/2023-03-30/"+path, nil, body, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestAFunctionLogsToAProjectThatIsThere: the service of logs must be set up first.
func TestAFunctionLogsToAProjectThatIsThere(t *testing.T) {
	e := up(t, options(t)).cloud.Endpoints()
	c, err := openapi.New(openapi.Config{Endpoint: e.FunctionCompute, Version: "2023-03-30", RoundTripper: http.DefaultTransport},
		transport.NewCredentials(e.AccessKeyID, e.AccessKeySecret, ""))
	if err != nil {
		t.Fatal(err)
	}
	err = c.ROA(t.Context(), "CreateFunction", "POST", "/2023-03-30/functions", nil, map[string]any{
		"functionName": "made", "runtime": "go1", "handler": "probe", "code": probeCode(t), "logConfig": map[string]string{"project": "none", "logstore": "l"},
	}, nil)
	if openapi.Code(err) != "InvalidArgument" || !strings.Contains(err.Error(), "project 'none' does not exist") {
		t.Errorf("got %v, want a refusal that names the project", err)
	}
}

// probeCode is the probe in a zip file.
func probeCode(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dist, "probe", "probe"))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	h := &zip.FileHeader{Name: "probe"}
	h.SetMode(0o755)
	f, err := w.CreateHeader(h)
	if err == nil {
		_, err = f.Write(text)
	}
	if err != nil || w.Close() != nil {
		t.Fatalf("zip the probe: %v", err)
	}
	return map[string]string{"zipFile": base64.StdEncoding.EncodeToString(out.Bytes())}
}

// TestAFunctionWithATriggerThatCallsMade gets its events, after a restart, too; a
// reset forgets it.
func TestAFunctionWithATriggerThatCallsMade(t *testing.T) {
	o := options(t)
	o.RuleLag = -1
	first := up(t, o)
	e := first.cloud.Endpoints()
	functionCompute(t, e, "POST", "functions", map[string]any{
		"functionName": "made", "runtime": "go1", "handler": "probe", "timeout": 20, "code": probeCode(t), "role": "acs:ram::1:role/made",
	})
	config, err := json.Marshal(map[string]any{
		"eventRuleFilterPattern": `{"type":["made"]}`, "runOptions": map[string]any{"retryStrategy": map[string]string{"pushRetryStrategy": "EXPONENTIAL_DECAY_RETRY"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	functionCompute(t, e, "POST", "functions/made/triggers", map[string]any{"triggerName": "ecs", "triggerType": "eventbridge", "triggerConfig": string(config)})
	var rule eventbridge.RuleSpec
	named := map[string]string{"EventBusName": "default", "RuleName": "made-ecs"}
	if err := json.Unmarshal(control(t, e, "GetRule", named), &rule); err != nil {
		t.Fatal(err)
	}
	if len(rule.Targets) != 1 || rule.Targets[0].PushRetryStrategy != "EXPONENTIAL_DECAY_RETRY" {
		t.Errorf("the rule of the trigger is %+v", rule)
	}
	control(t, e, "CreateRule", map[string]string{"EventBusName": "default", "RuleName": "by-hand", "FilterPattern": `{"type":["by-hand"]}`,
		"EventTargets": `[{"Id":"1","Type":"acs.fc.function","Endpoint":"acs:fc:cn-hangzhou:1:functions/made"}]`})
	list, err := json.Marshal(functionCompute(t, e, "GET", "functions/made/triggers", nil))
	if err != nil || !strings.Contains(string(list), `"default|by-hand"`) || strings.Contains(string(list), `"default|made-ecs"`) {
		t.Errorf("listed %s", list)
	}
	first.must(first.PutEvents(first.ctx, event("made", "a")))
	if got := ids(t, first.waitRecorded(1)); !slices.Equal(got, []string{"a"}) {
		t.Errorf("the function got %v, want a", got)
	}
	first.must(first.WaitIdle(first.ctx, time.Minute)) // or it is delivered again
	if err := first.cloud.Close(); err != nil {
		t.Fatal(err)
	}

	again := up(t, o)
	again.must(again.PutEvents(again.ctx, event("made", "b")))
	if got := ids(t, again.waitRecorded(2)); got[1] != "b" {
		t.Errorf("after a restart the function got %v, want b", got)
	}
	if n, err := again.Kill(again.ctx, "made"); err != nil || n != 1 {
		t.Errorf("killed %d, %v", n, err)
	}
	again.must(again.Reset(again.ctx))
	if _, err := again.Kill(again.ctx, "made"); err == nil {
		t.Error("after a reset the function is still there")
	}
}
