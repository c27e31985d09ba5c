package faults_test

import (
	"fmt"
	"strings"
	"testing"

	"aftercare/shared/event"
)

// flowsOn is a file of flows of one step each, every one on the success of a
// command.
func flowsOn(pairs ...[2]string) string {
	var b strings.Builder
	b.WriteString("version: 1\nflows:\n")
	for _, p := range pairs {
		fmt.Fprintf(&b, "  - name: %s\n    on: task-completed\n    when: %s\n    steps:\n      - {id: step, run: {type: RunShellScript, content: \"true\"}}\n", p[0], p[1])
	}
	return b.String()
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
		flows string
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
			s := scenario{flows: c.flows, ran: c.ran, ends: len(c.ran), alerts: 1, boots: 1}
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
			messages := r.Inbox.Messages()
			if len(messages) != 1 || !strings.Contains(string(messages[0].Body), "Flow stopped") || !strings.Contains(string(messages[0].Body), c.said) {
				t.Errorf("alerts %+v, want one that says %q", messages, c.said)
			}
			for _, run := range v.records.Runs {
				if run.Result != "succeeded" || len(run.Chain) > 10 {
					t.Errorf("flow %s %s with chain %v", run.Flow, run.Result, run.Chain)
				}
			}
		})
	}
}
