package faults_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aliyun/alibaba-cloud-sdk-go/sdk"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/auth/credentials"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/requests"

	"aftercare/shared/decide"
	"aftercare/shared/event"
	"aftercare/shared/handler"
	"aftercare/tests/localcloud/ecs"
	"aftercare/tests/localcloud/fault"
	"aftercare/tests/rig"
)

// callECS makes a call as the console or another tool would, and returns one
// field of the answer.
func callECS(r *rig.Rig, action, field string, params map[string]string) string {
	client, err := sdk.NewClientWithOptions(rig.Region, sdk.NewConfig().WithScheme("HTTP").WithAutoRetry(false),
		credentials.NewStsTokenCredential(r.Key.ID, r.Key.Secret, r.Key.Token))
	mustDo(err)
	defer client.Shutdown()
	request := requests.NewCommonRequest()
	request.Method, request.Scheme, request.Domain = requests.POST, "HTTP", r.ECS.Endpoint()
	request.Version, request.ApiName = "2014-05-26", action
	request.FormParams = params
	request.SetReadTimeout(time.Minute) // the SDK's own is too short for a busy machine
	response, err := client.ProcessCommonRequest(request)
	mustDo(err)
	var answer map[string]any
	mustDo(json.Unmarshal(response.GetHttpContentBytes(), &answer))
	text, _ := answer[field].(string)
	if text == "" {
		panic(fmt.Sprintf("%s answered %v, without %s", action, answer, field))
	}
	return text
}

// save saves a command under the name "saved" and returns its id.
func save(r *rig.Rig, content string) string {
	return callECS(r, "CreateCommand", "CommandId", map[string]string{
		"Name": "saved", "Type": "RunShellScript", "CommandContent": content, "ContentEncoding": "PlainText", "EnableParameter": "true",
	})
}

// savedSubmission submits a saved command.
func savedSubmission(commandID string, parameters map[string]string) func(*rig.Rig) (handler.Outcome, error) {
	return func(r *rig.Rig) (handler.Outcome, error) {
		return r.SubmitTask(encode(map[string]any{
			"dedupeKey": "key of saved", "instanceId": instanceID,
			"invoke": map[string]any{"commandId": commandID, "parameters": parameters},
		}))
	}
}

const afterSaved = `
version: 1
flows:
  - name: after
    on: task-completed
    when: event.commandName == "saved"
    steps:
      - id: step
        run: {type: RunShellScript, content: "echo after $by", parameters: {by: "${{ event.invokeId }}"}}
`

// ranAs returns the runs of a command on the instance, by the command's name.
func ranAs(r *rig.Rig, name string) []ecs.Run {
	var out []ecs.Run
	for _, run := range r.ECS.Runs(instanceID) {
		if r.Given(run.Name) == name {
			out = append(out, run)
		}
	}
	return out
}

func TestASavedCommandRunsWithItsParameters(t *testing.T) {
	t.Parallel()
	r := newRig(t, scenario{flows: afterSaved})
	boot(r)
	id := save(r, "echo hello {{who}}")
	must(savedSubmission(id, map[string]string{"who": "world"})(r))
	finish(t, r)
	s := scenario{ran: []string{"saved", "after/step"}, ends: 2, boots: 1}
	v := look(t, r)
	check(t, v, s, "in the end")
	saved := ranAs(r, "saved")[0]
	if got := strings.TrimSpace(saved.Output); got != "hello world" {
		t.Errorf("the command printed %q, want hello world", got)
	}
	task := endedTask(t, v, taskID("saved"))
	if task.State != decide.TaskSucceeded || task.InvokeID != saved.InvokeID || task.Name != id {
		t.Errorf("task %+v, want it succeeded as %s", task, saved.InvokeID)
	}
}

func endedTask(t *testing.T, v view, id string) decide.Task {
	t.Helper()
	for _, task := range v.records.Tasks {
		if task.ID == id {
			return task
		}
	}
	t.Fatalf("no task %s has ended: %+v", id, v.records.Tasks)
	return decide.Task{}
}

// TestTheEndOfASavedCommandFindsItsTaskByTheTag: the end arrives although the
// invoke id was never stored, because the invocation died right after its send.
// (decide rule 62)
func TestTheEndOfASavedCommandFindsItsTaskByTheTag(t *testing.T) {
	t.Parallel()
	r := newRig(t, scenario{flows: afterSaved})
	boot(r)
	r.CrashAt("InvokeCommand", fault.HangAfter)
	must(savedSubmission(save(r, "true"), nil)(r))
	r.Restart()
	must(r.TaskCompleted(r.Take(event.KindTaskCompleted)))
	if task := endedTask(t, look(t, r), taskID("saved")); task.State != decide.TaskSucceeded {
		t.Errorf("task %+v, want it succeeded at once", task)
	}
	if got := r.Faults.Calls()["DescribeInvocations"]; got != 1 {
		t.Errorf("DescribeInvocations was called %d times, want once", got)
	}
	finish(t, r)
	check(t, look(t, r), scenario{ran: []string{"saved", "after/step"}, ends: 2, boots: 1}, "in the end")
}

