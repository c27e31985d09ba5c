package ledgertest

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"aftercare/shared/decide"
	"aftercare/shared/engine"
)

// Breaker is one of the flow clean-up that opens at the n-th minute for ten
// minutes.
func Breaker(key string, n int) decide.Breaker {
	at := Start.Add(time.Duration(n) * time.Minute)
	return decide.Breaker{Flow: "clean-up", Key: key, OpenedAt: at, ResumeAt: at.Add(10 * time.Minute), Failures: 5}
}

// Failure is one of a run of the flow clean-up.
func Failure(instanceID, runID string, at time.Time) decide.FleetFailure {
	return decide.FleetFailure{Flow: "clean-up", RunID: runID, InstanceID: instanceID, At: at}
}

// ControlOf has these stops and breakers.
func ControlOf(entries ...any) decide.Control {
	c := decide.NewControl()
	for _, e := range entries {
		switch e := e.(type) {
		case decide.Stop:
			c.Stops[e.Scope] = e
		case decide.Breaker:
			c.Breakers[e.Flow] = e
		}
	}
	return c
}

// WantControl reads exactly these stops and breakers.
func WantControl(t *testing.T, s engine.Shared, entries ...any) {
	t.Helper()
	got, err := s.Control(t.Context())
	if diff := cmp.Diff(ControlOf(entries...), got); diff != "" || err != nil {
		t.Errorf("control, %v (-want +got):\n%s", err, diff)
	}
}

// WantBreaker opens b, and gets the one that then is open.
func WantBreaker(t *testing.T, s engine.Shared, b, want decide.Breaker) {
	t.Helper()
	if got, err := s.OpenBreaker(t.Context(), b); got != want || err != nil {
		t.Errorf("OpenBreaker(%s) = %+v, %v, want %+v", b.Key, got, err, want)
	}
}

// WantCount counts a failure, and gets the number of failures since a time.
func WantCount(t *testing.T, s engine.Shared, f decide.FleetFailure, since time.Time, want int) {
	t.Helper()
	if got, err := s.CountFailure(t.Context(), f, since); got != want || err != nil {
		t.Errorf("CountFailure(%s on %s) since %s = %d, %v, want %d", f.RunID, f.InstanceID, since, got, err, want)
	}
}

func controls(t *testing.T, s Subject) {
	WantControl(t, s)
	all := decide.Stop{By: "Ann", Reason: "why", At: Start}
	one := decide.Stop{Scope: decide.Scope{Flow: "clean-up"}, By: "Bob", At: Start.Add(time.Nanosecond)}
	host := decide.Stop{Scope: decide.Scope{Instance: "clean-up"}, At: Start}
	label := decide.Stop{Scope: decide.Scope{Label: "team/db"}, At: Start}
	for _, stop := range []decide.Stop{all, one, host, label} {
		Must(t, s.Stop(stop))
	}
	b := Breaker("e1", 0)
	WantBreaker(t, s, b, b)
	WantCount(t, s, Failure("i-1", "r1", Start), Start, 1)
	WantControl(t, s, all, one, host, label, b)
}

func opens(t *testing.T, s Subject) {
	first := Breaker("e1", 0)
	WantBreaker(t, s, first, first)
	for _, c := range []struct {
		name string
		next decide.Breaker
	}{
		{"another one while it is open", Breaker("e2", 9)},
		{"another one that is older", Breaker("e2", -5)},
		{"itself", first},
		{"itself after its time", Breaker("e1", 20)},
	} {
		for range 2 {
			WantBreaker(t, s, c.next, first)
			WantControl(t, s, first)
		}
	}
	other := Breaker("e3", 0)
	other.Flow = "other"
	WantBreaker(t, s, other, other)
	next := Breaker("e2", 10) // when the first one's time is over
	for range 2 {
		WantBreaker(t, s, next, next)
		WantControl(t, s, next, other)
	}
}

