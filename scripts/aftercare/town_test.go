package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/event"
	"aftercare/shared/handler"
	"aftercare/shared/openapi"
	"aftercare/shared/subscription"
	"aftercare/shared/transport"
	"aftercare/tests/localcloud/access"
	"aftercare/tests/localcloud/cloudmonitor"
	"aftercare/tests/localcloud/ecs"
	"aftercare/tests/localcloud/eventbridge"
	"aftercare/tests/localcloud/fault"
	"aftercare/tests/rig"
)

const lossFlows = `
version: 1
flows:
  - name: look-after-failure
    on: task-completed
    when: run.depth == 0 && event.exitCode == 3
    steps:
      - id: collect
        run: {name: collect, type: RunShellScript, content: "true"}
  - name: set-up
    on: first-heartbeat
    steps:
      - id: mount
        run: {name: mount, type: RunShellScript, content: "true"}
`

// apart is how long after the first boots the hour begins.
const apart = 10 * time.Minute

// town is a whole local cloud with Aftercare: its events go through EventBridge to the
// functions, and the operator's tool works on it.
type town struct {
	*rig.Rig
	t       *testing.T
	bus     *eventbridge.Server
	foreign *openapi.Client // of ECS, for what others do
	env     map[string]string

	// queries are the faults of EventBridge and CloudMonitor.
	queries fault.Set

	mu      sync.Mutex
	emitted []json.RawMessage
	// around is called with each invocation by the tool, to carry it out.
	around func(carry func())
}

func newTown(t *testing.T, opt eventbridge.Options) *town {
	t.Helper()
	w := &town{t: t, around: func(carry func()) { carry() }}
	key := access.Key{ID: "STS.rig", Secret: "rig-secret-key", Token: "rig-security-token"}
	functions := map[string]func([]byte) (handler.Outcome, error){}
	opt.Keys, opt.Scale, opt.Lag = access.NewKeys(key), 1e-9, -1
	opt.Faults = &w.queries
	opt.Invoke = func(_ context.Context, in eventbridge.Invocation) error {
		_, err := functions[in.Function](in.Payload)
		return err
	}
	for _, r := range (subscription.Site{}).Rules() {
		if r.Trigger {
			opt.Rules = append(opt.Rules, eventbridge.Rule{Name: r.Name, Pattern: r.Pattern, Targets: []eventbridge.TargetSpec{{
				ID: "1", Type: "acs.fc.function", Endpoint: "acs:fc:cn-hangzhou:" + rig.Account + ":functions/" + r.Function,
				ParamList: []eventbridge.Param{{ResourceKey: "Body", Form: "ORIGINAL"}},
			}}})
		}
	}
	var err error
	w.bus, err = eventbridge.Start(opt)
	w.must(err)
	t.Cleanup(func() { w.bus.Close() })
	w.Rig = rig.New(t, rig.Options{Flows: lossFlows, OneClock: true, ECS: func(o *ecs.Options) { o.Emit = w.emit }})
	w.Advance(-apart) // so that the clock is right in the hour
	functions["aftercare-task-completed"], functions["aftercare-first-heartbeat"], functions["aftercare-instance-state"] = w.TaskCompleted, w.FirstHeartbeat, w.StateChange
	monitor, err := cloudmonitor.Start(cloudmonitor.Options{Keys: access.NewKeys(key), Faults: &w.queries, Events: func() ([]json.RawMessage, error) { return w.events(), nil }})
	w.must(err)
	t.Cleanup(func() { monitor.Close() })
	pool := transport.NewPool(time.Now)
	t.Cleanup(pool.CloseIdleConnections)
	w.foreign, err = openapi.New(openapi.Config{Endpoint: w.Settings.ECSEndpoint, Version: "2014-05-26", RoundTripper: pool}, transport.NewCredentials(key.ID, key.Secret, key.Token))
	w.must(err)
	keys := credentials(t, w.Rig)
	w.env = map[string]string{
		variableEndpoint: w.Tables.Endpoint(), variableInstance: "rig", variableKeyID: keys.AccessKeyId, variableSecret: keys.AccessKeySecret,
		"ALIBABA_CLOUD_SECURITY_TOKEN": keys.SecurityToken, variableECS: w.Settings.ECSEndpoint, variableFC: w.functionCompute(),
		variableEvents: w.bus.Endpoint(), variableCMS: monitor.Endpoint(), variableRegion: rig.Region, variableAccount: rig.Account,
	}
	return w
}