// TestAnEndWhoseTaskIsUnknownWaitsForIt: DescribeInvocations does not answer
// either.
// (decide rule 62)
func TestAnEndWhoseTaskIsUnknownWaitsForIt(t *testing.T) {
	for _, content := range []string{"true", "exit 3"} {
		for _, mode := range some(t, content, fault.Modes) {
			t.Run(content+", "+string(mode), func(t *testing.T) {
				t.Parallel()
				s := scenario{ran: []string{"saved", "after/step"}, ends: 2, boots: 1}
				want := decide.TaskSucceeded
				if content != "true" {
					s.alerts, want = 1, decide.TaskFailed
				}
				r := newRig(t, scenario{flows: afterSaved})
				boot(r)
				r.CrashAt("InvokeCommand", fault.HangAfter)
				must(savedSubmission(save(r, content), nil)(r))
				r.Restart()
				end := r.Take(event.KindTaskCompleted)
				r.Faults.Add(fault.Fault{Call: "DescribeInvocations", Times: -1, Mode: mode})
				if mode == fault.HangBefore || mode == fault.HangAfter {
					r.Timeout = 5 * time.Second
				}
				out, err := r.TaskCompleted(end)
				if err != nil || out.Items[0].Result != handler.ResultRecorded {
					t.Fatalf("the end was answered %+v, %v; log:\n%s", out, err, r.Log)
				}
				v := look(t, r)
				if len(v.state.Unmatched) != 1 || len(v.records.Executions) != 1 || len(v.records.Tasks) != 0 || len(v.state.Runs) != 0 {
					t.Errorf("state %+v, records %+v, want the end recorded and waiting, and no flow started", v.state, v.records)
				}
				r.Faults.Clear()
				r.Timeout = patience
				again(t, func() (handler.Outcome, error) { return r.TaskCompleted(end) })
				r.Advance(5 * time.Minute)
				finish(t, r)
				v = look(t, r)
				check(t, v, s, "in the end")
				if task := endedTask(t, v, taskID("saved")); task.State != want || len(v.state.Unmatched) != 0 {
					t.Errorf("task %+v and %v waiting, want it %s", task, v.state.Unmatched, want)
				}
				// By fingerprint: in the 5 s, an alert can arrive and its answer
				// come too late, and then it is sent once more.
				if n := len(v.alerts); n != s.alerts {
					t.Errorf("%d alerts arrived, want %d", n, s.alerts)
				}
			})
		}
	}
}

// TestAStrangersSavedCommandIsAStrangers: somebody else invokes the same saved
// command while it is not known whether Aftercare's own was accepted.
func TestAStrangersSavedCommandIsAStrangers(t *testing.T) {
	for name, answers := range map[string]bool{"recognized at once": true, "recognized when the own one is found": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, scenario{flows: afterSaved})
			boot(r)
			id := save(r, "true")
			r.CrashAt("InvokeCommand", fault.HangBefore)
			must(savedSubmission(id, nil)(r))
			r.Restart()
			stranger := callECS(r, "InvokeCommand", "InvokeId", map[string]string{"CommandId": id, "InstanceId.1": instanceID})
			if !answers {
				r.Faults.Add(fault.Fault{Call: "DescribeInvocations", Times: -1, Mode: fault.ErrorBefore})
			}
			must(r.TaskCompleted(r.Take(event.KindTaskCompleted)))
			v := look(t, r)
			if (len(v.state.Unmatched) == 1) == answers || v.state.Tasks[taskID("saved")].State != decide.TaskReleasing {
				t.Errorf("state %+v, want the end waiting: %v, and the task releasing", v.state, !answers)
			}
			r.Faults.Clear()
			r.Advance(5 * time.Minute)
			finish(t, r)
			v = look(t, r)
			if saved, after := ranAs(r, "saved"), ranAs(r, "after/step"); len(saved) != 2 || len(after) != 2 {
				t.Fatalf("ran %+v and %+v, want two saved commands and two flows; log:\n%s", saved, after, r.Log)
			}
			task := endedTask(t, v, taskID("saved"))
			if task.State != decide.TaskSucceeded || task.InvokeID == stranger || task.InvokeID == "" {
				t.Errorf("task %+v, want it succeeded, and not as the stranger's %s", task, stranger)
			}
			for _, e := range v.records.Executions {
				if e.Event.InvokeID == stranger && e.TaskID != "" {
					t.Errorf("the stranger's execution is recorded as task %s's", e.TaskID)
				}
			}
			chains := map[string]bool{}
			for _, run := range v.records.Runs {
				chains[strings.Join(run.Chain, " ")+" "+run.Result] = true
			}
			if len(v.records.Runs) != 2 || !chains["after succeeded"] || len(chains) != 1 || len(v.state.Sends)+len(v.state.Messages)+len(v.state.Tasks)+len(v.state.Unmatched) != 0 {
				t.Errorf("flows %+v, state %+v, want two flows that succeeded, and nothing open", v.records.Runs, v.state)
			}
		})
	}
}
