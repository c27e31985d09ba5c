package budget

import (
	"fmt"
	"slices"
	"time"

	"aftercare/tests/localcloud/fault"
	"aftercare/tests/rig"
)

// The names of the calls in a Row.
const (
	load   = "GetRange instances"
	commit = "BatchWriteRow instances"
	lookUp = "GetRow instances"
	arm    = "PutRow wakeups"
	alert  = "PutRow alerts"
	keep   = "PutRow quarantine"
	disarm = "DeleteRow wakeups"
	shared = "GetRange shared"
	texts  = "BatchGetRow instances"
	newer  = "GetRange timeline"
	listed = "GetRange history"
	due    = "GetRange wakeups"
	run    = "RunCommand"
	find   = "DescribeInvocations"
	agent  = "DescribeCloudAssistantStatus"
	known  = "DescribeInstances"
	noted  = "PutRow shared"
	wake   = "InvokeFunction"
)

// sweeping are the calls of each sweep: it reads the shards of the wake-ups, and notes
// its end. Beside them it reads the submissions that are left, and the concerns.
var sweeping = append(slices.Repeat([]string{due}, 8), noted)

// Rows lists the rows of the table. They come from DESIGN.md, section 8.
func Rows() []Row {
	rows := []Row{
		{
			Name: "execution, no flow, no alert", Function: TaskCompleted, Tablestore: 2,
			Path: []string{load, commit}, Beside: []string{shared},
			Prepare: func(*rig.Rig) []byte { return end("other", "Success", "", "0") },
		},
		{
			Name: "duplicate", Function: TaskCompleted, Tablestore: 3,
			Path: []string{load, commit, lookUp}, Beside: []string{shared},
			Prepare: func(r *rig.Rig) []byte {
				payload := end("other", "Success", "", "0")
				must(r.TaskCompleted(payload))
				return payload
			},
		},
		followUps(1, "one"),
		followUps(3, "three"),
		{
			Name: "execution with an alert", Function: TaskCompleted, Tablestore: 5,
			Path: []string{load, arm, commit, alert, commit}, Beside: []string{shared, newer},
			Prepare: func(*rig.Rig) []byte { return end("other", "Failed", "ExitCodeNonzero", "3") },
		},
		{
			// The wake-up learns what the instance is.
			Name: "heartbeat, empty queue", Function: FirstHeartbeat, Tablestore: 3,
			Path: []string{load, arm, commit}, Beside: []string{shared},
			Prepare: func(r *rig.Rig) []byte { r.Create(instanceID); return r.Boot(instanceID) },
		},
		queued(1), queued(20), queued(41),
		{
			Name: "submit to a bootable instance", Function: SubmitTask, Tablestore: 4, ECS: 1,
			Path: []string{load, arm, commit, commit}, Beside: []string{shared}, Sent: []string{run},
			Prepare: func(r *rig.Rig) []byte { boot(r); return submission("check", "key") },
		},
		{
			Name: "submit to a waiting instance", Function: SubmitTask, Tablestore: 3,
			// The first submission's wake-up is due too early for an invocation
			// that may take two minutes to rely on it.
			Path: []string{load, arm, commit}, Beside: []string{shared}, Timeout: 2 * time.Minute,
			Prepare: func(r *rig.Rig) []byte {
				r.Create(instanceID)
				must(r.SubmitTask(submission("first", "first")))
				return submission("check", "key")
			},
		},
		{
			Name: "wake-up with nothing due", Function: Sweep, Tablestore: 2,
			Path: []string{load, disarm}, Beside: []string{shared, shared, shared}, Own: sweeping,
			Prepare: func(r *rig.Rig) []byte {
				boot(r)
				must(r.SubmitTask(submission("check", "key")))
				must(r.TaskCompleted(r.Take("CloudAssistant:TaskCompleted")))
				r.Advance(time.Hour)
				return []byte(`{}`)
			},
		},
	}
	return rows
}

