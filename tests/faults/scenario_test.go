package faults_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/event"
	"aftercare/shared/flow"
	"aftercare/shared/handler"
	"aftercare/tests/localcloud/ecs"
	"aftercare/tests/localcloud/fault"
	"aftercare/tests/rig"
)

const instanceID = "i-sweep"

// scenario is one invocation whose calls fail, its preparation, and what must
// have come of it in the end.
type scenario struct {
	flows string
	// definitions are flows that are not allowed in a file.
	definitions []flow.Definition
	// abortAfter is how long the local ECS lets a command wait for an agent
	// that is gone; 0 means a minute.
	abortAfter time.Duration
	// prepare prepares the rig for the invocation, without faults.
	prepare func(r *rig.Rig)
	// invoke is the invocation; it may be repeated.
	invoke func(r *rig.Rig) (handler.Outcome, error)
	// ran are the commands that ran in the end, each once, in any order.
	ran []string
	// ends is how many executions are recorded, alerts how many different
	// alerts arrived.
	ends, alerts int
	// kept: people are told that something is in quarantine.
	kept int
	// boots is how many boots are counted.
	boots int64
	// submitted are commands of the preparation that run as soon as the
	// instance is up.
	submitted []string
	// beat is the heartbeat that the invocation handles, if it handles one.
	beat *kept
	// fresh: the instance has no rows before the invocation.
	fresh bool
	// readsNothing: the invocation reads no rows of the instance.
	readsNothing bool
}

const twoSteps = `
version: 1
flows:
  - name: follow
    on: task-completed
    when: event.commandName == "first" && event.invocationStatus == "Success"
    steps:
      - id: second
        run: {type: RunShellScript, content: "echo second"}
      - id: third
        run: {type: RunShellScript, content: "echo third $who", parameters: {who: "${{ event.instanceId }}"}}
`

const readsTheEvent = `
version: 1
flows:
  - name: follow
    on: task-completed
    captureEvent: true
    when: event.output == "printed" && event.commandName == "first"
    steps:
      - id: second
        run: {type: RunShellScript, content: 'test "$said" = printed', parameters: {said: "${{ event.output }}"}}
`

// kept remembers an event of a scenario's preparation for its invocation.
type kept struct{ payload []byte }

