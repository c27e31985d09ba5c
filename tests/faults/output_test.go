package faults_test

import (
	"testing"

	"aftercare/shared/event"
	"aftercare/shared/flow"
	"aftercare/tests/localcloud/fault"
)

// [23] [25] What a step's command printed is fetched from the service, and
// reaches the steps behind it byte for byte; so does a parameter the script.
func TestWhatACommandPrintedReachesTheStepsBehindIt(t *testing.T) {
	r := newRig(t, scenario{flows: `
version: 1
flows:
  - name: ask
    on: task-completed
    when: event.commandName == "first"
    steps:
      - id: one
        run:
          type: RunShellScript
          content: printf '%s' "$who"
          parameters: {who: "it's $(echo run) on ${{ event.instanceId }}"}
        capture: true
      - id: two
        run: {type: RunShellScript, content: 'printf "%s!" "$said"', parameters: {said: "${{ steps.one.output }}"}}
        when: steps.one.output endsWith event.instanceId
`})
	boot(r)
	must(submission("first", "true", 5)(r))
	for range 3 {
		must(r.TaskCompleted(r.Take(event.KindTaskCompleted)))
	}
	want := "it's $(echo run) on " + instanceID
	printed := map[string]string{}
	for _, run := range r.ECS.Runs(instanceID) {
		printed[r.Given(run.Name)] = run.Output
	}
	if printed["ask/one"] != want || printed["ask/two"] != want+"!" {
		t.Errorf("the scripts printed %q, want %q and %q", printed, want, want+"!")
	}
	records := r.Records(instanceID).Runs
	if len(records) != 1 || records[0].Result != flow.ResultSucceeded {
		t.Fatalf("runs %+v, want one that succeeded; log:\n%s", records, r.Log)
	}
	if one := records[0].Steps[0]; one.OutputBytes != len(want) || one.Output != "" {
		t.Errorf("step %+v, want %d bytes of output noted, and none kept", one, len(want))
	}
}

// [45] [72] What the command of the event printed is fetched once, however often the
// event comes, and not for an event that another clause rules out; the ended run does
// not keep it. A fetch that fails makes the event come again.
func TestWhatTheEventsCommandPrintedIsFetchedOnce(t *testing.T) {
	r := newRig(t, scenario{flows: readsTheEvent})
	boot(r)
	must(submission("first", "echo printed", 5)(r))
	end := r.Take(event.KindTaskCompleted)
	const call = "DescribeInvocationResults"
	r.Faults.Add(fault.Fault{Call: call, Times: -1, Mode: fault.ErrorBefore, Status: 503, Code: "ServiceUnavailable"})
	if _, err := r.TaskCompleted(end); err == nil {
		t.Error("a failed fetch did not make the event come again")
	}
	if runs := r.State(instanceID).Runs; len(runs) != 0 {
		t.Errorf("it started %+v without knowing what was printed", runs)
	}
	r.Faults.Clear()
	r.Faults.ResetCalls()
	must(r.TaskCompleted(end))
	for _, run := range r.State(instanceID).Runs {
		if run.Event.Output != "printed\n" {
			t.Errorf("the run has %q", run.Event.Output)
		}
	}
	must(r.TaskCompleted(end))
	must(r.TaskCompleted(r.Take(event.KindTaskCompleted)))
	if got := r.Faults.Calls()[call]; got != 1 {
		t.Errorf("it was fetched %d times, want 1; log:\n%s", got, r.Log)
	}
	records := r.Records(instanceID).Runs
	if len(records) != 1 || records[0].Result != flow.ResultSucceeded || records[0].Event.Output != "" {
		t.Errorf("runs %+v, want one that succeeded, without the output; log:\n%s", records, r.Log)
	}
}