// More lists inputs that are not rows of the table, or that it names only by
// their cost beyond another row.
func More() []Row {
	return []Row{
		{
			Name: "submit to a waiting instance whose wake-up can be relied on", Function: SubmitTask, Tablestore: 3,
			Path: []string{load, commit}, Beside: []string{shared},
			Prepare: func(r *rig.Rig) []byte {
				r.Create(instanceID)
				must(r.SubmitTask(submission("first", "first")))
				return submission("check", "key")
			},
		},
		{
			Name: "submit to an unknown instance", Function: SubmitTask, Tablestore: 3, ECS: 2,
			Path: []string{load, arm, commit}, Beside: []string{shared}, Sent: []string{known, agent},
			Prepare: func(r *rig.Rig) []byte { r.Create(instanceID); return submission("check", "key") },
		},
		{
			Name: "execution with a critical alert", Function: TaskCompleted, Tablestore: 5,
			Path: []string{load, arm, commit, alert, commit}, Beside: []string{shared}, Wakes: true,
			Prepare: func(*rig.Rig) []byte { return end("critical", "Success", "", "0") },
		},
		{
			// Two more calls read back the input's row and the live rows.
			Name: "execution whose commit had an unknown outcome", Function: TaskCompleted, Tablestore: 2 + 2,
			Path: []string{load, commit, lookUp, load}, Beside: []string{shared},
			Prepare: func(r *rig.Rig) []byte {
				r.Faults.Add(fault.Fault{Call: "BatchWriteRow", Mode: fault.CutAfter})
				return end("other", "Success", "", "0")
			},
		},
		{
			// Two more calls count the repair.
			Name: "a try after a send of unknown outcome", Function: Sweep, Tablestore: 4 + 1 + 2, ECS: 1 + 1,
			Path: []string{load, arm, commit, commit, disarm, load, commit}, Beside: []string{texts, shared, shared, shared}, Own: sweeping,
			Sent: []string{find, run},
			Prepare: func(r *rig.Rig) []byte {
				boot(r)
				r.CrashAt("RunCommand", fault.HangBefore)
				must(r.SubmitTask(submission("check", "key")))
				r.Restart()
				r.Advance(10 * time.Minute)
				return []byte(`{}`)
			},
		},
		{
			// Two more calls count the repairs. After three ends that were asked for, the
			// 32 parts of the history say whether an event reported one. None did: three
			// calls note that, and one puts it into the inbox.
			Name: "a sweep that asks for the third end", Function: Sweep, Tablestore: 6 + 2 + 1, ECS: 3,
			Path:   []string{load, arm, commit, commit, commit, disarm, load, commit, alert},
			Beside: append(slices.Repeat([]string{listed}, 32), shared, shared, shared, "GetRow shared"), Own: append(slices.Clone(sweeping), noted, noted),
			Sent: []string{find, find, find}, Wakes: true,
			Prepare: func(r *rig.Rig) []byte {
				boot(r)
				for i := range 3 {
					must(r.SubmitTask(submission("check", fmt.Sprint("key", i))))
					r.Take("CloudAssistant:TaskCompleted")
				}
				r.Advance(10 * time.Minute)
				return []byte(`{}`)
			},
		},
		{
			// People are told of the first.
			Name: "a dead letter", Function: DeadLetters, Tablestore: 2,
			Path: []string{keep, alert}, Beside: []string{shared, "GetRow shared"}, Own: []string{noted, noted},
			Prepare: func(*rig.Rig) []byte { return end("other", "Success", "", "0") },
		},
		{
			Name: "another dead letter", Function: DeadLetters, Tablestore: 1,
			Path: []string{keep}, Beside: []string{shared},
			Prepare: func(r *rig.Rig) []byte {
				must(r.DeadLetters(end("first", "Success", "", "0")))
				return end("other", "Success", "", "0")
			},
		},
		{
			Name: "a sweep with nothing due", Function: Sweep, Beside: []string{shared, shared}, Own: sweeping,
			Prepare: func(*rig.Rig) []byte { return []byte(`{}`) },
		},
	}
}

// followUps is the row of a command's end that starts k flows of one step.
func followUps(k int, name string) Row {
	return Row{
		Name: "execution with " + plural(k, "follow-up"), Function: TaskCompleted, Tablestore: 4, ECS: k,
		Path: []string{load, arm, commit, commit}, Beside: []string{shared}, Sent: slices.Repeat([]string{run}, k),
		Prepare: func(r *rig.Rig) []byte { boot(r); return end(name, "Success", "", "0") },
	}
}

func plural(n int, thing string) string {
	if n > 1 {
		thing += "s"
	}
	return fmt.Sprint(n, " ", thing)
}

// queued is the row of the first heartbeat of an instance with n queued tasks.
func queued(n int) Row {
	batches := (n + 19) / 20
	return Row{
		Name: "heartbeat, " + plural(n, "queued task"), Function: FirstHeartbeat, Tablestore: 2 + 3*batches, ECS: n,
		Path:   append([]string{load, load, arm}, slices.Repeat([]string{commit, commit}, batches)...),
		Beside: append(slices.Repeat([]string{texts}, batches), shared),
		Sent:   slices.Repeat([]string{run}, n),
		// Too long for the invocation to rely on the submissions' wake-up.
		Timeout: 2 * time.Minute,
		Prepare: func(r *rig.Rig) []byte {
			r.Create(instanceID)
			for i := range n {
				must(r.SubmitTask(submission(fmt.Sprintf("task-%02d", i), fmt.Sprintf("key-%02d", i))))
			}
			return r.Boot(instanceID)
		},
	}
}
