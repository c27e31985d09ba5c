package handler_test

import (
	"fmt"
	"strings"
	"testing"

	"aftercare/shared/event"
	"aftercare/shared/ledger"
	"aftercare/tests/rig"
)

// TestPeopleSeeTheGivenName everywhere, while the agent gets one word: in
// records, the history, conditions and parameters of flows, and alerts. A
// script runs under its own interpreter, whatever the name holds.
func TestPeopleSeeTheGivenName(t *testing.T) {
	const given = "检查 磁盘 (C:)/每日 'a' $(id)"
	r := rig.New(t, rig.Options{Flows: fmt.Sprintf(`
version: 1
flows:
  - name: follow
    on: task-completed
    when: event.commandName == %q
    steps:
      - id: look
        run: {type: RunShellScript, content: 'printf %%s "$name"', parameters: {name: "${{ event.commandName }}"}}
        capture: true
`, given)})
	r.Create("i-1")
	if _, err := r.FirstHeartbeat(r.Boot("i-1")); err != nil {
		t.Fatal(err)
	}
	task := only(t)(r.SubmitTask(encode(request().with("run", runOf("#!/bin/bash\n[[ a == a ]] && exit 3\n").with("name", given))))).Answer.TaskID
	for range 2 {
		if _, err := r.TaskCompleted(r.Take(event.KindTaskCompleted)); err != nil {
			t.Fatalf("%v; log:\n%s", err, r.Log)
		}
	}
	runs := r.ECS.Runs("i-1")
	if len(runs) != 2 || runs[0].Name != "-C-a-id-."+task || runs[1].Output != given {
		t.Fatalf("the commands ran as %+v, want one word and the task, and then the flow's", runs)
	}
	records := r.Records("i-1")
	var seen []string
	for _, e := range records.Executions {
		seen = append(seen, e.Name)
		if e.TaskID == task && (e.Name != given || e.Event.ExitCode == nil || *e.Event.ExitCode != 3) {
			t.Errorf("the record is %+v, want the given name and bash's exit code", e)
		}
	}
	if err := r.Ledger().History(t.Context(), ends(r), func(e ledger.Entry) error {
		seen = append(seen, e.Name)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(strings.Join(seen, "\n"), given); len(seen) != 4 || got != 2 {
		t.Errorf("records and history name %q", seen)
	}
	var alerts strings.Builder
	for _, a := range r.Alerts() {
		fmt.Fprintln(&alerts, a)
	}
	if !strings.Contains(alerts.String(), "检查 磁盘") || strings.Contains(alerts.String(), task) && strings.Contains(alerts.String(), "-C-a-id-") {
		t.Errorf("the alerts say %s, want the given name", alerts.String())
	}
}
