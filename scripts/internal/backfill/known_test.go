package backfill_test

import (
	"testing"
	"time"

	"aftercare/scripts/internal/backfill"
	"aftercare/shared/decide"
	"aftercare/shared/event"
)

var noon = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

// beat is a first heartbeat, so long after noon, of a boot at noon.
func beat(after, uptime time.Duration) event.FirstHeartbeat {
	return event.FirstHeartbeat{Envelope: event.Envelope{Kind: event.KindFirstHeartbeat, ID: "e-1", Time: noon.Add(after)}, InstanceID: "i-1", BizEventID: "b-1", Uptime: &uptime}
}

func state(state event.State, after time.Duration) event.InstanceStateChange {
	return event.InstanceStateChange{Envelope: event.Envelope{Kind: event.KindStateChange, ID: "e-2", Time: noon.Add(after)}, InstanceID: "i-1", State: state}
}

// TestAnEventIsMissingIfItWouldChangeTheInstance: ECS is asked only which of two states
// of the same moment is the newer one.
func TestAnEventIsMissingIfItWouldChangeTheInstance(t *testing.T) {
	const minute = time.Minute
	up := decide.Instance{ID: "i-1", Boot: decide.BootBootable, BootSince: noon, BootTime: noon, BootSeq: 1}
	stopping := up
	stopping.Boot, stopping.BootSince, stopping.State, stopping.StateAt = decide.BootWaiting, noon.Add(5*minute), event.StateStopping, noon.Add(5*minute)
	for _, c := range []struct {
		name  string
		i     decide.Instance
		e     event.Event
		ecs   event.State // empty if it must not be asked
		lacks bool
	}{
		{"the first boot", decide.Instance{ID: "i-1"}, beat(minute, minute), "", true},
		{"a boot that is recorded", up, beat(minute, minute), "", false},
		{"a newer boot", up, beat(9*minute, 0), "", true},
		{"an older boot", up, beat(-9*minute, 0), "", false},
		{"the agent of a stopped instance, late", stopping, beat(minute, minute), "", false},
		{"a newer state", up, state(event.StateStopping, minute), "", true},
		{"a state before the boot", up, state(event.StateRunning, -minute), "", false},
		{"a state that is known", stopping, state(event.StateStopping, 5*minute), "", false},
		{"a state that another followed", stopping, state(event.StateRunning, 4*minute), "", false},
		{"a state of the same moment, which ECS has", stopping, state(event.StateStopped, 5*minute), event.StateStopped, true},
		{"a state of the same moment, which ECS has no more", stopping, state(event.StateRunning, 5*minute), event.StateStopping, false},
		{"a state that is no word of ECS", up, state("Dreaming", minute), "", false},
	} {
		asked := false
		next, lacks := backfill.After(c.i, c.e, noon.Add(time.Hour), func() *decide.Machine {
			asked = true
			return &decide.Machine{Status: string(c.ecs)}
		})
		if lacks != c.lacks || asked != (c.ecs != "") {
			t.Errorf("%s: missing %t, ECS asked %t", c.name, lacks, asked)
		}
		if _, again := backfill.After(next, c.e, noon.Add(2*time.Hour), func() *decide.Machine { return &decide.Machine{Status: string(c.ecs)} }); again {
			t.Errorf("%s: it is missing again", c.name)
		}
	}
}
