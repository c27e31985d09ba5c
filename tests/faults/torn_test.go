package faults_test

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"aftercare/shared/command"
	"aftercare/shared/decide"
	"aftercare/shared/handler"
	"aftercare/tests/rig"
)

// other is an input that another function instance handles while a scenario's
// invocation reads rows, and what it adds to the scenario's result.
type other struct {
	land func(r *rig.Rig, p *rig.Process, s *scenario) (handler.Outcome, error)
}

var others = map[string]other{
	"a submission": {
		land: func(r *rig.Rig, p *rig.Process, s *scenario) (handler.Outcome, error) {
			s.submitted = append(s.submitted, "other")
			return p.SubmitTask(encode(submissionOf("other", "true", 5)))
		},
	},
	"an end": {
		land: func(_ *rig.Rig, p *rig.Process, s *scenario) (handler.Outcome, error) {
			s.ends++
			s.alerts++
			return p.TaskCompleted(strangerOf("t-other", "Failed", "ExitCodeNonzero", "3"))
		},
	},
	"a heartbeat": {
		land: func(r *rig.Rig, p *rig.Process, s *scenario) (handler.Outcome, error) {
			switch {
			case s.beat != nil && s.beat.payload != nil: // the same one, delivered twice
				return p.FirstHeartbeat(s.beat.payload)
			case stopped(r):
				s.boots++
				return p.FirstHeartbeat(r.Boot(instanceID))
			}
			s.boots++
			return p.FirstHeartbeat(newerBeat(r))
		},
	},
	"a sweep": {
		land: func(_ *rig.Rig, p *rig.Process, _ *scenario) (handler.Outcome, error) { return p.Sweep() },
	},
}

// stopped reports whether the instance exists and is not running.
func stopped(r *rig.Rig) bool {
	for _, i := range r.ECS.Instances() {
		if i.ID == instanceID {
			return i.State == "Stopped"
		}
	}
	return false
}

// newerBeat is the first heartbeat of a boot that is newer than any other.
func newerBeat(r *rig.Rig) []byte {
	return encode(map[string]any{
		"id": "beat-newer", "source": "acs.ecs", "specversion": "1.0", "type": "ecs:CloudAssistant:FirstHeartbeat",
		"aliyunaccountid": rig.Account, "aliyunregionid": rig.Region, "time": r.Now().Add(2 * time.Minute).Format(time.RFC3339),
		"data": map[string]any{"vmName": instanceID, "agentVersion": "2.2.3.529", "uptime": 1000},
	})
}

// TestACommitThatLandsInsideALoadIsSeen lets another input be handled between
// any two rows that a scenario's invocation reads, at each in turn.
// (ledger rule 2)
// (decide rule 3)
func TestACommitThatLandsInsideALoadIsSeen(t *testing.T) {
	reading := scenarios()
	maps.DeleteFunc(reading, func(_ string, s scenario) bool { return s.readsNothing })
	for _, name := range fifth(t, reading) {
		for _, what := range some(t, name, slices.Sorted(maps.Keys(others))) {
			t.Run(name+"/"+what, func(t *testing.T) {
				t.Parallel()
				each(t, "row", 1, func(t *testing.T, n int) bool {
					return runTorn(t, scenarios()[name], n, others[what]) // with its own kept events
				})
			})
		}
	}
}

