package dispatch_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/dispatch"
	"aftercare/shared/engine"
)

// silence is a silence in the world's store.
type silence struct {
	dispatch.Silence
	from time.Time
}

func (w *world) Silences(context.Context) (out []dispatch.Silence, err error) {
	err = w.call("Silences", func() error {
		for _, s := range w.silences {
			out = append(out, s.Silence)
		}
		return nil
	})
	return out, err
}

func (w *world) Recovered(_ context.Context, id string, at time.Time) error {
	return w.call("Recovered", func() error {
		for _, s := range w.silences {
			if s.ID == id && s.Until.IsZero() {
				s.Until = at
			}
		}
		return nil
	})
}

func (w *world) Forgets(channel string) bool { return w.forgets[channel] }

// silence silences instances for some time.
func (w *world) silence(d time.Duration, instances ...int) *silence {
	ids := map[string]bool{}
	for _, n := range instances {
		ids[failure(n, 1).Key] = true
	}
	now := w.clock()
	s := &silence{dispatch.Silence{
		ID: fmt.Sprint("silence", len(w.silences)), Fits: func(a decide.Alert) bool { return ids[a.InstanceID] }, Until: now.Add(d),
	}, now}
	w.silences = append(w.silences, s)
	return s
}

// tells reports whether a change tells a member. It must not be silenced then.
func (w *world) tells(c dispatch.Change, m dispatch.Member) bool {
	if m.Flush != c.Group.Last || len(c.Flushes)+len(c.Ended) == 0 {
		return false
	}
	for _, s := range w.silences {
		if s.Fits != nil && s.Fits(m.Alert) && w.now.Before(s.Until) {
			w.t.Errorf("%s is told by flush %d, but silenced until %v", m.Key, m.Flush, s.Until)
		}
	}
	return true
}

// wasSilenced reports whether a silence ever fitted a member.
func (w *world) wasSilenced(m dispatch.Member) bool {
	return slices.ContainsFunc(w.silences, func(s *silence) bool { return s.Fits != nil && s.Fits(m.Alert) })
}

// acknowledge acknowledges what a group has told.
func (w *world) acknowledge(group string) *silence {
	g := w.group(group).group
	s := &silence{dispatch.Silence{ID: fmt.Sprint("ack", len(w.silences)), Group: group, Flush: g.Told()}, w.clock()}
	w.silences = append(w.silences, s)
	return s
}

// wantRepeats checks how many repeats the chat heard, and how many alerts the last of
// them says.
func (w *world) wantRepeats(repeats, firing int) {
	w.t.Helper()
	n, last := 0, 0
	for _, f := range w.heard["chat"] {
		if f.Repeat {
			n, last = n+1, f.Firing
		}
	}
	if n != repeats || last != firing {
		w.t.Errorf("the chat heard %d repeats, the last of %d alerts, want %d of %d", n, last, repeats, firing)
	}
}

// (dispatch rules 15, 16)
func TestWhatASilenceHitsIsToldOnlyIfItIsOpenWhenThatEnds(t *testing.T) {
	w := newWorld(t)
	w.silence(2*time.Hour, 1, 2, 4)
	urgent := failure(1, 1)
	urgent.Alert.Severity = decide.SeverityCritical
	passing := failure(4, 1)
	passing.Alert.Lasting = false
	for _, l := range []dispatch.Letter{urgent, failure(2, 1), failure(3, 1), passing} {
		w.put(l)
	}
	w.rounds(10)
	w.wantTold(1, 0, 1)
	if f := w.heard["chat"][0]; f.Open != 1 || f.Alerts[0].InstanceID != "i-00003" {
		t.Errorf("the flush is %+v", f)
	}
	w.put(recovery(2, 2))
	w.rounds(105)
	w.wantTold(1, 0, 1)
	w.rounds(10)
	w.wantTold(2, 0, 2)
	if f := w.heard["chat"][1]; f.Open != 2 || len(f.Alerts) != 1 || f.Alerts[0].InstanceID != "i-00001" {
		t.Errorf("the flush is %+v", f)
	}
	w.put(recovery(1, 2))
	w.put(recovery(3, 2))
	w.rounds(10)
	w.wantTold(2, 2, 3)
	if len(w.armed) > 0 {
		t.Errorf("%v is armed", w.armed)
	}
}

