package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/dispatch"
	"aftercare/shared/engine"
	"aftercare/shared/ledger"
	"aftercare/tests/localcloud/fault"
	"aftercare/tests/localcloud/tablestore"
)

// alertOf is an alert about instance n.
func alertOf(n int) decide.Alert {
	return decide.Alert{Fingerprint: fmt.Sprint("fp", n), InstanceID: fmt.Sprintf("i-%03d", n), Severity: decide.SeverityError, Lasting: true, At: start}
}

func post(t *testing.T, l *ledger.Ledger, n int, rev int64) {
	t.Helper()
	a := alertOf(n)
	must(t, l.Post(t.Context(), a.InstanceID, rev, a))
}

// desk is a dispatcher over a real ledger, with one route, one group, and channels
// that take what they get.
type desk struct {
	now   time.Time
	heard []dispatch.Notice // of all channels
	// silent: no channel confirms.
	silent bool
}

func (d *desk) Every(string) (time.Duration, bool) { return time.Millisecond, true }

func (d *desk) Deliver(_ context.Context, _ string, n dispatch.Notice) dispatch.Result {
	d.heard = append(d.heard, n)
	return dispatch.Result{Confirmed: !d.silent}
}

func (d *desk) Of(decide.Alert) []dispatch.Target {
	return []dispatch.Target{{Group: "g", Route: "root", By: map[string]string{"kind": "execution"}}}
}

func (d *desk) Forgets(string) bool { return false }

func (d *desk) Rated(a decide.Alert) decide.Alert { return a }

func (d *desk) MutedUntil(string, time.Time) time.Time { return time.Time{} }

func (d *desk) Route(string) dispatch.Route {
	return dispatch.Route{RepeatInterval: 4 * time.Hour, Channels: []string{"chat"}}
}

// round is a round over all shards.
func (d *desk) round(ctx context.Context, l *ledger.Ledger) (dispatch.Report, error) {
	shards := make([]int, ledger.InboxShards)
	for i := range shards {
		shards[i] = i
	}
	d.now = d.now.Add(time.Minute)
	ids := 0
	r := &dispatch.Dispatcher{
		Store: l.Alerts(), Channels: d, Routes: d, Now: func() time.Time { return d.now },
		NewID: func() string { ids++; return fmt.Sprint(d.now.UnixMilli(), "-", ids) },
		Pause: func(context.Context, int) {}, Sleep: func(context.Context, time.Time) {},
	}
	return r.Round(ctx, shards, d.now.Add(time.Minute))
}

// TestAlertsReachAChannelOnceWhateverFails: each call of a round fails, before and
// after its effect, or the round is killed there. A flush that is gathered by several
// batches is counted exactly. (ledger rules 90, 91, 92, 93, 94, 95)
func TestAlertsReachAChannelOnceWhateverFails(t *testing.T) {
	const many = 230
	l, seeded, faults := open(t)
	for n := range many {
		post(t, l, n, 7)
	}
	faults.ResetCalls()
	_, err := (&desk{now: start}).round(t.Context(), first(bare(t, tablestore.Options{Copy: seeded})))
	must(t, err)
	step := 1
	if testing.Short() {
		step = 23
	}
	var struck atomic.Bool // by the goroutine of a call
	struck.Store(true)
	for n := 1; struck.Swap(false); n += step {
		for _, mode := range []fault.Mode{fault.CutBefore, fault.CutAfter, "killed before", "killed after"} {
			l, _, faults := bare(t, tablestore.Options{Copy: seeded})
			d := &desk{now: start}
			ctx, cancel := context.WithCancel(t.Context())
			f := fault.Fault{Nth: n, Mode: mode, OnStrike: func() { struck.Store(true) }}
			if mode == "killed before" || mode == "killed after" {
				f.Mode = map[fault.Mode]fault.Mode{"killed before": fault.CutBefore, "killed after": fault.CutAfter}[mode]
				f.OnStrike = func() { struck.Store(true); cancel() }
			}
			faults.Add(f)
			_, _ = d.round(ctx, l)
			cancel()
			faults.Clear()
			d.now = d.now.Add(2 * time.Minute) // claims are over
			for range 3 {
				_, err := d.round(t.Context(), l)
				must(t, err)
			}
			firing, ids := 0, map[string]int{}
			for _, n := range d.heard {
				if ids[n.ID]++; ids[n.ID] == 1 {
					firing += n.Firing
				}
			}
			// One whose result could not be noted is sent once more under the same id.
			if firing != many || len(ids) > 2 || len(d.heard) > len(ids)+1 {
				t.Errorf("call %d %s: %d alerts in %v", n, mode, firing, ids)
			}
			g, _, err := l.Alerts().Load(t.Context(), "g", nil)
			must(t, err)
			if g.Open != many || len(g.Flushes) > 0 || g.By["kind"] != "execution" {
				t.Errorf("call %d %s: the group is %+v", n, mode, g)
			}
		}
	}
}