func scenarios() map[string]scenario {
	var end, badEnd, beat, followEnd, savedEnd, aborted kept
	var savedID string
	return map[string]scenario{
		"a submission to an instance that is not booted": {
			prepare:   func(r *rig.Rig) { r.Create(instanceID) },
			invoke:    submission("first", "true", 5),
			submitted: []string{"first"}, fresh: true,
		},
		"a submission to a bootable instance": {
			prepare: boot,
			invoke:  submission("first", "true", 5),
			ran:     []string{"first"}, ends: 1, boots: 1,
		},
		"a submission of a saved command": {
			prepare: func(r *rig.Rig) { boot(r); savedID = save(r, "true") },
			invoke:  func(r *rig.Rig) (handler.Outcome, error) { return savedSubmission(savedID, nil)(r) },
			ran:     []string{"saved"}, ends: 1, boots: 1,
		},
		"an end of a saved command whose invoke id is not stored": {
			flows: afterSaved,
			prepare: func(r *rig.Rig) {
				boot(r)
				r.CrashAt("InvokeCommand", fault.HangAfter)
				must(savedSubmission(save(r, "true"), nil)(r))
				r.Restart()
				savedEnd.payload = r.Take(event.KindTaskCompleted)
			},
			invoke: func(r *rig.Rig) (handler.Outcome, error) { return r.TaskCompleted(savedEnd.payload) },
			ran:    []string{"saved", "after/step"}, ends: 2, boots: 1,
		},
		"a first heartbeat with nothing queued": {
			prepare: func(r *rig.Rig) { r.Create(instanceID); beat.payload = r.Boot(instanceID) },
			invoke:  func(r *rig.Rig) (handler.Outcome, error) { return r.FirstHeartbeat(beat.payload) },
			boots:   1, beat: &beat, fresh: true,
		},
		"a first heartbeat with three tasks queued": {
			prepare: func(r *rig.Rig) {
				r.Create(instanceID)
				for i := range 3 {
					must(submission(fmt.Sprint("task", i), "true", i)(r))
				}
				beat.payload = r.Boot(instanceID)
			},
			invoke: func(r *rig.Rig) (handler.Outcome, error) { return r.FirstHeartbeat(beat.payload) },
			ran:    []string{"task0", "task1", "task2"}, ends: 3, boots: 1, beat: &beat,
		},
		"an end that nobody waits for": {
			prepare: func(r *rig.Rig) { end.payload = stranger("Success", "", "0") },
			invoke:  func(r *rig.Rig) (handler.Outcome, error) { return r.TaskCompleted(end.payload) },
			ends:    1, fresh: true,
		},
		"a bad end": {
			prepare: func(r *rig.Rig) { badEnd.payload = stranger("Failed", "ExitCodeNonzero", "3") },
			invoke:  func(r *rig.Rig) (handler.Outcome, error) { return r.TaskCompleted(badEnd.payload) },
			ends:    1, alerts: 1, fresh: true,
		},
		"an end that starts a flow of two steps": {
			flows: twoSteps,
			prepare: func(r *rig.Rig) {
				boot(r)
				must(submission("first", "true", 5)(r))
				followEnd.payload = r.Take(event.KindTaskCompleted)
			},
			invoke: func(r *rig.Rig) (handler.Outcome, error) { return r.TaskCompleted(followEnd.payload) },
			ran:    []string{"first", "follow/second", "follow/third"}, ends: 3, boots: 1,
		},
		"an end whose output a flow reads": {
			flows: readsTheEvent,
			prepare: func(r *rig.Rig) {
				boot(r)
				must(submission("first", "echo printed", 5)(r))
				followEnd.payload = r.Take(event.KindTaskCompleted)
			},
			invoke: func(r *rig.Rig) (handler.Outcome, error) { return r.TaskCompleted(followEnd.payload) },
			ran:    []string{"first", "follow/second"}, ends: 2, boots: 1,
		},
		"a sweep that finds a claim whose invocation died": {
			prepare: func(r *rig.Rig) {
				boot(r)
				// The invocation dies when it has claimed, before it sends.
				r.CrashAt("RunCommand", fault.HangBefore)
				must(submission("first", "true", 5)(r))
				r.Restart()
				r.Advance(10 * time.Minute)
			},
			invoke: func(r *rig.Rig) (handler.Outcome, error) { return r.Sweep() },
			ran:    []string{"first"}, ends: 1, boots: 1,
		},
		"a sweep that finds a command sent by an invocation that died": {
			prepare: func(r *rig.Rig) {
				boot(r)
				r.CrashAt("RunCommand", fault.HangAfter)
				must(submission("first", "sleep 0.1", 5)(r))
				r.Restart()
				r.Advance(10 * time.Minute)
			},
			invoke: func(r *rig.Rig) (handler.Outcome, error) { return r.Sweep() },
			ran:    []string{"first"}, ends: 1, boots: 1,
		},
		"a cancel of a running task": {
			prepare: func(r *rig.Rig) {
				boot(r)
				must(submission("first", rig.Sleeper, 5)(r))
				until("the script to begin", func() bool { return r.Begun() == 1 })
			},
			invoke: func(r *rig.Rig) (handler.Outcome, error) {
				return r.SubmitTask(encode(map[string]any{
					"dedupeKey": "cancel-first", "instanceId": instanceID,
					"cancel": map[string]any{"taskId": taskID("first")},
				}))
			},
			ran: []string{"first"}, ends: 1, boots: 1,
		},
		"an end of a script that never started": {
			abortAfter: time.Second,
			prepare: func(r *rig.Rig) {
				boot(r)
				mustDo(r.ECS.Stop(instanceID))
				must(submission("first", "true", 5)(r))
				aborted.payload = r.Take(event.KindTaskCompleted)
				// ECS says in which second it heard from the agent.
				time.Sleep(time.Until(time.Now().Truncate(time.Second).Add(time.Second)))
				r.Boot(instanceID) // its heartbeat is lost
			},
			invoke: func(r *rig.Rig) (handler.Outcome, error) { return r.TaskCompleted(aborted.payload) },
			ran:    []string{"first"}, ends: 2, boots: 1,
		},
		"a sweep that finds a command first sent too long ago": {
			prepare: func(r *rig.Rig) {
				boot(r)
				r.CrashAt("RunCommand", fault.HangBefore)
				must(submission("first", "true", 5)(r))
				r.Restart()
				r.Advance(2 * time.Hour)
			},
			invoke: func(r *rig.Rig) (handler.Outcome, error) { return r.Sweep() },
			alerts: 1, boots: 1,
		},
		"a sweep that finds a task whose end no event reported": {
			prepare: func(r *rig.Rig) {
				boot(r)
				must(submission("first", "true", 5)(r))
				r.Take(event.KindTaskCompleted)
				r.Advance(time.Hour)
			},
			invoke: func(r *rig.Rig) (handler.Outcome, error) { return r.Sweep() },
			ran:    []string{"first"}, ends: 1, boots: 1,
		},
		"a sweep that finds a task expired": {
			prepare: func(r *rig.Rig) {
				r.Create(instanceID)
				must(submission("first", "true", 5)(r))
				r.Advance(8 * 24 * time.Hour)
			},
			invoke: func(r *rig.Rig) (handler.Outcome, error) { return r.Sweep() },
			alerts: 1,
		},
		"a malformed payload": {
			prepare: func(r *rig.Rig) {},
			invoke:  func(r *rig.Rig) (handler.Outcome, error) { return r.TaskCompleted([]byte(`{"cut`)) },
			kept:    1, readsNothing: true,
		},
	}
}

