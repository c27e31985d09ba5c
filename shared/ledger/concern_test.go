package ledger_test

import (
	"slices"
	"testing"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/dispatch"
	"aftercare/shared/ledger"
	"aftercare/tests/localcloud/fault"
)

// inQuarantine is a state that shows after a time.
func inQuarantine(after time.Duration) decide.Concern {
	return decide.InQuarantine("aftercare-sweep", "it is cut off", start.Add(after))
}

// showing changes a concern to one whose state shows, ending to one that is over.
func showing(c decide.Concern) func(decide.Concern) decide.Concern {
	return func(was decide.Concern) decide.Concern { return was.Shown(c) }
}

func ending(after time.Duration) func(decide.Concern) decide.Concern {
	return func(was decide.Concern) decide.Concern { return was.Ended("it is over", start.Add(after)) }
}

// mail takes what is in the inbox, as the function alerts does, and remembers which
// letters it has seen.
type mail struct{ seen []dispatch.Letter }

func (m *mail) take(t *testing.T, l *ledger.Ledger) {
	t.Helper()
	var letters []dispatch.Letter
	must(t, l.Alerts().Inbox(t.Context(), ledger.InboxShard(decide.Alert{}), func(found dispatch.Letter) bool {
		letters = append(letters, found)
		return true
	}))
	for _, found := range letters {
		if !slices.ContainsFunc(m.seen, func(s dispatch.Letter) bool { return s.Key == found.Key && s.Rev == found.Rev }) {
			m.seen = append(m.seen, found)
		}
	}
	must(t, l.Alerts().Remove(t.Context(), letters))
}

// TestAStateIsToldOnceAndItsEndWhateverFails: every fault strikes every call, until it
// meets none.
// (ledger rules 71, 72)
func TestAStateIsToldOnceAndItsEndWhateverFails(t *testing.T) {
	key := inQuarantine(0).Alert.Fingerprint
	story := []func(decide.Concern) decide.Concern{
		showing(inQuarantine(0)), showing(inQuarantine(time.Minute)), showing(inQuarantine(10 * time.Minute)), ending(time.Hour), ending(2 * time.Hour), showing(inQuarantine(3 * time.Hour)),
	}
	for _, mode := range fault.Modes {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			for n, struck := 1, true; struck; n++ {
				l, _, faults := open(t)
				faults.Add(fault.Fault{Nth: n, Mode: mode})
				var m mail
				for _, next := range story {
					_, err := l.Concern(t.Context(), key, next)
					must(t, err)
					m.take(t, l)
				}
				var over []bool
				for i, letter := range m.seen {
					if over = append(over, letter.Alert.Recovered); i > 0 && letter.Rev <= m.seen[i-1].Rev {
						t.Errorf("letter %d has the rev %d after %d", i, letter.Rev, m.seen[i-1].Rev)
					}
				}
				if struck = faults.Struck() > 0; !slices.Equal(over, []bool{false, true, false}) || t.Failed() || n == 40 {
					t.Fatalf("with fault %d: the letters are over: %v, want no, yes, no; or there is always one more call", n, over)
				}
			}
		})
	}
}

// (ledger rule 71)
func TestOfManyAtOnceWhoSeeAStateAllTellTheSame(t *testing.T) {
	l, _, _ := open(t)
	var m mail
	for round, next := range []func(decide.Concern) decide.Concern{showing(inQuarantine(0)), ending(time.Hour)} {
		var errs [12]error
		atOnce(len(errs), func(i int) { _, errs[i] = l.Concern(t.Context(), inQuarantine(0).Alert.Fingerprint, next) })
		for _, err := range errs {
			must(t, err)
		}
		if m.take(t, l); len(m.seen) != round+1 {
			t.Errorf("letters %+v, want one for each state", m.seen)
		}
	}
}