// runTorn reports whether the other input landed.
func runTorn(t *testing.T, s scenario, n int, o other) bool {
	r := newRig(t, s)
	s.prepare(r)
	if s.fresh {
		// So that there is a row to read.
		s.ends++
		s.alerts++
		must(r.TaskCompleted(strangerOf("t-earlier", "Failed", "ExitCodeNonzero", "3")))
	}
	var calls atomic.Int64
	var landed bool
	var otherErr error
	r.Tables.OnRow(func(string, int) {
		if calls.Add(1) != int64(n) {
			return
		}
		landed = true
		_, otherErr = o.land(r, r.Another(), &s)
	})
	_, err := s.invoke(r)
	r.Tables.OnRow(nil)
	if err != nil || otherErr != nil {
		t.Fatalf("the invocation: %v, the other: %v; log:\n%s", err, otherErr, r.Log)
	}
	finish(t, r)
	v := look(t, r)
	for _, name := range s.submitted {
		// The submitted command runs if its instance is up, and waits if not.
		if waits := slices.ContainsFunc(waiting(v.state), func(t decide.Task) bool { return t.Name == name }); waits == running(r) {
			t.Errorf("task %s waits: %v, and the instance is running: %v", name, waits, running(r))
		}
		if running(r) && !slices.Contains(s.ran, name) {
			s.ran = append(slices.Clone(s.ran), name)
			s.ends++
		}
	}
	check(t, v, s, "in the end")
	if len(v.records.Executions) > 0 && running(r) && len(v.state.Tasks) > 0 {
		t.Errorf("tasks are open: %v", v.state.Tasks)
	}
	if t.Failed() {
		t.Logf("log:\n%s", r.Log)
	}
	return landed
}

// TestACancelOfATaskThatMovesIsAnswered: while a cancel is being read, its task's
// script turns out never to have started, and the task returns to the queue, whose
// rows are others than those read so far.
// (decide rule 3)
func TestACancelOfATaskThatMovesIsAnswered(t *testing.T) {
	each(t, "row", 1, func(t *testing.T, n int) bool {
		r := newRig(t, scenario{})
		boot(r)
		victim := ""
		for _, name := range []string{"first", "second"} {
			must(r.SubmitTask(encode(submissionOf(name, rig.Sleeper, 5))))
			victim = max(victim, taskID(name)) // the last one to be read
		}
		until("the scripts to begin", func() bool { return r.Begun() == 2 })
		r.Advance(time.Minute) // so that the end is later than the boot
		task := r.State(instanceID).Tasks[victim]
		var data struct {
			Data map[string]any `json:"data"`
		}
		aborted := map[string]any{}
		end := strangerOf(task.InvokeID, "Aborted", "DeliveryTimeout", "")
		mustDo(errors.Join(json.Unmarshal(end, &aborted), json.Unmarshal(end, &data)))
		data.Data["commandName"], data.Data["finishTime"] = command.OnWire(task.Name, victim), r.Now().Format(time.RFC3339)
		aborted["data"] = data.Data
		var read atomic.Int64
		var otherErr error
		r.Tables.OnRow(func(string, int) {
			if read.Add(1) == int64(n) {
				_, otherErr = r.Another().TaskCompleted(encode(aborted))
			}
		})
		out, err := r.SubmitTask(encode(map[string]any{
			"dedupeKey": "cancel", "instanceId": instanceID, "cancel": map[string]any{"taskId": victim},
		}))
		r.Tables.OnRow(nil)
		if err != nil || otherErr != nil {
			t.Fatalf("the cancel: %v, the end: %v; log:\n%s", err, otherErr, r.Log)
		}
		if got := out.Items[0].Answer.Outcome; got != "cancelled" && got != "stopping" {
			t.Errorf("the cancel is answered with %s", got)
		}
		must(r.FirstHeartbeat(newerBeat(r)))
		must(r.Sweep())
		if runs := len(r.ECS.Runs(instanceID)); runs != 2 {
			t.Errorf("%d commands ran, want the two of before; log:\n%s", runs, r.Log)
		}
		return read.Load() >= int64(n)
	})
}

func running(r *rig.Rig) bool {
	for _, i := range r.ECS.Instances() {
		if i.ID == instanceID {
			return i.State == "Running"
		}
	}
	return false
}

func waiting(s decide.State) []decide.Task {
	var out []decide.Task
	for _, t := range s.Tasks {
		if t.State == decide.TaskQueued {
			out = append(out, t)
		}
	}
	return out
}
