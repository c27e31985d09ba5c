package dispatch

import (
	"context"
	"errors"
	"sync"
	"time"

	"aftercare/shared/engine"
)

// Dispatcher visits the inbox and the groups.
type Dispatcher struct {
	Store    Store
	Channels Channels
	Routes   Routes
	Now      func() time.Time
	// NewID returns a random id for a claim.
	NewID func() string
	// Pause waits before the n-th try after a conflict, from 1; Sleep until a time.
	// Both end with ctx.
	Pause func(ctx context.Context, n int)
	Sleep func(ctx context.Context, until time.Time)
}

// Report is what a round did.
type Report struct {
	// Letters counts those that were taken from the inbox.
	Letters int
	// Confirmed, Refused and Failed count deliveries: refused ones were for rate.
	Confirmed, Refused, Failed int
	// Lost counts flushes that were given up for a channel.
	Lost int
	// Complete: nothing was left that could be done now.
	Complete bool
}

// parallel is how many groups are visited at once.
const parallel = 16

// The most time of one delivery, and of the commits of its result. A short round has
// less.
const (
	sendTime = 10 * time.Second
	reserve  = 5 * time.Second
)

// tries is how often a change is tried beside others who change the same group.
const tries = 8

// round is a round under way.
type round struct {
	*Dispatcher
	last          time.Time // no delivery begins later
	send, reserve time.Duration
	taking        sync.Mutex // a slot, so that visits do not hinder one another
	quiet         reading

	mu     sync.Mutex
	full   map[string]bool // channels without a slot in this round
	closed map[string]time.Time
	report Report
	errs   []error
}

// Round empties the shards of the inbox in their order, then visits the groups that
// have something to do, and is over before end. What failed is done in a later
// round.
func (d *Dispatcher) Round(ctx context.Context, shards []int, end time.Time) (Report, error) {
	all := end.Sub(d.Now())
	r := &round{Dispatcher: d, full: map[string]bool{}, closed: map[string]time.Time{}, send: min(sendTime, all/4), reserve: min(reserve, all/8)}
	r.last = end.Add(-r.send - r.reserve)
	r.report.Complete = true
	for _, shard := range shards {
		r.note(r.empty(ctx, shard))
	}
	var visits sync.WaitGroup
	slots := make(chan struct{}, parallel)
	_, err := r.silences(ctx, nil) // it is asked again by those who need it
	r.note(err)
	r.note(d.Store.Armed(ctx, func(a Armed) bool {
		if a.At.After(d.Now()) && !r.freed(ctx, a) {
			return true
		}
		slots <- struct{}{}
		if r.over() {
			<-slots
			r.leave()
			return false
		}
		visits.Go(func() {
			defer func() { <-slots }()
			r.note(r.safely(ctx, a))
		})
		return true
	}))
	visits.Wait()
	return r.report, errors.Join(r.errs...)
}

func (r *round) over() bool { return !r.Now().Before(r.last) }

// leave notes that something was left that could be done.
func (r *round) leave() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.report.Complete = false
}

func (r *round) note(err error) {
	if err == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.report.Complete = false
	r.errs = append(r.errs, err)
}

func (r *round) count(f func(*Report)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f(&r.report)
}

// safely visits a group. A panic there ends this visit alone.
func (r *round) safely(ctx context.Context, a Armed) (err error) {
	defer engine.Recovered(&err)
	return r.visit(ctx, a)
}

// again reports whether a change that failed is to be decided anew on what is there
// now.
func again(err error) bool {
	return errors.Is(err, engine.ErrConflict) || errors.Is(err, engine.ErrUnknownOutcome)
}