// functionCompute carries the tool's invocations to the rig's functions.
func (w *town) functionCompute() string {
	to, err := url.Parse(functionCompute(w.t, w.Rig))
	w.must(err)
	carry := httputil.NewSingleHostReverseProxy(to)
	carry.ErrorLog = log.New(io.Discard, "", 0) // the tool may be killed
	s := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		around := w.around
		w.mu.Unlock()
		around(func() { carry.ServeHTTP(out, r) })
	}))
	w.t.Cleanup(s.Close)
	return s.URL
}

// during has the tool's invocations carried out by a function.
func (w *town) during(around func(carry func())) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.around = around
}

func (w *town) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// emit puts an event of ECS on the bus. What waits for it knows that the bus has it.
func (w *town) emit(e ecs.CloudEvent) {
	raw := encode(e)
	if err := w.bus.PutServiceEvent(raw); err != nil {
		w.t.Error(err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.emitted = append(w.emitted, raw)
}

func (w *town) events() []json.RawMessage {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.emitted)
}

// until waits until something holds.
func (w *town) until(what string, holds func() bool) {
	w.t.Helper()
	for end := time.Now().Add(time.Minute); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			w.t.Fatalf("waited too long until %s; log:\n%s", what, w.Log)
		}
	}
}

// has waits until ECS emitted an event of a kind that holds all of some texts.
func (w *town) has(kind event.Kind, texts ...string) {
	w.t.Helper()
	w.until(fmt.Sprintf("there is the event %s %v", kind, texts), func() bool {
		return slices.ContainsFunc(w.events(), func(raw json.RawMessage) bool {
			text := string(raw)
			return strings.Contains(text, string(kind)) && !slices.ContainsFunc(texts, func(t string) bool { return !strings.Contains(text, t) })
		})
	})
}

// run is a command of others, with more parameters.
func (w *town) run(instance, name, script string, more ...string) {
	w.t.Helper()
	query := url.Values{
		"RegionId": {rig.Region}, "InstanceId.1": {instance}, "Name": {name}, "Type": {"RunShellScript"}, "CommandContent": {script},
	}
	for pair := range slices.Chunk(more, 2) {
		query.Set(pair[0], pair[1])
	}
	w.must(w.foreign.RPC(w.t.Context(), "RunCommand", nil, query, nil))
}

func (w *town) submit(instance, name, script string) {
	w.t.Helper()
	out, err := w.SubmitTask(encode(map[string]any{
		"dedupeKey": instance + name, "instanceId": instance, "run": map[string]any{"name": name, "type": "RunShellScript", "content": script},
	}))
	w.must(err)
	if out.Items[0].Result != handler.ResultAccepted {
		w.t.Fatalf("%s is %+v", name, out.Items[0])
	}
}

// settle waits until nothing is under way.
func (w *town) settle() {
	w.t.Helper()
	w.must(w.bus.WaitIdle(w.t.Context()))
	w.until("all work has ended", func() bool {
		for _, i := range w.ECS.Instances() {
			s := w.State(i.ID)
			for _, t := range s.Tasks {
				if t.State != decide.TaskQueued {
					return false
				}
			}
			if len(s.Runs)+len(s.Messages) > 0 {
				return false
			}
		}
		return true
	})
	w.must(w.bus.WaitIdle(w.t.Context()))
}

// before boots three of four instances.
func (w *town) before() {
	w.t.Helper()
	for _, id := range []string{"i-1", "i-2", "i-3", "i-4"} {
		w.Create(id)
	}
	for _, id := range []string{"i-1", "i-2", "i-3"} {
		w.must(w.ECS.Boot(id))
		w.has(event.KindFirstHeartbeat, id)
		w.has(event.KindTaskCompleted, id, "mount.")
	}
	w.settle()
	w.Advance(apart)
}

