package engine_test

import (
	"testing"
	"time"

	"aftercare/shared/decide"
)

// TestAStopHoldsWhatIsClaimedAfterIt: it lands at each call of a release that takes
// several commits, which lasts for 6 s more. Nothing is lost, and a resume needs no
// list.
// (decide rules 83, 84, 85, 87)
func TestAStopHoldsWhatIsClaimedAfterIt(t *testing.T) {
	const tasks = 45
	labelled := func(t *decide.Task) { t.Labels = []string{"other", "nightly"} }
	for _, scope := range []decide.Scope{{}, {Instance: "i-1"}, {Label: "nightly"}} {
		t.Run(scope.String(), func(t *testing.T) {
			for n, landed := 1, true; landed; n++ {
				landed = false
				d := newDesk()
				d.store(state(decide.BootWaiting, many(tasks, labelled)))
				calls, claimed, unread := 0, 0, true
				d.on = func(what, _ string) (f fate) {
					if calls++; calls == n {
						landed = true
						d.table.stop(decide.Stop{Scope: scope, By: "ann", At: d.clock})
						claimed = len(d.cloud.invocations)
						for _, s := range d.table.state("i-1").Sends {
							if s.FirstSent.IsZero() {
								t.Errorf("send %s is not claimed", s.Key)
							}
							claimed++
						}
						if !unread {
							claimed += 20 // of the commit under way
						}
						f.takes = 6 * time.Second
					}
					unread = unread && (what != "control" || landed)
					return f
				}
				mustHandle(t, d.engine(policy()), beat(0, time.Second))
				if got := len(d.cloud.invocations); landed && got > min(claimed, tasks) {
					t.Errorf("call %d: %d commands were sent, of which %d were claimed when it landed, or just after", n, got, claimed)
				}
				d.on = nil
				before := len(d.cloud.invocations)
				wakeAll := func() {
					t.Helper()
					d.clock = d.clock.Add(6 * time.Minute)
					if s, err := d.engine(policy()).Sweep(t.Context(), 1); err != nil || !s.Complete || s.Woken == 0 && before < tasks {
						t.Errorf("call %d: sweep %+v, %v", n, s, err)
					}
				}
				if wakeAll(); landed && len(d.cloud.invocations) != before {
					t.Errorf("call %d: %d commands were sent while it was stopped", n, len(d.cloud.invocations)-before)
				}
				d.table.resume(scope, d.clock)
				wakeAll()
				if got := len(d.cloud.invocations); got != tasks {
					t.Errorf("call %d: %d commands were sent in all, want %d", n, got, tasks)
				}
			}
		})
	}
}

// TestAStopHoldsOnlyWhatStartsACommand: commands are stopped, those to be stopped are
// looked for, and what comes is committed.
// (decide rule 84)
func TestAStopHoldsOnlyWhatStartsACommand(t *testing.T) {
	stop := func(d *desk) { d.table.stop(decide.Stop{By: "ann", At: now}) }
	play(t, []played{
		{name: "a cancel of a running command", state: state(decide.BootBootable, task("a", running("t-1"))),
			before: func(d *desk) { accepted(time.Minute)(d); stop(d) },
			steps:  on(decide.Cancel{Key: id("c"), TaskID: id("a")}, nil, "load arm commit stop commit", "stopping; a running; t-1 stopped; wake 05:08")},
		{name: "the look for a cancelled command", before: func(d *desk) { accepted(time.Minute)(d); stop(d) },
			state: state(decide.BootBootable, task("a", releasing, cancelled, textless), sent("a", time.Minute), task("b")),
			steps: on(wakeUp, nil, "load arm commit find-token commit commit stop commit", "a running; b queued; t-1 stopped; wake 05:08")},
		{name: "an end, with its alert", state: one, before: stop,
			steps: on(failed, nil, "load arm commit alert commit", "t-1 recorded; a queued; alert execution; wake 05:08")},
		{name: "a boot", state: state(decide.BootWaiting, task("a")), before: stop,
			steps: on(beat(0, time.Second), nil, "load arm commit", "a queued; wake 05:12")},
		{name: "a submission", state: state(decide.BootBootable), before: stop,
			steps: on(submission("a"), nil, "load arm commit", "queued; a queued; wake 05:12")},
	})
}
