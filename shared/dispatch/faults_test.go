package dispatch_test

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"aftercare/shared/decide"
	"aftercare/shared/dispatch"
	"aftercare/shared/engine"
)

var errKilled = errors.New("killed")

// TestEachChannelHearsEachFlushWhateverFails kills rounds at any call, before or after
// its effect, lets calls have outcomes that nobody knows, and lets other rounds run in
// the middle of one. Meanwhile silences come and go, and groups are acknowledged: what a
// silence hits is told by no flush, and is told in the end if it is open.
// (dispatch rules 15, 16, 17, 18)
func TestEachChannelHearsEachFlushWhateverFails(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t)
		members := rapid.SampledFrom([]int{1, 3, 100, 400}).Draw(rt, "members")
		groups := rapid.IntRange(1, 3).Draw(rt, "groups")
		w.route.RepeatInterval = rapid.SampledFrom([]time.Duration{4 * time.Hour, 5 * time.Minute}).Draw(rt, "repeat")
		w.groupBy = func(a decide.Alert) []string { return []string{fmt.Sprint("g", int(a.InstanceID[6]-'0')%groups)} }
		revs := map[int]int64{}
		last := map[int]bool{} // whether a member fires
		letters := 0
		send := func() {
			for n := range members {
				if revs[n]++; revs[n] > 1 && n%3 == 0 {
					w.put(recovery(n, revs[n]))
					last[n] = false
				} else {
					w.put(failure(n, revs[n]))
					last[n] = true
				}
				letters++
			}
		}
		quieten := func() {
			switch what := rapid.IntRange(0, 5).Draw(rt, "quieten"); {
			case what == 0:
				from, to := rapid.IntRange(0, members).Draw(rt, "from"), rapid.IntRange(0, members).Draw(rt, "to")
				var some []int
				for n := from; n < to; n++ {
					some = append(some, n)
				}
				w.silence(time.Duration(rapid.IntRange(1, 1200).Draw(rt, "for"))*time.Second, some...)
			case what == 1 && len(w.silences) > 0:
				if s := rapid.SampledFrom(w.silences).Draw(rt, "ended"); s.Until.IsZero() || s.Until.After(w.clock()) {
					s.Until = w.clock()
				}
			case what == 2:
				key := fmt.Sprint("g", rapid.IntRange(0, groups-1).Draw(rt, "acknowledged"))
				if w.group(key).group.Open > 0 {
					w.acknowledge(key)
				}
			}
		}
		send()
		var nested atomic.Int32
		for range rapid.IntRange(1, 12).Draw(rt, "rounds") {
			quieten()
			at := w.calls + rapid.IntRange(1, 40).Draw(rt, "at")
			what := rapid.SampledFrom([]string{"kill before", "kill after", "unknown before", "unknown after", "another", "another and kill", "visits", "nothing"}).Draw(rt, "what")
			var dead atomic.Bool
			w.before = func(n int, _ string) error {
				switch {
				case nested.Load() > 0:
					return nil
				case dead.Load():
					return errKilled
				case n != at:
					return nil
				case strings.HasPrefix(what, "another"), what == "visits":
					nested.Add(1)
					shards := []int{0, 1}
					if what == "visits" {
						shards = nil
					}
					_, err := w.round(shards...)
					nested.Add(-1)
					if err != nil {
						rt.Fatal(err)
					}
					dead.Store(what == "another and kill")
				case what == "unknown before":
					return engine.ErrUnknownOutcome
				case what == "kill before":
					dead.Store(true)
				}
				if dead.Load() {
					return errKilled
				}
				return nil
			}
			w.after = func(n int, _ string) error {
				if nested.Load() > 0 || n != at {
					return nil
				}
				switch what {
				case "kill after":
					dead.Store(true)
					return errKilled
				case "unknown after":
					return engine.ErrUnknownOutcome
				}
				return nil
			}
			_, _ = w.round(0, 1)
			w.until(w.clock().Add(time.Duration(rapid.IntRange(0, 120).Draw(rt, "seconds")) * time.Second))
			if rapid.IntRange(0, 3).Draw(rt, "more") == 0 {
				send()
			}
		}
		w.before, w.after = nil, nil
		w.rounds(30)
		w.checkEnd(rt, last)
	})
}

