// Rules of package decide that no other test holds.

package engine_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/engine"
	"aftercare/shared/flow"
)

// (decide rule 95)
func TestASweepSpreadsItsCommandsOverItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := now.Truncate(time.Minute)
		time.Sleep(time.Until(begin))
		d := newDesk()
		for n := range 3 {
			s := state(decide.BootBootable)
			s.Instance.ID = fmt.Sprint("i-", n)
			for i := range 20 {
				task(fmt.Sprint(n, "a", i))(&s)
			}
			d.store(s)
			d.table.armed[engine.Wakeup{InstanceID: s.Instance.ID, Due: begin}] = true
		}
		var sent []time.Time
		d.on = func(what, _ string) fate {
			if what == "send" {
				sent = append(sent, time.Now())
			}
			return fate{}
		}
		e := d.engine(policy())
		e.Now = func() time.Time { return time.Now().UTC() }
		e.Sends = &engine.SendCap{PerMinute: 60}
		e.Sleep = func(_ context.Context, wait time.Duration) { time.Sleep(wait) }
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		out, err := e.Sweep(ctx, 1)
		if err != nil || !out.Complete || len(sent) != 60 || sent[59].Sub(sent[0]) < 30*time.Second {
			t.Errorf("sweep %+v, %v, sent at %v; want 60 commands in the better part of a minute", out, err, sent)
		}
	})
}

// Twenty runs that end with five alerts each, and count for a breaker, do not fit into
// the commit of their commands' results.
// (decide rule 101)
func TestResultsThatDoNotFitFollowInTheNextCommit(t *testing.T) {
	var list []flow.Definition
	for i := range 20 {
		f := define(fmt.Sprint("flow-", i), onEnd, byOthers, run("only", "only", "true"))
		f.Limits.Fleet = &flow.FleetLimit{MaxFailures: 1000, Window: flow.Duration(time.Hour), ResumeAfter: flow.Duration(time.Hour)}
		for j := range 5 {
			f.Finally = append(f.Finally, say(fmt.Sprint("tell-", j), "it is over"))
		}
		list = append(list, f)
	}
	d := newDesk()
	d.table.broken = t.Errorf
	d.store(state(decide.BootBootable))
	d.on = func(what, _ string) fate {
		if what == "send" {
			return fate{err: engine.ErrInvalid}
		}
		return fate{}
	}
	mustHandle(t, d.engine(flows(list...)), happened("s-1"))
	if ended := logged[decide.FlowRun](d.table, "i-1", "flow"); len(ended) != 20 || len(d.table.state("i-1").Runs) > 0 {
		t.Errorf("%d runs have ended, want 20", len(ended))
	}
}
