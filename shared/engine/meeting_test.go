package engine_test

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/engine"
	"aftercare/shared/event"
)

// whose is the key of a context's party, which is 0 or 1.
type whose struct{}

// waitingCall is a call that waits for its turn.
type waitingCall struct {
	what, detail string
	take         chan struct{}
}

// taken is a turn: a call that was made when the other party had one to make, too.
type taken struct {
	party int
	reads bool
}

// reading are the calls that change nothing.
var reading = []string{"due", "load", "control", "queue", "texts", "recorded", "ended", "find-token", "instances", "agent"}

// meet lets two invocations happen at once, in a bubble of synctest. Each turn is one
// call of one of them, by the schedule, and of the first where the schedule ends. It
// returns the turns at which both had a call to make.
func meet(d *desk, schedule []int, both [2]func(context.Context)) (turns []taken) {
	var mu sync.Mutex
	var waiting [2][]waitingCall
	d.wait = func(ctx context.Context, what, detail string) error {
		c := waitingCall{what, detail, make(chan struct{})}
		mu.Lock()
		i := ctx.Value(whose{}).(int)
		waiting[i] = append(waiting[i], c)
		mu.Unlock()
		<-c.take
		return nil
	}
	defer func() { d.wait = nil }()
	for i, do := range both {
		go do(context.WithValue(context.Background(), whose{}, i))
	}
	for synctest.Wait(); len(waiting[0])+len(waiting[1]) > 0; synctest.Wait() {
		next, choice := 0, len(waiting[0]) > 0 && len(waiting[1]) > 0
		switch {
		case len(waiting[0]) == 0:
			next = 1
		case choice && len(turns) < len(schedule):
			next = schedule[len(turns)]
		}
		slices.SortFunc(waiting[next], func(a, b waitingCall) int {
			return cmp.Or(cmp.Compare(a.what, b.what), cmp.Compare(a.detail, b.detail))
		})
		c := waiting[next][0]
		if waiting[next] = waiting[next][1:]; choice {
			turns = append(turns, taken{next, slices.Contains(reading, c.what)})
		}
		close(c.take)
	}
	return turns
}

// another is a schedule that was not played yet, after the one that was; nil after the
// last. Of two orders of two calls that both only read, it has one.
func another(turns []taken) (schedule []int) {
	for i := 1; i < len(turns); i++ {
		if was, is := turns[i-1], turns[i]; was.party > is.party && was.reads && is.reads {
			turns = turns[:i+1]
		}
	}
	last := len(turns) - 1
	for last >= 0 && turns[last].party == 1 {
		last--
	}
	if last < 0 {
		return nil
	}
	for _, t := range turns[:last] {
		schedule = append(schedule, t.party)
	}
	return append(schedule, 1)
}

// meeting is what two invocations did.
type meeting struct {
	*desk
	outs    [2]engine.Outcome
	errs    [2]error
	changed bool // the state of the instance
	claims  int  // of commands, by all commits
	late    int  // of them, those after the change of state
}

func (m *meeting) landed(c engine.Commit) {
	for _, ch := range c.Changes.Sends {
		if ch.After != nil && ch.After.Claim.Commit == c.ID {
			if m.claims++; m.changed {
				m.late++
			}
		}
	}
	m.changed = m.changed || c.Next.Instance.State != ""
}

// stopping counts the commands that are being stopped.
func (m *meeting) stopping() (n int) {
	for _, i := range m.cloud.invocations {
		if i.stopping {
			n++
		}
	}
	return n
}

// handles is an invocation with one input.
func handles(in decide.Input) func(context.Context, *engine.Engine) (engine.Outcome, error) {
	return func(ctx context.Context, e *engine.Engine) (engine.Outcome, error) { return e.Handle(ctx, "i-1", in) }
}

// sweeps is an invocation of the sweep.
func sweeps(ctx context.Context, e *engine.Engine) (engine.Outcome, error) {
	s, err := e.Sweep(ctx, 1)
	if err == nil && s.Failed > 0 {
		err = fmt.Errorf("sweep %+v", s)
	}
	return engine.Outcome{}, err
}

// stops is the call of a person that stops everything.
func stops(ctx context.Context, e *engine.Engine) (engine.Outcome, error) {
	d := e.Ledger.(*desk)
	return engine.Outcome{}, d.call(ctx, "stop everything", "", func() error {
		d.table.stop(decide.Stop{By: "ann", At: d.clock})
		return nil
	})
}

func changeTo(s event.State) decide.StateChange {
	return decide.StateChange{Received: now, Event: event.InstanceStateChange{
		Envelope: event.Envelope{ID: "s", Region: "cn-hangzhou", Time: now}, InstanceID: "i-1", State: s,
	}}
}

// sentByOneThatDied is a task whose send was claimed and never reached the cloud.
func sentByOneThatDied(s *decide.State) {
	task("a", func(t *decide.Task) { t.State, t.SendKey = decide.TaskReleasing, sendOf(t.ID) })(s)
	key, ago := sendOf(id("a")), now.Add(-10*time.Minute)
	s.Sends[key] = decide.Send{
		Key: key, Kind: decide.SendRun, TaskID: id("a"), Attempt: 1, Tries: 1, PlannedAt: ago,
		Claim: decide.Claim{Commit: "dead", Until: now.Add(-time.Minute)}, FirstSent: ago,
	}
}

