package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"

	"aftercare/shared/decide"
	"aftercare/tests/localcloud/cloud"
)

// jobs are the instances with the tag role=job.
var jobs = []string{job1, job2}

// Why a command waits, as the timeline shows it.
const (
	waitsForBoot = "waits for a boot"
	held         = "held by the stop of the label deploy"
)

// acted is what the operator's tool prints about one instance.
type acted struct{ InstanceID, Result, TaskID string }

// operator runs the operator's tool, as a person would.
func (s *story) operator(ctx context.Context, args ...string) ([]acted, error) {
	cmd := exec.CommandContext(ctx, s.c.tool, args...)
	cmd.Env = os.Environ()
	for name, value := range s.c.env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	var mistakes bytes.Buffer
	cmd.Stderr = &mistakes
	text, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("aftercare %s: %w\n%s", strings.Join(args, " "), err, mistakes.String())
	}
	var all []acted
	for lines := json.NewDecoder(bytes.NewReader(text)); ; {
		var a acted
		switch err := lines.Decode(&a); {
		case errors.Is(err, io.EOF):
			return all, nil
		case err != nil:
			return nil, fmt.Errorf("aftercare %s printed %q: %w", strings.Join(args, " "), text, err)
		}
		all = append(all, a)
	}
}

// submitByTag submits a command for the instances with the tag role=job, twice.
func (s *story) submitByTag(ctx context.Context, name, script, label, why string) error {
	var first []acted
	for _, want := range []string{"queued", "duplicate"} {
		all, err := s.operator(ctx, "submit", "--tag", "role=job", "--command-name", name, "--run", script,
			"--label", label, "--dedupe-key", "demo "+name, "--yes", "-o", "jsonl")
		if err != nil {
			return err
		}
		s.check(6, name+" by tag: "+want+" on", outcomes(all, want), strings.Join(jobs, ", "))
		if first == nil {
			first = all
		}
	}
	for _, a := range first {
		s.tasks[name+" on "+a.InstanceID], s.waited[a.TaskID] = a.TaskID, why
	}
	return nil
}

// outcomes lists the instances with a result.
func outcomes(all []acted, result string) string {
	var ids []string
	for _, a := range all {
		if a.Result == result {
			ids = append(ids, a.InstanceID)
		}
	}
	slices.Sort(ids)
	return strings.Join(ids, ", ")
}

// onJobs are the names in s.tasks of a command that was submitted by tag.
func onJobs(name string) []string { return []string{name + " on " + job1, name + " on " + job2} }

// submitAsEvent submits a command as an event on the bus aftercare, from where a rule
// of 'aftercare subscribe' brings it.
func (s *story) submitAsEvent(ctx context.Context, c submission) error {
	event := encode(map[string]any{
		"specversion": "1.0", "id": "demo-1", "source": "demo", "type": "aftercare:Task:Submit", "data": json.RawMessage(payload(c)),
	})
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.c.info.EventBridge+"/eventbuses/aftercare/events", bytes.NewReader(event))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/cloudevents+json")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return fmt.Errorf("submit %s as an event: %w", c.name, err)
	}
	defer answer.Body.Close()
	s.check(1, "status of "+c.name+", submitted as an event", answer.StatusCode, http.StatusOK)
	return s.until(ctx, c.name+" to be queued", func() (bool, error) {
		state, err := s.c.ledger.Whole(ctx, c.instance)
		return len(state.Tasks) == 1, err
	})
}

// submitByOperator: step 6. An operator submits commands for instances that are down, and
// cancels one. The end of each command on the old instance is lost.
func (s *story) submitByOperator(ctx context.Context) (err error) {
	if s.lost, err = s.c.Hold(ctx, cloud.Match{Type: endEvent, Instance: old}); err != nil {
		return err
	}
	for _, id := range jobs {
		if err := s.c.CreateInstance(ctx, cloud.Instance{ID: id, Tags: map[string]string{"role": "job"}}); err != nil {
			return err
		}
	}
	if err := s.c.CreateInstance(ctx, cloud.Instance{ID: old, OldAgent: true}); err != nil {
		return err
	}
	if _, err := s.submit(ctx, submission{old, "rotate-keys", "echo rotated", 5, "10s", ""}); err != nil {
		return err
	}
	if err := s.submitByTag(ctx, "warm-up", "echo warm", "morning", waitsForBoot); err != nil {
		return err
	}
	if err := s.submitByTag(ctx, "nightly-report", "echo reported", "nightly", waitsForBoot); err != nil {
		return err
	}
	s.note("", "cancel requested", "label nightly", "by an operator: not tonight")
	cancelled, err := s.operator(ctx, "cancel", "--label", "nightly", "--tag", "role=job", "--reason", "not tonight", "--by", "the demo", "--yes", "-o", "jsonl")
	if err != nil {
		return err
	}
	s.check(6, "nightly-report: cancelled on", outcomes(cancelled, "cancelled"), strings.Join(jobs, ", "))
	for name, keys := range map[string]map[string]any{
		"late-news":   {"expiresIn": "1s"},
		"mount-share": {"bootDeadline": "1s", "onBootDeadline": decide.AlertAtDeadline},
	} {
		doc := map[string]any{"dedupeKey": "demo " + name, "instanceId": job1, "run": map[string]any{"name": name, "type": "RunShellScript", "content": "echo done"}}
		for key, value := range keys {
			doc[key] = value
		}
		answer, err := s.send(ctx, doc)
		if err != nil {
			return err
		}
		s.tasks[name], s.waited[answer.TaskID] = answer.TaskID, waitsForBoot
	}
	if err := s.c.Boot(ctx, old); err != nil {
		return err
	}
	s.note(old, "instance started", "", "by the demo; its agent is too old to send a first heartbeat")
	return nil
}

