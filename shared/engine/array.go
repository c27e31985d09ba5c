package engine

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"aftercare/shared/decide"
)

// Part holds the inputs of one instance, in their order.
type Part struct {
	InstanceID string
	Inputs     []decide.Input
}

// ErrLate is the error of an input that was not begun.
var ErrLate = errors.New("the time is up")

// Panic is the error of what panicked. It does not hold the panic's value, which
// may be anything.
type Panic struct {
	Type  string
	Stack []byte
}

func (p *Panic) Error() string { return "panic of type " + p.Type }

// Recovered is deferred. It makes a panic an error, and nothing else.
func Recovered(err *error) {
	if r := recover(); r != nil {
		*err = &Panic{Type: fmt.Sprintf("%T", r), Stack: debug.Stack()}
	}
}

// Handle is HandleAll for one input.
func (e *Engine) Handle(ctx context.Context, instanceID string, in decide.Input) (out Outcome, err error) {
	e.HandleAll(ctx, []Part{{instanceID, []decide.Input{in}}}, func(_, _ int, o Outcome, failed error) { out, err = o, failed })
	return out, err
}

// HandleAll handles many inputs, which are of different instances in each part.
// It commits all of them before it sends the first command, and does all sends
// before it delivers the first message. So nothing that is slow after a commit
// keeps an input from being committed. Last, it wakes whoever brings critical
// alerts to people, if it put one into the inbox.
//
// It calls report for each input by its place, from several goroutines. An error
// means that the input is not committed and must be delivered again. After the
// commit there are no errors: a sweep does what HandleAll could not. What was
// performed for an instance is in the outcome of the last of its inputs that
// was committed.
func (e *Engine) HandleAll(ctx context.Context, parts []Part, report func(part, input int, out Outcome, err error)) {
	first := e.newHandling(ctx, "")
	// An input that is begun later than this would leave no time for its sends.
	last := first.deadline.Add(-first.reserve - min(e.Policy.MessageTime, first.reserve))
	open := make([]*handling, len(parts))
	SideBySide(len(parts), func(i int) {
		h := e.newHandling(ctx, parts[i].InstanceID)
		h.reserve, h.delivering = first.reserve, &e.delivering
		h.report = func(input int, out Outcome, err error) { report(i, input, out, err) }
		if h.commitAll(ctx, last, parts[i].Inputs) {
			open[i] = h
		}
	})
	for _, messages := range []bool{false, true} {
		SideBySide(len(open), func(i int) {
			if h := open[i]; h != nil && h.out.Trouble == nil {
				defer Recovered(&h.out.Trouble)
				h.out.Trouble = h.act(ctx, messages)
			}
		})
	}
	SideBySide(len(open), func(i int) {
		if open[i] != nil {
			open[i].finish(ctx)
		}
	})
	e.wakeAlerts(ctx)
}

// SideBySide calls do with each number below n, for up to 32 of them at the same
// time: each instance makes at most two calls to Tablestore at once, and the
// pool keeps 100 idle connections.
func SideBySide(n int, do func(i int)) {
	slots := make(chan struct{}, 32)
	var working sync.WaitGroup
	for i := range n {
		slots <- struct{}{}
		working.Go(func() {
			defer func() { <-slots }()
			do(i)
		})
	}
	working.Wait()
}

// commitAll commits an instance's inputs, and reports whether something is left to
// perform. If not, it keeps nothing: an array may have thousands of instances.
func (h *handling) commitAll(ctx context.Context, last time.Time, inputs []decide.Input) (open bool) {
	h.input = -1
	var out Outcome
	for i, in := range inputs {
		if ctx.Err() != nil || h.Now().After(last) {
			h.report(i, h.newOutcome(), ErrLate)
			continue
		}
		if err := h.take(ctx, in); err != nil || h.out.Duplicate {
			h.report(i, h.out, err)
			continue
		}
		if h.input >= 0 {
			h.report(h.input, out, nil)
		}
		h.input, out = i, h.out
	}
	h.out = out
	h.tried = map[string]decide.Decision{}
	if h.input >= 0 && (h.more || len(h.mySends(h.state)) > 0 || len(h.myMessages(h.state)) > 0) {
		return true
	}
	h.finish(ctx)
	return false
}

// take commits one input, on the state that the last commit left or on a new
// load.
func (h *handling) take(ctx context.Context, in decide.Input) (err error) {
	defer Recovered(&err)
	h.out = h.newOutcome()
	clear(h.tried)
	s, fresh := h.state, h.fresh
	if h.fresh = false; !fresh {
		if s, err = h.load(ctx); err != nil {
			return err
		}
	}
	s, more, err := h.decide(ctx, s, in)
	if err != nil {
		return err
	}
	h.state, h.fresh = s, !h.out.Duplicate
	if h.fresh {
		h.more = more
	}
	return nil
}

// finish stores an earlier wake-up if one is needed, and reports the input that
// was committed last, if there is one.
func (h *handling) finish(ctx context.Context) {
	h.ration.end()
	if h.input < 0 {
		return
	}
	h.out.Left = len(h.state.Sends) + len(h.state.Messages)
	h.wakeEarlier(ctx, h.state)
	h.report(h.input, h.out, nil)
}