// hour is what happens in the hour in which events may be lost: commands of Aftercare
// and of others, which end well and badly, a reboot, a stop, and the first boot of an
// instance for which a command waits.
func (w *town) hour() {
	w.t.Helper()
	w.submit("i-1", "good", "true")
	w.has(event.KindTaskCompleted, "good.", `"Success"`)
	w.submit("i-1", "bad", "exit 3")
	w.has(event.KindTaskCompleted, "bad.", `"Failed"`)
	w.run("i-3", "others-good", "true")
	w.has(event.KindTaskCompleted, "others-good", `"Success"`)
	w.run("i-3", "others-bad", "exit 4")
	w.has(event.KindTaskCompleted, "others-bad", `"Failed"`)
	w.must(w.ECS.Reboot("i-2"))
	w.must(w.ECS.Stop("i-3"))
	w.submit("i-4", "waits", "true")
	w.must(w.ECS.Boot("i-4"))
	w.until("both agents are up", func() bool {
		beats := 0
		for _, raw := range w.events() {
			if text := string(raw); strings.Contains(text, string(event.KindFirstHeartbeat)) && (strings.Contains(text, "i-2") || strings.Contains(text, "i-4")) {
				beats++
			}
		}
		return beats == 3 // i-2 booted before, too
	})
	w.has(event.KindStateChange, "i-3", "Stopped")
}

// story is what the ledger has, and what ran, without ids and times.
func (w *town) story() (lines []string) {
	w.t.Helper()
	for _, i := range w.ECS.Instances() {
		s, r := w.State(i.ID), w.Records(i.ID)
		state := "up" // a heartbeat that comes first makes a start needless
		if s.Instance.State == event.StateStopping || s.Instance.State == event.StateStopped {
			state = string(s.Instance.State)
		}
		lines = append(lines, fmt.Sprintf("%s is %s, boot %d, %s, queue %d", i.ID, s.Instance.Boot, s.Instance.BootSeq, state, s.Instance.Waiting))
		for _, e := range r.Executions {
			lines = append(lines, fmt.Sprintf("%s execution %s %s %s", i.ID, e.Name, e.Event.Status, code(string(e.Event.Status), e.Event.ExitCode)))
		}
		for _, t := range r.Tasks {
			lines = append(lines, fmt.Sprintf("%s task %s %s", i.ID, t.Name, t.State))
		}
		for _, f := range r.Runs {
			lines = append(lines, fmt.Sprintf("%s run %s %s", i.ID, f.Flow, f.Result))
		}
		for _, b := range r.Boots {
			lines = append(lines, fmt.Sprintf("%s boot %d", i.ID, b.Seq))
		}
		lines = append(lines, fmt.Sprintf("%s ran %d scripts", i.ID, len(w.ECS.Runs(i.ID))))
	}
	for _, a := range w.Alerts() {
		lines = append(lines, fmt.Sprintf("alert %s %s %s %s", a.Kind, a.InstanceID, a.CommandName, a.Status))
	}
	slices.Sort(lines)
	return lines
}

// tool runs a command of the operator's.
func (w *town) tool(ctx context.Context, args ...string) (code int, out string) {
	w.t.Helper()
	var all bytes.Buffer
	code = run(ctx, args, func(name string) string { return w.env[name] }, strings.NewReader(""), &all, &all)
	return code, all.String()
}

// backfill runs the command for an hour, and wants an exit code and texts.
func (w *town) backfill(code int, texts string, args ...string) {
	w.t.Helper()
	got, out := w.tool(w.t.Context(), append([]string{"backfill", "--since", "1h", "--yes"}, args...)...)
	for text := range strings.SplitSeq(texts, "|") {
		if !strings.Contains(out, text) {
			w.t.Errorf("backfill does not say %q", text)
		}
	}
	if got != code || w.t.Failed() {
		w.t.Fatalf("backfill ended with %d, want %d:\n%s", got, code, out)
	}
}
