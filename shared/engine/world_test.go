package engine_test

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing/synctest"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/engine"

	"pgregory.net/rapid"
)

// world is one run of the simulation: real engines in goroutines whose every
// call waits until the world decides what becomes of it, against a virtual
// clock. One thing happens at a time, so a run is determined by what is drawn.
type world struct {
	rt      *rapid.T
	policy  decide.Policy
	inv     time.Duration // time limit of an invocation
	lag     time.Duration // how long an accepted command may stay invisible, at most
	chaos   int           // percent of the calls that meet a fault
	calm    bool          // no more faults
	unread  bool          // stops could not be read, which makes every flow wait
	resumed time.Time     // when the last stop ended
	table   *table
	cloud   *cloud
	inbox   map[string]letter // the newest alerts by key
	heard   map[string]bool   // what alerts were about: an invocation, a task, or a flow's step
	tasks   []submitted
	starts  []string // ids of the runs that they begin
	backlog []*delivery
	running []*invocation
	late    []*call
	serial  int
	dirty   map[string]bool // instances with a commit that is not checked yet
	byName  map[string]*invocation
	unclear map[string]bool // tokens with a send of unknown outcome
	// What is checked later: the tasks that were answered to be cancelled, those to
	// be stopped, the fingerprints by what an alert is about, and of those about
	// breakers whether the end was told.
	cancelled   map[string]bool
	stopping    map[string]time.Time
	prints      map[string]string
	fleetAlerts map[string]bool

	mu      sync.Mutex
	calls   []*call
	broken  []string
	journal []string
}

// submitted is a task that somebody asked for.
type submitted struct{ instanceID, key, taskID string }

// delivery is one input on its way, again and again until it is answered.
type delivery struct {
	name, instanceID string
	input            func(received time.Time) decide.Input
	acked            bool
	duplicates       int
}

// invocation is one run of a function: its clock may be off, and it may die.
type invocation struct {
	ports
	w       *world
	name    string
	works   []*delivery // none for a sweep
	ctx     context.Context
	began   time.Time
	crash   context.CancelFunc
	until   time.Time
	skew    time.Duration
	crashed bool
	ended   bool
	commits int
	outs    map[*delivery]engine.Outcome // of those that were committed
	err     error
}

// call is one call to a service that waits for its fate.
type call struct {
	by     *invocation
	what   string
	detail string
	write  bool
	do     func() error
	reply  chan error
	// taken: it has had its effect, or was refused, and err is its answer,
	// which is on its way.
	taken bool
	err   error
	hangs bool
	gone  bool // nobody waits for it any more
}

func (w *world) now() time.Time { return time.Now().UTC() }

func (w *world) logf(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.journal = append(w.journal, w.now().Format("15:04:05.000 ")+fmt.Sprintf(format, args...))
}

func (w *world) breakf(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	w.logf("BROKEN: %s", text)
	w.broken = append(w.broken, text)
}

// draw picks one of n; 0 is what a reader of a failure likes best.
func (w *world) draw(what string, n int) int {
	if n < 2 {
		return 0
	}
	return rapid.IntRange(0, n-1).Draw(w.rt, what)
}

func (w *world) chance(what string, percent int) bool { return w.draw(what, 100) >= 100-percent }

// call waits for the world's decision. Nothing is sent once the time is up; a
// write that is on its way then may land later.
func (v *invocation) call(ctx context.Context, what, detail string, do func() error) error {
	w := v.w
	w.mu.Lock()
	if v.crashed || ctx.Err() != nil {
		w.mu.Unlock()
		return fmt.Errorf("%s: the time is up: %w", what, engine.ErrUnavailable)
	}
	write := !strings.Contains(" load queue texts ended recorded due find-token find-id agent output control ", " "+what+" ")
	c := &call{by: v, what: what, detail: detail, write: write, do: do, reply: make(chan error, 1)}
	w.calls = append(w.calls, c)
	w.mu.Unlock()
	select {
	case err := <-c.reply:
		return err
	case <-ctx.Done():
		w.mu.Lock()
		c.gone = true
		w.mu.Unlock()
		if write {
			return fmt.Errorf("%s: the time is up: %w", what, engine.ErrUnknownOutcome)
		}
		return fmt.Errorf("%s: the time is up: %w", what, engine.ErrUnavailable)
	}
}

// start begins an invocation, of an array if there are several works.
func (w *world) start(works ...*delivery) {
	w.serial++
	v := &invocation{w: w, works: works, began: w.now(), until: w.now().Add(w.inv), outs: map[*delivery]engine.Outcome{}}
	v.ports = ports{w.table, w.cloud, w.now, v.call}
	v.skew = []time.Duration{0, -14 * time.Second, 14 * time.Second}[w.draw("skew", 3)]
	if w.calm {
		v.skew = 0
	}
	var names []string
	for _, work := range works {
		names = append(names, work.name)
	}
	what := cmp.Or(strings.Join(names, ", "), "sweep")
	v.name = fmt.Sprintf("#%d", w.serial)
	w.byName[v.name] = v
	w.logf("%s begins: %s, its clock is off by %s", v.name, what, v.skew)
	v.ctx, v.crash = context.WithDeadline(context.Background(), v.until)
	w.running = append(w.running, v)
	runner := &engine.Engine{
		Ledger: v, Shared: v, Commander: v, Inbox: v, Policy: w.policy,
		Now: func() time.Time { return w.now().Add(v.skew) },
		NewID: func() string {
			w.mu.Lock()
			defer w.mu.Unlock()
			v.commits++
			return fmt.Sprintf("%s.%d", v.name, v.commits)
		},
		Pause: func(context.Context, int) {},
	}
	go func() {
		var err error
		if len(works) == 0 {
			_, err = runner.Sweep(v.ctx, 2)
		}
		parts, places := partsOf(works, runner.Now())
		runner.HandleAll(v.ctx, parts, func(part, input int, out engine.Outcome, failed error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			if failed != nil {
				err = failed
			} else {
				v.outs[places[part][input]] = out
			}
		})
		w.mu.Lock()
		defer w.mu.Unlock()
		v.err, v.ended = err, true
	}()
}

