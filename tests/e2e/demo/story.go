package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"aftercare/shared/handler"
	"aftercare/shared/ledger"
	"aftercare/shared/remediation"
	"aftercare/tests/localcloud/cloud"
	"aftercare/tests/localcloud/fault"
)

// The instances of the story.
const (
	web   = "i-demo-web"
	db    = "i-demo-db"
	batch = "i-demo-batch"
)

var instances = []string{web, db, batch}

// Names of events on the bus.
const (
	heartbeatEvent = "ecs:CloudAssistant:FirstHeartbeat"
	endEvent       = "ecs:CloudAssistant:TaskCompleted"
)

// story is the scenario, what was noted on the way, and what was checked.
type story struct {
	c      *running
	start  time.Time
	notes  []entry
	checks []check
	// tasks are the ids of the submitted tasks, by name.
	tasks map[string]string
	// submitted counts the commands that were submitted twice, same those of
	// them that got one task.
	submitted, same int
}

func newStory(c *running) *story {
	return &story{c: c, start: time.Now(), tasks: map[string]string{}}
}

// steps are what is played, as the table of checks numbers it.
const steps = `Played, with every event and every submission delivered twice:
  1  commands are submitted for three instances that are down: they wait
  2  the instances boot; each first heartbeat releases what waits, by priority
  3  a command succeeds, and a flow runs two follow-ups; others fail, time out, are aborted
     or cancelled; one never starts, and waits for its instance again
  4  all events come again, late and in reverse order, some as CloudMonitor sends them
  5  a function is killed between its claim and its send, another right after its send
`

// command is a command to submit.
type command struct {
	instance, name, script string
	priority               int
	timeout                string
}

func (s *story) play(ctx context.Context) error {
	// Everything is delivered twice from the start.
	if err := s.c.SetDuplicate(ctx, 2); err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{
		s.submitWhileDown, s.bootOneAfterAnother, s.killTwice, s.endBadly, s.cancel, s.queueAgain, s.deliverMore,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return s.checkAll(ctx)
}

// submitWhileDown: step 1. Commands for instances that are not booted wait.
func (s *story) submitWhileDown(ctx context.Context) error {
	for _, id := range instances {
		if err := s.c.CreateInstance(ctx, cloud.Instance{ID: id}); err != nil {
			return err
		}
	}
	queued := 0
	for _, c := range []command{
		{web, "rotate-logs", "echo rotated > rotated; cat rotated", 3, ""},
		{web, "install-agent", "echo agent 1.4.2 > agent; cat agent", 9, ""},
		{web, "warm-cache", "echo warm", 5, ""},
		{db, "check-disk", "echo 'disk is full' >&2; exit 3", 7, ""},
		{db, "apply-schema", "echo schema applied", 9, ""},
		{batch, "long-report", "echo started; sleep 60", 5, "10s"},
		{batch, "mount-volume", "echo mounted", 8, ""},
	} {
		answer, err := s.submit(ctx, c)
		if err != nil {
			return err
		}
		if answer.Outcome == "queued" {
			queued++
		}
	}
	s.check(1, "commands submitted while their instances are down are queued", queued, 7)
	faults, err := s.c.Faults(ctx)
	if err != nil {
		return err
	}
	s.check(1, "calls of RunCommand before the first boot", faults.Calls["RunCommand"], 0)
	return nil
}

// bootOneAfterAnother: step 2, and the flow and the time-out of step 3.
func (s *story) bootOneAfterAnother(ctx context.Context) error {
	for _, id := range instances {
		if err := s.c.Boot(ctx, id); err != nil {
			return err
		}
		s.note(id, "instance started", "", "")
		if err := s.until(ctx, id+" to be bootable", func() (bool, error) {
			state, err := s.c.ledger.Load(ctx, id)
			return state.Instance.Boot == remediation.BootBootable, err
		}); err != nil {
			return err
		}
	}
	return s.untilEnded(ctx, "rotate-logs", "install-agent", "warm-cache", "check-disk", "apply-schema", "mount-volume")
}

// endBadly: step 3. An agent goes away with a command on its way.
func (s *story) endBadly(ctx context.Context) error {
	if err := s.c.StopAgent(ctx, db); err != nil {
		return err
	}
	s.note(db, "agent stopped", "", "by the demo")
	if _, err := s.submit(ctx, command{db, "vacuum", "echo vacuumed", 5, ""}); err != nil {
		return err
	}
	if err := s.untilEnded(ctx, "vacuum"); err != nil {
		return err
	}
	return nil
}

// cancel: step 3. A command that its agent has not picked up is cancelled.
func (s *story) cancel(ctx context.Context) error {
	if _, err := s.submit(ctx, command{db, "drop-caches", "echo dropped", 5, ""}); err != nil {
		return err
	}
	answer, err := s.send(ctx, map[string]any{
		"dedupeKey": "demo cancel", "instanceId": db, "cancel": map[string]string{"taskId": s.tasks["drop-caches"]},
	})
	if err != nil {
		return err
	}
	s.note(db, "cancel requested", "drop-caches", "answer: "+answer.Outcome)
	return s.untilEnded(ctx, "drop-caches")
}

// killTwice: step 5. A function dies between its claim and its send, and
// another right after its send; sweeps finish both.
func (s *story) killTwice(ctx context.Context) error {
	for _, k := range []struct {
		command
		call string
		why  string
	}{
		{command{db, "renew-certificate", "echo renewed", 5, ""}, "BatchWriteRow", "its claim was committed, the command not sent"},
		{command{web, "sync-clock", "sleep 10; echo synced", 5, "30s"}, "RunCommand", "the command was accepted, its answer not read"},
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
		result, err := s.c.Invoke(ctx, "aftercare-submit-task", payload(k.command))
		if err != nil {
			return err
		}
		s.check(5, "the function that submits "+k.name+" was killed", result.FunctionError != "", true)
		s.note(k.instance, "function killed", k.name, k.why)
		if err := s.c.ClearFaults(ctx); err != nil {
			return err
		}
		// Its caller, who got an error, submits again.
		if _, err := s.submit(ctx, k.command); err != nil {
			return err
		}
	}
	if err := s.until(ctx, "a sweep to find sync-clock running", func() (bool, error) {
		state, err := s.c.ledger.Load(ctx, web)
		return state.Tasks[s.tasks["sync-clock"]].State == remediation.TaskRunning, err
	}); err != nil {
		return err
	}
	return s.untilEnded(ctx, "renew-certificate", "sync-clock", "long-report")
}

// queueAgain: a command whose script never started waits for its instance
// once more.
func (s *story) queueAgain(ctx context.Context) error {
	if err := s.c.Stop(ctx, web); err != nil {
		return err
	}
	s.note(web, "instance stopped", "", "by the demo")
	if _, err := s.submit(ctx, command{web, "reload-config", "echo reloaded", 5, ""}); err != nil {
		return err
	}
	if err := s.until(ctx, "reload-config to be queued again", func() (bool, error) {
		state, err := s.c.ledger.Load(ctx, web)
		return state.Tasks[s.tasks["reload-config"]].Attempt == 2, err
	}); err != nil {
		return err
	}
	if err := s.c.Boot(ctx, web); err != nil {
		return err
	}
	s.note(web, "instance started", "", "")
	return s.untilEnded(ctx, "reload-config")
}

// deliverMore: step 4. All events come again: the heartbeats late and in
// reverse order, and some as CloudMonitor sends them.
func (s *story) deliverMore(ctx context.Context) error {
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
		s.check(4, "events accepted in CloudMonitor's form, by "+function, accepted, 3)
		s.note("", "delivered again", strings.TrimPrefix(kind, "ecs:"), fmt.Sprintf("%d events, late and reversed, and 3 as CloudMonitor sends them", len(events)))
	}
	if err := s.c.WaitIdle(ctx, 30*time.Second); err != nil {
		return err
	}
	after, err := s.recorded(ctx)
	if err != nil {
		return err
	}
	s.check(4, "delivering everything again changes", difference(before, after), "nothing")
	return nil
}

