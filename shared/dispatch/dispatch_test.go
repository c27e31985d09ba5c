package dispatch_test

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"aftercare/shared/decide"
	"aftercare/shared/dispatch"
	"aftercare/shared/engine"
)

// failure is a letter about instance n.
func failure(n int, rev int64) dispatch.Letter {
	return dispatch.Letter{Shard: n % 2, Key: fmt.Sprintf("i-%05d", n), Rev: rev, Alert: decide.Alert{
		Fingerprint: fmt.Sprint("fp", n), Severity: decide.SeverityError, Lasting: true, InstanceID: fmt.Sprintf("i-%05d", n), At: begun,
	}}
}

func recovery(n int, rev int64) dispatch.Letter {
	l := failure(n, rev)
	l.Alert.Recovered = true
	return l
}

// rounds lets rounds follow one another each minute.
func (w *world) rounds(n int) {
	w.t.Helper()
	for range n {
		if _, err := w.round(0, 1); err != nil {
			w.t.Fatal(err)
		}
		w.until(w.clock().Truncate(time.Minute).Add(time.Minute))
	}
}

// sums adds up the counts of a channel's flushes, each once.
func (w *world) sums(channel string) (firing, recovered, flushes int) {
	seen := map[string]bool{}
	for _, f := range w.heard[channel] {
		if !seen[f.ID] && !f.Repeat {
			firing, recovered, flushes = firing+f.Firing, recovered+f.Recovered, flushes+1
		}
		seen[f.ID] = true
	}
	return firing, recovered, flushes
}

func (w *world) wantTold(firing, recovered, flushes int) {
	w.t.Helper()
	for _, channel := range w.route.Channels {
		f, r, n := w.sums(channel)
		if f != firing || r != recovered || n != flushes {
			w.t.Errorf("%s was told of %d firing and %d recovered in %d flushes, want %d, %d and %d", channel, f, r, n, firing, recovered, flushes)
		}
	}
}

func TestManyFailuresAreFewMessagesWithExactCounts(t *testing.T) {
	w := newWorld(t)
	const many = 1000
	for n := range many {
		w.put(failure(n, 1))
	}
	w.rounds(2)
	w.wantTold(many, 0, 1)
	for _, f := range w.heard["chat"] {
		if len(f.Alerts) != dispatch.MaxSample || f.Open != many {
			t.Errorf("a flush has %d alerts in full, and says that %d are open", len(f.Alerts), f.Open)
		}
	}
	if len(w.letters) > 0 {
		t.Errorf("%d letters are left", len(w.letters))
	}
}

// TestLongAlertsShareABatchOnlyIfItHoldsThem: 4 MB fit into one.
func TestLongAlertsShareABatchOnlyIfItHoldsThem(t *testing.T) {
	w := newWorld(t)
	for n := range 100 {
		l := failure(n, 1)
		l.Alert.ErrorDesc = strings.Repeat("<", 16000) // six bytes each
		w.put(l)
	}
	w.rounds(2)
	w.wantTold(100, 0, 1)
}

func TestALetterThatIsReadTwiceCountsOnce(t *testing.T) {
	w := newWorld(t)
	w.put(failure(1, 5))
	w.rounds(2)
	w.put(failure(1, 5))
	w.put(failure(2, 5))
	w.rounds(7)
	w.wantTold(2, 0, 2)
}

func TestARecoveryIsToldWhereTheAlertWas(t *testing.T) {
	w := newWorld(t)
	w.put(failure(1, 1))
	w.rounds(2)
	w.put(recovery(1, 2))
	w.rounds(7)
	w.wantTold(1, 1, 2)
	if f := w.heard["chat"][1]; f.Open != 0 || !f.Alerts[0].Recovered {
		t.Errorf("the last flush is %+v", f)
	}
	if len(w.armed) > 0 {
		t.Errorf("%v is armed", w.armed)
	}
}

func TestWhatIsNewWaitsForTheGroupAndCriticalAlertsDoNot(t *testing.T) {
	w := newWorld(t)
	w.put(failure(1, 1))
	w.round(0, 1)
	w.wantTold(0, 0, 0)
	critical := failure(2, 1)
	critical.Alert.Severity = decide.SeverityCritical
	w.put(critical)
	w.round(0, 1)
	w.wantTold(2, 0, 1)
	if f := w.heard["chat"][0]; f.Severity != decide.SeverityCritical || f.Alerts[0].InstanceID != "i-00002" {
		t.Errorf("the flush is %+v", f)
	}
	w.put(failure(3, 1))
	w.rounds(4)
	w.wantTold(2, 0, 1)
	w.rounds(2)
	w.wantTold(3, 0, 2)
}

func TestWhatIsOpenIsToldAgain(t *testing.T) {
	w := newWorld(t)
	w.put(failure(1, 1))
	w.rounds(2 + 4*60)
	if heard := w.heard["chat"]; len(heard) != 2 || !heard[1].Repeat || heard[1].Firing != 1 || heard[1].ID == heard[0].ID {
		t.Errorf("the chat heard %+v", heard)
	}
}