// partsOf groups works by their instances, and says which work each input is.
func partsOf(works []*delivery, now time.Time) (parts []engine.Part, places [][]*delivery) {
	for _, work := range works {
		i := slices.IndexFunc(parts, func(p engine.Part) bool { return p.InstanceID == work.instanceID })
		if i < 0 {
			i, parts, places = len(parts), append(parts, engine.Part{InstanceID: work.instanceID}), append(places, nil)
		}
		parts[i].Inputs, places[i] = append(parts[i].Inputs, work.input(now)), append(places[i], work)
	}
	return parts, places
}

// settle notes what happened since the last decision.
func (w *world) settle() {
	synctest.Wait()
	w.mu.Lock()
	calls := w.calls
	w.calls = nil
	var kept []*call
	for _, c := range calls {
		switch {
		case !c.gone:
			kept = append(kept, c)
		case c.write && !c.taken:
			w.late = append(w.late, c)
		}
	}
	for _, list := range [][]*call{kept, w.late} {
		slices.SortStableFunc(list, func(a, b *call) int {
			return cmp.Or(cmp.Compare(a.by.name, b.by.name), cmp.Compare(a.what, b.what), cmp.Compare(a.detail, b.detail))
		})
	}
	w.calls = append(kept, w.calls...)
	var ended []*invocation
	w.running = slices.DeleteFunc(w.running, func(v *invocation) bool {
		if v.ended {
			ended = append(ended, v)
		}
		return v.ended
	})
	w.mu.Unlock()
	now := w.now()
	// A request in flight at the deadline lands within 30 s, or never.
	w.late = slices.DeleteFunc(w.late, func(c *call) bool { return !now.Before(c.by.until.Add(30 * time.Second)) })
	for _, v := range ended {
		w.conclude(v)
	}
	w.checkDirty()
}

// pending is the calls that wait, in an order that does not depend on chance.
func (w *world) pending() []*call {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.calls)
}

// conclude does what the caller of a function does when it has ended.
func (w *world) conclude(v *invocation) {
	v.crash()
	for _, c := range w.pending() {
		if c.by == v {
			w.breakf("%s ended while its call %s was under way", v.name, c.what)
		}
	}
	w.logf("%s ended, crashed %v: %v", v.name, v.crashed, v.err)
	for _, work := range v.works {
		out, committed := v.outs[work]
		if committed && !v.crashed {
			w.logf("%s: answer %q, duplicate %v, left %d, trouble %v", work.name, out.Answer.Outcome, out.Duplicate, out.Left, out.Trouble)
			w.checkAck(work, out)
		}
		again := v.crashed || v.err != nil
		if !again {
			work.acked = true
			again = !w.calm && work.duplicates < 2 && w.chance("delivered again", 25)
			if again {
				work.duplicates++
			}
		}
		if again {
			w.backlog = append(w.backlog, work)
		}
	}
}

// step lets one thing happen.
func (w *world) step() {
	var waiting []*call
	for _, c := range w.pending() {
		if !c.hangs {
			waiting = append(waiting, c)
		}
	}
	dice := w.draw("step", 100)
	switch {
	case dice < 62 && len(waiting) > 0:
		w.answer(waiting[w.draw("call", len(waiting))])
	case dice < 72 && len(w.backlog) > 0 && len(w.running) < 4:
		w.deliver(w.draw("delivery", len(w.backlog)))
	case dice < 75 && len(w.running) < 4 && len(w.table.due(w.now().Add(14*time.Second))) > 0:
		w.start()
	case dice < 80 && len(w.late) > 0:
		i := w.draw("late write", len(w.late))
		c := w.late[i]
		w.late = slices.Delete(w.late, i, i+1)
		err := c.do()
		w.logf("%s %s %s lands late (%v)", c.by.name, c.what, c.detail, err)
	case dice < 82 && len(w.running) > 0:
		v := w.running[w.draw("crash", len(w.running))]
		w.logf("%s crashes", v.name)
		w.mu.Lock()
		v.crashed = true
		w.mu.Unlock()
		v.crash()
	case dice < 90:
		w.happen()
	default:
		steps := []time.Duration{time.Second, 100 * time.Millisecond, 3 * time.Second, 10 * time.Second, 30 * time.Second, 70 * time.Second}
		if len(waiting) == 0 {
			steps = append(steps, 2*time.Minute, 5*time.Minute, 20*time.Minute)
		}
		d := steps[w.draw("time", len(steps))]
		time.Sleep(d)
		w.logf("%s pass", d)
	}
}

func (w *world) deliver(i int) {
	n := 1
	if !w.calm {
		n = min(len(w.backlog)-i, []int{1, 1, 2, 4}[w.draw("array", 4)])
	}
	works := slices.Clone(w.backlog[i : i+n])
	w.backlog = slices.Delete(w.backlog, i, i+n)
	w.start(works...)
}

// end lets go of every goroutine.
func (w *world) end() {
	w.mu.Lock()
	for _, v := range w.running {
		v.crashed = true
		v.crash()
	}
	w.mu.Unlock()
	synctest.Wait()
}

func (w *world) trace() string { return strings.Join(w.journal, "\n") }
