package faults_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"aftercare/shared/command"
	"aftercare/shared/decide"
	"aftercare/shared/event"
	"aftercare/shared/flow"
)

// flowsOn makes flows of one step each, every one on the success of a command. A
// file may not have some of them, but a saved command, whose name is in no file,
// can also lead from one flow to another.
func flowsOn(pairs ...[2]string) []flow.Definition {
	var list []flow.Definition
	for _, p := range pairs {
		list = append(list, flow.Definition{
			Name: p[0], On: []string{flow.TaskCompleted}, When: p[1], Mode: flow.ModeLive, WhenBusy: flow.BusyQueue,
			Timeout: flow.Duration(time.Hour),
			Limits:  flow.Limits{PerInstance: flow.InstanceLimit{Max: 30, Window: flow.Duration(time.Hour)}},
			Steps: []flow.Step{{ID: "step", Run: &command.Run{
				Name: p[0] + "/step", Type: "RunShellScript", Content: "true", Timeout: flow.Duration(time.Minute),
			}}},
		})
	}
	return list
}

// TestFlowsThatWouldTriggerEachOtherAreStoppedOnce runs them, and delivers
// each end twice.
func TestFlowsThatWouldTriggerEachOtherAreStoppedOnce(t *testing.T) {
	line := [][2]string{{"f1", `event.commandName == "first"`}}
	lineRan := []string{"first", "f1/step"}
	for i := 2; i <= 12; i++ {
		line = append(line, [2]string{fmt.Sprint("f", i), fmt.Sprintf(`event.commandName == "f%d/step"`, i-1)})
		if i <= 10 {
			lineRan = append(lineRan, fmt.Sprintf("f%d/step", i))
		}
	}
	for name, c := range map[string]struct {
		flows []flow.Definition
		ran   []string
		said  string
	}{
		"two of them": {
			flowsOn([2]string{"ping", `event.commandName in ["first", "pong/step"]`}, [2]string{"pong", `event.commandName == "ping/step"`}),
			[]string{"first", "ping/step", "pong/step"}, "ping",
		},
		"one that answers itself": {
			flowsOn([2]string{"echo", `event.invocationStatus == "Success"`}),
			[]string{"first", "echo/step"}, "echo",
		},
		"twelve in a row": {flowsOn(line...), lineRan, "10 flows led to this event"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := scenario{definitions: c.flows, ran: c.ran, ends: len(c.ran), alerts: 1, boots: 1}
			r := newRig(t, s)
			boot(r)
			must(submission("first", "true", 5)(r))
			for n := 0; n < len(c.ran); n++ {
				end := r.Take(event.KindTaskCompleted)
				must(r.TaskCompleted(end))
				must(r.TaskCompleted(end))
			}
			finish(t, r)
			v := look(t, r)
			check(t, v, s, "in the end")
			alerts := r.Alerts()
			if len(alerts) != 1 || alerts[0].Kind != decide.AlertFlowStopped || !strings.Contains(alerts[0].Flow+alerts[0].Summary, c.said) {
				t.Errorf("alerts %+v, want one that says %q", alerts, c.said)
			}
			for _, run := range v.records.Runs {
				if run.Result != "succeeded" || len(run.Chain) > 10 {
					t.Errorf("flow %s %s with chain %v", run.Flow, run.Result, run.Chain)
				}
			}
		})
	}
}
