package dispatch

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"aftercare/shared/decide"
)

// Group is the alerts that are told together.
type Group struct {
	decide.Kept
	Key   string            `json:"-"`
	Rev   int64             `json:"-"`
	Route string            `json:"route"`
	By    map[string]string `json:"by,omitempty"`
	// Last is the number of the last flush.
	Last int64 `json:"last"`
	// FlushedAt is when that was made.
	FlushedAt time.Time `json:"flushedAt,omitzero"`
	// NewsAt is when one told something new.
	NewsAt time.Time `json:"newsAt,omitzero"`
	// Due is when what is new is to be told; zero if nothing is.
	Due time.Time `json:"due,omitzero"`
	// RepeatAt is when what is open is to be told again; zero if nothing is.
	RepeatAt time.Time `json:"repeatAt,omitzero"`
	// Open counts the members that were told and have a recovery to come.
	Open int `json:"open"`
	// Held are the silences that keep news, or a repeat, from being told.
	Held []string `json:"held,omitempty"`
	// Flushes are those that have not ended, the oldest first.
	Flushes []Flush `json:"-"`
}

// Flush is a flush with what became of it.
type Flush struct {
	decide.Kept
	Number  int64  `json:"-"`
	Content Notice `json:"content"`
	// Sealed: it has all its members.
	Sealed bool `json:"sealed"`
	// Quiet: it only keeps channels that forget from doing so.
	Quiet bool `json:"quiet,omitempty"`
	// Deliveries are by channel. A channel that is not there has not been tried.
	Deliveries map[string]Delivery `json:"deliveries"`
}

// Delivery is how it stands with one channel.
type Delivery struct {
	// Ended: the channel confirmed it, or it was given up.
	Ended bool   `json:"ended,omitempty"`
	Lost  bool   `json:"lost,omitempty"`
	Tries int    `json:"tries,omitempty"`
	Why   string `json:"why,omitempty"` // of the last failure
	// NotBefore is when to try again.
	NotBefore time.Time `json:"notBefore,omitzero"`
	// Claim is the claim of who delivers it in the slot, until Until.
	Claim string    `json:"claim,omitempty"`
	Slot  time.Time `json:"slot,omitzero"`
	Until time.Time `json:"until,omitzero"`
}

// Member is an alert in a group.
type Member struct {
	decide.Kept
	Key   string       `json:"-"`
	Rev   int64        `json:"rev"`
	Alert decide.Alert `json:"alert"`
	// Flush is the number of the flush that told it, or Never; 0 if none has told
	// this version of it.
	Flush int64 `json:"flush,omitempty"`
	// Open: an earlier version was told, by the flush Was, and had not recovered.
	Open bool  `json:"open,omitempty"`
	Was  int64 `json:"was,omitempty"`
	// Since is when the group got the first version that no flush has told.
	Since time.Time `json:"since,omitzero"`
}

// IsOpen reports whether a recovery is to follow.
func (m Member) IsOpen() bool { return m.Alert.Lasting && !m.Alert.Recovered }

// Change is one atomic change of a group.
type Change struct {
	// Group is what it becomes, with its new rev.
	Group Group
	// Flushes are those that are new or changed, Ended the numbers of those that
	// go.
	Flushes []Flush
	Ended   []int64
	// New are members that no flush has told, Told those that one has. A member is
	// in one place, so it leaves the other.
	New, Told []Member
	// Claim is what it claims deliveries with; empty if it claims none.
	Claim string
}

// Batch is the most members of a change, and batchBytes the most that their alerts
// take. A member takes two rows of 200, and a batch may have 4 MB.
const (
	Batch      = 95
	batchBytes = 2 << 20
)

// fitting returns how many of the first alerts fit into a change, at least one.
func fitting(n int, alert func(i int) decide.Alert) int {
	bytes := 0
	for i := range min(n, Batch) {
		data, err := json.Marshal(alert(i))
		if bytes += len(data); err == nil && bytes > batchBytes {
			return max(1, i)
		}
	}
	return min(n, Batch)
}

