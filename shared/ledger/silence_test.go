package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/dispatch"
	"aftercare/shared/engine"
	"aftercare/shared/ledger"
	"aftercare/shared/routing"
	"aftercare/tests/localcloud/fault"
)

// recently is a time after which rows of silences are kept.
var recently = time.Now().UTC().Truncate(time.Second)

func silenceOf(id string, until time.Time) (routing.Silence, decide.Act) {
	s := routing.Silence{ID: id, Match: &routing.Match{Command: []string{"backup-*"}}, By: "Ann", Reason: "a move", At: recently, Until: until}
	return s, decide.Act{Key: id, Kind: "silence", At: recently, What: s.String(), Outcome: "silenced", By: s.By, Reason: s.Reason}
}

func silencesIn(t *testing.T, l *ledger.Ledger, keep bool) (list []routing.Silence) {
	t.Helper()
	must(t, l.EachSilence(t.Context(), keep, func(s routing.Silence) error { list = append(list, s); return nil }))
	return list
}

// TestASilenceIsStoredOnceAndRecorded, whatever fails. (ledger rule 98)
func TestASilenceIsStoredOnceAndRecorded(t *testing.T) {
	var struck atomic.Bool // by the goroutine of a call
	struck.Store(true)
	for n := 1; struck.Swap(false); n++ {
		for _, mode := range []fault.Mode{fault.CutBefore, fault.CutAfter, fault.ErrorBefore, "killed before", "killed after"} {
			l, _, faults := open(t)
			ctx, cancel := context.WithCancel(t.Context())
			f := fault.Fault{Nth: n, Mode: mode, OnStrike: func() { struck.Store(true) }}
			if mode == "killed before" || mode == "killed after" {
				f.Mode = map[fault.Mode]fault.Mode{"killed before": fault.CutBefore, "killed after": fault.CutAfter}[mode]
				f.OnStrike = func() { struck.Store(true); cancel() }
			}
			faults.Add(f)
			s, a := silenceOf("s1", recently.Add(time.Hour))
			_, _, err := l.Silence(ctx, s, a)
			cancel()
			faults.Clear()
			late := s
			late.At, late.Until = recently.Add(time.Minute), recently.Add(2*time.Hour)
			stored, again, second := l.Silence(t.Context(), late, a)
			must(t, second)
			if err == nil && (!again || !stored.Until.Equal(s.Until)) {
				t.Errorf("call %d %s: it was stored, and then %+v, %t", n, mode, stored, again)
			}
			list := silencesIn(t, l, false)
			if len(list) != 1 || !list[0].Until.Equal(stored.Until) || list[0].String() != "command backup-*" {
				t.Errorf("call %d %s: the silences are %+v", n, mode, list)
			}
			r, err := l.Records(t.Context(), decide.ActsID)
			must(t, err)
			if len(r.Acts) != 1 || r.Acts[0].What != "command backup-*" {
				t.Errorf("call %d %s: the acts are %+v", n, mode, r.Acts)
			}
		}
	}
}

// TestTheActOfOneWhoDiedIsRecorded by the next who asks for the same. (ledger rule 98)
func TestTheActOfOneWhoDiedIsRecorded(t *testing.T) {
	l, _, faults := open(t)
	s, a := silenceOf("s1", recently.Add(time.Hour))
	ctx, cancel := context.WithCancel(t.Context())
	faults.Add(fault.Fault{Call: "BatchWriteRow", Mode: fault.CutBefore, OnStrike: cancel})
	if _, _, err := l.Silence(ctx, s, a); err == nil {
		t.Fatal("it was recorded")
	}
	faults.Clear()
	if _, again, err := l.Silence(t.Context(), s, a); err != nil || !again {
		t.Errorf("again is %t, %v", again, err)
	}
	if r, err := l.Records(t.Context(), decide.ActsID); err != nil || len(r.Acts) != 1 {
		t.Errorf("the acts are %+v, %v", r.Acts, err)
	}
}

