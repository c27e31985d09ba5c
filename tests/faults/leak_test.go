package faults_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"aftercare/shared/event"
	"aftercare/shared/handler"
	"aftercare/tests/localcloud/ecs"
	"aftercare/tests/localcloud/fault"
	"aftercare/tests/rig"
)

// secrets are the texts that nothing may repeat: the rig's own keys and channels,
// and those in the commands of a life.
var secrets = []string{
	"STS.rig", "rig-secret-key", "rig-security-token", "wrong-secret-key",
	"rig-token", "SECrig", "rig-webhook-token", "rig-webhook-secret",
	"secret-of-a-script", "secret-of-a-parameter", "secret-of-a-saved-command", "secret-of-a-flow", "secret-of-a-step", "secret-of-an-output", "secret-of-a-panic",
	"secret-of-a-payload",
}

// everySecret is what a failing service, or something in front of it, could
// answer.
var everySecret = strings.Join(secrets, " ")

// secretParameter is what a flow passes to its script, before its value is known.
const secretParameter = "secret-of-a-step secret-of-an-output ${{ event.invokeId }}"

// secretFlows has a flow whose command prints a secret, on which its next steps
// fail, and whose alert does not contain it. Its failure opens its breaker.
const secretFlows = `
version: 1
flows:
  - name: after
    on: task-completed
    when: event.commandName == "first"
    limits:
      fleet: {maxFailures: 1, window: 1h, resumeAfter: 2m}
    steps:
      - id: step
        run:
          type: RunShellScript
          content: echo "$p" # secret-of-a-flow
          parameters: {p: "` + secretParameter + `"}
        capture: true
        onFailure: continue
      - id: weigh
        when: int(steps.step.output) > 0
        stop: succeeded
        onFailure: continue
      - id: hand-on
        invoke:
          commandId: c-none
          parameters: {p: "${{ steps.step.output }}"} # has a blank
        onFailure: continue
      - id: skip
        when: steps.step.output == ""
        stop: succeeded
      - id: tell
        alert: step ${{ steps.step.status }}, weigh ${{ steps.weigh.status }}
      - id: fail
        stop: failed
`

// secretSteps is how its steps end without a fault.
const secretSteps = "step succeeded, weigh invalid, hand-on invalid, skip skipped, tell succeeded, fail succeeded"

// ear collects everything that functions answer.
type ear struct {
	t *testing.T
	b strings.Builder
}

func (e *ear) hear(out handler.Outcome, err error) {
	e.t.Helper()
	b, jsonErr := json.Marshal(out)
	if jsonErr != nil {
		e.t.Error(jsonErr)
	}
	fmt.Fprintf(&e.b, "%s %v %+v %#v\n", b, err, out, err)
}

// refusals are the error answers to each call of a life: codes and their
// statuses.
var refusals = map[string][]string{
	"GetRange":                     {"OTSAuthFailed 403", "OTSNoPermissionAccess 403", "OTSServerBusy 503", "OTSParameterInvalid 400"},
	"GetRow":                       {"OTSAuthFailed 403", "OTSInternalServerError 500"},
	"BatchWriteRow":                {"OTSAuthFailed 403", "OTSTimeout 503", "OTSParameterInvalid 400", "OTSConditionCheckFail 403"},
	"PutRow":                       {"OTSAuthFailed 403", "OTSQuotaExhausted 403"},
	"DeleteRow":                    {"OTSAuthFailed 403"},
	"RunCommand":                   {"SignatureDoesNotMatch 400", "Forbidden.RAM 403", "Throttling.User 400", "InternalError 500", "InvalidParameter 400", "Invocation.ExceedQuota 403"},
	"InvokeCommand":                {"SignatureDoesNotMatch 400", "Parameter.NotMatched 403", "ServiceUnavailable 503"},
	"StopInvocation":               {"InvalidSecurityToken.Expired 400", "InvokeId.NotFound 404"},
	"DescribeInvocations":          {"SignatureDoesNotMatch 400", "Forbidden.RAM 403"},
	"DescribeInvocationResults":    {"SignatureDoesNotMatch 400", "Forbidden.RAM 403", "InvalidParameter 400", "InternalError 500"},
	"DescribeCloudAssistantStatus": {"SignatureDoesNotMatch 400", "Forbidden.RAM 403"},
}

