package decide

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"aftercare/shared/event"
)

// sameBoot is how far the time of a start and the time of its boot may lie apart.
const sameBoot = time.Minute

// stopTime is how long the agent may live on after its instance began to stop.
const stopTime = 5 * time.Minute

var (
	startStates = []event.State{event.StateCreated, event.StatePending, event.StateStarting, event.StateRunning}
	downStates  = []event.State{event.StateStopping, event.StateStopped, event.StateDeleted}
)

func isDown(s event.State) bool { return slices.Contains(downStates, s) }

func isKnown(s event.State) bool { return isDown(s) || slices.Contains(startStates, s) }

// Gone reports whether ECS reported that the instance was deleted.
func (i Instance) Gone() bool { return i.State == event.StateDeleted }

// downSince reports whether the instance stopped, or began to, after t.
func (i Instance) downSince(t time.Time) bool { return isDown(i.State) && i.StateAt.After(t) }

// showsUp reports whether a sign of the agent at t shows that an instance which is
// not bootable is up after all.
func (i Instance) showsUp(t time.Time) bool {
	since := i.StateAt
	if i.State == event.StateStopping {
		since = since.Add(stopTime)
	}
	return t.After(since) && t.After(i.BootSince)
}

// booted is when the recorded boot was; of a bootable instance without one, when
// its agent answered; zero if neither is known.
func (i Instance) booted() time.Time {
	if i.BootSeq == 0 && i.Boot == BootBootable {
		return i.BootSince
	}
	return i.BootTime
}

// stateChange records what ECS reports about the instance. Only the event's time
// says which of two changes is the newer one.
func (d *decision) stateChange(in StateChange) (cause string) {
	d.releases = false
	i, state := &d.Instance, in.Event.State
	timeless := in.Event.Time.IsZero()
	at := cmp.Or(Reported(in.Event.Time, in.Received), in.Received)
	tie := at.Equal(i.StateAt) && state != i.State
	ignore := func(why string) string {
		d.note("state "+string(state)+" ignored", why)
		return causeWakeUp
	}
	switch {
	case !isKnown(state):
		d.ignored = "this state of an instance is not known"
		return ignore(d.ignored)
	case !at.After(i.booted()):
		return ignore("the instance has booted since")
	case (tie || timeless) && !i.Gone() && state != event.StateDeleted:
		m := d.machine()
		if m == nil || !isKnown(event.State(m.Status)) {
			if i.Boot == BootBootable && (isDown(state) || isDown(i.State)) {
				d.doubt(at)
			}
			return ignore("ECS does not say whether it is newer than the state " + string(i.State))
		}
		state = event.State(m.Status)
	case !at.After(i.StateAt) && !(tie && !i.Gone()):
		return ignore("it is not newer than the state " + string(i.State))
	}
	i.Seen, i.State, i.StateAt = true, state, at
	d.note("instance "+string(state), "ECS reported it")
	if i.Gone() {
		d.recoverAll(at, "Its instance was deleted.")
	}
	switch {
	case isDown(state):
		d.waitForBoot(at)
	case i.Boot == BootBootable && at.Sub(i.booted()) > sameBoot && at.After(i.BootSince):
		d.doubt(at)
		d.note("instance in doubt", "it has started since its last boot")
	case i.Boot != BootBootable && d.queued() > 0:
		i.Checks, i.CheckAt = 0, d.now.Add(d.policy.CheckFirst)
	}
	return fmt.Sprintf("state/%d", at.UnixMilli())
}

// waitForBoot ends that the instance takes commands.
func (b boots) waitForBoot(since time.Time) {
	i := &b.Instance
	if i.Boot != BootWaiting || i.BootSince.Before(since) {
		i.Boot, i.BootSince = BootWaiting, since
	}
	if i.Gone() {
		i.CheckAt = time.Time{}
	}
}
