package dispatch

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"aftercare/shared/decide"
)

// ready lists what may be delivered now, a flush for each channel at most, in the
// order of the channels' names.
func (g Group) ready(now time.Time) []task {
	var out []task
	taken := map[string]bool{}
	for _, f := range g.Flushes {
		for _, name := range slices.Sorted(maps.Keys(f.Deliveries)) {
			d := f.Deliveries[name]
			if taken[name] || d.Ended {
				continue
			}
			taken[name] = true
			if f.Sealed && !d.NotBefore.After(now) && !d.Until.After(now) {
				out = append(out, task{f.Number, name})
			}
		}
	}
	return out
}

// task is a flush for one channel.
type task struct {
	flush   int64
	channel string
}

// mark changes deliveries.
func (g Group) mark(set func(f Flush, channel string, d Delivery) Delivery) (c Change, changed bool) {
	c = g.change()
	for _, f := range g.Flushes {
		next := maps.Clone(f.Deliveries)
		for name, d := range f.Deliveries {
			next[name] = set(f, name, d)
		}
		if !maps.Equal(next, f.Deliveries) {
			f.Deliveries = next
			c.put(f)
			changed = true
		}
	}
	return c, changed
}

// fallBack returns the change that adds the fallback channels to flushes that a
// channel has not confirmed in time.
func (g Group) fallBack(r Route, now time.Time) (c Change, ok bool) {
	c = g.change()
	for _, f := range g.Flushes {
		names := f.lacks(r)
		if !f.Sealed || len(names) == 0 || now.Before(f.Content.At.Add(fallbackAfter)) {
			continue
		}
		f.Deliveries = maps.Clone(f.Deliveries)
		for _, name := range names {
			f.Deliveries[name] = Delivery{}
		}
		c.put(f)
		ok = true
	}
	return c, ok
}

// lacks lists the fallback channels that do not get the flush yet.
func (f Flush) lacks(r Route) []string {
	if f.Quiet {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(r.Fallback), func(name string) bool {
		_, there := f.Deliveries[name]
		return there
	})
}

// after is the delivery after a result.
func (d Delivery) after(out Result, key string, now time.Time) Delivery {
	next := Delivery{Ended: out.Confirmed, Tries: d.Tries, Why: out.Why}
	switch {
	case out.Confirmed:
	case !out.RetryAt.IsZero():
		next.NotBefore = out.RetryAt
	default:
		next.Tries++
		next.NotBefore = now.Add(pause(key, next.Tries))
	}
	return next
}

// pause is the time after a failed try, from 1. It differs with the key by up to a
// quarter, so that what failed together does not come back together.
func pause(key string, tries int) time.Duration {
	d := min(tryWait<<min(tries-1, 10), tryWaitMost)
	return d - decide.Spread(fmt.Sprint(key, tries), d/4)
}

// flush returns the flush with a number, which has not ended.
func (g Group) flush(number int64) Flush {
	return g.Flushes[slices.IndexFunc(g.Flushes, func(f Flush) bool { return f.Number == number })]
}

func (f Flush) ended() bool {
	for _, d := range f.Deliveries {
		if !d.Ended {
			return false
		}
	}
	return f.Sealed
}
