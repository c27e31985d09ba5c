package functioncompute_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"aftercare/tests/localcloud/functioncompute"
)

// probeDir holds the built function of testdata/probe.
var probeDir string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "probe")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		build := exec.Command("go", "build", "-ldflags=-s -w", "-o", filepath.Join(dir, "probe"), "./testdata/probe")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "build probe: %v\n%s", err, out)
			return 1
		}
		probeDir = dir
		return m.Run()
	}())
}

// probe is a function that runs testdata/probe.
func probe(name string) functioncompute.Function {
	return functioncompute.Function{
		Name: name, Dir: probeDir, Handler: "probe",
		Region: "cn-hangzhou", Account: "123456789012",
		Timeout: time.Minute,
	}
}

func start(t *testing.T, opt functioncompute.Options) *functioncompute.Server {
	t.Helper()
	s, err := functioncompute.Start(opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

// seen is what the probe says about itself.
type seen struct {
	Pid      int
	Env      []string
	Dir      string
	Deadline time.Time
	Context  struct {
		RequestID   string
		Credentials struct{ AccessKeyId, AccessKeySecret, SecurityToken string }
		Function    struct {
			Name, Handler, Memory string
			Timeout               int
		}
		Service           struct{ Qualifier, VersionId string }
		Region, AccountId string
		RetryCount        int
	}
}

func invoke(t *testing.T, s *functioncompute.Server, name, payload string) functioncompute.Result {
	t.Helper()
	res, err := s.Invoke(t.Context(), name, []byte(payload))
	if err != nil {
		t.Fatalf("invoke %s with %s: %v", name, payload, err)
	}
	return res
}

func look(t *testing.T, s *functioncompute.Server, name string) seen {
	t.Helper()
	res := invoke(t, s, name, `{"do":"look"}`)
	if err := res.Err(); err != nil {
		t.Fatal(err)
	}
	var out seen
	if err := json.Unmarshal(res.Body, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// eventually polls until ok, and fails the test after a minute.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(time.Minute)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("did not come to pass: %s", what)
		}
	}
}

// state is the kernel's letter for a process: R, S, T (stopped), Z, or empty if
// the process does not exist.
func state(pid int) string { return stateOf("/proc/" + strconv.Itoa(pid)) }

// stateOf is that of a process or a thread by its folder.
func stateOf(folder string) string {
	stat, err := os.ReadFile(folder + "/stat")
	if err != nil {
		return ""
	}
	_, after, _ := strings.Cut(string(stat), ") ")
	return after[:1]
}

func gone(pid int) bool { s := state(pid); return s == "" || s == "Z" }

func lines(t *testing.T, path string) []string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
}

func fileSize(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}

// buffer is a log that may be read while it is written.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func TestInvokeResults(t *testing.T) {
	hang := probe("hangs-at-start")
	hang.Env = map[string]string{"PROBE_START": "hang"}
	exits := probe("exits-at-start")
	exits.Env = map[string]string{"PROBE_START": "exit"}
	short := probe("short")
	short.Timeout = 300 * time.Millisecond
	s := start(t, functioncompute.Options{
		Functions: []functioncompute.Function{probe("probe"), exits, short},
	})
	impatient := start(t, functioncompute.Options{Functions: []functioncompute.Function{hang}, StartTimeout: 2 * time.Second})
	never := filepath.Join(t.TempDir(), "never")
	for _, tt := range []struct {
		name, function, payload string
		want                    string // of the body
		failed                  bool
	}{
		{"an answer is passed on as it is", "probe", `{"do":"echo","n":1.50}`, `{"do":"echo","n":1.50}`, false},
		{"a returned error is a function error", "probe", `{"do":"fail"}`, `{"errorMessage":"refused on purpose","errorType":"errorString"}`, true},
		{"a panic is a function error with its stack", "probe", `{"do":"panic"}`, `{"errorMessage":"broken on purpose","errorType":"string","stackTrace":[`, true},
		{"a payload that is no JSON reaches the function", "probe", `{`, `{"errorMessage":"unexpected end of JSON input"`, true},
		{"an exit is a function error", "probe", `{"do":"crash"}`, `{"errorMessage":"Process exited unexpectedly before completing request (duration: `, true},
		{"an exit at the start is a function error", "exits-at-start", `{}`, `{"errorMessage":"Process exited unexpectedly before completing request (duration: `, true},
		{"a process that never polls is given up", "hangs-at-start", `{}`, `{"errorMessage":"Function instance did not ask for an invocation within 2s"}`, true},
		{"a timeout is a function error", "short", `{"do":"block","file":"` + never + `"}`, `{"errorMessage":"Function timed out after 1 seconds (maxMemoryUsage: `, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := s
			if tt.function == hang.Name {
				s = impatient
			}
			res := invoke(t, s, tt.function, tt.payload)
			if !strings.HasPrefix(string(res.Body), tt.want) {
				t.Errorf("body is %s, want %s", res.Body, tt.want)
			}
			if failed := res.FunctionError == "UnhandledInvocationError"; failed != tt.failed || (res.Err() != nil) != tt.failed {
				t.Errorf("function error is %q and Err is %v, want failed %v", res.FunctionError, res.Err(), tt.failed)
			}
			if res.RequestID == "" {
				t.Error("request id is empty")
			}
		})
	}
}

