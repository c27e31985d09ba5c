package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aliyun/fc-runtime-go-sdk/fccontext"
	"github.com/rogpeppe/go-internal/testscript"

	"aftercare/shared/decide"
	"aftercare/shared/event"
	"aftercare/shared/handler"
	"aftercare/tests/localcloud/access"
	"aftercare/tests/localcloud/ecs"
	"aftercare/tests/localcloud/fault"
	"aftercare/tests/localcloud/ram"
	"aftercare/tests/localcloud/sls"
	"aftercare/tests/localcloud/tablestore"
	"aftercare/tests/rig"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"aftercare": main})
}

// TestScripts plays the scripts of testdata against local Tablestores:
// one that Aftercare has worked with, and with each script two without tables, of
// which the second refuses atomic batches beside lists. With -short it plays half
// of the scripts, which are drawn; each runs alone, too, by its name.
func TestScripts(t *testing.T) {
	scripts, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	if testing.Short() {
		rand.Shuffle(len(scripts), func(i, j int) { scripts[i], scripts[j] = scripts[j], scripts[i] })
		scripts = scripts[len(scripts)/2:]
	}
	r := worked(t)
	fc := functionCompute(t, r)
	bridge := subscribedBy(t, r, bridgeOf(t, r))
	key := access.Key{ID: "LTAIscript", Secret: "script-secret-key"}
	testscript.Run(t, testscript.Params{
		Files: scripts,
		// "code N PROGRAM ..." wants an exit code.
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"eventbridge": byHand, "logged": logged, "code": func(ts *testscript.TestScript, _ bool, args []string) {
			got := 0
			var failed *exec.ExitError
			if err := ts.Exec(args[1], args[2:]...); errors.As(err, &failed) {
				got = failed.ExitCode()
			} else if err != nil {
				ts.Fatalf("run %s: %v", args[1], err)
			}
			if fmt.Sprint(got) != args[0] {
				ts.Fatalf("exit code %d, want %s", got, args[0])
			}
		}},
		Setup: func(env *testscript.Env) error {
			r, fc, bridge := r, fc, bridge
			if script := filepath.Base(env.WorkDir); slices.Contains([]string{"script-stop", "script-retry", "script-redrive", "script-sweep"}, script) { // they would stop or start what others look at
				r = worked(t)
				if script == "script-sweep" {
					r.Advance(10 * time.Minute) // so that something is due
				}
				fc = functionCompute(t, r)
				quarantine(t, r)
				deadLetters(t, r)
			}
			if script := filepath.Base(env.WorkDir); script == "script-silence" || script == "script-alerts-list" {
				r = alerted(t)
				fc = functionCompute(t, r)
			}
			if filepath.Base(env.WorkDir) == "script-subscribe" {
				bridge = bridgeOf(t, r)
				env.Vars = append(env.Vars, variableAccount+"="+account)
			}
			var fresh [2]*tablestore.Server
			for i := range fresh {
				var err error
				fresh[i], err = tablestore.Start(tablestore.Options{Keys: access.NewKeys(key), NoAtomicBatchOnIndexes: i == 1})
				if err != nil {
					return err
				}
				env.Defer(func() { fresh[i].Close() })
			}
			keys := credentials(t, r)
			accepted := access.NewKeys(access.Key{ID: keys.AccessKeyId, Secret: keys.AccessKeySecret, Token: keys.SecurityToken})
			roles, err := ram.Start(ram.Options{Keys: accepted})
			if err != nil {
				return err
			}
			env.Defer(func() { roles.Close() })
			logs, err := sls.Start(sls.Options{Keys: accepted, Taken: []string{"taken"}})
			if err != nil {
				return err
			}
			env.Defer(func() { logs.Close() })
			env.Values["logs"] = logs
			env.Vars = append(env.Vars,
				"AFTERCARE_TABLESTORE_ENDPOINT="+r.Tables.Endpoint(), "AFTERCARE_TABLESTORE_INSTANCE=rig",
				"ALIBABA_CLOUD_ACCESS_KEY_ID="+keys.AccessKeyId, "ALIBABA_CLOUD_ACCESS_KEY_SECRET="+keys.AccessKeySecret,
				"ALIBABA_CLOUD_SECURITY_TOKEN="+keys.SecurityToken,
				"AFTERCARE_ECS_ENDPOINT="+r.Settings.ECSEndpoint, "AFTERCARE_FC_ENDPOINT="+fc, "ALIBABA_CLOUD_REGION_ID="+rig.Region,
				"AFTERCARE_RAM_ENDPOINT="+roles.Endpoint(), "AFTERCARE_SLS_ENDPOINT="+logs.Endpoint(), variableEvents+"="+bridge.Endpoint(), "ACCOUNT="+account,
				"FRESH_ENDPOINT="+fresh[0].Endpoint(), "REFUSING_ENDPOINT="+fresh[1].Endpoint(), "FRESH_ID="+key.ID, "FRESH_SECRET="+key.Secret,
				"TODAY="+r.Now().Format(time.DateOnly), "TURN=turned\u202e",
				// The race detector would keep each process for a second.
				"GORACE=atexit_sleep_ms=0",
			)
			return nil
		},
	})
}