func TestNothingLeaks(t *testing.T) {
	// Collect what the SDKs print by themselves, too.
	printed := filepath.Join(t.TempDir(), "printed")
	file, err := os.Create(printed)
	if err != nil {
		t.Fatal(err)
	}
	stdout, stderr := os.Stdout, os.Stderr
	os.Stdout, os.Stderr = file, file
	log.SetOutput(file)
	defer func() {
		os.Stdout, os.Stderr = stdout, stderr
		log.SetOutput(stderr)
		text, err := os.ReadFile(printed)
		if err != nil || len(text) > 0 {
			t.Errorf("printed, not logged: %s, %v", text, err)
		}
		file.Close()
	}()
	t.Run("lives", func(t *testing.T) {
		for _, call := range fifth(t, refusals) {
			plans := map[string]fault.Fault{
				"cut":  {Mode: fault.CutAfter},
				"hang": {Mode: fault.HangBefore},
			}
			for _, c := range refusals[call] {
				code, status, _ := strings.Cut(c, " ")
				f := fault.Fault{Mode: fault.ErrorBefore, Code: code, Message: everySecret}
				if strings.HasPrefix(call, "Webhook") {
					f.Message = fmt.Sprintf(`{"errcode": 310000, "errmsg": %q}`, everySecret)
				}
				fmt.Sscan(status, &f.Status)
				plans[c] = f
			}
			for _, name := range some(t, call, slices.Sorted(maps.Keys(plans))) {
				f := plans[name]
				f.Call, f.Times = call, 3
				t.Run(call+"/"+name, func(t *testing.T) {
					t.Parallel()
					live(t, &f)
				})
			}
		}
		t.Run("no fault", func(t *testing.T) { t.Parallel(); live(t, nil) })
	})
}