const (
	// tryWait is the pause after the first failed try. It doubles up to tryWaitMost.
	tryWait     = 30 * time.Second
	tryWaitMost = 10 * time.Minute
	// giveUpAfter is how long a channel may take.
	giveUpAfter = 24 * time.Hour
	// fallbackAfter is when the fallback channels get it, too.
	fallbackAfter = 10 * time.Minute
	// repeatFor is for how long after the last news a group is repeated.
	repeatFor = 7 * 24 * time.Hour
	// slotGrace is how late a slot may be used.
	slotGrace = 30 * time.Second
)

// change begins a change of the group.
func (g Group) change() Change {
	g.Rev++
	return Change{Group: g}
}

// take returns the change that adds letters; ok is false if the group has them all.
func (g Group) take(letters []Letter, known map[string]Member, t Target, r Route, now time.Time) (c Change, ok bool) {
	c = g.change()
	c.Group.Route, c.Group.By = t.Route, t.By
	critical := false
	for _, l := range letters {
		old, there := known[l.Key]
		if there && old.Rev >= l.Rev {
			continue
		}
		m := old
		m.Key, m.Rev, m.Alert, m.Flush = l.Key, l.Rev, l.Alert, 0
		if !there || old.Flush != 0 {
			m.Open, m.Was, m.Since = old.IsOpen(), old.Flush, now
		}
		c.New = append(c.New, m)
		critical = critical || l.Alert.Severity == decide.SeverityCritical
	}
	due := now.Add(r.GroupWait)
	if next := g.FlushedAt.Add(r.GroupInterval); !g.FlushedAt.IsZero() && next.After(due) {
		due = next
	}
	if critical {
		due = now
	}
	if c.Group.Due.IsZero() || due.Before(c.Group.Due) {
		c.Group.Due = due
	}
	return c, len(c.New) > 0
}

// gathering is the flush that is not sealed; nil if there is none.
func (g Group) gathering() *Flush {
	for i := range g.Flushes {
		if !g.Flushes[i].Sealed {
			return &g.Flushes[i]
		}
	}
	return nil
}

// Told is the number of the last flush that has all its members.
func (g Group) Told() int64 {
	if g.gathering() != nil {
		return g.Last - 1
	}
	return g.Last
}

// wants says what flush the group needs now. News that wait come before a repeat, which
// they make needless.
func (g Group) wants(q silenced) (flush, repeat bool) {
	flush = g.gathering() != nil || !g.Due.IsZero() && !g.Due.After(q.now) || q.over(g.Held)
	return flush, !flush && g.Open > 0 && g.Due.IsZero() && !g.RepeatAt.IsZero() && !g.RepeatAt.After(q.now)
}

// gather returns the change that adds news to the flush that is being gathered, or
// to a new one. With last, it has them all, and is sealed: silences keep the others.
func (g Group) gather(news []Member, last bool, held []string, r Route, now time.Time) Change {
	c := g.change()
	if g.gathering() == nil && !slices.ContainsFunc(news, func(m Member) bool { return m.Flush == 0 }) {
		c.Told = closed(news)
		if last {
			c.Group.Due = time.Time{}
			c.held(g, held, r, now)
		}
		return c
	}
	f := g.open(&c, now)
	for i, m := range news {
		if m.Flush != 0 {
			continue
		}
		if m.Alert.Recovered {
			f.Content.Recovered++
		} else {
			f.Content.Firing++
		}
		c.Group.Open += count(m.IsOpen()) - count(m.Open)
		f.Content.Alerts = sample(f.Content.Alerts, m.Alert)
		news[i].Flush = f.Number
	}
	c.Told = closed(news)
	if last {
		g.seal(&c, &f, r, now)
		c.held(g, held, r, now)
	}
	c.put(f)
	return c
}

// closed are members that are new no longer.
func closed(news []Member) (out []Member) {
	for _, m := range news {
		m.Open, m.Was, m.Since = false, 0, time.Time{}
		out = append(out, m)
	}
	return out
}

// held notes which silences keep news. A repeat that one kept, and that no other keeps
// now, is due.
func (c *Change) held(g Group, held []string, r Route, now time.Time) {
	c.Group.Held = held
	if len(g.Held) > 0 && c.Group.RepeatAt.IsZero() && c.Group.Open > 0 && r.RepeatInterval > 0 {
		c.Group.RepeatAt = now
	}
}