// operate: step 6. What waited too long is alerted, the rest runs when its instance
// boots.
func (s *story) operate(ctx context.Context) error {
	if err := s.until(ctx, "the alerts about what waited too long", func() (bool, error) {
		r, err := s.received(ctx)
		return about(r.alerts, s.tasks["late-news"]) != "none" && about(r.alerts, s.tasks["mount-share"]) != "none", err
	}); err != nil {
		return err
	}
	for _, id := range jobs {
		if err := s.boot(ctx, id); err != nil {
			return err
		}
	}
	if err := s.untilEnded(ctx, append(onJobs("warm-up"), "mount-share", "late-news")...); err != nil {
		return err
	}
	return s.stopAndResume(ctx)
}

// stopAndResume stops a label. What bears it waits for the resume; nothing else does.
func (s *story) stopAndResume(ctx context.Context) error {
	if _, err := s.operator(ctx, "stop", "--label", "deploy", "--reason", "the first ones failed", "--by", "the demo", "-o", "json"); err != nil {
		return err
	}
	s.note("", "stopped", "label deploy", "by an operator: the first ones failed")
	if err := s.submitByTag(ctx, "deploy", "echo deployed", "deploy", held); err != nil {
		return err
	}
	if _, err := s.submit(ctx, submission{job1, "check-job", "echo checked", 5, "", ""}); err != nil {
		return err
	}
	if err := s.untilEnded(ctx, "check-job"); err != nil {
		return err
	}
	waiting := 0
	for _, id := range jobs {
		state, err := s.c.ledger.Whole(ctx, id)
		if err != nil {
			return err
		}
		if state.Tasks[s.tasks["deploy on "+id]].State == decide.TaskQueued {
			waiting++
		}
	}
	s.check(6, "deploy waits when check-job, submitted after it, has ended, on", waiting, len(jobs))
	s.note("", "resumed", "label deploy", "by an operator")
	if _, err := s.operator(ctx, "resume", "--label", "deploy", "--by", "the demo", "-o", "json"); err != nil {
		return err
	}
	return s.untilEnded(ctx, onJobs("deploy")...)
}

// about is the kind of the first alert about a task, or none.
func about(alerts []alert, task string) decide.AlertKind {
	for _, a := range alerts {
		if a.TaskID == task {
			return a.Kind
		}
	}
	return "none"
}

// checkOperated checks what became of step 6.
func (s *story) checkOperated(ctx context.Context, f facts) error {
	ran := map[string]int{}
	for _, runs := range f.runs {
		for _, r := range runs {
			ran[f.given(r)]++
		}
	}
	for _, name := range []string{"warm-up", "nightly-report", "deploy"} {
		var ends []string
		for _, key := range onJobs(name) {
			ends = append(ends, string(f.tasks[s.tasks[key]].State))
		}
		want := "succeeded, succeeded"
		if name == "nightly-report" {
			want = "cancelled, cancelled"
		}
		s.check(6, name+" ended on "+strings.Join(jobs, " and ")+" as", strings.Join(ends, ", "), want)
	}
	s.check(6, "times that nightly-report ran, which was cancelled", ran["nightly-report"], 0)
	cancelled := f.tasks[s.tasks["nightly-report on "+job1]]
	s.check(6, "why nightly-report was cancelled, on record", strings.Contains(cancelled.Reason, "the demo") && strings.Contains(cancelled.Reason, "not tonight"), true)
	s.check(6, "late-news, whose time was over before the boot, ended as", f.tasks[s.tasks["late-news"]].State, decide.TaskExpired)
	s.check(6, "times that late-news ran", ran["late-news"], 0)
	s.check(6, "alert about late-news", about(f.alerts, s.tasks["late-news"]), decide.AlertTaskExpired)
	s.check(6, "alert about mount-share, whose boot deadline passed", about(f.alerts, s.tasks["mount-share"]), decide.AlertBootDeadline)
	s.check(6, "mount-share ended, after the boot, as", f.tasks[s.tasks["mount-share"]].State, decide.TaskSucceeded)
	beats, err := s.c.Events(ctx, heartbeatEvent, old)
	if err != nil {
		return err
	}
	s.check(6, "first heartbeats of "+old, len(beats), 0)
	s.check(6, "who sent rotate-keys to "+old, sender(f.log, s.tasks["rotate-keys"]).Function, "sweep")
	var source any
	for _, e := range f.all[old].Executions {
		if e.TaskID == s.tasks["rotate-keys"] {
			source = e.Source
		}
	}
	s.check(6, "rotate-keys, whose event was lost, ended as", f.tasks[s.tasks["rotate-keys"]].State, decide.TaskSucceeded)
	s.check(6, "how that end was learned", source, decide.SourcePoll)
	return nil
}