// checkEnd checks what holds when nothing is left to do.
func (w *world) checkEnd(rt interface {
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}, last map[int]bool) {
	if len(w.letters) > 0 {
		rt.Fatalf("%d letters are left in the inbox", len(w.letters))
	}
	open := 0
	for _, fires := range last {
		open += count(fires)
	}
	for key, k := range w.groups {
		if len(k.group.Flushes) > 0 || !k.group.Due.IsZero() {
			rt.Errorf("group %s is not at rest: %+v", key, k.group)
		}
		open -= k.group.Open
		for _, m := range k.members {
			if m.Flush == 0 || m.Flush == dispatch.Never && (m.IsOpen() || !w.wasSilenced(m)) {
				rt.Errorf("member %s was never told", m.Key)
			}
		}
		for _, s := range w.silences {
			if s.Group == key && s.Until.IsZero() && k.group.Open == 0 {
				rt.Errorf("%s is acknowledged, and recovered", key)
			}
		}
		for _, channel := range w.route.Channels {
			numbers := int64(0)
			for number := int64(1); number <= k.group.Last; number++ {
				id := fmt.Sprintf("%s-%d", key, number)
				if w.confirms[id+" "+channel] == 0 {
					rt.Errorf("%s never confirmed flush %s", channel, id)
				}
			}
			for _, f := range w.heard[channel] {
				if f.Group != key {
					continue
				}
				var number int64
				fmt.Sscanf(f.ID, key+"-%d", &number)
				if number < numbers {
					rt.Errorf("%s heard flush %s after flush %d", channel, f.ID, numbers)
				}
				numbers = number
				if !f.Repeat && f.Firing+f.Recovered != w.told[f.ID] {
					rt.Errorf("flush %s says %d and %d, and tells %d members", f.ID, f.Firing, f.Recovered, w.told[f.ID])
				}
			}
		}
	}
	if open != 0 {
		rt.Errorf("the groups say that %d fewer are open than are", open)
	}
}

// TestAGroupThatIsArmedStaysSoUntilItsCommit: a round that sees the group between the
// two finds nothing to do, and must not settle it.
func TestAGroupThatIsArmedStaysSoUntilItsCommit(t *testing.T) {
	w := newWorld(t)
	w.put(failure(1, 1))
	var met atomic.Bool
	w.before = func(_ int, call string) error {
		if call == "Commit" && met.CompareAndSwap(false, true) {
			_, err := w.round() // visits alone
			return err
		}
		return nil
	}
	w.rounds(3)
	w.wantTold(1, 0, 1)
}

// TestAResultThatComesTooLateLeavesTheNewClaimAlone: a frozen round wakes up when
// another one delivers its flush.
func TestAResultThatComesTooLateLeavesTheNewClaimAlone(t *testing.T) {
	w := newWorld(t)
	w.route.Channels = []string{"chat"}
	w.put(failure(1, 1))
	if _, err := w.round(0, 1); err != nil {
		t.Fatal(err)
	}
	w.until(w.clock().Add(time.Minute))
	var deliveries atomic.Int32
	entered, release, second := make(chan bool), make(chan bool), make(chan error)
	w.before = func(_ int, call string) error {
		if call != "Deliver" {
			return nil
		}
		if deliveries.Add(1) == 1 {
			w.until(w.clock().Add(2 * time.Minute))
			go func() { _, err := w.round(0, 1); second <- err }()
			<-entered
			return errKilled
		}
		entered <- true
		<-release
		return nil
	}
	if _, err := w.round(0, 1); err != nil {
		t.Fatal(err)
	}
	g, _, err := w.Load(t.Context(), "all", nil)
	if err != nil || len(g.Flushes) != 1 || g.Flushes[0].Deliveries["chat"].Claim == "" || g.Flushes[0].Deliveries["chat"].Tries != 0 {
		t.Errorf("the flush is %+v, %v", g.Flushes, err)
	}
	close(release)
	if err := <-second; err != nil {
		t.Fatal(err)
	}
	w.rounds(3)
	if len(w.heard["chat"]) != 1 {
		t.Errorf("the channel heard it %d times", len(w.heard["chat"]))
	}
}
