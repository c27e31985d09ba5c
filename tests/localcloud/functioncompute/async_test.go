package functioncompute_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"aftercare/tests/localcloud/functioncompute"
)

// destination is the message that a destination gets.
type destination struct {
	Timestamp      int64
	RequestContext struct {
		RequestID, FunctionArn, Condition string
		ApproximateInvokeCount            int
	}
	RequestPayload  string
	ResponseContext struct {
		StatusCode    int
		FunctionError string
	}
	ResponsePayload string
}

func readDestination(t *testing.T, path string) destination {
	t.Helper()
	eventually(t, "the destination gets a message", func() bool { return fileSize(path) > 0 })
	var d destination
	if err := json.Unmarshal([]byte(lines(t, path)[0]), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestAsyncInvocationsAndTheirDestinations(t *testing.T) {
	for _, tt := range []struct {
		name, payload string
		retries       int
		success       bool
		tries         int
		condition     string
	}{
		{"a success", `{"do":"echo"}`, 0, true, 1, "Success"},
		{"a success after two function errors", `{"do":"flaky","succeed":2}`, 0, true, 3, "Success"},
		{"a success at the last try", `{"do":"flaky","succeed":3}`, 0, true, 4, "Success"},
		{"a function error is repeated three times", `{"do":"flaky","succeed":4}`, 0, false, 4, "UnhandledInvocationError"},
		{"a crash is a function error", `{"do":"crash"}`, 1, false, 2, "UnhandledInvocationError"},
		{"no retries if they are turned off", `{"do":"fail"}`, -1, false, 1, "UnhandledInvocationError"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			f := probe("probe")
			f.AsyncMaxRetries = tt.retries
			f.OnSuccess.File = filepath.Join(dir, "success")
			f.OnFailure.File = filepath.Join(dir, "failure")
			s := start(t, functioncompute.Options{Functions: []functioncompute.Function{f}, AsyncScale: 0.001})
			id, err := s.InvokeAsync("probe", []byte(tt.payload))
			if err != nil {
				t.Fatal(err)
			}
			used, unused := f.OnSuccess.File, f.OnFailure.File
			if !tt.success {
				used, unused = unused, used
			}
			got := readDestination(t, used)
			c := got.RequestContext
			if c.RequestID != id || c.FunctionArn != "acs:fc:cn-hangzhou:123456789012:functions/probe" || c.Condition != tt.condition || c.ApproximateInvokeCount != tt.tries {
				t.Errorf("request context is %+v, want %d tries and %s", c, tt.tries, tt.condition)
			}
			if got.RequestPayload != tt.payload || got.ResponsePayload == "" || got.ResponseContext.StatusCode != 200 {
				t.Errorf("message is %+v", got)
			}
			if failed := got.ResponseContext.FunctionError == "UnhandledInvocationError"; failed == tt.success {
				t.Errorf("function error is %q", got.ResponseContext.FunctionError)
			}
			eventually(t, "nothing is pending", func() bool { return s.AsyncPending() == 0 })
			if fileSize(unused) != 0 {
				t.Error("the other destination got a message too")
			}
		})
	}
}

func TestAsyncDestinationCanBeAFunction(t *testing.T) {
	record := filepath.Join(t.TempDir(), "events")
	f := probe("probe")
	f.AsyncMaxRetries = -1
	f.OnFailure.Function = "dead-letters"
	dead := probe("dead-letters")
	dead.Env = map[string]string{"PROBE_RECORD": record}
	s := start(t, functioncompute.Options{Functions: []functioncompute.Function{f, dead}})
	if _, err := s.InvokeAsync("probe", []byte(`{"do":"fail"}`)); err != nil {
		t.Fatal(err)
	}
	if got := readDestination(t, record); !strings.Contains(got.ResponsePayload, "refused on purpose") {
		t.Errorf("message is %+v", got)
	}
}

func TestAsyncInvocationWaitsForAnInstance(t *testing.T) {
	dir := t.TempDir()
	f := probe("probe")
	f.MaxInstances = 1
	f.OnSuccess.File = filepath.Join(dir, "success")
	s := start(t, functioncompute.Options{Functions: []functioncompute.Function{f}, AsyncScale: 0.001})
	ended := make(chan functioncompute.Result, 1)
	goOn := filepath.Join(dir, "go-on")
	go func() { ended <- invoke(t, s, "probe", `{"do":"block","file":"`+goOn+`"}`) }()
	eventually(t, "the one instance is busy", func() bool { return s.Instances("probe") == 1 })
	if _, err := s.InvokeAsync("probe", []byte(`{"do":"look"}`)); err != nil {
		t.Fatal(err)
	}
	if s.AsyncPending() != 1 {
		t.Errorf("%d invocations are pending, want 1", s.AsyncPending())
	}
	if err := os.WriteFile(goOn, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	<-ended
	got := readDestination(t, f.OnSuccess.File)
	var in seen
	if err := json.Unmarshal([]byte(got.ResponsePayload), &in); err != nil {
		t.Fatal(err)
	}
	if in.Context.RetryCount != 0 {
		t.Errorf("waiting counted as %d retries", in.Context.RetryCount)
	}
}

func TestAsyncInvocationIsGivenUpWhenItIsTooOld(t *testing.T) {
	dir := t.TempDir()
	f := probe("probe")
	f.MaxInstances = 1
	f.AsyncMaxAge = 50 * time.Second
	f.OnFailure.File = filepath.Join(dir, "failure")
	s := start(t, functioncompute.Options{Functions: []functioncompute.Function{f}, AsyncScale: 0.001})
	ended := make(chan functioncompute.Result, 1)
	goOn := filepath.Join(dir, "go-on")
	go func() { ended <- invoke(t, s, "probe", `{"do":"block","file":"`+goOn+`"}`) }()
	eventually(t, "the one instance is busy", func() bool { return s.Instances("probe") == 1 })
	if _, err := s.InvokeAsync("probe", []byte(`{"do":"look"}`)); err != nil {
		t.Fatal(err)
	}
	got := readDestination(t, f.OnFailure.File)
	if got.RequestContext.Condition != "ResourceExhausted" || got.ResponseContext.StatusCode != 429 {
		t.Errorf("message is %+v", got)
	}
	if err := os.WriteFile(goOn, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	<-ended
}

func TestAsyncPayloadIsLimited(t *testing.T) {
	s := start(t, functioncompute.Options{Functions: []functioncompute.Function{probe("probe")}})
	_, err := s.InvokeAsync("probe", make([]byte, 128<<10+1))
	if refused, ok := err.(*functioncompute.APIError); !ok || refused.Code != "EntityTooLarge" {
		t.Errorf("got %v, want EntityTooLarge", err)
	}
	if _, err := s.InvokeAsync("other", nil); err == nil {
		t.Error("a function that does not exist was invoked")
	}
}
