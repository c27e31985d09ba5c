package deploy_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/event"
	"aftercare/shared/handler"
	"aftercare/tests/localcloud/fault"
	"aftercare/tests/rig"
)

// newRig starts a rig whose calls pass the recorder.
func newRig(t *testing.T, c *recorder) *rig.Rig {
	return rig.New(t, rig.Options{
		Flows: flows,
		Settings: func(s *handler.Settings) {
			s.Ledger.Endpoint = c.front(t, "ots", s.Ledger.Endpoint)
			s.ECSEndpoint = c.front(t, "ecs", s.ECSEndpoint)
			s.FCEndpoint = c.front(t, "fc", s.FCEndpoint)
		},
	})
}

const instanceID = "i-policy"

// flows has a flow whose command prints something and fails twice, and one that
// times out while it waits, and then reads what its instance is. Each failure opens its flow's breaker.
const flows = `
version: 1
defaults:
  timeout: 1h
  limits:
    fleet: {maxFailures: 1, window: 1h, resumeAfter: 30m}
flows:
  - name: look
    on: task-completed
    when: event.commandName == "stranger"
    steps:
      - id: print
        run: {type: RunShellScript, content: "echo printed; exit 3"}
        capture: true
        retry: {max: 1, on: [Failed], backoff: 1s}
    onFailure:
      - id: tell
        alert: "it said ${{ trim(steps.print.output) }}"
  - name: rest
    on: task-completed
    when: event.commandName == "stranger"
    steps:
      - id: reboot
        wait: next-boot
    finally:
      - id: say
        alert: ${{ instance.name ?? "nobody" }} with ${{ instance.agentVersion ?? "nothing" }} is back, or is not
`

