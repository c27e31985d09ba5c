package flow_test

import (
	"os"
	"testing"
	"time"

	"aftercare/shared/flow"

	"github.com/google/go-cmp/cmp"
)

const shippedFile = "../../functions/flows.yaml"

func shipped(t *testing.T) *flow.Set {
	t.Helper()
	src, err := os.ReadFile(shippedFile)
	if err != nil {
		t.Fatal(err)
	}
	set, err := flow.Compile("functions/flows.yaml", src)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// installed is the end of a command that a shipped flow waits for.
func installed() flow.Event {
	return flow.Event{
		Kind: flow.TaskCompleted, ID: "e-1", Source: "acs.ecs", Region: "cn-hangzhou",
		InstanceID: "i-bp1", InvokeID: "t-hz1", CommandName: "install-agent",
		InvocationStatus: "Success", RepeatMode: "Once",
		FinishTime: time.Date(2026, 1, 31, 8, 0, 0, 0, time.UTC),
	}
}

func TestShippedFlowsPlanWhatTheFileSays(t *testing.T) {
	got := shipped(t).Match(installed())
	want := []flow.Outcome{{
		Flow:    "collect-logs-after-install",
		Matched: true,
		Run: &flow.Plan{Flow: "collect-logs-after-install", Steps: []flow.Step{
			{ID: "collect", Run: flow.Run{
				Name: "collect-logs-after-install/collect",
				Type: "RunShellScript",
				Content: `echo "installed on $host by invocation $invocation"
if [ -r /var/log/install.log ]; then
  tail -n 100 /var/log/install.log
else
  echo "no /var/log/install.log"
fi
`,
				Timeout: time.Minute, WorkingDir: "/", Username: "root",
				Parameters: map[string]string{"host": "i-bp1", "invocation": "t-hz1"},
			}},
			{ID: "disk", Run: flow.Run{
				Name: "collect-logs-after-install/disk",
				Type: "RunShellScript",
				Content: `#!/bin/sh
echo "room left on $host after the installation:"
df -P "$folder"
`,
				Timeout:    30 * time.Second,
				Parameters: map[string]string{"host": "i-bp1", "folder": "/"},
			}},
		}},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("plan (-want +got):\n%s", diff)
	}
}

func TestShippedFlowsDoNotStartAfterABootOfUnknownTime(t *testing.T) {
	set := shipped(t)
	for uptime, want := range map[int]bool{-1: false, 0: true, 23_000: true, 899_999: true, 900_000: false} {
		got := set.Match(flow.Event{Kind: flow.FirstHeartbeat, InstanceID: "i-bp1", Uptime: uptime})
		if len(got) != 1 || got[0].Flow != "record-boot" || got[0].Matched != want {
			t.Errorf("uptime %d: got %+v, want one outcome of record-boot, matched %v", uptime, got, want)
		}
	}
}

// A shipped flow must not answer the end of a command that a shipped flow
// sent, however it ended.
func TestShippedFlowsNeverMatchTheirOwnFollowUps(t *testing.T) {
	set := shipped(t)
	starts := append(set.Match(installed()), set.Match(flow.Event{Kind: flow.FirstHeartbeat, InstanceID: "i-bp1", Uptime: 5000})...)
	seen := 0
	for _, start := range starts {
		if !start.Matched {
			continue
		}
		for _, step := range start.Run.Steps {
			for _, status := range []string{"Success", "Failed", "Timeout", "Aborted", "Invalid", "Cancelled", "Terminated"} {
				end := installed()
				end.CommandName, end.InvocationStatus = step.Run.Name, status
				seen++
				for _, outcome := range set.Match(end) {
					if outcome.Matched {
						t.Errorf("%s matches the end (%s) of %s", outcome.Flow, status, step.Run.Name)
					}
				}
			}
		}
	}
	if seen < 3*7 {
		t.Errorf("checked %d ends, want those of three steps", seen)
	}
}