func TestAChannelThatConfirmedIsLeftAloneWhileAnotherIsTried(t *testing.T) {
	w := newWorld(t)
	w.answer = func(channel string, _ dispatch.Notice, n int) dispatch.Result {
		return dispatch.Result{Confirmed: channel == "chat" || n == 4, Why: "it is down"}
	}
	w.put(failure(1, 1))
	w.rounds(30)
	if len(w.heard["chat"]) != 1 || len(w.heard["pager"]) != 5 {
		t.Errorf("the chat heard it %d times, the pager %d times", len(w.heard["chat"]), len(w.heard["pager"]))
	}
	for i, at := range w.heardAt["pager"][1:] {
		if gap := at.Sub(w.heardAt["pager"][i]); gap < 22*time.Second<<i {
			t.Errorf("try %d came after %s", i+2, gap)
		}
	}
}

func TestAChannelTakesTheFlushesOfAGroupInOrder(t *testing.T) {
	w := newWorld(t)
	down := true
	w.answer = func(channel string, _ dispatch.Notice, _ int) dispatch.Result {
		return dispatch.Result{Confirmed: channel == "chat" || !down}
	}
	w.put(failure(1, 1))
	w.rounds(2)
	w.put(failure(2, 1))
	w.rounds(10)
	if len(w.heard["chat"]) != 2 {
		t.Errorf("the chat heard %d flushes", len(w.heard["chat"]))
	}
	down = false
	w.rounds(10)
	var ids []string
	for _, f := range w.heard["pager"] {
		ids = append(ids, strings.TrimPrefix(f.ID, "all-"))
	}
	if text := strings.Join(ids, " "); strings.Trim(text, "1 ") != "2" || !strings.HasSuffix(text, "1 2") {
		t.Errorf("the pager heard %s", text)
	}
}

func TestARefusalForRateClosesTheChannelAndIsNoTry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.bubble = true
		w.groupBy = func(a decide.Alert) []string { return []string{a.InstanceID} }
		var bar time.Time
		refused := 0
		w.answer = func(channel string, _ dispatch.Notice, _ int) dispatch.Result {
			if channel == "chat" && bar.IsZero() {
				bar = w.now.Add(10 * time.Minute)
			}
			if channel == "chat" && w.now.Before(bar) {
				refused++
				return dispatch.Result{RetryAt: bar, Why: "too many"}
			}
			return dispatch.Result{Confirmed: true}
		}
		for n := range 20 {
			w.put(failure(n, 1))
		}
		w.rounds(20)
		w.wantTold(20, 0, 20)
		if refused > 20 {
			t.Errorf("the channel was asked %d times while it was closed", refused)
		}
		for _, g := range w.groups {
			for _, f := range g.group.Flushes {
				t.Errorf("flush %s has not ended: %+v", f.Content.ID, f.Deliveries)
			}
		}
	})
}

func TestManyAlertsKeepToTheLimitOfAChannel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.bubble = true
		w.groupBy = func(a decide.Alert) []string { return []string{a.InstanceID} }
		const many = 100
		for n := range many {
			w.put(failure(n, 1))
		}
		w.rounds(8)
		w.wantTold(many, 0, many)
		for channel, every := range w.every {
			for i, at := range w.heardAt[channel] {
				for _, other := range w.heardAt[channel][:i] {
					if gap := at.Sub(other).Abs(); gap < every {
						t.Fatalf("%s got two messages within %s", channel, gap)
					}
				}
			}
		}
	})
}

func TestWhatNoChannelTakesForADayIsGivenUpAndRecorded(t *testing.T) {
	w := newWorld(t)
	w.route.Channels = []string{"chat", "gone"}
	w.route.RepeatInterval = 0
	w.answer = func(string, dispatch.Notice, int) dispatch.Result { return dispatch.Result{Why: "it is down"} }
	w.put(failure(1, 1))
	w.rounds(24*60 - 1)
	if fmt.Sprint(w.lost) != "[all-1 gone: alerts.yaml has no channel with this name]" {
		t.Errorf("lost is %v", w.lost)
	}
	w.rounds(20)
	if len(w.lost) != 2 || w.lost[1] != "all-1 chat: it is down" || len(w.armed) > 0 {
		t.Errorf("lost is %v, armed %v", w.lost, w.armed)
	}
}

func TestAFallbackChannelGetsWhatAnotherDoesNotTake(t *testing.T) {
	w := newWorld(t)
	w.every["mail"] = time.Second
	w.route.Fallback = []string{"mail"}
	w.answer = func(channel string, _ dispatch.Notice, _ int) dispatch.Result {
		return dispatch.Result{Confirmed: channel != "pager"}
	}
	w.put(failure(1, 1))
	w.rounds(9)
	if len(w.heard["mail"]) != 0 {
		t.Error("the fallback channel was used at once")
	}
	w.rounds(6)
	if len(w.heard["mail"]) != 1 || len(w.heard["chat"]) != 1 {
		t.Errorf("the fallback channel heard it %d times", len(w.heard["mail"]))
	}
}

var errKilled = errors.New("killed")

// TestEachChannelHearsEachFlushWhateverFails kills rounds at any call, before or after
// its effect, lets calls have outcomes that nobody knows, and lets other rounds run in
// the middle of one.
func TestEachChannelHearsEachFlushWhateverFails(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t)
		members := rapid.SampledFrom([]int{1, 3, 100, 400}).Draw(rt, "members")
		groups := rapid.IntRange(1, 3).Draw(rt, "groups")
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
		send()
		var nested atomic.Int32
		for range rapid.IntRange(1, 12).Draw(rt, "rounds") {
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
func (w *world) checkEnd(rt *rapid.T, last map[int]bool) {
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
			if m.Flush == 0 {
				rt.Errorf("member %s was never told", m.Key)
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