// How long until the retry is due, the runs have timed out, and the breakers
// have closed.
const (
	untilRetry = 2 * time.Minute
	untilOver  = time.Hour
	untilClose = 31 * time.Minute
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

// leaveWork leaves work on a booted instance: a run of each flow, and a command
// of each kind and a stop whose invocations died before they sent them. It
// returns the instance's first heartbeat.
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
	heartbeat = startFlows(t, r)
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

// startFlows boots an instance, and starts both flows on it.
func startFlows(t *testing.T, r *rig.Rig) (heartbeat []byte) {
	t.Helper()
	r.Create(instanceID)
	// An agent that does not say its version is asked for it.
	heartbeat = bytes.ReplaceAll(r.Boot(instanceID), []byte("agentVersion"), []byte("another"))
	must(t)(r.FirstHeartbeat(heartbeat))
	must(t)(r.TaskCompleted(endOf("stranger", 0)))
	return heartbeat
}

// endOf returns the event of the n-th end of a command that others started.
func endOf(name string, n int) []byte {
	now := time.Now().UTC().Format(time.RFC3339)
	return encode(map[string]any{
		"id": fmt.Sprint(name, n), "source": "acs.ecs", "specversion": "1.0", "type": "ecs:CloudAssistant:TaskCompleted",
		"aliyunaccountid": rig.Account, "aliyunregionid": rig.Region, "time": now,
		"data": map[string]any{
			"instanceId": instanceID, "invokeId": fmt.Sprint("t-", name, n), "commandName": name, "invocationStatus": "Success",
			"exitCode": "0", "repeatMode": "Once", "repeats": "1", "startTime": now, "finishTime": now,
		},
	})
}

// stateChange returns the event of a change of an instance's state.
func stateChange(id, state string, at time.Time) []byte {
	return encode(map[string]any{
		"id": "state-" + state, "source": "acs.ecs", "specversion": "1.0", "type": "ecs:Instance:StateChange",
		"aliyunaccountid": rig.Account, "aliyunregionid": rig.Region, "time": at.UTC().Format(time.RFC3339Nano),
		"data": map[string]any{"resourceId": id, "resourceType": "ALIYUN::ECS::Instance", "state": state},
	})
}

// takeEnd calls do with the events of ends, up to the next one of the step of
// flow look.
func takeEnd(r *rig.Rig, do func([]byte)) {
	for {
		end := r.Take(event.KindTaskCompleted)
		do(end)
		if bytes.Contains(end, []byte("look-print.")) {
			return
		}
	}
}

// everything makes each function, and the operator's tool, make every call that
// it can make.
var everything = map[string]func(t *testing.T, c *recorder){
	"operator": operate,
	alerts:     bring,
	"task-completed": func(t *testing.T, c *recorder) {
		r := newRig(t, c)
		leaveWork(t, r)
		n := 0
		another := func() { n++; must(t)(r.TaskCompleted(endOf("other", n))) }
		deliver := func(end []byte) { must(t)(r.TaskCompleted(end)) }
		c.record(true)
		defer c.record(false)
		another()
		var array []json.RawMessage
		for i := range 10 {
			array = append(array, endOf("array", i))
		}
		for _, payload := range [][]byte{endOf("other", n), encode(array), []byte(`{"cut`)} {
			must(t)(r.TaskCompleted(payload))
		}
		takeEnd(r, deliver)
		r.Advance(untilRetry)
		another()
		takeEnd(r, deliver)
		r.Advance(untilOver)
		another()
		r.Advance(untilClose)
		another()
	},
	"first-heartbeat": func(t *testing.T, c *recorder) {
		r := newRig(t, c)
		heartbeat := leaveWork(t, r)
		// A boot whose commit's answer is lost is looked for.
		r.Create("i-new")
		boot := r.Boot("i-new")
		r.Faults.Add(fault.Fault{Call: "BatchWriteRow", Mode: fault.ErrorAfter, Status: 503, Code: "OTSTimeout"})
		c.record(true)
		defer c.record(false)
		for _, payload := range [][]byte{boot, heartbeat, heartbeat, []byte(`{"cut`)} {
			must(t)(r.FirstHeartbeat(payload))
		}
		for _, d := range []time.Duration{untilOver, untilClose} {
			r.Advance(d)
			must(t)(r.FirstHeartbeat(heartbeat))
		}
	},
	"instance-state": func(t *testing.T, c *recorder) {
		r := newRig(t, c)
		leaveWork(t, r)
		now := time.Now()
		r.Faults.Add(fault.Fault{Call: "BatchWriteRow", Mode: fault.ErrorAfter, Status: 503, Code: "OTSTimeout"})
		c.record(true)
		defer c.record(false)
		for _, payload := range [][]byte{
			stateChange("i-new", "Running", now), stateChange(instanceID, "Running", now), stateChange(instanceID, "Stopping", now), []byte(`{"cut`),
		} {
			must(t)(r.StateChange(payload))
		}
		for _, d := range []time.Duration{untilOver, untilClose} {
			r.Advance(d)
			must(t)(r.StateChange(stateChange(instanceID, "Stopped", now)))
		}
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
		for i, d := range []time.Duration{untilOver, untilClose} {
			r.Advance(d)
			must(t)(r.SubmitTask(encode(run(fmt.Sprint("later", i), "true"))))
		}
		for _, order := range []string{`{"reason":"an incident","stop":{"flow":"look"}}`, `{"resume":{"flow":"look"}}`} {
			must(t)(r.SubmitTask([]byte(order)))
		}
	},
	deadLetters: func(t *testing.T, c *recorder) {
		r := newRig(t, c)
		c.record(true)
		defer c.record(false)
		must(t)(r.DeadLetters(endOf("other", 1)))
	},
	"sweep": func(t *testing.T, c *recorder) {
		r := newRig(t, c)
		leaveWork(t, r)
		down := run("waits", "true")
		down["instanceId"] = "i-down"
		must(t)(r.SubmitTask(encode(down)))
		// A tick that another sweep made, and left.
		tick := decide.Many{Submission: decide.TickOf("none", r.Now(), ""), At: r.Now(), Until: r.Now(), Targets: []decide.Target{{InstanceID: "i-down"}}}
		if _, err := r.Ledger().Keep(t.Context(), tick); err != nil {
			t.Fatal(err)
		}
		r.Advance(10 * time.Minute)
		c.record(true)
		must(t)(r.Sweep())
		c.record(false)

		// So many ends whose events are lost that it looks whether any arrives.
		for i := range 3 {
			must(t)(r.SubmitTask(encode(run(fmt.Sprint("lost", i), "true"))))
		}
		for r.Pending(event.KindTaskCompleted) > 0 {
			r.Take(event.KindTaskCompleted)
		}
		r.Advance(10 * time.Minute)
		c.record(true)
		must(t)(r.Sweep())
		c.record(false)

		// Ends whose events are lost; the answer to the commit that records the
		// first of them is lost as well.
		r = newRig(t, c)
		startFlows(t, r)
		lose := func([]byte) {}
		takeEnd(r, lose)
		r.Advance(10 * time.Minute)
		r.Faults.Add(fault.Fault{Call: "BatchWriteRow", Mode: fault.CutAfter})
		c.record(true)
		defer c.record(false)
		must(t)(r.Sweep())
		r.Advance(untilRetry)
		must(t)(r.Sweep())
		takeEnd(r, lose)
		for _, d := range []time.Duration{untilOver, untilClose} {
			r.Advance(d)
			must(t)(r.Sweep())
		}
	},
}

// TestEachFunctionIsAllowedWhatItCallsAndNoMore compares the policies with the
// calls that the functions and the operator's tool really make.
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
				t.Fatal("everything has no entry for it")
			}
			c := &recorder{seen: map[grant]bool{}}
			do(t, c)
			allowed := called(all[name])
			if name == "operator" { // whose own invocations are tested with it
				delete(allowed, grant{"fc:InvokeFunction", "aftercare-" + alerts})
			}
			if extra := differences(c.seen, allowed); len(extra) > 0 {
				t.Errorf("called and not allowed: %s", extra)
			}
			if extra := differences(allowed, c.seen); len(extra) > 0 {
				t.Errorf("allowed and never called: %s", extra)
			}
		})
	}
}

// called returns what a policy allows on the services, and a function's on Function
// Compute, in a recorder's form.
func called(p policy) map[grant]bool {
	out := map[grant]bool{}
	for _, g := range p.grants() {
		switch {
		case strings.HasPrefix(g.action, "ots:"):
			_, table, _ := strings.Cut(g.resource, "/table/aftercare_")
			if table != "*" {
				out[grant{g.action, strings.TrimSuffix(table, "*")}] = true
				continue
			}
			for _, name := range tableNames {
				out[grant{g.action, name}] = true
			}
		case strings.HasPrefix(g.action, "ecs:"), strings.HasPrefix(g.action, "eventbridge:"), strings.HasPrefix(g.action, "cms:"):
			out[grant{g.action, ""}] = true
		case strings.HasSuffix(g.resource, ":functions/aftercare-"+alerts):
			out[grant{g.action, "aftercare-" + alerts}] = true
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
