package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"aftercare/shared/decide"
	"aftercare/shared/flow"
	"aftercare/shared/ledger"
	"aftercare/tests/localcloud/cloud"
)

// restartAPIs: step 5. The api of two instances is down. The first comes up
// at the third restart, and then goes down again until its flow has reached
// its limit; the second never comes up.
func (s *story) restartAPIs(ctx context.Context) error {
	for _, c := range []submission{
		{api1, "deploy-api", "echo 8080 >api.conf; echo 2 >busy", 5, "", "deploy-api on " + api1}, // twice, the port is found in use
		{api2, "deploy-api", ": >api.conf; echo 0 >busy", 5, "", "deploy-api on " + api2},
	} {
		if err := s.c.CreateInstance(ctx, cloud.Instance{ID: c.instance}); err != nil {
			return err
		}
		if err := s.boot(ctx, c.instance); err != nil {
			return err
		}
		if _, err := s.submit(ctx, c); err != nil {
			return err
		}
	}
	if err := s.untilEnded(ctx, "deploy-api on "+api1, "deploy-api on "+api2); err != nil {
		return err
	}
	check := func(id string, n int) error {
		// The demo's api is down at every check but the last.
		script := "rm -f api.up; echo 'nothing answers on port 8080' >&2; exit 3"
		if n == lastCheck {
			script = "echo 'port 8080 answers'"
		}
		_, err := s.submit(ctx, submission{id, "check-api", script, 5, "", fmt.Sprintf("check %d of %s", n, id)})
		return err
	}
	// The diagnostics must end before a restart waits for its next attempt:
	// the end of any command also sends an attempt that is due, and here a sweep
	// is to send it.
	for n, flowName := range []string{"collect-diagnostics", "restart-api"} {
		for _, id := range []string{api1, api2} {
			if err := check(id, n+1); err != nil {
				return err
			}
		}
		for _, id := range []string{api1, api2} {
			if err := s.untilRuns(ctx, id, flowName, 1); err != nil {
				return err
			}
		}
	}
	if err := s.untilRuns(ctx, api1, "back-in-service", 1); err != nil {
		return err
	}
	if err := check(api1, 3); err != nil {
		return err
	}
	if err := s.untilRuns(ctx, api1, "back-in-service", 2); err != nil {
		return err
	}
	for n := 3; n <= 4; n++ {
		if err := check(api1, n+1); err != nil {
			return err
		}
		if err := s.untilRuns(ctx, api1, "restart-api", n); err != nil {
			return err
		}
	}
	return check(api1, lastCheck)
}

// lastCheck is the number of the check of api1 that finds it well: it ends the alert
// about those before it.
const lastCheck = 6

// runsOf returns a flow's runs on record, in the order in which they ended.
func runsOf(records ledger.Records, name string) (runs []decide.FlowRun) {
	for _, r := range records.Runs {
		if r.Flow == name {
			runs = append(runs, r)
		}
	}
	slices.SortStableFunc(runs, func(a, b decide.FlowRun) int { return a.EndedAt.Compare(b.EndedAt) })
	return runs
}

