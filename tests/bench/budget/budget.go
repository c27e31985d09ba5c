// Package budget is the table of budgets: for each kind of input, the calls that
// it may cost, and how to produce such an input. The test of the calls and the
// benchmark share it.
package budget

import (
	"fmt"
	"slices"
	"time"

	"aftercare/shared/handler"
	"aftercare/tests/bench/wire"
	"aftercare/tests/rig"
)

// The functions, by the names of their folders.
const (
	TaskCompleted  = "task-completed"
	FirstHeartbeat = "first-heartbeat"
	SubmitTask     = "submit-task"
	Sweep          = "sweep"
	DeadLetters    = "dead-letters"
)

// Functions lists the functions that are measured.
var Functions = []string{TaskCompleted, FirstHeartbeat, SubmitTask, Sweep}

// Row is one row of the table.
type Row struct {
	Name     string
	Function string
	// Tablestore limits the calls of Tablestore one after another for one input,
	// ECS the calls of Cloud Assistant.
	Tablestore, ECS int
	// Path lists those Tablestore calls, in order.
	Path []string
	// Beside lists the Tablestore calls that run in parallel to Path, sorted by
	// name.
	Beside []string
	// Own lists the Tablestore calls that the function makes once for all inputs
	// of an invocation.
	Own []string
	// Sent lists the calls of Cloud Assistant, in order.
	Sent []string
	// Wakes: the function alerts is invoked, once and last of all.
	Wakes bool
	// Timeout is the function's; 0 means 10 s.
	Timeout time.Duration
	// Prepare brings the rig to the state in which the input arrives, and
	// returns the function's payload.
	Prepare func(r *rig.Rig) []byte
}

// Calls are the calls of one invocation, sorted into the fields of a Row.
type Calls struct {
	Path, Beside, Own, Sent []string
	// Woken lists the invocations of other functions, After the calls behind them.
	Woken, After []string
}

// Count returns how many calls there are in all.
func (c Calls) Count() int {
	return len(c.Path) + len(c.Beside) + len(c.Own) + len(c.Sent) + len(c.Woken)
}

// Sort sorts an invocation's calls into the fields of a Row.
func Sort(calls []wire.Call) Calls {
	var out Calls
	for _, c := range calls {
		name := c.String()
		if len(out.Woken) > 0 {
			out.After = append(out.After, name)
		}
		switch {
		case c.Service == wire.Functions:
			out.Woken = append(out.Woken, name)
		case c.Service == wire.ECS:
			out.Sent = append(out.Sent, name)
		case name == due, name == noted:
			out.Own = append(out.Own, name)
		// Texts are read, and a newer success is looked for, beside the wake-up.
		case c.Table == "shared", name == texts, name == newer, name == listed:
			out.Beside = append(out.Beside, name)
		default:
			out.Path = append(out.Path, name)
		}
	}
	slices.Sort(out.Beside) // they arrive in any order
	return out
}

// Differences says in which calls an invocation differs from the row; empty if
// in none.
func (r Row) Differences(c Calls) []string {
	var out []string
	for _, part := range []struct {
		what      string
		got, want []string
	}{
		{"Tablestore calls in order", c.Path, r.Path},
		{"Tablestore calls in parallel", c.Beside, r.Beside},
		{"Tablestore calls of the function itself", c.Own, r.Own},
		{"calls of Cloud Assistant", c.Sent, r.Sent},
		{"calls of Function Compute", c.Woken, slices.Repeat([]string{wake}, map[bool]int{true: 1}[r.Wakes])},
		{"calls after that", c.After, nil},
	} {
		if !slices.Equal(part.got, part.want) {
			out = append(out, fmt.Sprintf("%s: %v, want %v", part.what, part.got, part.want))
		}
	}
	return out
}

// Call invokes the row's function in the rig.
func (r Row) Call(to *rig.Rig, payload []byte) (handler.Outcome, error) {
	switch r.Function {
	case TaskCompleted:
		return to.TaskCompleted(payload)
	case FirstHeartbeat:
		return to.FirstHeartbeat(payload)
	case SubmitTask:
		return to.SubmitTask(payload)
	case DeadLetters:
		return to.DeadLetters(payload)
	}
	return to.Sweep()
}

// Flows is the flows file for all rows. The command "one" starts one flow, the
// command "three" three, and "critical" one that only alerts.
const Flows = `version: 1
flows:
  - name: follow-one
    on: task-completed
    when: event.commandName == "one" && event.invocationStatus == "Success"
    steps:
      - id: collect
        run: {type: RunShellScript, content: "echo $host", parameters: {host: "${{ event.instanceId }}"}}
  - name: follow-three-first
    on: task-completed
    when: event.commandName == "three" && event.invocationStatus == "Success"
    steps: [{id: step, run: {type: RunShellScript, content: "echo first"}}]
  - name: follow-three-second
    on: task-completed
    when: event.commandName == "three" && event.invocationStatus == "Success"
    steps: [{id: step, run: {type: RunShellScript, content: "echo second"}}]
  - name: follow-three-third
    on: task-completed
    when: event.commandName == "three" && event.invocationStatus == "Success"
    steps: [{id: step, run: {type: RunShellScript, content: "echo third"}}]
  - name: tell
    on: task-completed
    when: event.commandName == "critical"
    steps: [{id: page, alert: "It ended.", severity: critical}]
`

const instanceID = "i-bp67acfmxazb4ph00001"

// boot creates an instance and boots it. A sweep has learned what it is.
func boot(r *rig.Rig) {
	r.Create(instanceID)
	must(r.FirstHeartbeat(r.Boot(instanceID)))
	r.Advance(10 * time.Minute)
	must(r.Sweep())
}

// end returns the event of the end of a command that others started.
func end(name, status, code, exit string) []byte {
	return End(Ended{Instance: instanceID, Invoke: "t-hz01zb4ph00001", Name: name, Status: status, Code: code, Exit: exit})
}

// submission returns a payload of submit-task.
func submission(name, key string) []byte {
	return Submission{Key: key, Instances: []string{instanceID}, Name: name, Content: "echo " + name}.Payload()
}

func must(out handler.Outcome, err error) {
	if err != nil || len(out.Items) == 0 {
		panic(fmt.Sprintf("prepare a row: %+v, %v", out, err))
	}
}