func first[A, B, C any](a A, _ B, _ C) A { return a }

// TestOfTwoChangesOfAGroupOneIsRefused, whichever rev both began with. (ledger rule 92)
func TestOfTwoChangesOfAGroupOneIsRefused(t *testing.T) {
	l, _, _ := open(t)
	for rev := range int64(2) {
		change := dispatch.Change{Group: dispatch.Group{Key: "g", Rev: rev + 1, Route: "root"}}
		must(t, l.Alerts().Commit(t.Context(), change))
		change.Group.Route = "another"
		if err := l.Alerts().Commit(t.Context(), change); !errors.Is(err, engine.ErrConflict) {
			t.Errorf("after rev %d: %v, want a conflict", rev, err)
		}
	}
	if g, _, err := l.Alerts().Load(t.Context(), "g", nil); err != nil || g.Rev != 2 || g.Route != "root" {
		t.Errorf("the group is %+v, %v", g, err)
	}
}

// TestTheInboxKeepsTheNewestOfAKey. (ledger rule 90)
func TestTheInboxKeepsTheNewestOfAKey(t *testing.T) {
	l, _, _ := open(t)
	s := l.Alerts()
	inbox := func() (out []string, letters []dispatch.Letter) {
		for shard := range ledger.InboxShards {
			must(t, s.Inbox(t.Context(), shard, func(l dispatch.Letter) bool {
				out, letters = append(out, fmt.Sprintf("%s %d", l.Key, l.Rev)), append(letters, l)
				return true
			}))
		}
		return out, letters
	}
	post(t, l, 1, 5)
	_, old := inbox()
	post(t, l, 1, 4)
	post(t, l, 1, 9)
	post(t, l, 1, 9)
	if got, _ := inbox(); fmt.Sprint(got) != "[i-001 9]" {
		t.Errorf("the inbox has %v", got)
	}
	must(t, s.Remove(t.Context(), old))
	got, letters := inbox()
	if fmt.Sprint(got) != "[i-001 9]" {
		t.Errorf("after an old letter was removed, the inbox has %v", got)
	}
	must(t, s.Remove(t.Context(), letters))
	if got, _ := inbox(); got != nil {
		t.Errorf("the inbox has %v", got)
	}
}

// TestAGroupIsSettledOnlyIfNobodyArmedIt. (ledger rule 94)
func TestAGroupIsSettledOnlyIfNobodyArmedIt(t *testing.T) {
	l, _, _ := open(t)
	s := l.Alerts()
	armed := func() (out []dispatch.Armed) {
		must(t, s.Armed(t.Context(), func(a dispatch.Armed) bool { out = append(out, a); return true }))
		return out
	}
	must(t, s.Arm(t.Context(), "g"))
	before := armed()[0]
	must(t, s.Arm(t.Context(), "g"))
	must(t, s.Settle(t.Context(), before, time.Time{}, nil))
	must(t, s.Settle(t.Context(), before, start, nil))
	now := armed()
	if len(now) != 1 || !now[0].At.IsZero() || now[0].Token == before.Token {
		t.Fatalf("armed is %+v", now)
	}
	must(t, s.Settle(t.Context(), now[0], start, []string{"s1", "s2"}))
	if now = armed(); len(now) != 1 || !now[0].At.Equal(start) || fmt.Sprint(now[0].Held) != "[s1 s2]" {
		t.Fatalf("armed is %+v", now)
	}
	must(t, s.Settle(t.Context(), now[0], time.Time{}, nil))
	if now = armed(); len(now) != 0 {
		t.Errorf("armed is %+v", now)
	}
}

