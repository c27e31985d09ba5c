package flowdiff_test

import (
	"strings"
	"testing"

	"aftercare/scripts/internal/flowdiff"
	"aftercare/shared/flow"
	"aftercare/shared/flowfile"

	"github.com/google/go-cmp/cmp"
)

const before = `
version: 1
flows:
- name: mend
  on: task-completed
  mode: dry-run
  when: run.depth == 0 && event.exitCode == 3
  timeout: 6h
  steps:
  - {id: look, run: {type: RunShellScript, content: "df $a $b\nls\n", parameters: {a: x, b: y}}}
  - {id: say, alert: it is full}
- {name: same, on: first-heartbeat, steps: [{id: a, alert: x}]}
- {name: old, on: first-heartbeat, steps: [{id: a, alert: x}]}
`

const after = `
version: 1
flows:
- {name: same, on: first-heartbeat, steps: [{id: a, alert: x}]}
- {name: fresh, on: first-heartbeat, mode: dry-run, steps: [{id: a, alert: x}]}
- name: mend
  on: [task-completed]
  when: run.depth == 0 && event.exitCode == 4
  timeout: 1h
  windows: {timeZone: UTC, open: [{days: [mon], from: "01:00", to: "02:00"}]}
  steps:
  - {id: say, alert: it is full}
  - {id: look, run: {type: RunShellScript, content: "df $a\ntop\n", parameters: {a: z}}, retry: {max: 3}}
  - {id: rest, wait: 5m}
`

func TestFlowsAreComparedInWords(t *testing.T) {
	var got []string
	for _, f := range flowdiff.Compare(read(t, before), read(t, after)) {
		line := f.Flow + " " + f.What
		if f.GoesLive {
			line += ", goes live"
		}
		got = append(got, line)
		for _, c := range f.Changes {
			got = append(got, "  "+c.String())
		}
	}
	want := strings.Split(strings.Trim(`
mend changed, goes live
  mode was dry-run, is live
  steps.look.follows was the start, is say
  steps.look.retry.max was 2, is 3
  steps.look.run.content was "df $a $b\nls\n", is "df $a\ntop\n"
  steps.look.run.parameters.a was x, is z
  steps.look.run.parameters.b removed, was y
  steps.rest.follows added: look
  steps.rest.onFailure added: stop
  steps.rest.wait added: 5m
  steps.say.follows was look, is the start
  timeout was 6h, is 1h
  when was run.depth == 0 && event.exitCode == 3, is run.depth == 0 && event.exitCode == 4
  windows.open.1.days added: [mon]
  windows.open.1.from added: 01:00
  windows.open.1.to added: 02:00
  windows.outside added: wait
  windows.timeZone added: UTC
fresh added
old removed`, "\n"), "\n")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if same := flowdiff.Compare(read(t, before), read(t, before)); same != nil {
		t.Errorf("a file differs from itself: %+v", same)
	}
}

func read(t *testing.T, text string) []flow.Definition {
	t.Helper()
	flows, err := flowfile.Read("flows.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return flows
}
