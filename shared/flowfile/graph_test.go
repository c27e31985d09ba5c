package flowfile_test

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"aftercare/shared/command"
	"aftercare/shared/flow"
	"aftercare/shared/flowfile"
)

func sends(id string) flow.Step {
	return flow.Step{ID: id, Run: &command.Run{Name: "f/" + id, Type: "RunShellScript", Content: "true"}}
}

func TestAGraphShowsEveryWayThroughAFlow(t *testing.T) {
	look := sends("look")
	look.OnFailure = "mend"
	look.Capture = true
	look.Retry = &flow.Retry{Max: 3, On: append([]string{"Failed"}, flow.NotStarted...)}
	mend := flow.Step{ID: "mend", When: `steps.look.exitCode == 1`, Invoke: &command.Invoke{CommandID: "c-1"}, OnFailure: flow.FailureContinue}
	got := flowfile.Graph(flow.Definition{
		Name: "end", On: []string{flow.TaskCompleted, flow.FirstHeartbeat}, When: "event.region == \"r\" &&\n  run.depth == 0", Mode: flow.ModeDryRun,
		Steps: []flow.Step{
			look,
			{ID: "well", Stop: flow.ResultSucceeded},
			mend,
			{ID: "boot", Wait: flow.WaitNextBoot, Timeout: flow.Duration(30 * time.Minute)},
			{ID: "rest", Wait: "10m"},
		},
		OnFailure: []flow.Step{
			{ID: "tell", Alert: `"it" [${{ steps.look.status }}]; is` + "\n" + `down`},
			sends("clean"),
		},
		Finally: []flow.Step{sends("note"), {ID: "enough", When: "run.depth > 0", Stop: flow.ResultFailed}},
	})
	want := `---
title: "end"
---
flowchart TD
  start(["on task-completed or first-heartbeat<br/>event.region == #34;r#34; #38;#38;<br/>run.depth == 0<br/>#40;dry-run#41;"])
  steps1["run look<br/>again up to 3 × after Failed, no start<br/>captures its output"]
  steps2("stop well<br/>succeeded")
  steps3when{"steps.look.exitCode == 1"}
  steps3[["invoke mend<br/>c-1"]]
  steps4{{"wait boot<br/>next-boot<br/>at most 30m"}}
  steps5{{"wait rest<br/>10m"}}
  subgraph onFailure
  onFailure1>"alert tell<br/>#34;it#34; #91;#36;#123;#123; steps.look.status #125;#125;#93;#59; is down"]
  onFailure2["run clean"]
  end
  subgraph finally
  finally1["run note"]
  finally2when{"run.depth #62; 0"}
  finally2("stop enough<br/>failed")
  end
  ended(["ended"])
  start --> steps1
  steps1 --> steps2
  steps1 -.->|"not succeeded"| steps3when
  steps2 --> finally1
  steps3when -->|"yes"| steps3
  steps3when -->|"no"| steps4
  steps3 -->|"in any case"| steps4
  steps4 --> steps5
  steps4 -.->|"not succeeded"| onFailure1
  steps5 --> finally1
  onFailure1 --> onFailure2
  onFailure2 -->|"in any case"| finally1
  finally1 -->|"in any case"| finally2when
  finally2when -->|"yes"| finally2
  finally2when -->|"no"| ended
  finally2 --> ended
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("graph (-want +got):\n%s", diff)
	}
}

func TestAGraphWithoutOnFailureAndFinallyEndsByItsResult(t *testing.T) {
	got := flowfile.Graph(flow.Definition{Name: "f", On: []string{flow.TaskCompleted}, Mode: flow.ModeLive, Steps: []flow.Step{sends("a")}})
	want := `---
title: "f"
---
flowchart TD
  start(["on task-completed"])
  steps1["run a"]
  succeeded(["succeeded"])
  failed(["failed or timed out"])
  start --> steps1
  steps1 --> succeeded
  steps1 -.->|"not succeeded"| failed
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("graph (-want +got):\n%s", diff)
	}
}

// safe is a line of a graph in which no text of the flow can be markup.
var safe = regexp.MustCompile(`^  [a-zA-Z0-9]+( -->| -\.->)?[\[({>|]*("([A-Za-z0-9 .,/=+…×-]|#[0-9]+;|<br/>)*")?[\])}|]*( [a-zA-Z0-9]+)?$`)

func TestNoTextOfAFlowIsMarkupOfItsGraph(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String()
		d := flow.Definition{
			Name: "f", On: []string{flow.TaskCompleted}, When: text.Draw(t, "when"),
			Steps: []flow.Step{
				{ID: "a", Alert: "!" + text.Draw(t, "alert"), When: text.Draw(t, "step when")},
				{ID: "b", Invoke: &command.Invoke{CommandID: text.Draw(t, "id")}},
				{ID: "c", Wait: "1" + text.Draw(t, "wait")},
			},
		}
		graph := flowfile.Graph(d)
		_, lines, _ := strings.Cut(strings.TrimSuffix(graph, "\n"), "flowchart TD\n")
		for line := range strings.SplitSeq(lines, "\n") {
			if !safe.MatchString(line) {
				t.Fatalf("this line has markup from a text: %q", line)
			}
		}
	})
}
