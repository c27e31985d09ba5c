package flow_test

import (
	"testing"

	"aftercare/shared/flow"
)

// [81] What a when says about the command's name and id and about the depth is
// believed; everything else may be true or false.
func TestACommandCanStartAFlowUnlessItsWhenRulesThatOut(t *testing.T) {
	named, saved := flow.Command{Name: "clean/logs"}, flow.Command{ID: "c-1"}
	for _, c := range []struct {
		when         string
		named, saved bool
	}{
		{``, true, true},
		{`true`, true, true},
		{`false`, false, false},
		{`event.exitCode != 0`, true, true},
		{`event.commandName == "clean/logs"`, true, false},
		{`event.commandName == "install"`, false, false},
		{`event.commandName == "install" && event.exitCode == 0`, false, false},
		{`event.exitCode == 0 && event.commandName == "install"`, false, false},
		{`event.commandName == "install" || event.exitCode == 0`, true, true},
		{`event.commandName == "install" and (event.exitCode == 0 or event.repeats == 1)`, false, false},
		{`event.commandName != "clean/logs"`, false, true},
		{`not (event.commandName == "clean/logs")`, false, true},
		{`!(event.commandName == "clean/logs" && event.exitCode == 0)`, true, true},
		{`event.commandName in ["install", "clean/logs"]`, true, false},
		{`event.commandName startsWith "clean/"`, true, false},
		{`not (event.commandName startsWith "clean/")`, false, true},
		{`event.commandName matches "^clean"`, true, false},
		{`split(event.commandName, "/")[0] == "clean"`, true, false},
		{`split(event.commandName, "/")[1] == "logs"`, true, true}, // it cannot be evaluated for the saved one
		{`any(["install", "clean/logs"], # == event.commandName)`, true, false},
		{`event.commandName == event.errorDesc`, true, true},
		{`event.commandId == "c-1"`, true, true},
		{`event.commandId != "c-1"`, true, false},
		{`event.commandId == "c-2"`, true, false},
		{`event.kind == "task-completed"`, true, true},
		{`event.kind == "first-heartbeat"`, false, false},
		{`run.depth == 0`, false, false},
		{`run.depth > 0`, true, true},
		{`run.depth < 1`, false, false},
		{`run.depth == 10`, true, true},
		{`run.depth > 10`, false, false},
		{`run.depth == 3 && run.depth == 4`, false, false},
		{`run.depth + event.exitCode == 0`, true, true},
		{`event.exitCode == 0 ? event.commandName == "install" : run.depth == 0`, false, false},
		{`event.exitCode == 0 ? true : run.depth == 0`, true, true},
		{`event.commandName == "clean/logs" ? event.exitCode == 1 : false`, true, false},
		{`(int(event.errorDesc) == 1 && event.commandName == "install") or false`, false, false},
		{`not (event.id in ["1"] || event.id in ["2"] || event.id in ["3"] || event.id in ["4"] || event.id in ["5"] || event.id in ["6"] || event.id in ["7"] || event.id in ["8"])`, true, true},
		{`event.noSuchField == 1`, false, false},
	} {
		d := flow.Definition{On: []string{flow.TaskCompleted}, When: c.when}
		if got := flow.Starters(d)(named); got != c.named {
			t.Errorf("%s: got %v for a named command, want %v", c.when, got, c.named)
		}
		if got := flow.Starters(d)(saved); got != c.saved {
			t.Errorf("%s: got %v for a saved command, want %v", c.when, got, c.saved)
		}
		d.On = []string{flow.FirstHeartbeat}
		if flow.Starters(d)(named) {
			t.Errorf("%s: a command starts a flow on heartbeats", c.when)
		}
	}
	d := flow.Definition{On: []string{flow.TaskCompleted, flow.FirstHeartbeat}, When: `event.kind == "task-completed"`}
	if !flow.Starters(d)(named) {
		t.Error("a flow on both kinds of event is not started")
	}
}