// live lets an instance live through everything that handlers do, with a
// fault that strikes three times, and searches what it left.
func live(t *testing.T, f *fault.Fault) {
	var panics atomic.Bool
	r := rig.New(t, rig.Options{
		Flows: secretFlows, Timeout: patience, Impatient: true,
		Settings: func(s *handler.Settings) {
			s.Ledger.Pause = func(context.Context, int) {
				if panics.Load() {
					panic("secret-of-a-panic")
				}
			}
		},
		ECS: func(o *ecs.Options) { o.Delays.AbortAfter = time.Minute },
	})
	if f != nil && f.Mode == fault.HangBefore {
		r.Timeout = time.Second // for which a call to another service than Tablestore hangs
	}
	r.Restart()
	e := &ear{t: t}
	submit := func(o map[string]any) {
		o["instanceId"] = instanceID
		e.hear(r.SubmitTask(encode(o)))
	}
	script := func(name, content string) map[string]any {
		return map[string]any{"dedupeKey": "key of " + name, "run": map[string]any{
			"name": name, "type": "RunShellScript", "content": content + " # secret-of-a-script",
			"parameters": map[string]any{"p": "secret-of-a-parameter"},
		}}
	}
	r.Create(instanceID)
	saved := save(r, "true {{p}}")
	if f != nil {
		r.Faults.Add(*f)
	}
	submit(script("first", "true"))
	submit(map[string]any{"dedupeKey": "key of saved", "invoke": map[string]any{
		"commandId": saved, "parameters": map[string]any{"p": "secret-of-a-saved-command"},
	}})
	// Twice, so that one answer is a duplicate.
	beat := r.Boot(instanceID)
	e.hear(r.FirstHeartbeat(beat))
	submit(script("bad", "exit 3"))
	submit(script("bad", "exit 3"))
	began := filepath.Join(t.TempDir(), "began")
	submit(script("long", "touch "+began+"; sleep 5;")) // its cancel may fail
	if f == nil {
		// On a busy machine the cancel could come before the script begins.
		until("the long command", func() bool { _, err := os.Stat(began); return err == nil })
	}
	submit(map[string]any{"dedupeKey": "cancel", "cancel": map[string]any{"taskId": taskID("long")}})
	for _, payload := range []string{
		`{"secret-of-a-payload`, `{"specversion":"1.0","type":"ecs:CloudAssistant:TaskCompleted","data":{"instanceId":["secret-of-a-payload"]}}`,
		`{"instanceId":"i/secret-of-a-payload","priority":"secret-of-a-payload","run":{"type":"secret-of-a-payload"}}`,
		`{"run":{"name":"a","type":"RunShellScript","content":"#!/bin/secret-of-a-payload","parameters":{"p":"secret-of-a-payload"}}}`,
	} {
		e.hear(r.TaskCompleted([]byte(payload)))
		e.hear(r.FirstHeartbeat([]byte(payload)))
		e.hear(r.SubmitTask([]byte(payload)))
	}
	taken := 0
	// settled: every command that should end by now has, and its event is there.
	settled := func(long bool) func() bool {
		return func() bool {
			ended := 0
			for _, run := range r.ECS.Runs(instanceID) {
				name := r.Given(run.Name)
				switch {
				case !run.End.IsZero():
					ended++
				case long || name != "long":
					return false
				}
			}
			return taken+r.Pending(event.KindTaskCompleted) >= ended
		}
	}
	var refused [][]byte
	// give delivers an end, and again if that succeeds.
	give := func(end []byte) {
		for range 4 { // as often as the fault strikes, and once more
			out, err := r.TaskCompleted(end)
			e.hear(out, err)
			if err == nil {
				e.hear(r.TaskCompleted(end))
				return
			}
		}
		refused = append(refused, end)
	}
	ends := func(long bool, lost string) {
		before := refused
		refused = nil
		for _, end := range before {
			give(end)
		}
		for until("scripts to end", settled(long)); r.Pending(event.KindTaskCompleted) > 0; until("scripts to end", settled(long)) {
			end := r.Take(event.KindTaskCompleted)
			taken++
			if lost == "" || !strings.Contains(string(end), lost) {
				give(end)
			}
		}
	}
	// A sweep must ask for an end that no event reports.
	ends(false, `"saved"`)
	r.Advance(5 * time.Minute)
	e.hear(r.Sweep())
	for call := range refusals {
		if f == nil && r.Faults.Calls()[call] == 0 {
			t.Errorf("a life does not call %s, so it could not fail", call)
		}
	}

	// Wrong keys, and a panic, whatever the fault is.
	right := r.Key
	r.Key.Secret = "wrong-secret-key"
	e.hear(r.Sweep())
	e.hear(r.TaskCompleted(stranger("Failed", "ExitCodeNonzero", "3")))
	r.Key = right
	r.Faults.Clear()
	// The instance and the stops are read at the same time.
	r.Faults.Add(fault.Fault{Call: "GetRange", Mode: fault.ErrorBefore, Times: 2})
	panics.Store(true)
	e.hear(r.FirstHeartbeat(beat))
	if !strings.Contains(r.Log.String(), "panic of type") {
		t.Error("nothing panicked")
	}
	panics.Store(false)
	r.Faults.Clear()

	r.Timeout = patience
	again(t, func() (handler.Outcome, error) { return r.FirstHeartbeat(beat) })
	for round := 0; round < 12 && (round == 0 || len(refused)+len(rows(t, r, "aftercare_wakeups")) > 0); round++ {
		// The quota of a day may have to pass, too.
		r.Advance([]time.Duration{3 * time.Minute, 24 * time.Hour}[round/6])
		e.hear(r.Sweep())
		ends(true, "")
	}
	search(t, r, e)
	v := look(t, r)
	if f == nil && (len(v.ran) != 5 || len(v.alerts) != 3 || len(v.records.Tasks) != 5 ||
		len(rows(t, r, "aftercare_quarantine")) != 4) {
		t.Errorf("a life without a fault came to %s; log:\n%s", v, r.Log)
	}
	for _, run := range v.records.Runs {
		var steps []string
		for _, s := range run.Steps {
			steps = append(steps, s.ID+" "+s.Status)
		}
		if got := strings.Join(steps, ", "); f == nil && (got != secretSteps || run.Steps[0].OutputBytes == 0) {
			t.Errorf("the run's steps are %s, with %d bytes printed, want %s", got, run.Steps[0].OutputBytes, secretSteps)
		}
	}
}

// search looks for secrets in everything that a life left.
func search(t *testing.T, r *rig.Rig, e *ear) {
	t.Helper()
	found := func(where, text string) {
		for _, s := range secrets {
			if i := strings.Index(text, s); i >= 0 {
				t.Errorf("%s holds %q: …%s…", where, s, text[max(0, i-300):min(len(text), i+100)])
			}
		}
	}
	found("the log", r.Log.String())
	found("an answer", e.b.String())
	for table := range keys {
		for _, row := range rows(t, r, table) {
			if table == "aftercare_quarantine" {
				delete(row.columns, "payload") // it is kept for people to read
			}
			// A run's record keeps its flow as it was written, for a retry.
			found("a row of "+table, strings.ReplaceAll(row.String(), secretParameter, ""))
			if key := fmt.Sprint(row.key...); strings.Contains(key, "live/") && !counts.MatchString(key) {
				t.Errorf("the row %s of a task that has ended is left", key)
			}
		}
	}
	if t.Failed() {
		t.Logf("log:\n%s", r.Log)
	}
}