func closes(t *testing.T, s Subject) {
	b := Breaker("e1", 0)
	WantBreaker(t, s, b, b)
	for _, c := range []struct {
		flow, key string
		want      bool
	}{{"clean-up", "e2", false}, {"other", "e1", false}, {"clean-up", "e1", true}, {"clean-up", "e1", false}} {
		if got, err := s.CloseBreaker(t.Context(), c.flow, c.key); got != c.want || err != nil {
			t.Errorf("CloseBreaker(%s, %s) = %t, %v, want %t", c.flow, c.key, got, err, c.want)
		}
	}
	WantControl(t, s)
}

func counts(t *testing.T, s Subject) {
	since := Start.Add(-10 * time.Minute)
	for range 3 {
		WantCount(t, s, Failure("i-1", "r1", Start), since, 1)
	}
	WantCount(t, s, Failure("i-1", "r1", Start.Add(time.Second)), since, 1) // as another delivery dates it
	WantCount(t, s, Failure("i-2", "r1", Start), since, 2)
	WantCount(t, s, Failure("i-2", "r2", Start), since, 3)
	WantCount(t, s, Failure("i-2", "r2", since.Add(-time.Second)), since, 3)
	other := Failure("i-2", "r2", Start)
	other.Flow = "clean"
	WantCount(t, s, other, since, 1)
}

func countsSince(t *testing.T, s Subject) {
	for i := range 5 { // at -4, -3, -2, -1 and 0 minutes
		WantCount(t, s, Failure("i-1", fmt.Sprint("r", i), Start.Add(time.Duration(i-4)*time.Minute)), time.Time{}, i+1)
	}
	for name, c := range map[string]struct {
		since time.Time
		want  int
	}{
		"from the beginning":          {Start.Add(-4 * time.Minute), 5},
		"a millisecond later":         {Start.Add(-4*time.Minute + time.Millisecond), 4},
		"within the millisecond":      {Start.Add(-2*time.Minute + time.Millisecond - 1), 3},
		"in another zone":             {Start.Add(-2 * time.Minute).In(time.FixedZone("here", -7200)), 3},
		"from the last one on":        {Start, 1},
		"from the future on":          {Start.Add(time.Hour), 0},
		"from the far future on":      {Start.AddDate(5000, 0, 0), 0},
		"ever":                        {time.Time{}, 5},
		"since before there was time": {Start.AddDate(-5000, 0, 0), 5},
	} {
		t.Run(name, func(t *testing.T) { WantCount(t, s, Failure("i-1", "r4", Start), c.since, c.want) })
	}
}

func countsFromReset(t *testing.T, s Subject) {
	since := Start.Add(-time.Hour)
	at := func(minute int, run string) decide.FleetFailure {
		return Failure("i-1", run, Start.Add(time.Duration(minute)*time.Minute))
	}
	reset := func(b decide.Breaker) {
		t.Helper()
		WantBreaker(t, s, b, b)
		if gone, err := s.CloseBreaker(t.Context(), b.Flow, b.Key); !gone || err != nil {
			t.Fatalf("CloseBreaker(%s) = %t, %v", b.Key, gone, err)
		}
	}
	WantCount(t, s, at(9, "a"), since, 1)
	WantCount(t, s, at(10, "b"), since, 2)
	WantCount(t, s, at(11, "c"), since, 3)
	reset(Breaker("e1", 0)) // until minute 10
	WantCount(t, s, at(9, "a"), since, 1)
	WantCount(t, s, at(11, "c"), since, 1)
	WantCount(t, s, at(11, "c"), Start.Add(12*time.Minute), 0)
	reset(Breaker("e2", -10)) // an older reset changes nothing
	WantCount(t, s, at(10, "b"), since, 1)
	other := at(9, "a")
	other.Flow = "other"
	WantCount(t, s, other, since, 1)
	Must(t, s.Resume(decide.Scope{Flow: "clean-up"}))
	WantCount(t, s, at(11, "c"), since, 0)
	later := Failure("i-1", "d", time.Now().Add(time.Hour))
	WantCount(t, s, later, since, 1)
	Must(t, s.Resume(decide.Scope{}))
	WantCount(t, s, later, since, 1)
	WantCount(t, s, other, since, 1)
}