// payload is the submission of a command.
func payload(c command) []byte {
	run := map[string]any{"name": c.name, "type": "RunShellScript", "content": c.script}
	if c.timeout != "" {
		run["timeout"] = c.timeout
	}
	return encode(map[string]any{
		"dedupeKey": "demo " + c.name, "instanceId": c.instance, "priority": c.priority, "run": run,
	})
}

// submit submits a command twice, as everything is delivered.
func (s *story) submit(ctx context.Context, c command) (remediation.Answer, error) {
	var answers []remediation.Answer
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
	s.tasks[c.name] = answers[0].TaskID
	return answers[0], nil
}

func (s *story) send(ctx context.Context, v any) (remediation.Answer, error) {
	return s.sendRaw(ctx, encode(v))
}

func (s *story) sendRaw(ctx context.Context, payload []byte) (remediation.Answer, error) {
	result, err := s.c.Invoke(ctx, "aftercare-submit-task", payload)
	if err != nil {
		return remediation.Answer{}, err
	}
	var out handler.Outcome
	if err := json.Unmarshal([]byte(result.Body), &out); err != nil || result.FunctionError != "" ||
		len(out.Items) != 1 || out.Items[0].Answer == nil {
		return remediation.Answer{}, fmt.Errorf("the function submit-task answered %s", result.Body)
	}
	return *out.Items[0].Answer, nil
}

// until waits for something.
func (s *story) until(ctx context.Context, what string, happened func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, 40*time.Second)
	defer cancel()
	for {
		ok, err := happened()
		if ok || err != nil {
			return err
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("waited in vain for %s", what)
		}
	}
}

// untilEnded waits until the named tasks have ended.
func (s *story) untilEnded(ctx context.Context, names ...string) error {
	return s.until(ctx, strings.Join(names, ", ")+" to end", func() (bool, error) {
		ended := map[string]bool{}
		for _, id := range instances {
			records, err := s.c.ledger.Records(ctx, id)
			if err != nil {
				return false, err
			}
			for _, t := range records.Tasks {
				ended[t.ID] = true
			}
		}
		return !slices.ContainsFunc(names, func(name string) bool { return !ended[s.tasks[name]] }), nil
	})
}

// recorded is everything that the ledger has on record, by instance.
func (s *story) recorded(ctx context.Context) (map[string]ledger.Records, error) {
	all := map[string]ledger.Records{}
	for _, id := range instances {
		records, err := s.c.ledger.Records(ctx, id)
		if err != nil {
			return nil, err
		}
		all[id] = records
	}
	return all, nil
}

func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // maps of strings and numbers
	}
	return b
}