// checkRestarts checks what the flows of step 5 did, and why.
func (s *story) checkRestarts(all map[string]ledger.Records, log []logLine, alerts []alert) {
	t := newTrail(all[api1])
	runs := runsOf(all[api1], "restart-api")
	for len(runs) < 4 {
		runs = append(runs, decide.FlowRun{})
	}
	s.check(5, "runs of restart-api on "+api1, results(all[api1], "restart-api"), "succeeded, succeeded, refused, refused")
	s.check(5, "runs of restart-api on "+api2, results(all[api2], "restart-api"), "failed")
	s.check(5, "steps of the first run on "+api1, stepsOf(runs[0]), "free-disk skipped, restart succeeded, verify succeeded")
	s.check(5, "why free-disk was skipped, at exit code 3", step(runs[0], "free-disk").Reason, "when was false: event.exitCode == 90 (event.exitCode is 3)")
	restart := step(runs[0], "restart")
	s.check(5, "attempts of restart in the first run, and in the second",
		fmt.Sprint(restart.Attempts, ", ", step(runs[1], "restart").Attempts), "3, 1")
	var causes []string
	requests := map[string]bool{}
	first, waited := "", 0
	for n, id := range restart.Tasks {
		line := sender(log, id)
		requests[line.Request] = true
		if n == 0 {
			first = line.Function
		} else if resender(line) != "" {
			waited++
		}
		causes = append(causes, t.cause(t.tasks[id].Cause))
	}
	s.check(5, "who sent the first attempt", first, "task-completed")
	s.check(5, "attempts that a sweep or a repeated event sent after a backoff", waited, 2)
	s.check(5, "different invocations that sent the three attempts", len(requests), 3)
	s.check(5, "causes of the three attempts", strings.Join(causes, ", "), "check-api, wake-up, wake-up")
	s.check(5, "number of the attempt that ended the step", 1+slices.Index(restart.Tasks, t.byKey[restart.EndedBy].TaskID), 3)

	failed := decide.FlowRun{}
	if runs := runsOf(all[api2], "restart-api"); len(runs) > 0 {
		failed = runs[0]
	}
	s.check(5, "steps of the run on "+api2, stepsOf(failed), "free-disk skipped, restart failed, log succeeded, tell succeeded")
	s.check(5, "why that run failed", failed.Reason, "step restart ended as failed: exit code 78")
	s.check(5, "alerts of flows on "+api2, kinds(alerts, api2), decide.AlertFlow)
	s.check(5, "what that alert says", said(alerts, api2), "the api stays down: 3 restarts, exit code 78, api.conf names no port")
	s.check(5, "why the third run was refused", runs[2].Reason, "it already ran 2 times within 1h on this instance, which is its limit")
	s.check(5, "alerts of flows on "+api1+", where two runs were refused", kinds(alerts, api1), decide.AlertFlowLimit)

	checked := t.byKey[runs[0].Cause]
	s.check(5, "why collect-diagnostics did not start as well", decidedOf(checked, "collect-diagnostics").Why, "when was false: event.failedBefore == 0")
	s.check(5, "the chain of back-in-service", strings.Join(chainOf(all[api1], "back-in-service"), " > "), "restart-api > back-in-service")
	const way = "check-api > restart-api > restart-api/verify > back-in-service > back-in-service/register"
	s.check(5, "causes, walked down", t.down(checked), way)
	s.check(5, "causes, walked up", t.up(t.lastTask(runsOf(all[api1], "back-in-service"))), way)
}

func results(records ledger.Records, name string) string {
	var out []string
	for _, r := range runsOf(records, name) {
		out = append(out, r.Result)
	}
	return strings.Join(out, ", ")
}

func stepsOf(r decide.FlowRun) string {
	var out []string
	for _, s := range r.Steps {
		out = append(out, s.ID+" "+s.Status)
	}
	return strings.Join(out, ", ")
}

func step(r decide.FlowRun, id string) flow.StepRecord {
	for _, s := range r.Steps {
		if s.ID == id {
			return s
		}
	}
	return flow.StepRecord{}
}

func chainOf(records ledger.Records, name string) []string {
	for _, r := range runsOf(records, name) {
		return r.Chain
	}
	return nil
}

// kinds joins the kinds of the alerts that flows raised about an instance.
func kinds(alerts []alert, id string) string {
	var out []string
	for _, a := range alerts {
		if a.Kind != decide.AlertExecution && a.InstanceID == id {
			out = append(out, string(a.Kind))
		}
	}
	return strings.Join(out, ", ")
}

// said returns the text of the first of those alerts.
func said(alerts []alert, id string) string {
	for _, a := range alerts {
		if a.Kind != decide.AlertExecution && a.InstanceID == id {
			return a.Summary
		}
	}
	return ""
}