// (dispatch rule 15)
func TestASilenceHoldsMembersThatAreNotToldYet(t *testing.T) {
	w := newWorld(t)
	w.put(failure(1, 1))
	w.put(failure(2, 1))
	w.round(0, 1) // they wait for the group
	w.silence(time.Hour, 1)
	w.rounds(30)
	w.wantTold(1, 0, 1)
	w.rounds(40)
	w.wantTold(2, 0, 2)
}

// An alert that nobody was told of, and that recovers as its silence ends, stays
// untold: at once, later, and while its route is muted. (dispatch rule 16)
func TestTheAllClearOfWhatWasNeverToldIsNotTold(t *testing.T) {
	for name, c := range map[string]struct{ ends, recovers, muted time.Duration }{
		"it recovers in time":                        {time.Hour, 30 * time.Minute, 0},
		"it recovers shortly before the silence":     {time.Hour, time.Hour - time.Second, 0},
		"it recovers before a round sees the end":    {time.Hour, time.Hour + time.Second, 0},
		"nothing is told before the silence is over": {5 * time.Second, 20 * time.Second, 0},
		"the route is muted for longer":              {time.Hour, 2 * time.Hour, 3 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.muted = begun.Add(c.muted)
			w.silence(c.ends, 1)
			w.put(failure(1, 1))
			w.round(0, 1)
			for w.clock().Before(begun.Add(c.recovers)) {
				w.until(w.clock().Add(min(time.Minute, begun.Add(c.recovers).Sub(w.clock()))))
				if w.clock().Before(begun.Add(min(c.ends, c.recovers))) {
					w.round(0, 1)
				}
			}
			w.put(recovery(1, 2))
			w.rounds(200)
			w.wantTold(0, 0, 0)
			if m := w.groups["all"].members["i-00001"]; m.Flush != dispatch.Never || w.groups["all"].group.Open != 0 {
				t.Errorf("the member is %+v in %+v", m, w.groups["all"].group)
			}
		})
	}
}

// (dispatch rule 16)
func TestTheAllClearOfWhatWasToldComesAfterTheSilence(t *testing.T) {
	w := newWorld(t)
	w.put(failure(1, 1))
	w.rounds(2)
	w.silence(time.Hour, 1)
	w.put(recovery(1, 2))
	w.rounds(30)
	w.wantTold(1, 0, 1)
	w.rounds(40)
	w.wantTold(1, 1, 2)
}

// (dispatch rule 17)
func TestASilenceThatIsEndedEarlyFreesWhatItHeldInTheNextRound(t *testing.T) {
	w := newWorld(t)
	s := w.silence(24*time.Hour, 1)
	w.silence(time.Hour, 2)
	w.put(failure(1, 1))
	w.put(failure(2, 1))
	w.rounds(10)
	s.Until = w.clock()
	w.rounds(1)
	w.wantTold(1, 0, 1)
	w.rounds(60)
	w.wantTold(2, 0, 2)
}

// TestAMutedGroupIsLeftAloneWhenItsSilenceEnds until it is not muted.
// (dispatch rules 14, 17)
func TestAMutedGroupIsLeftAloneWhenItsSilenceEnds(t *testing.T) {
	w := newWorld(t)
	w.silence(time.Hour, 1)
	w.put(failure(1, 1))
	w.rounds(10)
	w.muted = begun.Add(5 * time.Hour)
	w.rounds(55)
	commits := 0
	w.before = func(_ int, call string) error { commits += count(call == "Commit"); return nil }
	w.rounds(3 * 60)
	if commits > 1 {
		t.Errorf("the group was changed %d times while it was muted", commits)
	}
	w.rounds(60)
	w.wantTold(1, 0, 1)
}