// (ledger rule 98)
func TestASilenceIsEndedOnce(t *testing.T) {
	l, _, _ := open(t)
	for _, id := range []string{"s1", "s2"} {
		s, a := silenceOf(id, recently.Add(time.Hour))
		_, _, err := l.Silence(t.Context(), s, a)
		must(t, err)
	}
	for n := range 2 {
		at := recently.Add(time.Duration(n+1) * time.Minute)
		s, err := l.EndSilence(t.Context(), "s1", at, routing.SilenceExpired, fmt.Sprint("Bob", n), fmt.Sprint(n))
		if err != nil || s == nil || !s.Until.Equal(recently.Add(time.Minute)) || s.EndedBy != "Bob0" || s.EndReason != "0" {
			t.Errorf("it ended as %+v, %v", s, err)
		}
	}
	if s, err := l.EndSilence(t.Context(), "s2", recently.Add(2*time.Hour), routing.SilenceExpired, "Bob", ""); err != nil || s.Ended != "" {
		t.Errorf("it was over, and is %+v, %v", s, err)
	}
	if s, err := l.EndSilence(t.Context(), "s3", recently, routing.SilenceExpired, "Bob", ""); s != nil || err != nil {
		t.Errorf("there was none, and it is %+v, %v", s, err)
	}
	must(t, l.Alerts().Recovered(t.Context(), "s3", recently))
}

// (ledger rule 98)
func TestASilenceOfALaterVersionSilencesNothing(t *testing.T) {
	l, server, _ := open(t)
	s, a := silenceOf("s1", recently.Add(time.Hour))
	_, _, err := l.Silence(t.Context(), s, a)
	must(t, err)
	putter(t, server, "aftercare_alerts", "silence")("s1", map[string]any{
		"data": `{"id":"s1","match":{"command":["backup-*"],"weekday":["Monday"]},"at":"2026-03-01T00:00:00Z"}`, "key": "k",
	})
	if list := silencesIn(t, l, true); len(list) != 0 {
		t.Errorf("the silences are %+v", list)
	}
}

// TestASilenceThatIsReadOutlivesItsRowsTime, and is removed in the end. One who may only
// read leaves it alone. (ledger rule 99)
func TestASilenceThatIsReadOutlivesItsRowsTime(t *testing.T) {
	l, _, faults, after := aging(t)
	now := time.Now()
	ack := routing.Silence{ID: "ack", Alert: "g", Flush: 2, At: now}
	_, _, err := l.Silence(t.Context(), ack, decide.Act{Key: "ack", At: now})
	must(t, err)
	s, a := silenceOf("s1", now.Add(24*time.Hour))
	_, _, err = l.Silence(t.Context(), s, a)
	must(t, err)
	for _, c := range []struct{ days, writes, there int }{{0, 0, 2}, {8, 0, 2}, {9, 1, 2}, {30, 1, 2}, {32, 1, 1}, {60, 1, 1}, {94, 1, 1}, {130, 0, 0}} {
		after(c.days)
		if n := len(silencesIn(t, l, false)); n != c.there {
			t.Errorf("on day %d there are %d silences, want %d", c.days, n, c.there)
		}
		faults.ResetCalls()
		list, err := l.Alerts().Silences(t.Context())
		must(t, err)
		if got := faults.Calls(); len(list) != c.there || got["BatchWriteRow"] != c.writes || got["GetRange"] != 1 {
			t.Errorf("on day %d there are %d silences, and the calls %v, want %d and %d writes", c.days, len(list), got, c.there, c.writes)
		}
	}
}

// (ledger rule 99)
func TestARenewalBringsNoSilenceBack(t *testing.T) {
	l, server, _, after := aging(t)
	s, a := silenceOf("s1", time.Now().Add(60*24*time.Hour))
	_, _, err := l.Silence(t.Context(), s, a)
	must(t, err)
	after(20)
	var once sync.Once
	end := time.Now().Add(20 * 24 * time.Hour)
	server.OnRow(func(string, int) {
		once.Do(func() {
			_, err := l.EndSilence(t.Context(), "s1", end, routing.SilenceExpired, "Bob", "")
			must(t, err)
		})
	})
	silencesIn(t, l, true)
	server.OnRow(nil)
	if list := silencesIn(t, l, false); len(list) != 1 || list[0].EndedBy != "Bob" {
		t.Errorf("the silences are %+v", list)
	}
}

// TestMembersOfAllGroupsAreRead, and nothing else of the table. (ledger rule 91)
func TestMembersOfAllGroupsAreRead(t *testing.T) {
	l, _, _ := open(t)
	for n := range 3 {
		post(t, l, n, 7)
	}
	_, err := (&desk{now: start}).round(t.Context(), l)
	must(t, err)
	post(t, l, 4, 7)
	var keys []string
	must(t, l.EachMember(t.Context(), func(group string, m dispatch.Member) error {
		keys = append(keys, group+" "+m.Key)
		return nil
	}))
	if fmt.Sprint(keys) != "[g i-000 g i-001 g i-002]" {
		t.Errorf("the members are %v", keys)
	}
	if err := l.EachMember(t.Context(), func(string, dispatch.Member) error { return engine.ErrInvalid }); !errors.Is(err, engine.ErrInvalid) {
		t.Errorf("the error of each is %v", err)
	}
}
