package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/handler"
	"aftercare/tests/localcloud/cloud"
	"aftercare/tests/localcloud/fault"
)

// The instances of the story.
const (
	web   = "i-demo-web"
	db    = "i-demo-db"
	batch = "i-demo-batch"
	api1  = "i-demo-api1"
	api2  = "i-demo-api2"
	job1  = "i-demo-job1"
	job2  = "i-demo-job2"
	old   = "i-demo-old" // its agent sends no first heartbeat
)

var instances = []string{web, db, batch, api1, api2, job1, job2, old}

// Names of commands as people give them: with spaces, and in Chinese. Three of
// them have nothing that a name on the wire can keep, so only the task's id
// distinguishes them there.
const (
	installAgent = "安装 代理 (install)"
	warmCache    = "预热缓存"
	cleanLogs    = "清理日志"
	checkDisk    = "检查磁盘"
	longReport   = "long report"
	reloadConfig = "重载配置 (reload)"
)

// Names of events on the bus.
const (
	heartbeatEvent = "ecs:CloudAssistant:FirstHeartbeat"
	stateEvent     = "ecs:Instance:StateChange"
	endEvent       = "ecs:CloudAssistant:TaskCompleted"
)

// story is the scenario, the notes taken on the way, and the checks made.
type story struct {
	c      *running
	start  time.Time
	notes  []entry
	checks []check
	// tasks are the ids of the submitted tasks, by submission.id. By task id,
	// waited says why a queued one waits, and sent how a killed one was sent.
	tasks  map[string]string
	waited map[string]string
	sent   map[string]string
	lost   int // the hold of events that are lost
	// submitted counts the commands that were submitted twice, same those whose
	// two submissions got one task.
	submitted, same int
}

func newStory(c *running) *story {
	return &story{c: c, start: time.Now(), tasks: map[string]string{}, waited: map[string]string{}, sent: map[string]string{}}
}

// steps describes the scenario; the table of checks uses the same numbers.
const steps = `The scenario, with every event and every submission delivered twice:
  1  commands, some with Chinese names, are submitted for three instances that are down: they wait
  2  the instances boot; each first heartbeat releases the waiting commands, highest priority first
  3  commands succeed, fail, time out, are aborted or cancelled; when one fails, a flow collects
     diagnostics; one never starts, and is queued until its instance boots again
  4  one function is killed before it sends its command, another right after: sweeps finish both
  5  on two more instances, a check finds the api down twice in a row: a flow restarts it
     api1: two attempts fail, the third succeeds, and its end starts a second flow; after two runs
           the flow has reached its limit, so further runs are refused, with one alert
     api2: all three attempts fail; the flow's onFailure reads the log and sends an alert
  6  on three more instances, an operator uses the command line: commands are submitted by tag; some
     are cancelled; one expires before its instance boots, another misses its boot deadline; a stop
     holds what bears its label, until the resume. One agent is too old to send a first heartbeat: a
     sweep asks about it. The event of a command's end is lost: a sweep asks for the end
  7  every event is delivered again, late and in reverse order, some in CloudMonitor's form
  8  the flows are played through all of that once more, in a backtest: they do what they did
`

// submission is a command to submit.
type submission struct {
	instance, name, script string
	priority               int
	timeout                string
	// key distinguishes commands that share a name; empty if the name is unique.
	key string
}

func (c submission) id() string { return cmp.Or(c.key, c.name) }

