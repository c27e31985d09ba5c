package dispatch

import (
	"context"
	"errors"
	"sync"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/engine"
)

// visit does what a group needs now.
func (r *round) visit(ctx context.Context, a Armed) error {
	mine := false // the last commit was this visit's
	failed := 0
	var g Group
	for {
		if !mine {
			var err error
			if g, _, err = r.Store.Load(ctx, a.Group, nil); err != nil {
				return err
			}
		}
		c, ok, err := r.step(ctx, g)
		if err != nil {
			return err
		}
		if !ok && mine {
			return r.settle(ctx, a, g)
		}
		if !ok {
			c = g.change() // it shows that nobody else has changed the group
		}
		switch err := r.Store.Commit(ctx, c); {
		case err == nil:
			g, mine = c.Group, true
			if !ok {
				return r.settle(ctx, a, g)
			}
			if err := r.deliver(ctx, c); err != nil {
				return err
			}
			mine = len(claims(c)) == 0
		case !again(err):
			return err
		default:
			mine = false
			if failed++; failed == tries {
				return busy(a.Group)
			}
			r.Pause(ctx, failed)
		}
		if r.over() {
			r.leave()
			return nil
		}
	}
}

// settle says when the group has something to do again.
func (r *round) settle(ctx context.Context, a Armed, g Group) error {
	q, err := r.silences(ctx, g.Held)
	if err == nil {
		err = r.endAcks(ctx, g, q)
	}
	if err != nil {
		return err
	}
	at, ok := g.next(r.Routes.Route(g.Route), r.Routes.MutedUntil(g.Route, r.Now()), q)
	if ok && !at.After(r.Now()) {
		r.leave() // there was no slot for it
		return nil
	}
	held := g.Held
	if q.over(held) { // and muted: the end of that is waited for
		held = nil
	}
	return r.Store.Settle(ctx, a, at, held)
}

// step returns the next change that the group needs; ok is false if it needs none.
func (r *round) step(ctx context.Context, g Group) (c Change, ok bool, err error) {
	q, err := r.silences(ctx, g.Held)
	if err != nil {
		return c, false, err
	}
	now := r.Now()
	route := r.Routes.Route(g.Route)
	flush, repeat := g.wants(q)
	if g.gathering() == nil && r.Routes.MutedUntil(g.Route, now).After(now) {
		flush, repeat = false, false
	}
	switch {
	case flush:
		news, held, err := r.news(ctx, g, q)
		if err != nil {
			return c, false, err
		}
		n := fitting(len(news), func(i int) decide.Alert { return news[i].Alert })
		return g.gather(news[:n], n == len(news), held, route, now), true, nil
	case repeat:
		c, err = r.again(ctx, g, route, q)
		return c, true, err
	}
	if c, ok, err = r.giveUp(ctx, g, now); ok || err != nil {
		return c, ok, err
	}
	if c, ok = g.fallBack(route, now); ok {
		return c, true, nil
	}
	return r.claim(ctx, g, now)
}

// giveUp ends what a channel did not take for too long, or that has no channel.
func (r *round) giveUp(ctx context.Context, g Group, now time.Time) (Change, bool, error) {
	var errs []error
	c, ok := g.mark(func(f Flush, channel string, d Delivery) Delivery {
		why := d.Why
		if _, there := r.Channels.Every(channel); !there {
			why = "alerts.yaml has no channel with this name"
		} else if now.Before(f.Content.At.Add(giveUpAfter)) {
			return d
		}
		if d.Ended {
			return d
		}
		if err := r.Store.Lost(ctx, f.Content, channel, why); err != nil {
			errs = append(errs, err)
			return d
		}
		r.count(func(p *Report) { p.Lost++ })
		return Delivery{Ended: true, Lost: true, Tries: d.Tries, Why: why}
	})
	return c, ok, errors.Join(errs...)
}

