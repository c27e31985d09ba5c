package dispatch_test

import (
	"testing"
	"time"

	"aftercare/shared/dispatch"
)

// TestNewsThatWaitWhenARepeatIsDueAreTold, in its place: the repeat once made them
// forgotten. (dispatch rules 5, 7)
func TestNewsThatWaitWhenARepeatIsDueAreTold(t *testing.T) {
	w := newWorld(t)
	w.put(failure(1, 1))
	w.rounds(2)
	w.until(w.groups["all"].group.RepeatAt.Add(-time.Second))
	w.put(failure(2, 1))
	for range 2 {
		if r, err := w.round(0, 1); err != nil || !r.Complete {
			t.Errorf("the round is %+v, %v", r, err)
		}
		w.until(w.clock().Add(5 * time.Second))
	}
	w.rounds(10)
	w.wantTold(2, 0, 2)
	w.wantRepeats(0, 0)
}

// (dispatch rule 18)
func TestAnAcknowledgementStopsRepeatsUntilRecovery(t *testing.T) {
	w := newWorld(t)
	w.put(failure(1, 1))
	w.put(failure(2, 1))
	w.rounds(2)
	ack := w.acknowledge("all")
	w.rounds(9 * 60)
	w.wantRepeats(0, 0)
	w.put(failure(1, 2)) // again: it has not recovered
	w.rounds(10)
	w.wantTold(2, 0, 1)
	w.put(failure(3, 1)) // new
	w.rounds(10)
	w.wantTold(3, 0, 2)
	if f := w.heard["chat"][1]; f.Open != 3 || f.Alerts[0].InstanceID != "i-00003" {
		t.Errorf("the flush is %+v", f)
	}
	w.rounds(4 * 60)
	w.wantRepeats(1, 1)
	w.put(recovery(1, 3))
	w.put(recovery(2, 3))
	w.rounds(10)
	w.wantTold(3, 2, 3)
	w.rounds(4 * 60)
	w.wantRepeats(2, 1)
	if ack.Until.IsZero() {
		t.Error("the acknowledgement did not end with the recovery")
	}
	w.put(failure(1, 4))
	w.rounds(10)
	w.wantTold(4, 2, 4)
	w.rounds(4 * 60)
	w.wantRepeats(3, 2)
}

// (dispatch rule 18)
func TestAnAcknowledgementEndsWithItsGroup(t *testing.T) {
	w := newWorld(t)
	w.put(failure(1, 1))
	w.rounds(2)
	ack, other := w.acknowledge("all"), w.acknowledge("another")
	w.put(recovery(1, 2))
	w.rounds(10)
	w.wantTold(1, 1, 2)
	if ack.Until.IsZero() || !other.Until.IsZero() {
		t.Errorf("the acknowledgements end at %v and %v", ack.Until, other.Until)
	}
}

// (dispatch rule 19)
func TestAChannelThatForgetsIsKeptFromItWhateverIsSilenced(t *testing.T) {
	for name, quiet := range map[string]func(*world){
		"a silence":          func(w *world) { w.silence(48*time.Hour, 1) },
		"an acknowledgement": func(w *world) { w.acknowledge("all") },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.forgets, w.every["mail"] = map[string]bool{"pager": true}, time.Second
			w.route.Fallback = []string{"mail"}
			w.put(failure(1, 1))
			w.rounds(2)
			quiet(w)
			down := true
			w.answer = func(string, dispatch.Notice, int) dispatch.Result {
				return dispatch.Result{Confirmed: !down, Why: "it is down"}
			}
			w.rounds(4*60 + 30)
			down = false
			w.rounds(4 * 60)
			w.wantRepeats(0, 0)
			ids := map[string]bool{}
			for _, f := range w.heard["pager"] {
				ids[f.ID] = true
			}
			if len(ids) != 3 || len(w.heard["mail"]) != 0 {
				t.Errorf("the pager heard %v, want 2 repeats; the fallback heard %d messages", ids, len(w.heard["mail"]))
			}
		})
	}
}