func (s *story) perform(ctx context.Context) error {
	// Everything is delivered twice from the start.
	if err := s.c.SetDuplicate(ctx, 2); err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{
		s.submitWhileDown, s.submitByOperator, s.bootOneAfterAnother, s.killTwice, s.restartAPIs, s.operate, s.recover, s.endBadly, s.cancel, s.queueAgain, s.deliverMore,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return s.checkAll(ctx)
}

// submitWhileDown: step 1. Commands for instances that are not booted wait.
func (s *story) submitWhileDown(ctx context.Context) error {
	for _, id := range []string{web, db, batch} {
		if err := s.c.CreateInstance(ctx, cloud.Instance{ID: id}); err != nil {
			return err
		}
	}
	volume := submission{batch, "mount-volume", "echo mounted", 8, "", ""}
	if err := s.submitAsEvent(ctx, volume); err != nil {
		return err
	}
	queued := 0
	for _, c := range []submission{
		{web, cleanLogs, "echo cleaned > cleaned; cat cleaned", 3, "", ""},
		{web, installAgent, "echo agent 1.4.2 > agent; cat agent", 9, "", ""},
		{web, warmCache, "echo warm", 5, "", ""},
		{db, checkDisk, "echo 'disk is full' >&2; exit 3", 7, "", ""},
		{db, "apply-schema", "echo schema applied", 9, "", ""},
		{batch, longReport, "echo started; sleep 60", 5, "10s", ""},
		volume,
	} {
		answer, err := s.submit(ctx, c)
		if err != nil {
			return err
		}
		if answer.Outcome == "queued" {
			queued++
		}
	}
	s.check(1, "commands queued because their instances are down", queued, 7)
	faults, err := s.c.Faults(ctx)
	if err != nil {
		return err
	}
	s.check(1, "calls of RunCommand before the first boot", faults.Calls["RunCommand"], 0)
	return nil
}

// bootOneAfterAnother: step 2, and the flow and the time-out of step 3.
func (s *story) bootOneAfterAnother(ctx context.Context) error {
	for _, id := range []string{web, db, batch} {
		if err := s.boot(ctx, id); err != nil {
			return err
		}
	}
	if err := s.untilEnded(ctx, cleanLogs, installAgent, warmCache, checkDisk, "apply-schema", "mount-volume"); err != nil {
		return err
	}
	return s.untilRuns(ctx, db, "collect-diagnostics", 1)
}

// boot boots an instance, and waits until Aftercare knows that.
func (s *story) boot(ctx context.Context, id string) error {
	if err := s.c.Boot(ctx, id); err != nil {
		return err
	}
	s.note(id, "instance started", "", "by the demo")
	return s.until(ctx, id+" to be bootable", func() (bool, error) {
		state, err := s.c.ledger.Whole(ctx, id)
		return state.Instance.Boot == decide.BootBootable, err
	})
}

// endBadly: step 3. An agent stops while a command is on its way, which is aborted
// during the next steps.
func (s *story) endBadly(ctx context.Context) error {
	if err := s.c.StopAgent(ctx, db); err != nil {
		return err
	}
	s.note(db, "agent stopped", "", "by the demo")
	_, err := s.submit(ctx, submission{db, "vacuum", "echo vacuumed", 5, "", ""})
	return err
}

// cancel: step 3. A command that its agent has not picked up is cancelled.
func (s *story) cancel(ctx context.Context) error {
	if _, err := s.submit(ctx, submission{db, "drop-caches", "echo dropped", 5, "", ""}); err != nil {
		return err
	}
	s.note(db, "cancel requested", "drop-caches", "by the demo")
	answer, err := s.send(ctx, map[string]any{
		"dedupeKey": "demo cancel", "instanceId": db, "cancel": map[string]string{"taskId": s.tasks["drop-caches"]},
	})
	if err != nil {
		return err
	}
	s.check(3, "answer to the request to cancel drop-caches", answer.Outcome, "stopping")
	return s.untilEnded(ctx, "drop-caches")
}

// killTwice: step 4. A function dies between its claim and its send, and
// another right after its send. Sweeps finish both during step 5.
func (s *story) killTwice(ctx context.Context) error {
	for _, k := range []struct {
		submission
		call      string
		why, sent string
	}{
		{submission{db, "renew-certificate", "echo renewed", 5, "", ""}, "BatchWriteRow", "it had claimed the command, and not sent it",
			"by a sweep, when the dead function's claim had expired"},
		{submission{web, "sync-clock", "sleep 10; echo synced", 5, "30s", ""}, "RunCommand", "it had sent the command, and not read the answer",
			"by the function that was killed"},
	} {
		// Nothing else may meet the fault.
		if err := s.c.WaitIdle(ctx, 10*time.Second); err != nil {
			return err
		}
		if err := s.c.AddFault(ctx, cloud.Fault{
			Fault: fault.Fault{Call: k.call, Mode: fault.HangAfter}, Kill: "aftercare-submit-task",
		}); err != nil {
			return err
		}
		result, err := s.c.Invoke(ctx, "aftercare-submit-task", payload(k.submission))
		if err != nil {
			return err
		}
		s.check(4, "the function that submitted "+k.name+" was killed", result.FunctionError != "", true)
		s.note(k.instance, "function killed", k.name, k.why)
		if err := s.c.ClearFaults(ctx); err != nil {
			return err
		}
		// Its caller, who got an error, submits again.
		if _, err := s.submit(ctx, k.submission); err != nil {
			return err
		}
		s.sent[s.tasks[k.name]] = k.sent
	}
	return nil
}

// recover: step 4. It waits until sweeps have finished the killed functions' work.
func (s *story) recover(ctx context.Context) error {
	if err := s.untilEnded(ctx, "renew-certificate", "sync-clock", longReport); err != nil {
		return err
	}
	return s.untilRuns(ctx, batch, "collect-diagnostics", 1)
}

// queueAgain: an instance stops, and the event of that comes late. So a command is
// sent whose script never starts, and waits for its instance once more.
func (s *story) queueAgain(ctx context.Context) error {
	hold, err := s.c.Hold(ctx, cloud.Match{Type: stateEvent, Instance: web})
	if err != nil {
		return err
	}
	if err := s.c.Stop(ctx, web); err != nil {
		return err
	}
	s.note(web, "instance stopped", "", "by the demo")
	if _, err := s.submit(ctx, submission{web, reloadConfig, "echo reloaded", 5, "", ""}); err != nil {
		return err
	}
	if err := s.until(ctx, reloadConfig+" to be queued again", func() (bool, error) {
		state, err := s.c.ledger.Whole(ctx, web)
		return state.Tasks[s.tasks[reloadConfig]].Attempt == 2, err
	}); err != nil {
		return err
	}
	if err := s.c.Release(ctx, hold, "in-order"); err != nil {
		return err
	}
	if err := s.boot(ctx, web); err != nil {
		return err
	}
	return s.untilEnded(ctx, reloadConfig, "vacuum", "rotate-keys")
}

// deliverMore: step 7. Every event is delivered again, late and in reverse
// order, and some in CloudMonitor's form.
func (s *story) deliverMore(ctx context.Context) error {
	if err := s.c.Release(ctx, s.lost, "in-order"); err != nil {
		return err
	}
	before, err := s.recorded(ctx)
	if err != nil {
		return err
	}
	for _, kind := range []string{heartbeatEvent, endEvent} {
		events, err := s.c.Events(ctx, kind, "")
		if err != nil {
			return err
		}
		slices.Reverse(events)
		if err := s.c.PutEvents(ctx, events...); err != nil {
			return err
		}
		function := "aftercare-task-completed"
		convert := classicEvent
		if kind == heartbeatEvent {
			function, convert = "aftercare-first-heartbeat", subscriptionEvent
		}
		accepted := 0
		for _, e := range events[:3] {
			form, err := convert(e)
			if err != nil {
				return err
			}
			result, err := s.c.Invoke(ctx, function, form)
			if err != nil {
				return err
			}
			if result.FunctionError == "" {
				accepted++
			}
		}
		s.check(7, "events accepted in CloudMonitor's form, by "+function, accepted, 3)
		s.note("", "delivered again", strings.TrimPrefix(kind, "ecs:"), fmt.Sprintf("%d events, late and in reverse order; 3 in CloudMonitor's form", len(events)))
	}
	if err := s.c.WaitIdle(ctx, 30*time.Second); err != nil {
		return err
	}
	after, err := s.recorded(ctx)
	if err != nil {
		return err
	}
	s.check(7, "what delivering everything again changed", difference(before, after), "nothing")
	return nil
}

// payload is the submission of a command.
func payload(c submission) []byte {
	run := map[string]any{"name": c.name, "type": "RunShellScript", "content": c.script}
	if c.timeout != "" {
		run["timeout"] = c.timeout
	}
	return encode(map[string]any{
		"dedupeKey": "demo " + c.id(), "instanceId": c.instance, "priority": c.priority, "run": run,
	})
}

// submit submits a command twice, as everything is delivered.
func (s *story) submit(ctx context.Context, c submission) (decide.Answer, error) {
	var answers []decide.Answer
	for range 2 {
		answer, err := s.sendRaw(ctx, payload(c))
		if err != nil {
			return answer, fmt.Errorf("submit %s: %w", c.name, err)
		}
		answers = append(answers, answer)
	}
	s.submitted++
	if answers[1].TaskID == answers[0].TaskID {
		s.same++
	}
	s.tasks[c.id()] = answers[0].TaskID
	if answers[0].Outcome == string(decide.TaskQueued) {
		s.waited[answers[0].TaskID] = waitsForBoot
	}
	return answers[0], nil
}

func (s *story) send(ctx context.Context, v any) (decide.Answer, error) {
	return s.sendRaw(ctx, encode(v))
}

func (s *story) sendRaw(ctx context.Context, payload []byte) (decide.Answer, error) {
	result, err := s.c.Invoke(ctx, "aftercare-submit-task", payload)
	if err != nil {
		return decide.Answer{}, err
	}
	var out handler.Outcome
	if err := json.Unmarshal([]byte(result.Body), &out); err != nil || result.FunctionError != "" ||
		len(out.Items) != 1 || out.Items[0].Answer == nil {
		return decide.Answer{}, fmt.Errorf("the function submit-task answered %s", result.Body)
	}
	return *out.Items[0].Answer, nil
}

func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // maps of strings and numbers
	}
	return b
}