// claim takes slots for what is ready, and claims what has one.
func (r *round) claim(ctx context.Context, g Group, now time.Time) (Change, bool, error) {
	slots := map[task]time.Time{}
	for _, t := range g.ready(now) {
		r.mu.Lock()
		full := r.full[t.channel]
		r.mu.Unlock()
		if full {
			continue
		}
		every, _ := r.Channels.Every(t.channel)
		r.taking.Lock()
		at, ok, err := r.Store.Slot(ctx, t.channel, now, r.last, every)
		r.taking.Unlock()
		if err != nil {
			return Change{}, false, err
		}
		if !ok {
			r.mu.Lock()
			r.full[t.channel] = true
			r.mu.Unlock()
			continue
		}
		slots[t] = at
	}
	id := r.NewID()
	c, ok := g.mark(func(f Flush, channel string, d Delivery) Delivery {
		if at, taken := slots[task{f.Number, channel}]; taken {
			d.Claim, d.Slot, d.Until = id, at, at.Add(slotGrace+r.send+r.reserve)
		}
		return d
	})
	c.Claim = id
	return c, ok, nil
}

// claims lists what a change has just claimed.
func claims(c Change) []task {
	var out []task
	for _, f := range c.Flushes {
		for name, d := range f.Deliveries {
			if c.Claim != "" && d.Claim == c.Claim {
				out = append(out, task{f.Number, name})
			}
		}
	}
	return out
}

// deliver sends what a change claimed, and notes the results.
func (r *round) deliver(ctx context.Context, c Change) error {
	mine := claims(c)
	if len(mine) == 0 {
		return nil
	}
	results := map[task]Result{}
	var mu sync.Mutex
	var sending sync.WaitGroup
	for _, t := range mine {
		f := c.Group.flush(t.flush)
		sending.Go(func() {
			out := r.try(ctx, f, t.channel)
			mu.Lock()
			defer mu.Unlock()
			results[t] = out
		})
	}
	sending.Wait()
	for t, out := range results {
		if !out.RetryAt.IsZero() {
			if err := r.Store.Close(ctx, t.channel, out.RetryAt); err != nil {
				return err
			}
		}
	}
	return r.record(ctx, c, results)
}

// try waits for the slot of a delivery, and sends it.
func (r *round) try(ctx context.Context, f Flush, channel string) (out Result) {
	slot := f.Deliveries[channel].Slot
	r.Sleep(ctx, slot)
	if until := r.closedUntil(channel); until.After(r.Now()) {
		return Result{RetryAt: until, Why: "the channel refused another message for its rate"}
	}
	if r.Now().After(slot.Add(slotGrace)) {
		return Result{RetryAt: r.Now(), Why: "its slot was over"}
	}
	ctx, cancel := context.WithTimeout(ctx, r.send)
	defer cancel()
	err := func() (err error) {
		defer engine.Recovered(&err)
		out = r.Channels.Deliver(ctx, channel, f.Content)
		return nil
	}()
	if err != nil {
		out = Result{Why: err.Error()}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed[channel] = later(r.closed[channel], out.RetryAt)
	return out
}

// closedUntil is when a channel takes messages again that refused one for its rate in
// this round. Others have taken slots before it did.
func (r *round) closedUntil(channel string) time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.closed[channel]
}

// record notes results. What was confirmed is noted even if somebody else has
// claimed it meanwhile.
func (r *round) record(ctx context.Context, claimed Change, results map[task]Result) error {
	r.count(func(p *Report) {
		for _, out := range results {
			switch {
			case out.Confirmed:
				p.Confirmed++
			case !out.RetryAt.IsZero():
				p.Refused++
			default:
				p.Failed++
			}
		}
	})
	for n := 1; n <= tries; n++ {
		g, _, err := r.Store.Load(ctx, claimed.Group.Key, nil)
		if err != nil {
			return err
		}
		now := r.Now()
		c, ok := g.mark(func(f Flush, channel string, d Delivery) Delivery {
			out, tried := results[task{f.Number, channel}]
			if !tried || d.Ended || !out.Confirmed && d.Claim != claimed.Claim {
				return d
			}
			return d.after(out, f.Content.ID+channel, now)
		})
		if !ok {
			return nil
		}
		if err := r.Store.Commit(ctx, c); err == nil || !again(err) {
			return err
		}
		r.Pause(ctx, n)
	}
	return busy(claimed.Group.Key)
}
