package faults_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/event"
	"aftercare/shared/flow"
	"aftercare/shared/flowfile"
	"aftercare/shared/handler"
	"aftercare/tests/rig"
)

// deploy replaces the functions by those with another flows file; an empty file
// means no flows.
func deploy(t *testing.T, r *rig.Rig, file string) {
	t.Helper()
	var list []flow.Definition
	if file != "" {
		var err error
		list, err = flowfile.Read("flows.yaml", []byte(file))
		mustDo(err)
	}
	stored, err := flow.Store(list)
	mustDo(err)
	r.Settings.FlowsFile = filepath.Join(t.TempDir(), "flows.compiled")
	mustDo(os.WriteFile(r.Settings.FlowsFile, stored, 0o600))
	r.Restart()
}

// otherVersions are files that follow twoSteps.
var otherVersions = map[string]string{
	"without flows": "",
	"with another flow only": `
version: 1
flows:
  - name: greet
    on: first-heartbeat
    steps:
      - id: hello
        run: {type: RunShellScript, content: "echo hello"}
`,
	"with other steps in the flow": `
version: 1
flows:
  - name: follow
    on: task-completed
    when: event.commandName == "never"
    steps:
      - id: third
        run: {type: RunShellScript, content: "exit 9"}
`,
}

// TestARunGoesOnWithItsStoredDefinition: it was started by one version of the
// functions, and the next one has another file.
// [57]
func TestARunGoesOnWithItsStoredDefinition(t *testing.T) {
	for name, file := range otherVersions {
		for _, stopped := range []bool{false, true} {
			t.Run(fmt.Sprint(name, ", stopped ", stopped), func(t *testing.T) {
				t.Parallel()
				r := newRig(t, scenario{flows: twoSteps})
				old := r.Another()
				boot(r)
				must(submission("first", "true", 5)(r))
				must(r.TaskCompleted(r.Take(event.KindTaskCompleted)))
				if stopped {
					order(t, r, decide.ActStop, decide.Scope{Flow: "follow"})
				}
				deploy(t, r, file)
				end := r.Take(event.KindTaskCompleted)
				must(r.TaskCompleted(end))
				if stopped {
					sweepUntil(t, r, r.Now().Add(20*time.Minute))
					if got := ranHere(r); got != "first follow/second" {
						t.Errorf("while the flow was stopped, %s ran, want nothing more", got)
					}
					order(t, r, decide.ActResume, decide.Scope{Flow: "follow"})
				}
				l := &life{Rig: r, t: t}
				l.rest()
				// The old functions still handle what was sent to them.
				for _, deliver := range []func([]byte) (handler.Outcome, error){old.TaskCompleted, r.TaskCompleted} {
					again(t, func() (handler.Outcome, error) { return deliver(end) })
				}
				l.rest()
				if got := ranHere(r); got != "first follow/second follow/third" {
					t.Errorf("%s ran, want the steps of the first version; log:\n%s", got, r.Log)
				}
				third := ranAs(r, "follow/third")[0]
				if third.Output != "third "+instanceID+"\n" {
					t.Errorf("the third step printed %q, want that of the first version", third.Output)
				}
				if got := endings(r.Records(instanceID).Runs); !slices.Equal(got, []string{"follow succeeded: second succeeded, third succeeded"}) {
					t.Errorf("runs ended as %q", got)
				}
				nothingLeft(t, r)
			})
		}
	}
}

// TestTwoVersionsAtOnceRunAFlowOnce: functions of both versions get the same
// ends.
// [57]
func TestTwoVersionsAtOnceRunAFlowOnce(t *testing.T) {
	for name, file := range otherVersions {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, scenario{flows: twoSteps})
			boot(r)
			must(submission("first", "true", 5)(r))
			must(r.TaskCompleted(r.Take(event.KindTaskCompleted)))
			old := []*rig.Process{r.Another(), r.Another()}
			deploy(t, r, file)
			for range 2 {
				end := r.Take(event.KindTaskCompleted)
				invocations := same(4, func(p *rig.Process) (handler.Outcome, error) { return p.TaskCompleted(end) })
				for _, p := range old {
					invocations = append(invocations, func(*rig.Process) (handler.Outcome, error) { return p.TaskCompleted(end) })
				}
				oneWins(t, atOnce(t, r, invocations...), handler.ResultRecorded)
			}
			(&life{Rig: r, t: t}).rest()
			if got := ranHere(r); got != "first follow/second follow/third" {
				t.Errorf("%s ran, want each step once; log:\n%s", got, r.Log)
			}
			sentOnce(t, r, 3)
			nothingLeft(t, r)
		})
	}
}