// TestInvocationsMeetInEveryInterleaving of their calls: none of these orders runs a
// command that was cancelled, held or kept from an instance that is down, and none runs
// one twice or loses it.
// (decide rules 3, 5, 11, 20, 21, 22, 77, 84, 93, 118, 121, 135)
func TestInvocationsMeetInEveryInterleaving(t *testing.T) {
	type invocation = func(context.Context, *engine.Engine) (engine.Outcome, error)
	cancelled := func(m *meeting) string {
		switch o, s := m.outs[1].Answer.Outcome, m.table.state("i-1"); {
		case o == "cancelled" && m.count("send") == 0 && len(s.Tasks) == 0:
		case o == "stopping" && m.count("send") == 1 && m.stopping() == 1 && len(s.Sends) == 0:
		default:
			return fmt.Sprintf("the cancel was answered %q, with %d commands sent and %d stopped", o, m.count("send"), m.stopping())
		}
		return ""
	}
	sent := func(m *meeting) string {
		if s := m.table.state("i-1"); m.count("send") != 1 || s.Tasks[id("a")].State != decide.TaskRunning && s.Tasks[m.outs[1].Answer.TaskID].State != decide.TaskRunning {
			return fmt.Sprintf("%d commands were sent, and the tasks are %v", m.count("send"), s.Tasks)
		}
		return ""
	}
	down := func(m *meeting) string {
		if s := m.table.state("i-1"); m.late > 0 || m.count("send") != m.claims || s.Instance.Boot == decide.BootBootable {
			return fmt.Sprintf("%d commands were claimed, %d of them after the change, and %d sent; the instance is %s", m.claims, m.late, m.count("send"), s.Instance.Boot)
		}
		return ""
	}
	held := func(m *meeting) string {
		if read, stop := slices.Index(m.made, "control"), slices.Index(m.made, "stop everything"); (m.count("send") > 0) != (read < stop) {
			return fmt.Sprintf("%d commands were sent", m.count("send"))
		}
		return ""
	}
	for name, c := range map[string]struct {
		boot decide.BootState
		rows func(*decide.State)
		both [2]invocation
		want func(*meeting) string // what is wrong
	}{
		"a heartbeat and a cancel":                     {decide.BootWaiting, task("a"), [2]invocation{handles(beat(0, time.Second)), handles(decide.Cancel{Key: id("c"), TaskID: id("a")})}, cancelled},
		"a sweep and a cancel":                         {decide.BootBootable, task("a"), [2]invocation{sweeps, handles(decide.Cancel{Key: id("c"), TaskID: id("a")})}, cancelled},
		"a heartbeat and a submission":                 {decide.BootWaiting, nil, [2]invocation{handles(beat(0, time.Second)), handles(submission("b"))}, sent},
		"a submission and a stop of the instance":      {decide.BootBootable, nil, [2]invocation{handles(submission("b")), handles(changeTo(event.StateStopped))}, down},
		"a heartbeat and a deletion":                   {decide.BootWaiting, task("a"), [2]invocation{handles(beat(0, time.Second)), handles(changeTo(event.StateDeleted))}, down},
		"a sweep and a stop of the instance":           {decide.BootBootable, task("a"), [2]invocation{sweeps, handles(changeTo(event.StateStopped))}, down},
		"a heartbeat and a stop":                       {decide.BootWaiting, task("a"), [2]invocation{handles(beat(0, time.Second)), stops}, held},
		"a submission and a stop":                      {decide.BootBootable, nil, [2]invocation{handles(submission("b")), stops}, held},
		"a sweep and a stop":                           {decide.BootBootable, task("a"), [2]invocation{sweeps, stops}, held},
		"two sweeps of what waits":                     {decide.BootBootable, task("a"), [2]invocation{sweeps, sweeps}, sent},
		"two sweeps of what one that died had claimed": {decide.BootBootable, sentByOneThatDied, [2]invocation{sweeps, sweeps}, sent},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			play := func(schedule []int) (turns []taken) {
				synctest.Test(t, func(t *testing.T) {
					m := &meeting{desk: newDesk()}
					m.table.broken, m.table.landed = t.Errorf, m.landed
					st := state(c.boot)
					if c.rows != nil {
						c.rows(&st)
					}
					m.store(st)
					m.table.armed[engine.Wakeup{InstanceID: "i-1", Due: now.Add(-7 * time.Second)}] = true
					m.on = func(what, _ string) fate {
						if what == "control" {
							m.made = append(m.made, what)
						}
						return fate{}
					}
					var both [2]func(context.Context)
					for i, do := range c.both {
						both[i] = func(ctx context.Context) {
							ctx, cancel := context.WithTimeout(ctx, timeLimit)
							defer cancel()
							m.outs[i], m.errs[i] = do(ctx, m.engine(policy()))
						}
					}
					turns = meet(m.desk, schedule, both)
					wrong := c.want(m)
					for i := range m.errs {
						if err := cmp.Or(m.errs[i], m.outs[i].Trouble); err != nil {
							wrong += fmt.Sprint(" error: ", err)
						}
					}
					if s := m.table.state("i-1"); len(s.Tasks) > 0 && len(m.table.due(now.Add(time.Hour))) == 0 {
						wrong += " nothing wakes what is left"
					}
					if wrong != "" {
						t.Errorf("%s; calls: %s, turns: %v", wrong, strings.Join(m.made, " "), turns)
					}
				})
				return turns
			}
			n := 0
			if !testing.Short() { // in make faults
				for schedule := []int{}; schedule != nil; n++ {
					schedule = another(play(schedule))
				}
				t.Logf("%d interleavings", n)
				return
			}
			draw := rand.New(rand.NewPCG(1, 2))
			for ; n < 100; n++ {
				schedule := make([]int, 60)
				for i := range schedule {
					schedule[i] = draw.IntN(2)
				}
				play(schedule)
			}
		})
	}
}