func TestInvocationContext(t *testing.T) {
	f := probe("named")
	f.MemoryMB = 256
	f.Timeout = 59500 * time.Millisecond
	s := start(t, functioncompute.Options{Functions: []functioncompute.Function{f}})
	before := time.Now()
	res := invoke(t, s, "named", `{"do":"look"}`)
	var got seen
	if err := json.Unmarshal(res.Body, &got); err != nil {
		t.Fatal(err)
	}
	c := got.Context
	if c.RequestID != res.RequestID {
		t.Errorf("request id is %q, want %q", c.RequestID, res.RequestID)
	}
	if c.Function.Name != "named" || c.Function.Handler != "probe" || c.Function.Memory != "256" || c.Function.Timeout != 60 {
		t.Errorf("function is %+v", c.Function)
	}
	if c.Region != "cn-hangzhou" || c.AccountId != "123456789012" || c.Service.Qualifier != "LATEST" || c.RetryCount != 0 {
		t.Errorf("context is %+v", c)
	}
	if c.Credentials.AccessKeyId != "" {
		t.Error("a function without a role got credentials")
	}
	if low, high := before.Add(f.Timeout).Truncate(time.Millisecond), time.Now().Add(f.Timeout); got.Deadline.Before(low) || got.Deadline.After(high) {
		t.Errorf("deadline is %v, want between %v and %v", got.Deadline, low, high)
	}
	if got.Dir != probeDir {
		t.Errorf("working directory is %s, want %s", got.Dir, probeDir)
	}
}

func TestLogLinesNameFunctionAndInstance(t *testing.T) {
	var log buffer
	s := start(t, functioncompute.Options{Functions: []functioncompute.Function{probe("printer")}, Log: &log})
	invoke(t, s, "printer", `{"do":"print"}`)
	eventually(t, "both lines are logged", func() bool {
		var one, another bool
		for line := range strings.Lines(log.String()) {
			prefix, text, _ := strings.Cut(line, ": ")
			named := strings.HasPrefix(prefix, "printer c-")
			one = one || named && text == "one line\n"
			another = another || named && text == "another line\n"
		}
		return one && another
	})
}

func TestCallerThatLeavesDoesNotStopTheFunction(t *testing.T) {
	s := start(t, functioncompute.Options{Functions: []functioncompute.Function{probe("probe")}})
	file := filepath.Join(t.TempDir(), "go-on")
	ctx, cancel := context.WithCancel(t.Context())
	left := make(chan error)
	go func() {
		_, err := s.Invoke(ctx, "probe", []byte(`{"do":"block","file":"`+file+`"}`))
		left <- err
	}()
	eventually(t, "the instance exists", func() bool { return s.Instances("probe") == 1 })
	cancel()
	if err := <-left; err != context.Canceled {
		t.Fatalf("got %v, want context.Canceled", err)
	}
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	// The one instance is free again once the abandoned invocation has ended.
	eventually(t, "the instance is reused", func() bool {
		invoke(t, s, "probe", `{"do":"echo"}`)
		return s.Instances("probe") >= 1
	})
}

// children are the processes that this test process has started.
func children() []int {
	var out []int
	tasks, _ := filepath.Glob("/proc/self/task/*/children")
	for _, path := range tasks {
		data, _ := os.ReadFile(path)
		for field := range strings.FieldsSeq(string(data)) {
			if pid, err := strconv.Atoi(field); err == nil {
				out = append(out, pid)
			}
		}
	}
	return out
}
