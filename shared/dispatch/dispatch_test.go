package dispatch_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/dispatch"
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

// (dispatch rule 7)
func TestWhatIsOpenIsToldAgainForAWeek(t *testing.T) {
	w := newWorld(t)
	w.forgets = map[string]bool{"pager": true}
	w.route.RepeatInterval = 24 * time.Hour
	w.put(failure(1, 1))
	w.rounds(2 + 12*24*60)
	if n := len(w.heard["chat"]); n != 1+7 {
		t.Errorf("the chat heard it %d times in 12 days, want once, and 7 times more", n)
	}
	if n := len(w.heard["pager"]); n != 1+12 {
		t.Errorf("the pager, which forgets, heard it %d times in 12 days, want once, and 12 times more", n)
	}
	w.put(failure(1, 2)) // it fails again
	w.rounds(60 + 3*24*60)
	if n := len(w.heard["chat"]); n != 8+1+3 {
		t.Errorf("the chat heard it %d times in all, want once more, and then daily", n)
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
		for n := range 60 {
			w.put(failure(n, 1))
		}
		w.rounds(20)
		w.wantTold(60, 0, 60)
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

// The severity that people gave an alert's kind decides whether it waits, and is
// the one that they are told.
func TestPeopleSayHowSevereAnAlertIs(t *testing.T) {
	w := newWorld(t)
	w.route.GroupWait = time.Hour
	w.rated = decide.SeverityCritical
	w.put(failure(1, 1))
	w.rounds(1)
	w.wantTold(1, 0, 1)
	for _, f := range w.heard["chat"] {
		if f.Severity != decide.SeverityCritical || f.Alerts[0].Severity != decide.SeverityCritical {
			t.Errorf("chat was told of %s and %s, want critical", f.Severity, f.Alerts[0].Severity)
		}
	}
	if len(w.heard["chat"]) == 0 {
		t.Error("it waited for the group")
	}
}