// quarantine puts in what an older version could not read: an end, and
// submissions with and without a dedupeKey.
func quarantine(t *testing.T, r *rig.Rig) {
	for payload, function := range map[string]string{
		`{"instanceId":"i-web-2","invokeId":"t-older","invocationStatus":"Success"}`:                                   "task-completed",
		`{"instanceId":"i-act-1","run":{"name":"once","type":"RunShellScript","content":"true"}}`:                      "submit-task",
		`{"instanceId":"i-act-2","dedupeKey":"older","run":{"name":"older","type":"RunShellScript","content":"true"}}`: "submit-task",
		`{"instanceId":"i-act-3","dedupeKey":"wrong","ruin":{}}`:                                                       "submit-task",
	} {
		if err := r.Ledger().Quarantine(t.Context(), function, []byte(payload), "not understood", r.Now()); err != nil {
			t.Fatal(err)
		}
	}
}

// deadLetters lets the function dead-letters keep an end, a submission twice, once in
// an event and once as Function Compute reports what failed, and an event that no
// function takes.
func deadLetters(t *testing.T, r *rig.Rig) {
	const submission = `{"instanceId":"i-act-1","dedupeKey":"dead","run":{"name":"dead","type":"RunShellScript","content":"true"}}`
	for _, message := range []string{
		`{"rule":"ends","event":{"id":"e-kept","source":"acs.ecs","specversion":"1.0","type":"ecs:CloudAssistant:TaskCompleted","data":{"instanceId":"i-web-2","invokeId":"t-kept","invocationStatus":"Success"}}}`,
		`{"id":"e-submitted","source":"ci","specversion":"1.0","type":"aftercare:Task:Submit","data":` + submission + `}`,
		`{"requestContext":{"functionArn":"acs:fc:cn-hangzhou:1:functions/aftercare-submit-task"},"requestPayload":` + string(encode(submission)) + `}`,
		`{"id":"e-other","source":"acs.ecs","specversion":"1.0","type":"ecs:Disk:Attached","data":{}}`,
	} {
		if _, err := r.DeadLetters([]byte(message)); err != nil {
			t.Fatal(err)
		}
	}
}

// credentials are the keys with which the rig's functions work.
func credentials(t *testing.T, r *rig.Rig) fccontext.Credentials {
	t.Helper()
	ctx, cancel := r.Context()
	defer cancel()
	fctx, ok := fccontext.FromContext(ctx)
	if !ok {
		t.Fatal("the rig's context has no credentials")
	}
	return fctx.Credentials
}

const flows = `
version: 1
flows:
  - name: look-after
    on: task-completed
    when: event.commandName == "urgent" && event.invocationStatus == "Success" && instance.bootSeq == 1
    steps:
      - id: look
        run: {type: RunShellScript, content: "echo looked-at-secret"}
`

// worked is a rig after some work. i-web-1 has booted; the task urgent
// succeeded there and was followed by a flow, slow failed with exit code 3,
// long is running, and stuck was claimed by an invocation that died. i-web-2
// is down, with two tasks in its queue; the name of one would turn a
// terminal's text around. The instances act-… and can-… are there, and did
// nothing. A payload is in quarantine. The breaker of the flow is
// open, that of another was.
func worked(t *testing.T) *rig.Rig {
	t.Helper()
	return workedWith(t, "waiting\u202e")
}

// workedWith is worked with a name for the task that may turn the text around.
func workedWith(t *testing.T, waiting string) *rig.Rig {
	t.Helper()
	r := rig.New(t, rig.Options{Flows: flows})
	submit := func(instance, name, content string, priority int) {
		out, err := r.SubmitTask(encode(map[string]any{
			"dedupeKey": instance + "/" + name, "instanceId": instance, "priority": priority,
			"run": map[string]any{
				"name": name, "type": "RunShellScript", "content": content,
				"parameters": map[string]any{"password": "parameter-secret"},
			},
		}))
		if err == nil && (len(out.Items) != 1 || out.Items[0].Result != handler.ResultAccepted) {
			err = fmt.Errorf("submission of %s: %+v", name, out)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	r.Create("i-web-1")
	r.Create("i-web-2")
	for _, name := range []string{"act-1", "act-2", "act-3", "can-1", "can-2"} {
		role, _, _ := strings.Cut(name, "-")
		if err := r.ECS.CreateInstance(ecs.Instance{ID: "i-" + name, Name: name, Tags: map[string]string{"role": role}}); err != nil {
			t.Fatal(err)
		}
	}
	submit("i-web-1", "slow", "echo script-secret; exit 3", 1)
	submit("i-web-1", "urgent", "echo disk full; echo password=hush # script-secret", 9)
	submit("i-web-2", waiting, "echo script-secret", 5)
	submit("i-web-2", "first", "echo script-secret", 9)
	must(t)(r.FirstHeartbeat(r.Boot("i-web-1")))
	for range 3 {
		must(t)(r.TaskCompleted(r.Take(event.KindTaskCompleted)))
	}
	submit("i-web-1", "long", "sleep 300", 5)
	r.CrashAt("RunCommand", fault.HangBefore)
	submit("i-web-1", "stuck", "echo script-secret", 5)
	r.Restart()
	must(t)(r.TaskCompleted([]byte("{\"cut\n")))
	must(t)(r.Sweep())
	for flow, until := range map[string]time.Duration{"look-after": time.Hour, "look-over": -time.Minute} {
		b := decide.Breaker{
			Flow: flow, Key: flow, OpenedAt: r.Now().Add(-time.Hour), ResumeAt: r.Now().Add(until), Failures: 7,
		}
		if _, err := r.Ledger().OpenBreaker(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

func must(t *testing.T) func(handler.Outcome, error) {
	return func(_ handler.Outcome, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
}