// TestASilenceThatIsYoungerThanTheReadingIsReadAnew: another function knew it, and held
// an alert by it. (dispatch rule 17)
func TestASilenceThatIsYoungerThanTheReadingIsReadAnew(t *testing.T) {
	w := newWorld(t)
	w.put(failure(1, 1))
	met := false
	w.before = func(_ int, call string) error {
		if call == "Armed" && !met {
			met = true
			w.silence(time.Hour, 1)
			w.until(w.clock().Add(time.Second))
			_, err := w.round(0, 1)
			return err
		}
		return nil
	}
	w.until(w.clock().Add(time.Minute))
	w.route.GroupWait = 0
	w.rounds(2)
	w.wantTold(0, 0, 0)
}

// (dispatch rule 17)
func TestALongRoundReadsTheSilencesAgain(t *testing.T) {
	w := newWorld(t)
	w.put(failure(1, 1))
	w.round(0, 1)
	w.until(w.clock().Add(time.Minute))
	w.before = func(_ int, call string) error {
		if call == "Load" && len(w.silences) == 0 {
			w.silence(time.Hour, 1)
			w.until(w.clock().Add(6 * time.Second))
		}
		return nil
	}
	w.rounds(10)
	w.wantTold(0, 0, 0)
}

// (dispatch rule 15)
func TestWhatIsSilencedIsNotRepeated(t *testing.T) {
	w := newWorld(t)
	for n := range 3 {
		w.put(failure(n, 1))
	}
	w.rounds(2)
	w.silence(5*time.Hour, 0)
	w.rounds(4 * 60)
	w.wantRepeats(1, 2)
	w.silence(6*time.Hour, 1, 2)
	s := w.silence(24*time.Hour, 0)
	w.rounds(4*60 + 10)
	w.wantRepeats(1, 2)
	w.rounds(2 * 60) // the repeat comes when one silence ends
	w.wantRepeats(2, 2)
	w.silence(24*time.Hour, 1, 2)
	w.rounds(5 * 60)
	w.wantRepeats(2, 2)
	s.Until = w.clock()
	w.rounds(2)
	w.wantRepeats(3, 1)
}

// TestSilencesThatCannotBeReadDelayAlerts: they may say that nobody is to be woken.
// (dispatch rule 17)
func TestSilencesThatCannotBeReadDelayAlerts(t *testing.T) {
	w := newWorld(t)
	w.silence(time.Hour, 1)
	w.put(failure(1, 1))
	w.before = func(_ int, call string) error {
		if call == "Silences" {
			return engine.ErrUnavailable
		}
		return nil
	}
	for range 3 {
		if r, err := w.round(0, 1); err == nil || r.Complete {
			t.Errorf("a round without silences: %+v, %v", r, err)
		}
		w.until(w.clock().Add(time.Minute))
	}
	w.before = nil
	w.rounds(10)
	w.wantTold(0, 0, 0)
	w.rounds(60)
	w.wantTold(1, 0, 1)
}

// TestManyHeldMembersDoNotStandInTheWayOfOthers, more than a batch has.
// (dispatch rules 6, 15)
func TestManyHeldMembersDoNotStandInTheWayOfOthers(t *testing.T) {
	w := newWorld(t)
	const many = 3 * dispatch.Batch
	var held []int
	for n := range many {
		w.put(failure(n, 1))
		if n%3 != 0 {
			held = append(held, n)
		}
	}
	w.silence(time.Hour, held...)
	w.rounds(10)
	w.wantTold(many-len(held), 0, 1)
	for _, n := range held[:len(held)/2] {
		w.put(recovery(n, 2))
	}
	w.rounds(60)
	w.wantTold(many-len(held)/2, 0, 2)
	if g := w.groups["all"].group; g.Open != many-len(held)/2 || len(g.Held) > 0 {
		t.Errorf("the group is %+v", g)
	}
}