// Whoever was overtaken decides anew.
// (ledger rule 71)
func TestAChangeOfAConcernHarmsNothingNewer(t *testing.T) {
	l, _, _ := open(t)
	key := inQuarantine(0).Alert.Fingerprint
	var m mail
	change := func(next func(decide.Concern) decide.Concern) {
		t.Helper()
		_, err := l.Concern(t.Context(), key, next)
		must(t, err)
		m.take(t, l)
	}
	change(showing(inQuarantine(0)))
	change(ending(time.Hour))
	overtaken := false
	change(func(was decide.Concern) decide.Concern {
		if !overtaken {
			overtaken = true
			change(showing(inQuarantine(2 * time.Hour)))
		}
		return was.Shown(inQuarantine(2*time.Hour + time.Second))
	})
	if len(m.seen) != 3 {
		t.Errorf("letters %+v, want three: two saw the same state", m.seen)
	}
}

// One who dies, or has no right to, leaves the letter to the next, and at last to a
// sweep.
// (ledger rules 71, 73)
func TestWhatWasNotToldIsToldByTheNext(t *testing.T) {
	for name, next := range map[string]func(decide.Concern) decide.Concern{
		"by one who sees the state": showing(inQuarantine(time.Minute)),
		"by a sweep":                func(was decide.Concern) decide.Concern { return was.Tidied(start.Add(time.Minute)) },
	} {
		t.Run(name, func(t *testing.T) {
			l, _, faults := open(t)
			key := inQuarantine(0).Alert.Fingerprint
			faults.Add(fault.Fault{Call: "PutRow", Nth: 2, Mode: fault.ErrorBefore, Status: 403, Code: "OTSNoPermissionAccess"})
			if told, err := l.Concern(t.Context(), key, showing(inQuarantine(0))); err == nil || told != nil {
				t.Fatalf("told %+v, %v, want an error", told, err)
			}
			var m mail
			if m.take(t, l); len(m.seen) != 0 {
				t.Fatalf("letters %+v, want none yet", m.seen)
			}
			told, err := l.Concern(t.Context(), key, next)
			if m.take(t, l); err != nil || told == nil || len(m.seen) != 1 || m.seen[0].Rev != start.UnixMilli() {
				t.Errorf("told %+v, %v, letters %+v, want the first", told, err, m.seen)
			}
			if told, err := l.Concern(t.Context(), key, next); err != nil || told != nil {
				t.Errorf("again: told %+v, %v", told, err)
			}
		})
	}
}

// (ledger rule 70)
func TestStopsAndConcernsAreReadTogether(t *testing.T) {
	l, server, faults := open(t)
	p, key := stopOf("clean-up", "Ann", start), inQuarantine(0).Alert.Fingerprint
	mustStop(t, l, p)
	_, err := l.Concern(t.Context(), key, showing(inQuarantine(0)))
	must(t, err)
	faults.ResetCalls()
	c, err := l.Control(t.Context())
	if calls := faults.Calls(); err != nil || len(calls) != 1 || calls["GetRange"] != 1 || len(c.Stops) != 1 || !c.Concerns[key].Holds() || !c.Concerns[key].Told {
		t.Errorf("read %+v, %v with the calls %v", c, err, calls)
	}
	putter(t, server, "aftercare_shared", "concern")(key, map[string]any{"data": "{"})
	if c, err := l.Control(t.Context()); err != nil || len(c.Stops) != 1 || len(c.Concerns) != 0 {
		t.Errorf("beside a row that cannot be read: %+v, %v", c, err)
	}
	if _, err := l.Concern(t.Context(), key, showing(inQuarantine(0))); err != nil {
		t.Errorf("it is not replaced: %v", err)
	}
}

// (ledger rule 73)
func TestWhatIsOverIsForgotten(t *testing.T) {
	l, server, _ := open(t)
	key := inQuarantine(0).Alert.Fingerprint
	for _, next := range []func(decide.Concern) decide.Concern{
		showing(inQuarantine(0)), ending(time.Hour), func(was decide.Concern) decide.Concern { return was.Tidied(start.AddDate(0, 0, 2)) },
	} {
		_, err := l.Concern(t.Context(), key, next)
		must(t, err)
	}
	if rows := rawTable(t, server, "aftercare_shared", "scope", "row"); len(rows) != 1 { // the schema's
		t.Errorf("the rows are %v, want none of a concern", rows)
	}
	if known, err := l.Concerns(t.Context()); err != nil || len(known) != 0 {
		t.Errorf("concerns %v, %v", known, err)
	}
}
