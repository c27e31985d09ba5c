package dispatch_test

import (
	"testing"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/dispatch"
	"aftercare/shared/engine"
)

func TestWhatComesWhileARouteIsMutedIsToldAfterwardsInOneFlush(t *testing.T) {
	w := newWorld(t)
	w.muted = begun.Add(90 * time.Minute)
	urgent := failure(1, 1)
	urgent.Alert.Severity = decide.SeverityCritical
	w.put(urgent)
	w.rounds(30)
	w.put(failure(2, 1))
	w.put(failure(3, 1))
	w.rounds(30)
	w.put(recovery(2, 2))
	w.rounds(20)
	w.wantTold(0, 0, 0)
	if len(w.letters) > 0 {
		t.Errorf("%d letters are left", len(w.letters))
	}
	for group, a := range w.armed {
		if !a.At.Equal(w.muted) {
			t.Errorf("the group %s is due at %v, want %v", group, a.At, w.muted)
		}
	}
	w.rounds(20)
	w.wantTold(2, 1, 1)
	for _, at := range w.heardAt["chat"] {
		if at.Before(w.muted) {
			t.Errorf("it was told at %v, but was muted until %v", at, w.muted)
		}
	}
}

func TestWhatIsOpenIsNotRepeatedWhileItsRouteIsMuted(t *testing.T) {
	w := newWorld(t)
	w.put(failure(1, 1))
	w.rounds(2)
	w.muted = begun.Add(6 * time.Hour)
	w.rounds(5 * 60)
	if n := len(w.heard["chat"]); n != 1 {
		t.Errorf("it was told %d times while it was muted, want once, before that", n)
	}
	w.rounds(2 * 60)
	if n := len(w.heard["chat"]); n != 2 || !w.heard["chat"][1].Repeat {
		t.Errorf("it was told %d times, want once more, after that", n)
	}
}

func TestAFlushThatWasMadeBeforeItsRouteWasMutedGoesOn(t *testing.T) {
	w := newWorld(t)
	down := true
	w.answer = func(string, dispatch.Notice, int) dispatch.Result {
		return dispatch.Result{Confirmed: !down, Why: "it is down"}
	}
	w.put(failure(1, 1))
	w.rounds(3)
	w.muted, down = begun.Add(6*time.Hour), false
	w.rounds(15)
	w.wantTold(1, 0, 1)
	if len(w.confirms) != 2 {
		t.Errorf("%d channels confirmed it, want 2", len(w.confirms))
	}
}

func TestAFlushThatIsBeingGatheredWhenItsRouteIsMutedIsSealed(t *testing.T) {
	w := newWorld(t)
	const many = 3 * dispatch.Batch
	for n := range many {
		w.put(failure(n, 1))
	}
	killed := false
	w.before = func(_ int, name string) error {
		for _, k := range w.groups {
			for _, f := range k.group.Flushes {
				killed = killed || name == "Commit" && !f.Sealed
			}
		}
		if killed {
			return engine.ErrUnavailable
		}
		return nil
	}
	for range 3 {
		_, _ = w.round(0, 1) // it is killed
		w.until(w.clock().Add(time.Minute))
	}
	if !killed {
		t.Fatal("no flush was being gathered")
	}
	w.before, w.muted = nil, begun.Add(6*time.Hour)
	w.rounds(3)
	w.wantTold(many, 0, 1)
}
