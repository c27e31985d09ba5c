package dispatch_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/dispatch"
	"aftercare/shared/engine"
)

// begun is when a test begins.
var begun = time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)

// world is a store, channels and a clock in memory. Its calls can fail.
type world struct {
	t  testing.TB
	mu sync.Mutex
	// before and after are called without the lock, around each call's effect, with its
	// number and name; an error is the call's.
	before, after func(n int, call string) error
	calls         int

	now     time.Time
	bubble  bool // time is that of package synctest
	letters map[string]dispatch.Letter
	groups  map[string]*kept
	armed   map[string]dispatch.Armed
	tokens  int
	slots   map[string]time.Time
	lost    []string
	ids     int

	every    map[string]time.Duration
	answer   func(channel string, f dispatch.Notice, n int) dispatch.Result
	heard    map[string][]dispatch.Notice // by channel, with those that were not confirmed
	heardAt  map[string][]time.Time       // the slots of those
	confirms map[string]int               // by flush and channel
	told     map[string]int               // versions of members by flush
	versions map[string]bool
	route    dispatch.Route
	groupBy  func(decide.Alert) []string
	silences []*silence
	forgets  map[string]bool // channels
	rated    decide.Severity // instead of the alerts' own
	muted    time.Time       // until when
}

// kept is a group as it is stored.
type kept struct {
	group   dispatch.Group
	members map[string]dispatch.Member
}

func newWorld(t testing.TB) *world {
	return &world{
		t: t, now: begun, letters: map[string]dispatch.Letter{}, groups: map[string]*kept{}, armed: map[string]dispatch.Armed{},
		slots: map[string]time.Time{}, heard: map[string][]dispatch.Notice{}, heardAt: map[string][]time.Time{}, confirms: map[string]int{},
		told: map[string]int{}, versions: map[string]bool{},
		every:   map[string]time.Duration{"chat": 3 * time.Second, "pager": time.Second},
		route:   dispatch.Route{GroupWait: 30 * time.Second, GroupInterval: 5 * time.Minute, RepeatInterval: 4 * time.Hour, Channels: []string{"chat", "pager"}},
		groupBy: func(decide.Alert) []string { return []string{"all"} },
	}
}

// call is a call of the store. It has its effect between the two hooks.
func (w *world) call(name string, effect func() error) error {
	w.mu.Lock()
	w.calls++
	n := w.calls
	w.mu.Unlock()
	if w.before != nil {
		if err := w.before(n, name); err != nil {
			return err
		}
	}
	w.mu.Lock()
	err := effect()
	w.mu.Unlock()
	if err == nil && w.after != nil {
		return w.after(n, name)
	}
	return err
}

func (w *world) Inbox(_ context.Context, shard int, each func(dispatch.Letter) bool) error {
	return w.call("Inbox", func() error {
		for _, key := range slices.Sorted(maps.Keys(w.letters)) {
			if l := w.letters[key]; l.Shard == shard && !each(l) {
				return nil
			}
		}
		return nil
	})
}

func (w *world) Remove(_ context.Context, letters []dispatch.Letter) error {
	return w.call("Remove", func() error {
		for _, l := range letters {
			if w.letters[l.Key].Rev == l.Rev {
				delete(w.letters, l.Key)
			}
		}
		return nil
	})
}

// put is what an instance's invocation does.
func (w *world) put(l dispatch.Letter) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if old, there := w.letters[l.Key]; !there || old.Rev < l.Rev {
		w.letters[l.Key] = l
	}
}

func (w *world) group(key string) *kept {
	g := w.groups[key]
	if g == nil {
		g = &kept{group: dispatch.Group{Key: key}, members: map[string]dispatch.Member{}}
		w.groups[key] = g
	}
	return g
}

func (w *world) Load(_ context.Context, group string, keys []string) (g dispatch.Group, out map[string]dispatch.Member, err error) {
	err = w.call("Load", func() error {
		k := w.group(group)
		g, out = k.group, map[string]dispatch.Member{}
		g.Flushes = slices.Clone(g.Flushes)
		for _, key := range keys {
			if m, there := k.members[key]; there {
				out[key] = m
			}
		}
		return nil
	})
	return g, out, err
}

func (w *world) members(call, group string, told bool, each func(dispatch.Member) bool) error {
	return w.call(call, func() error {
		all := w.group(group).members
		for _, key := range slices.Sorted(maps.Keys(all)) {
			if m := all[key]; (m.Flush != 0) == told && !each(m) {
				break
			}
		}
		return nil
	})
}

func (w *world) News(_ context.Context, group string, each func(dispatch.Member) bool) error {
	return w.members("News", group, false, each)
}

func (w *world) Told(_ context.Context, group string, each func(dispatch.Member) bool) error {
	return w.members("Told", group, true, each)
}

func (w *world) Commit(_ context.Context, c dispatch.Change) error {
	return w.call("Commit", func() error {
		k := w.group(c.Group.Key)
		if k.group.Rev != c.Group.Rev-1 {
			return engine.ErrConflict
		}
		if rows := 1 + len(c.Flushes) + len(c.Ended) + 2*len(c.New) + 2*len(c.Told); rows > 200 {
			w.t.Errorf("a batch has %d rows", rows)
		}
		bytes := 0
		for _, m := range append(slices.Clone(c.New), c.Told...) {
			k.members[m.Key] = m
			data, _ := json.Marshal(m)
			bytes += len(data)
		}
		for _, f := range c.Flushes {
			data, _ := json.Marshal(f)
			bytes += len(data)
		}
		if bytes > 4<<20 {
			w.t.Errorf("a batch has %d bytes", bytes)
		}
		flushes := map[int64]dispatch.Flush{}
		for _, f := range k.group.Flushes {
			flushes[f.Number] = f
		}
		for _, f := range c.Flushes {
			flushes[f.Number] = f
		}
		for _, n := range c.Ended {
			delete(flushes, n)
		}
		for _, m := range c.Told {
			if !w.tells(c, m) {
				continue
			}
			version := fmt.Sprint(c.Group.Key, " ", m.Key, " ", m.Rev)
			if w.versions[version] {
				w.t.Errorf("%s is told twice", version)
			}
			w.versions[version] = true
			w.told[fmt.Sprintf("%s-%d", c.Group.Key, m.Flush)]++
		}
		k.group = c.Group
		k.group.Flushes = slices.SortedFunc(maps.Values(flushes), func(a, b dispatch.Flush) int { return cmp.Compare(a.Number, b.Number) })
		return nil
	})
}

