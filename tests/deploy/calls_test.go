package deploy_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"aftercare/shared/assistant"
	"aftercare/shared/event"
	"aftercare/shared/handler"
	"aftercare/shared/ledger"
	"aftercare/shared/remediation"
	"aftercare/tests/localcloud/fault"
	"aftercare/tests/rig"
)

// recorder stands in front of Tablestore and ECS and notes what is called,
// and on which table, while a function runs.
type recorder struct {
	mu   sync.Mutex
	on   bool
	seen map[grant]bool
}

func (c *recorder) front(t *testing.T, service, backend string) string {
	target, err := url.Parse(backend)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.ErrorHandler = func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) }
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		if service == "ots" {
			c.note("ots:"+strings.TrimPrefix(r.URL.Path, "/"), table(body))
		} else {
			c.note("ecs:"+r.URL.Query().Get("Action"), "")
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// tableNames are the tables, without their prefix.
var tableNames = []string{"instances", "history", "wakeups", "shared", "quarantine"}

// table is the table that a request of Tablestore names in its protobuf.
func table(body []byte) string {
	for _, name := range tableNames {
		if bytes.Contains(body, []byte("aftercare_"+name)) {
			return name
		}
	}
	return "none"
}

func (c *recorder) note(action, table string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.on {
		c.seen[grant{action, table}] = true
	}
}

func (c *recorder) record(on bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.on = on
}

// newRig is a rig with a recorder.
func newRig(t *testing.T, c *recorder) *rig.Rig {
	return rig.New(t, rig.Options{
		Flows: flows,
		Settings: func(s *handler.Settings) {
			s.Ledger.Endpoint = c.front(t, "ots", s.Ledger.Endpoint)
			s.ECSEndpoint = c.front(t, "ecs", s.ECSEndpoint)
		},
	})
}

const (
	instanceID = "i-policy"
	flows      = `
version: 1
flows:
  - name: follow
    on: task-completed
    when: event.commandName == "stranger"
    steps:
      - id: step
        run: {type: RunShellScript, content: "true"}
`
)

func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

func run(name, content string) map[string]any {
	return map[string]any{
		"dedupeKey": name, "instanceId": instanceID,
		"run": map[string]any{"name": name, "type": "RunShellScript", "content": content},
	}
}

// leaveWork leaves, on an instance that has booted, a command of each kind
// and a stop whose invocations died before they were sent. It returns the
// instance's first heartbeat.
func leaveWork(t *testing.T, r *rig.Rig) (heartbeat []byte) {
	t.Helper()
	submit := func(s map[string]any) *handler.Item {
		out, err := r.SubmitTask(encode(s))
		r.Restart()
		if err != nil || len(out.Items) != 1 {
			return nil
		}
		return &out.Items[0]
	}
	r.Create(instanceID)
	heartbeat = r.Boot(instanceID)
	if _, err := r.FirstHeartbeat(heartbeat); err != nil {
		t.Fatal(err)
	}
	running := submit(run("running", "sleep 60"))
	if running == nil {
		t.Fatal("the first submission was not accepted")
	}
	r.CrashAt("StopInvocation", fault.HangBefore)
	submit(map[string]any{
		"dedupeKey": "stop", "instanceId": instanceID, "cancel": map[string]any{"taskId": running.Answer.TaskID},
	})
	r.CrashAt("RunCommand", fault.HangBefore)
	submit(run("run", "true"))
	r.CrashAt("InvokeCommand", fault.HangBefore)
	submit(map[string]any{
		"dedupeKey": "invoke", "instanceId": instanceID, "invoke": map[string]any{"commandId": "c-saved"},
	})
	r.Advance(10 * time.Minute)
	return heartbeat
}

// stranger is the end of a command that others started.
func stranger() []byte {
	now := time.Now().UTC().Format(time.RFC3339)
	return encode(map[string]any{
		"id": "stranger", "source": "acs.ecs", "specversion": "1.0", "type": "ecs:CloudAssistant:TaskCompleted",
		"aliyunaccountid": rig.Account, "aliyunregionid": rig.Region, "time": now,
		"data": map[string]any{
			"instanceId": instanceID, "invokeId": "t-stranger", "commandName": "stranger", "invocationStatus": "Success",
			"exitCode": "0", "repeatMode": "Once", "repeats": "1", "startTime": now, "finishTime": now,
		},
	})
}

// govern makes the calls that a decision about flows may need, whichever
// function decides: about pauses, breakers and failures across instances, and
// for what a command printed.
func govern(t *testing.T, r *rig.Rig) {
	t.Helper()
	l, now := r.Ledger(), r.Now()
	failure := remediation.FleetFailure{Flow: "follow", RunID: "run", InstanceID: instanceID, At: now}
	breaker := remediation.Breaker{Flow: "follow", Key: "first", OpenedAt: now, ResumeAt: now.Add(time.Hour)}
	second := breaker
	second.Key = "second"
	_, reading := l.Control(t.Context())
	_, counting := l.CountFailure(t.Context(), failure, now)
	_, opening := l.OpenBreaker(t.Context(), breaker)
	_, again := l.OpenBreaker(t.Context(), second)
	_, closing := l.CloseBreaker(t.Context(), "follow", "first")
	if err := errors.Join(reading, counting, opening, again, closing); err != nil {
		t.Fatal(err)
	}
	c, err := assistant.New(assistant.Config{Region: rig.Region, Endpoint: r.Settings.ECSEndpoint}, assistant.Credentials{
		AccessKeyID: r.Key.ID, AccessKeySecret: r.Key.Secret, SecurityToken: r.Key.Token,
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Output(t.Context(), instanceID, "t-unknown"); !errors.Is(err, remediation.ErrUnavailable) {
		t.Fatal(err)
	}
}

// everything makes a function do everything that it can be made to do.
var everything = map[string]func(t *testing.T, c *recorder){
	"operator": operate,
	"task-completed": func(t *testing.T, c *recorder) {
		r := newRig(t, c)
		leaveWork(t, r)
		c.record(true)
		defer c.record(false)
		for _, payload := range [][]byte{stranger(), stranger(), []byte(`{"cut`)} {
			must(t)(r.TaskCompleted(payload))
		}
		govern(t, r)
	},
	"first-heartbeat": func(t *testing.T, c *recorder) {
		r := newRig(t, c)
		heartbeat := leaveWork(t, r)
		c.record(true)
		defer c.record(false)
		for _, payload := range [][]byte{heartbeat, heartbeat, []byte(`{"cut`)} {
			must(t)(r.FirstHeartbeat(payload))
		}
		govern(t, r)
	},
	"submit-task": func(t *testing.T, c *recorder) {
		r := newRig(t, c)
		leaveWork(t, r)
		down := run("waits", "true")
		down["instanceId"] = "i-down"
		c.record(true)
		defer c.record(false)
		for _, payload := range [][]byte{encode(run("more", "true")), encode(run("more", "true")), encode(down), []byte(`{"cut`)} {
			must(t)(r.SubmitTask(payload))
		}
		govern(t, r)
	},
	"sweep": func(t *testing.T, c *recorder) {
		r := newRig(t, c)
		leaveWork(t, r)
		down := run("waits", "true")
		down["instanceId"] = "i-down"
		must(t)(r.SubmitTask(encode(down)))
		r.Advance(10 * time.Minute)
		c.record(true)
		must(t)(r.Sweep())
		c.record(false)

		// The end of a command that no event tells, recorded by a commit whose
		// answer is lost.
		r = newRig(t, c)
		r.Create(instanceID)
		must(t)(r.FirstHeartbeat(r.Boot(instanceID)))
		must(t)(r.SubmitTask(encode(run("quiet", "true"))))
		r.Take(event.KindTaskCompleted)
		r.Advance(time.Hour)
		r.Faults.Add(fault.Fault{Call: "BatchWriteRow", Mode: fault.CutAfter})
		c.record(true)
		defer c.record(false)
		must(t)(r.Sweep())
		govern(t, r)
	},
}

// operate does everything that the operator's tool does.
func operate(t *testing.T, c *recorder) {
	c.record(true)
	defer c.record(false)
	l := newRig(t, c).Ledger() // its tables are made, too
	_, err := l.Load(t.Context(), instanceID)
	_, again := l.Records(t.Context(), instanceID)
	paused := l.Pause(t.Context(), remediation.Pause{Flow: remediation.AllFlows, By: "operator", At: time.Now()})
	_, listed := l.Control(t.Context())
	_, resumed := l.Resume(t.Context(), remediation.AllFlows)
	err = errors.Join(err, again, paused, listed, resumed,
		l.History(t.Context(), time.Now(), func(remediation.Execution) error { return nil }),
		l.EachQuarantined(t.Context(), func(ledger.Quarantined) error { return nil }))
	if err != nil {
		t.Fatal(err)
	}
}

func must(t *testing.T) func(handler.Outcome, error) {
	return func(_ handler.Outcome, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestEachFunctionIsAllowedWhatItCallsAndNoMore holds the policies against
// the calls that the functions and the operator's tool really make.
func TestEachFunctionIsAllowedWhatItCallsAndNoMore(t *testing.T) {
	all := policies(t)
	names := []string{"operator"}
	for _, fn := range mustRead(t).functions {
		names = append(names, fn.key)
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			do, ok := everything[name]
			if !ok {
				t.Fatal("it is not known how to make it do everything")
			}
			c := &recorder{seen: map[grant]bool{}}
			do(t, c)
			allowed := called(all[name])
			if extra := differences(c.seen, allowed); len(extra) > 0 {
				t.Errorf("called and not allowed: %s", extra)
			}
			if extra := differences(allowed, c.seen); len(extra) > 0 {
				t.Errorf("allowed and never called: %s", extra)
			}
		})
	}
}

// called is what a policy allows of Tablestore and ECS, as a recorder notes it.
func called(p policy) map[grant]bool {
	out := map[grant]bool{}
	for _, g := range p.grants() {
		switch {
		case strings.HasPrefix(g.action, "ots:"):
			_, table, _ := strings.Cut(g.resource, "/table/aftercare_")
			if table != "*" {
				out[grant{g.action, table}] = true
				continue
			}
			for _, name := range tableNames {
				out[grant{g.action, name}] = true
			}
		case strings.HasPrefix(g.action, "ecs:"):
			out[grant{g.action, ""}] = true
		}
	}
	return out
}

func differences(a, b map[grant]bool) []string {
	var out []string
	for g := range maps.Keys(a) {
		if !b[g] {
			out = append(out, fmt.Sprint(g))
		}
	}
	slices.Sort(out)
	return out
}