// TestSlotsOfAChannelAreApart, whoever takes them. (ledger rule 96)
func TestSlotsOfAChannelAreApart(t *testing.T) {
	l, _, faults := open(t)
	s := l.Alerts()
	end := start.Add(10 * time.Second)
	var slots []time.Time
	for n := range 6 {
		if n == 2 {
			faults.Add(fault.Fault{Call: "PutRow", Mode: fault.CutAfter}) // a slot is lost
		}
		at, ok, err := s.Slot(t.Context(), "chat", start, end, 3*time.Second)
		must(t, err)
		if ok {
			slots = append(slots, at)
		}
	}
	want := []time.Time{start, start.Add(3 * time.Second), start.Add(9 * time.Second)}
	if !slices.EqualFunc(slots, want, time.Time.Equal) {
		t.Errorf("slots are at %v", slots)
	}
	taken := make(chan time.Time, 10)
	var takers sync.WaitGroup
	for range cap(taken) / 5 {
		takers.Go(func() {
			for range 5 {
				at, _, err := s.Slot(t.Context(), "pager", start, start.Add(time.Hour), time.Second)
				must(t, err)
				taken <- at
			}
		})
	}
	takers.Wait()
	close(taken)
	different := map[time.Time]bool{}
	for at := range taken {
		different[at] = true
	}
	if len(different) != cap(taken) {
		t.Errorf("%d different slots were taken at once, want %d", len(different), cap(taken))
	}
	must(t, s.Close(t.Context(), "chat", start.Add(time.Minute)))
	must(t, s.Close(t.Context(), "chat", start.Add(time.Second)))
	at, ok, err := s.Slot(t.Context(), "chat", start, start.Add(time.Hour), time.Second)
	must(t, err)
	if !ok || !at.Equal(start.Add(time.Minute)) {
		t.Errorf("the slot after it was closed is at %v, %t", at, ok)
	}
}

// TestAGivenUpAlertIsInTheHistoryOnce, since when it was given up. (ledger rule 97)
func TestAGivenUpAlertIsInTheHistoryOnce(t *testing.T) {
	now := start.Add(25 * time.Hour)
	l, _, _ := openAt(t, func() time.Time { return now })
	n := dispatch.Notice{ID: "g-1", Group: "g", Route: "root", Firing: 3, At: start}
	for range 2 {
		must(t, l.Alerts().Lost(t.Context(), n, "chat", "it is down"))
	}
	const why = "chat took no message of 3 alerts and 0 recoveries of route root: it is down."
	r, err := l.Records(t.Context(), decide.ActsID)
	must(t, err)
	want := decide.GivenUp{Channel: "chat", Flush: "g-1", Group: "g", Route: "root", Firing: 3, Why: "it is down"}
	if len(r.Lost) != 1 || r.Lost[0].Alert.Summary != why || *r.Lost[0].GivenUp != want || !r.Lost[0].PlannedAt.Equal(start) {
		t.Errorf("lost is %+v", r.Lost)
	}
	listed := 0
	must(t, l.History(t.Context(), ledger.Query{From: now.Add(-time.Hour), Before: now.Add(time.Second), Bad: true}, func(e ledger.Entry) error {
		if listed++; e.Kind != ledger.EntryMessage || e.Result != ledger.GivenUp || e.Why != why {
			t.Errorf("the history has %+v", e)
		}
		return nil
	}))
	if listed != 1 {
		t.Errorf("the history has it %d times", listed)
	}
}

// TestWhatIsNotDeliveredIsFound in the groups that have something to do. (ledger rule 94)
func TestWhatIsNotDeliveredIsFound(t *testing.T) {
	l, _, _ := open(t)
	s := l.Alerts()
	for n := range 5 {
		group := fmt.Sprint("g", n)
		must(t, s.Arm(t.Context(), group))
		c := dispatch.Change{Group: dispatch.Group{Key: group, Rev: 1}}
		if n < 3 {
			c.Flushes = []dispatch.Flush{{Number: 1, Content: dispatch.Notice{ID: group + "-1"}, Sealed: true, Deliveries: map[string]dispatch.Delivery{"chat": {Tries: n}}}}
		}
		must(t, s.Commit(t.Context(), c))
	}
	for most, want := range map[int]string{100: "[g0 g1 g2]", 2: "[g0 g1]"} {
		var found []string
		more, err := l.EachUndelivered(t.Context(), most, func(g dispatch.Group) { found = append(found, g.Key) })
		must(t, err)
		slices.Sort(found)
		if fmt.Sprint(found) != want || more != (most == 2) {
			t.Errorf("of %d groups at most, %v are found, %t; want %s", most, found, more, want)
		}
	}
}
