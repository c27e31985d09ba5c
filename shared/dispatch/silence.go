package dispatch

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"aftercare/shared/decide"
)

// Silence keeps alerts from being told. It holds the alerts that it fits, or it is an
// acknowledgement of what a group told.
type Silence struct {
	ID string
	// Fits reports whether it fits an alert; nil of an acknowledgement.
	Fits func(decide.Alert) bool
	// Group and Flush say what is acknowledged: what the group told up to that flush.
	Group string
	Flush int64
	// Until is when it ends; zero if it holds until the recovery.
	Until time.Time
}

func (s Silence) holds(now time.Time) bool { return s.Until.IsZero() || now.Before(s.Until) }

// Never is the Flush of a member that a silence kept from being told until it was over.
const Never = -1

// readAgain is how old a reading of the silences may be.
const readAgain = 5 * time.Second

// reading is the silences as a round has read them last.
type reading struct {
	mu   sync.Mutex
	list []Silence
	at   time.Time       // zero before the first
	gone map[string]bool // looked for, and not there
}

// silences returns the silences, as they were 5 s ago at most. If a group is held by
// one that is not among them, they are read anew: it may be younger.
func (r *round) silences(ctx context.Context, held []string) (silenced, error) {
	q := &r.quiet
	q.mu.Lock()
	defer q.mu.Unlock()
	now := r.Now()
	unknown := func(id string) bool {
		return !q.gone[id] && !slices.ContainsFunc(q.list, func(s Silence) bool { return s.ID == id })
	}
	if slices.ContainsFunc(held, unknown) || q.at.IsZero() || now.Sub(q.at) > readAgain {
		list, err := r.Store.Silences(ctx)
		if err != nil {
			return silenced{}, err
		}
		q.list, q.at, q.gone = list, now, map[string]bool{}
		for _, id := range held {
			q.gone[id] = unknown(id)
		}
	}
	return silenced{q.list, now}, nil
}

// silenced is what the silences do at a moment.
type silenced struct {
	list []Silence
	now  time.Time
}

// holder is the silence that keeps an alert from being told for longest.
func (q silenced) holder(a decide.Alert) (id string, ok bool) {
	var last Silence
	for _, s := range q.list {
		if s.Fits != nil && s.holds(q.now) && s.Fits(a) && (!ok || s.Until.After(last.Until)) {
			last, ok = s, true
		}
	}
	return last.ID, ok
}

// held reports whether a silence held an alert at any time since then.
func (q silenced) held(a decide.Alert, since time.Time) bool {
	return slices.ContainsFunc(q.list, func(s Silence) bool { return s.Fits != nil && s.holds(since) && s.Fits(a) })
}

// acks are the acknowledgements of a group that hold.
func (q silenced) acks(group string) []Silence {
	return slices.DeleteFunc(slices.Clone(q.list), func(s Silence) bool { return s.Fits != nil || s.Group != group || !s.holds(q.now) })
}

// over reports whether one of these silences holds no longer.
func (q silenced) over(ids []string) bool {
	return slices.ContainsFunc(ids, func(id string) bool {
		return !slices.ContainsFunc(q.list, func(s Silence) bool { return s.ID == id && s.holds(q.now) })
	})
}

// end is when the first of these silences ends.
func (q silenced) end(ids []string) (at time.Time) {
	for _, s := range q.list {
		if slices.Contains(ids, s.ID) && (at.IsZero() || s.Until.Before(at)) {
			at = s.Until
		}
	}
	return at
}

// acked reports whether one of these acknowledgements covers a flush.
func acked(acks []Silence, flush int64) bool {
	return slices.ContainsFunc(acks, func(s Silence) bool { return flush > 0 && flush <= s.Flush })
}

// news reads members that no flush has told, as many as a change may have and one more.
// A member that is not to be told has its Flush: Never, or that which told of it before
// it was acknowledged. Held are the silences that keep the others; if all news were
// read, it names them all.
func (r *round) news(ctx context.Context, g Group, q silenced) (found []Member, held []string, err error) {
	acks := q.acks(g.Key)
	err = r.Store.News(ctx, g.Key, func(m Member) bool {
		owed := m.IsOpen() || m.Open
		id, holds := q.holder(m.Alert)
		switch {
		case !owed && q.held(m.Alert, m.Since):
			m.Flush = Never
		case holds:
			if !slices.Contains(held, id) {
				held = append(held, id)
			}
			return true
		case m.IsOpen() && m.Open && acked(acks, m.Was):
			m.Flush = m.Was
		}
		found = append(found, m)
		return len(found) <= Batch
	})
	slices.Sort(held)
	return found, held, err
}

// again returns the change that tells again what is open, and neither silenced nor
// acknowledged. If all is, or nothing new came for long, only channels that forget get
// it.
func (r *round) again(ctx context.Context, g Group, route Route, q silenced) (Change, error) {
	acks := q.acks(g.Key)
	var open, all []decide.Alert // samples
	n, held := 0, []string(nil)
	covered := map[string]bool{} // acknowledgements that still cover something
	err := r.Store.Told(ctx, g.Key, func(m Member) bool {
		if !m.IsOpen() {
			return true
		}
		all = sample(all, m.Alert)
		id, silent := q.holder(m.Alert)
		if silent && !slices.Contains(held, id) {
			held = append(held, id)
		}
		for _, s := range acks {
			if acked([]Silence{s}, m.Flush) {
				covered[s.ID], silent = true, true
			}
		}
		if !silent {
			open = sample(open, m.Alert)
			n++
		}
		return len(q.list) > 0 || n < MaxSample
	})
	if err != nil {
		return Change{}, err
	}
	for _, s := range acks {
		if !covered[s.ID] {
			if err := r.Store.Recovered(ctx, s.ID, q.now); err != nil {
				return Change{}, err
			}
		}
	}
	stale := q.now.Sub(g.NewsAt) > repeatFor
	switch {
	case stale:
	case len(q.list) == 0:
		return g.repeat(open, g.Open, false, route, q.now), nil
	case n > 0:
		return g.repeat(open, n, false, route, q.now), nil
	}
	route.Channels = slices.DeleteFunc(slices.Clone(route.Channels), func(name string) bool { return !r.Channels.Forgets(name) })
	if len(route.Channels) > 0 && len(all) > 0 {
		return g.repeat(all, g.Open, true, route, q.now), nil
	}
	c := g.change()
	c.Group.RepeatAt = time.Time{}
	switch {
	case len(held) > 0:
		c.Group.Held = slices.Compact(slices.Sorted(slices.Values(append(held, g.Held...))))
	case route.RepeatInterval > 0 && !stale:
		c.Group.RepeatAt = q.now.Add(route.RepeatInterval)
	}
	return c, nil
}

// endAcks ends the acknowledgements of a group in which nothing is open.
func (r *round) endAcks(ctx context.Context, g Group, q silenced) error {
	var errs []error
	if g.Open == 0 {
		for _, s := range q.acks(g.Key) {
			errs = append(errs, r.Store.Recovered(ctx, s.ID, q.now))
		}
	}
	return cmp.Or(errs...)
}

// freed reports whether a silence that holds something of a group holds no longer.
func (r *round) freed(ctx context.Context, a Armed) bool {
	if len(a.Held) == 0 {
		return false
	}
	q, err := r.silences(ctx, a.Held)
	r.note(err)
	return err == nil && q.over(a.Held)
}