func boot(r *rig.Rig) {
	r.Create(instanceID)
	must(r.FirstHeartbeat(r.Boot(instanceID)))
}

// submission submits a command under a key of its own, so that repeating it
// is a duplicate.
func submission(name, content string, priority int) func(*rig.Rig) (handler.Outcome, error) {
	return func(r *rig.Rig) (handler.Outcome, error) {
		return r.SubmitTask(encode(submissionOf(name, content, priority)))
	}
}

func submissionOf(name, content string, priority int) map[string]any {
	return map[string]any{
		"dedupeKey": "key of " + name, "instanceId": instanceID, "priority": priority,
		"run": map[string]any{"name": name, "type": "RunShellScript", "content": content},
	}
}

// taskID is the id of the task that submission made.
func taskID(name string) string {
	return decide.Key("task", decide.Key("submission", "dedupeKey", "key of "+name), instanceID)
}

// stranger is the end of a command that somebody else started.
func stranger(status, code, exit string) []byte {
	return strangerOf("t-stranger", status, code, exit)
}

func strangerOf(invokeID, status, code, exit string) []byte {
	now := time.Now().UTC().Format(time.RFC3339)
	return encode(map[string]any{
		"id": "event-" + invokeID, "source": "acs.ecs", "specversion": "1.0", "type": "ecs:CloudAssistant:TaskCompleted",
		"aliyunaccountid": rig.Account, "aliyunregionid": rig.Region, "time": now,
		"data": map[string]any{
			"instanceId": instanceID, "invokeId": invokeID, "commandId": "c-stranger", "commandName": "stranger " + invokeID,
			"invocationStatus": status, "errorCode": code, "exitCode": exit, "repeatMode": "Once", "repeats": "1",
			"startTime": now, "finishTime": now,
		},
	})
}

func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

func mustDo(err error) {
	if err != nil {
		panic(err)
	}
}

func must(_ handler.Outcome, err error) {
	if err != nil {
		panic(err)
	}
}

// patience is the time limit of invocations that meet no fault.
const patience = time.Minute

func newRig(t *testing.T, s scenario) *rig.Rig {
	if s.abortAfter == 0 {
		s.abortAfter = time.Minute
	}
	return rig.New(t, rig.Options{
		Flows: s.flows, Definitions: s.definitions, Timeout: patience, Impatient: true,
		ECS: func(o *ecs.Options) { o.Delays.AbortAfter = s.abortAfter },
	})
}
