package engine_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/engine"
	"aftercare/shared/event"
)

// played is what the engine does with inputs of i-1, one after another.
type played struct {
	name   string
	state  decide.State
	with   around      // the same for each step
	before func(*desk) // what happened before; nil if nothing did
	steps  []step
}

// step is one input, and all that follows.
type step struct {
	in    decide.Input // nil: a sweep of a wake-up that is due
	after time.Duration
	limit time.Duration // of the invocation, if it is not the usual one
	fates fates
	calls string
	left  string // as desk.left writes it
}

// on is a single step.
func on(in decide.Input, f fates, calls, left string) []step {
	return []step{{in: in, fates: f, calls: calls, left: left}}
}

// around changes the engine of a step.
type around []func(*engine.Engine)

// fates are those of the calls of a name, as in "commit", or of one of them, as in
// "commit 2".
type fates map[string]fate

func (f fates) of(d *desk, what string) fate {
	if one, ok := f[fmt.Sprint(what, " ", d.count(what))]; ok {
		return one
	}
	return f[what]
}

// due is the wake-up that the steps' sweeps find.
var due = engine.Wakeup{InstanceID: "i-1", Due: now.Add(-7 * time.Second)}

func play(t *testing.T, list []played) {
	for _, c := range list {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDesk()
				if at := c.state.Instance.WakeAt; !at.IsZero() {
					d.table.armed[engine.Wakeup{InstanceID: "i-1", Due: at}] = true
				}
				if d.store(c.state); c.before != nil {
					c.before(d)
				}
				for n, s := range c.steps {
					if got := d.step(t, c, s); got != [2]string{s.calls, s.left} {
						t.Errorf("step %d\ncalls: %s\nwant:  %s\nleft:  %s\nwant:  %s", n+1, got[0], s.calls, got[1], s.left)
					}
				}
			})
		})
	}
}

// step takes one step, and returns the calls and what is left.
func (d *desk) step(t *testing.T, c played, s step) [2]string {
	d.made, d.clock = nil, now.Add(s.after)
	d.on = func(what, _ string) fate { return s.fates.of(d, what) }
	e := d.engine(policy())
	e.Pause = func(context.Context, int) { d.made = append(d.made, "pause") }
	for _, change := range c.with {
		change(e)
	}
	ctx, cancel := context.WithTimeout(t.Context(), cmp.Or(s.limit, timeLimit))
	defer cancel()
	if s.in == nil {
		d.table.armed[due] = true
		sweep, err := e.Sweep(ctx, 2)
		if err != nil || sweep.Complete != (sweep.Woken == 1 && sweep.Failed == 0) {
			t.Errorf("sweep %+v, error %v", sweep, err)
		}
		return [2]string{d.brief(), d.left(engine.Outcome{}, nil)}
	}
	out, err := e.Handle(ctx, "i-1", s.in)
	if err == nil && !out.Duplicate && out.Left != d.open() {
		t.Errorf("%d effects are left, want %d", out.Left, d.open())
	}
	return [2]string{d.brief(), d.left(out, err)}
}

// brief are the calls, with those of the same name in a row as one.
func (d *desk) brief() string {
	var out []string
	for i, n := 0, 0; i < len(d.made); i += n {
		for n = 1; i+n < len(d.made) && d.made[i+n] == d.made[i]; n++ {
		}
		if n < 3 {
			out = append(out, d.made[i:i+n]...)
		} else {
			out = append(out, fmt.Sprintf("%s*%d", d.made[i], n))
		}
	}
	return strings.Join(out, " ")
}

// left is what became of an input, then what is left of i-1: its tasks with what is
// known of their sends, the alerts that were delivered, and the wake-ups.
func (d *desk) left(out engine.Outcome, err error) string {
	var said []string
	say := func(do bool, format string, args ...any) {
		if do {
			said = append(said, fmt.Sprintf(format, args...))
		}
	}
	for _, e := range []error{engine.ErrUnavailable, engine.ErrUnknownOutcome, engine.ErrConflict, engine.ErrDenied} {
		say(errors.Is(err, e), "error: %v", e)
		say(errors.Is(out.Trouble, e), "trouble: %v", e)
	}
	say(out.Duplicate, "duplicate")
	say(out.Ignored != "", "ignored")
	say(out.Answer.Outcome != "", "%s", out.Answer.Outcome)
	s := d.table.state("i-1")
	for _, e := range logged[decide.Execution](d.table, "i-1", "exec") {
		say(true, "%s recorded", e.Event.InvokeID)
	}
	states := map[string]int{}
	for _, id := range slices.Sorted(maps.Keys(s.Tasks)) {
		t := s.Tasks[id]
		name := fmt.Sprintf("%s %s", t.Name, t.State)
		if e, ok := s.Sends[t.SendKey]; ok {
			if name += ", never sent"; !e.FirstSent.IsZero() {
				name = strings.TrimSuffix(name, ", never sent") + fmt.Sprintf(", sent %s ago", d.clock.Sub(e.FirstSent))
			}
			if e.Claim.Commit != "" && e.Claim.Until.After(d.clock) {
				name += " and claimed"
			}
		}
		if states[string(t.State)]++; states[string(t.State)] <= 3 {
			said = append(said, name)
		}
	}
	for state, n := range states {
		say(n > 3, "%d %s in all", n, state)
	}
	for _, t := range logged[decide.Task](d.table, "i-1", "task") {
		say(true, "%s %s", t.Name, t.State)
	}
	for _, m := range s.Messages {
		say(true, "%s waits", m.Kind)
	}
	for _, a := range d.alerts {
		say(a.Kind != decide.AlertFlow, "alert %s", a.Kind)
		say(a.Kind == decide.AlertFlow, "alert %s", a.Summary)
	}
	for _, i := range d.cloud.invocations {
		say(i.stopping, "%s stopped", i.id)
	}
	for _, w := range d.table.due(now.Add(24 * time.Hour)) {
		say(true, "wake %s", strings.TrimSuffix(w.Due.Format(time.TimeOnly), ":00"))
	}
	return strings.Join(said, "; ")
}

// capped gives the function instance room for so many commands in a minute.
func capped(perMinute int) func(*engine.Engine) {
	sends := &engine.SendCap{PerMinute: perMinute}
	return func(e *engine.Engine) { e.Sends = sends }
}

func policyWith(change func(*decide.Policy)) func(*engine.Engine) {
	return func(e *engine.Engine) { change(&e.Policy) }
}

// accepted is that Cloud Assistant has accepted the command of task a.
func accepted(ago time.Duration) func(*desk) {
	return func(d *desk) {
		d.cloud.accept(engine.Send{InstanceID: "i-1", TaskID: id("a"), Token: sendOf(id("a")), Command: submission("a").Command}, now.Add(-ago), 0)
	}
}

// failedUnheard is that the command of task a has failed, which no event reports.
func failedUnheard(d *desk) {
	accepted(time.Hour)(d)
	d.cloud.invocations[0].end(event.StatusFailed, "ExitCodeNonzero", nil, now.Add(-time.Minute))
}

// recorded is that something was handled before.
func recorded(once, answer string) func(*desk) {
	return func(d *desk) { d.table.records["i-1/"+once] = engine.Recorded{CommitID: "long ago", Answer: answer} }
}