func (w *world) Armed(_ context.Context, each func(dispatch.Armed) bool) error {
	var list []dispatch.Armed
	err := w.call("Armed", func() error {
		for _, key := range slices.Sorted(maps.Keys(w.armed)) {
			list = append(list, w.armed[key])
		}
		return nil
	})
	for _, a := range list {
		if !each(a) {
			break
		}
	}
	return err
}

func (w *world) arm(group string, at time.Time, held []string) {
	w.tokens++
	w.armed[group] = dispatch.Armed{Group: group, At: at, Held: held, Token: fmt.Sprint(w.tokens)}
}

func (w *world) Arm(_ context.Context, group string) error {
	return w.call("Arm", func() error {
		w.arm(group, time.Time{}, nil)
		return nil
	})
}

func (w *world) Settle(_ context.Context, a dispatch.Armed, at time.Time, held []string) error {
	return w.call("Settle", func() error {
		switch {
		case w.armed[a.Group].Token != a.Token:
		case at.IsZero():
			delete(w.armed, a.Group)
		default:
			w.arm(a.Group, at, held)
		}
		return nil
	})
}

func (w *world) Slot(_ context.Context, channel string, now, last time.Time, each time.Duration) (at time.Time, ok bool, err error) {
	err = w.call("Slot", func() error {
		if at = w.slots[channel]; at.Before(now) {
			at = now
		}
		if ok = !at.After(last); ok {
			w.slots[channel] = at.Add(each)
		}
		return nil
	})
	return at, ok, err
}

func (w *world) Close(_ context.Context, channel string, until time.Time) error {
	return w.call("Close", func() error {
		if w.slots[channel].Before(until) {
			w.slots[channel] = until
		}
		return nil
	})
}

func (w *world) Lost(_ context.Context, f dispatch.Notice, channel, why string) error {
	return w.call("Lost", func() error {
		if line := f.ID + " " + channel + ": " + why; !slices.Contains(w.lost, line) {
			w.lost = append(w.lost, line)
		}
		return nil
	})
}

func (w *world) Every(channel string) (time.Duration, bool) {
	d, ok := w.every[channel]
	return d, ok
}

func (w *world) Deliver(ctx context.Context, channel string, f dispatch.Notice) (out dispatch.Result) {
	err := w.call("Deliver", func() error {
		key := f.ID + " " + channel
		for _, kept := range w.groups[f.Group].group.Flushes {
			if d := kept.Deliveries[channel]; kept.Content.ID == f.ID {
				if d.Ended {
					w.t.Errorf("%s was marked as confirmed, and is sent again", key)
				}
				if w.now.Before(d.Slot) {
					w.t.Errorf("%s is sent %s before its slot", key, d.Slot.Sub(w.now))
				}
				w.heardAt[channel] = append(w.heardAt[channel], d.Slot)
			}
		}
		n := 0
		for _, old := range w.heard[channel] {
			n += count(old.ID == f.ID)
		}
		w.heard[channel] = append(w.heard[channel], f)
		out = dispatch.Result{Confirmed: true}
		if w.answer != nil {
			out = w.answer(channel, f, n)
		}
		w.confirms[key] += count(out.Confirmed)
		return nil
	})
	if err != nil {
		return dispatch.Result{Why: err.Error()}
	}
	return out
}

func count(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

func (w *world) Of(a decide.Alert) (out []dispatch.Target) {
	for _, key := range w.groupBy(a) {
		out = append(out, dispatch.Target{Group: key, Route: "root"})
	}
	return out
}

func (w *world) Route(string) dispatch.Route { return w.route }

func (w *world) Rated(a decide.Alert) decide.Alert {
	a.Severity = cmp.Or(w.rated, a.Severity)
	return a
}

func (w *world) MutedUntil(_ string, now time.Time) time.Time {
	if now.Before(w.muted) {
		return w.muted
	}
	return time.Time{}
}

// dispatcher is one function's.
func (w *world) dispatcher() *dispatch.Dispatcher {
	return &dispatch.Dispatcher{
		Store: w, Channels: w, Routes: w, Now: w.clock,
		NewID: func() string {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.ids++
			return fmt.Sprint("claim", w.ids)
		},
		Pause: func(context.Context, int) {},
		Sleep: func(_ context.Context, t time.Time) { w.until(t) },
	}
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.bubble {
		w.now = time.Now().UTC()
	}
	return w.now
}

// until lets time pass until a time.
func (w *world) until(t time.Time) {
	if w.bubble {
		time.Sleep(time.Until(t))
		t = time.Now()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if t.After(w.now) {
		w.now = t
	}
}

// round is one round that has a minute by the world's clock.
func (w *world) round(shards ...int) (dispatch.Report, error) {
	return w.dispatcher().Round(w.t.Context(), shards, w.clock().Add(time.Minute))
}
