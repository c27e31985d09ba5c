package faults_test

import (
	"testing"

	"aftercare/shared/event"
	"aftercare/shared/flow"
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