// repeat returns the change that tells again what is open: so many alerts.
func (g Group) repeat(open []decide.Alert, firing int, quiet bool, r Route, now time.Time) Change {
	c := g.change()
	f := g.open(&c, now)
	f.Quiet = quiet
	f.Content.Repeat, f.Content.Firing, f.Content.Alerts = true, firing, open
	g.seal(&c, &f, r, now)
	c.put(f)
	return c
}

// open returns the flush that is being gathered, or begins one.
func (g Group) open(c *Change, now time.Time) Flush {
	if f := g.gathering(); f != nil {
		return *f
	}
	c.Group.Last++
	return Flush{Number: c.Group.Last, Content: Notice{
		ID: fmt.Sprintf("%s-%d", g.Key, c.Group.Last), Group: g.Key, Route: g.Route, By: g.By, At: now,
	}}
}

func (g Group) seal(c *Change, f *Flush, r Route, now time.Time) {
	f.Sealed = true
	f.Content.Open = c.Group.Open
	for _, a := range f.Content.Alerts[:min(1, len(f.Content.Alerts))] {
		f.Content.Severity = a.Severity
	}
	f.Deliveries = map[string]Delivery{}
	for _, name := range r.Channels {
		f.Deliveries[name] = Delivery{}
	}
	c.Group.FlushedAt, c.Group.Due, c.Group.RepeatAt = now, time.Time{}, time.Time{}
	if !f.Content.Repeat {
		c.Group.NewsAt = now
	}
	if r.RepeatInterval > 0 && c.Group.Open > 0 {
		c.Group.RepeatAt = now.Add(r.RepeatInterval)
	}
}

// put adds a flush to the change, or its end if no channel waits for it.
func (c *Change) put(f Flush) {
	i := slices.IndexFunc(c.Group.Flushes, func(old Flush) bool { return old.Number == f.Number })
	flushes := slices.Clone(c.Group.Flushes)
	switch {
	case f.ended():
		c.Ended = append(c.Ended, f.Number)
		if i >= 0 {
			flushes = slices.Delete(flushes, i, i+1)
		}
	case i >= 0:
		flushes[i] = f
		c.Flushes = append(c.Flushes, f)
	default:
		flushes = append(flushes, f)
		c.Flushes = append(c.Flushes, f)
	}
	c.Group.Flushes = flushes
}

// next is when the group has something to do; ok is false if it never has. A time
// that is over means now. No flush is made before muted.
func (g Group) next(r Route, muted time.Time, q silenced) (at time.Time, ok bool) {
	earlier := func(t time.Time) {
		if !ok || t.Before(at) {
			at, ok = t, true
		}
	}
	if !g.Due.IsZero() {
		g.RepeatAt = time.Time{}
	}
	for _, t := range []time.Time{g.Due, g.RepeatAt, q.end(g.Held)} {
		if !t.IsZero() {
			earlier(later(t, muted))
		}
	}
	for _, f := range g.Flushes {
		for _, d := range f.Deliveries {
			if !d.Ended {
				earlier(later(d.NotBefore, d.Until))
			}
		}
		if len(f.lacks(r)) > 0 {
			earlier(f.Content.At.Add(fallbackAfter))
		}
	}
	return at, ok
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// sample keeps the most urgent alerts, the earlier ones of those that are alike.
func sample(list []decide.Alert, a decide.Alert) []decide.Alert {
	list = append(slices.Clone(list), a)
	slices.SortStableFunc(list, func(a, b decide.Alert) int {
		return cmp.Or(rank(a)-rank(b), a.At.Compare(b.At))
	})
	return list[:min(len(list), MaxSample)]
}

// rank orders alerts: those that fire before those that are over, then by severity.
func rank(a decide.Alert) int {
	i := slices.Index(decide.Severities, a.Severity)
	if i < 0 {
		i = slices.Index(decide.Severities, decide.SeverityError)
	}
	if a.Recovered {
		i += len(decide.Severities)
	}
	return i
}

func count(yes bool) int {
	if yes {
		return 1
	}
	return 0
}
