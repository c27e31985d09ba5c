package backtest_test

import (
	"strings"
	"testing"
	"time"

	"aftercare/shared/event"
	"aftercare/tests/rig"
)

// One event starts two flows, and one of them was only rehearsed: each run counts once. [75]
func TestTwoRunsThatOneEventStartsCountOnce(t *testing.T) {
	const one = `
- {name: NAME, on: task-completed, when: run.depth == 0 && event.exitCode == 3, steps: [{id: fix, run: {type: RunShellScript, content: "true"}}, {id: rest, wait: 40s}]}`
	both := "version: 1\nflows:" + strings.ReplaceAll(one, "NAME", "one") + strings.ReplaceAll(one, "NAME", "two")
	for _, rehearsed := range []string{"name: one", "name: two"} {
		was := strings.Replace(both, rehearsed, rehearsed+", mode: dry-run", 1)
		h := &history{Rig: rig.New(t, rig.Options{OneClock: true, Flows: was}), t: t}
		h.Create("i-1")
		h.done(h.FirstHeartbeat(h.Boot("i-1")))
		for range 3 {
			h.ended("i-1", "check", 3)
			h.settle()
			h.Advance(time.Minute)
			h.done(h.Sweep())
		}
		play, _ := h.played(read(t, both), read(t, was))
		for n, name := range []string{"one", "two"} {
			if got, want := said(play)[n], name+": 3 started, on 1, 6 steps, 3 commands"; got != want {
				t.Errorf("%s in dry-run: %s, want %s", rehearsed, got, want)
			}
		}
	}
}

// What decides the start is not recorded, but that the flow started is. [75]
func TestAnOutputThatStartedAFlowStartsItAgain(t *testing.T) {
	const full = `
version: 1
flows:
- {name: full, on: task-completed, captureEvent: true, when: run.depth == 0 && int(event.output) > 80, steps: [{id: tell, alert: x}]}
`
	h := &history{Rig: rig.New(t, rig.Options{OneClock: true, Flows: full}), t: t}
	h.Create("i-1")
	h.done(h.FirstHeartbeat(h.Boot("i-1")))
	for _, use := range []string{"87", "12"} {
		h.submit(map[string]any{"instanceId": "i-1", "run": map[string]string{"name": "df", "type": "RunShellScript", "content": "echo " + use}})
		h.done(h.TaskCompleted(h.Take(event.KindTaskCompleted)))
	}
	h.Advance(time.Minute)
	deployed := read(t, full)
	if got, want := h.recorded(deployed, "i-1")[0], "full: 1 started, on 1, 1 alert, 1 step"; got != want {
		t.Fatalf("the records: %s, want %s", got, want)
	}
	for _, c := range []struct {
		name, is, want string
		perhaps        int
	}{
		{"the same", full, "full: 1 started, on 1, 1 alert, 1 step", 1},
		{"another condition", strings.Replace(full, "80", "90", 1), "full: , on 0, ", 2},
		{"a false condition", strings.Replace(full, "run.depth == 0", "run.depth == 1", 1), "full: , on 0, ", 0},
	} {
		play, was := h.played(read(t, c.is), deployed)
		if got := said(play)[0]; got != c.want || play.Flows[0].Perhaps != c.perhaps {
			t.Errorf("%s: %s, want %s; perhaps %d more, want %d", c.name, got, c.want, play.Flows[0].Perhaps, c.perhaps)
		}
		if listed := len(was.Only) > 0; listed != (c.perhaps == 0) || len(play.Only) > 0 {
			t.Errorf("%s: the differences are %v and %v", c.name, play.Only, was.Only)
		}
	}
}
