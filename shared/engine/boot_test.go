package engine_test

import (
	"testing"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/event"
)

// beat is a first heartbeat that was sent so long ago, received now.
func beat(ago, uptime time.Duration) decide.Heartbeat {
	b := decide.Heartbeat{Received: now, Event: event.FirstHeartbeat{
		Envelope:   event.Envelope{ID: "b", Region: "cn-hangzhou", Time: now.Add(-ago)},
		InstanceID: "i-1", AgentVersion: "2.2.4", Zone: "cn-hangzhou-h",
	}}
	if uptime > 0 {
		b.Event.Uptime = &uptime
	}
	return b
}

// timeless is a first heartbeat without a time.
func timeless(uptime time.Duration) decide.Heartbeat {
	b := beat(0, uptime)
	b.Event.Time = time.Time{}
	return b
}

// anonymous is a heartbeat without its ids.
func anonymous(b decide.Heartbeat) decide.Heartbeat {
	b.Event.ID, b.Event.BizEventID = "", ""
	return b
}

// The recorded boot of state() was an hour and a minute ago, its heartbeat an
// hour ago.
const recordedBoot = time.Hour + time.Minute

// (decide rules 75, 76, 79)
func TestAHeartbeatTellsTheSameBootANewerAndAnOlderOneApart(t *testing.T) {
	const waiting, bootable, unknown = decide.BootWaiting, decide.BootBootable, decide.BootUnknown
	never := decide.NewState("i-1")
	doubted := state(unknown)
	doubted.Instance.BootTime, doubted.Instance.BootSeq = now.Add(-recordedBoot), 3
	doubted.Instance.BootSince = now.Add(-10 * time.Minute)
	cases := []struct {
		name  string
		state decide.State
		in    decide.Heartbeat
		boot  decide.BootState
		seq   int64
	}{
		{"the first one ever is boot 1", never, beat(0, 20*time.Second), bootable, 1},
		{"without an uptime, the event's time is the boot's", never, beat(0, 0), bootable, 1},
		{"the same one again changes nothing", state(bootable), beat(time.Hour, time.Minute), bootable, 3},
		{"the agent's restart during the same boot is the same boot", state(bootable), beat(0, recordedBoot), bootable, 3},
		{"a boot time that is 60 s off is the same boot", state(bootable), beat(0, recordedBoot-60*time.Second), bootable, 3},
		{"a boot time that is 62 s later is a newer boot", state(bootable), beat(0, recordedBoot-62*time.Second), bootable, 4},
		{"a boot time that is 62 s earlier is an older boot", state(bootable), beat(0, recordedBoot+62*time.Second), bootable, 3},
		{"after ten days of uptime, the clock may have drifted by three minutes", func() decide.State {
			s := state(bootable)
			s.Instance.BootTime = now.Add(-240 * time.Hour)
			return s
		}(), beat(0, 240*time.Hour-200*time.Second), bootable, 3},
		{"an older boot's heartbeat that comes late does not end the waiting", state(waiting), beat(3*time.Hour, time.Minute), waiting, 3},
		{"a newer boot's heartbeat ends the waiting", state(waiting), beat(0, 20*time.Second), bootable, 4},
		{"the same boot's heartbeat from before the doubt does not end it", doubted, beat(time.Hour, time.Minute), unknown, 3},
		{"the same boot's heartbeat from after the doubt ends it", doubted, beat(time.Minute, recordedBoot-time.Minute), bootable, 3},
		{"without a time, the first one ever is boot 1", never, timeless(20 * time.Second), bootable, 1},
		{"without a time, its id tells it from others", state(bootable), timeless(20 * time.Second), bootable, 4},
		{"without a time and an id, it is no newer boot", state(bootable), anonymous(timeless(20 * time.Second)), bootable, 3},
		{"without an uptime, it may be a restart of the agent", state(bootable), beat(0, 0), bootable, 3},
		{"without an uptime, it ends the waiting all the same", state(waiting), beat(0, 0), bootable, 3},
		{"without an uptime, one from before the doubt does not end it", doubted, beat(time.Hour, 0), unknown, 3},
		{"without a time and an uptime, neither", state(bootable), timeless(0), bootable, 3},
		{"without a time and an id, it ends the waiting all the same", state(waiting), anonymous(timeless(20 * time.Second)), bootable, 3},
		{"a time too far ahead is not believed, and that of its receipt counts", never, beat(-time.Hour, 20*time.Second), bootable, 1},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			d := must(t, c.state, c.in, decide.Facts{}, policy())
			i := d.Next.Instance
			if i.Boot != c.boot || i.BootSeq != c.seq {
				t.Errorf("boot %q, number %d, want %q, number %d; notes %v", i.Boot, i.BootSeq, c.boot, c.seq, d.Notes)
			}
			if i.BootTime.After(now) {
				t.Errorf("boot time %s lies in the future", i.BootTime)
			}
			counted := c.seq != c.state.Instance.BootSeq
			if got := len(d.Changes.Boots) == 1; got != counted {
				t.Errorf("boot recorded: %v, want %v", got, counted)
			}
			if counted && (i.AgentVersion != "2.2.4" || i.Zone != "cn-hangzhou-h" || i.Region != "cn-hangzhou") {
				t.Errorf("instance %+v, want what the heartbeat contains", i)
			}
		})
	}
}

// (decide rules 38, 77)
func TestAHeartbeatReleasesWhatWaits(t *testing.T) {
	for name, in := range map[string]decide.Heartbeat{
		"of a newer boot":     beat(0, 20*time.Second),
		"of the same boot":    beat(0, recordedBoot),
		"missed, of any boot": beat(time.Minute, 20*time.Second),
	} {
		t.Run(name, func(t *testing.T) {
			s := state(decide.BootWaiting, task("a"), task("b", priority(9)))
			d := must(t, s, in, decide.Facts{}, policy())
			if got := claimedTasks(d); got != "b a" {
				t.Errorf("claimed %q, want b a; notes %v", got, d.Notes)
			}
			if !d.Next.Instance.CheckAt.IsZero() {
				t.Error("the agent's status is still to be asked")
			}
		})
	}
	t.Run("of a newer boot it tries again at once what was put back", func(t *testing.T) {
		s := state(decide.BootBootable, task("a", releasing), effect("a", notBefore(time.Hour)),
			task("b", releasing, priority(9)), heldBy(decide.ResultDown, 2*time.Hour),
			task("c", releasing), effect("c", notBefore(time.Hour), firstSent(time.Minute)), task("d", priority(0)))
		d := must(t, s, beat(0, time.Minute), decide.Facts{}, policy())
		if got := claimedTasks(d); got != "b a d" {
			t.Errorf("claimed %q, want b a d, and not c, which may have been sent", got)
		}
		throttled := state(decide.BootBootable, task("a"), heldBy(decide.ResultThrottled, time.Minute))
		if got := claimedTasks(must(t, throttled, beat(0, time.Minute), decide.Facts{}, policy())); got != "" {
			t.Errorf("claimed %q while the service refuses commands for their rate", got)
		}
		d = must(t, s, beat(time.Hour, time.Minute), decide.Facts{}, policy())
		if !d.Changes.Empty() {
			t.Errorf("changes %+v for the same boot, want none", d.Changes)
		}
	})
	t.Run("of an older boot it releases nothing", func(t *testing.T) {
		d := must(t, state(decide.BootWaiting, task("a")), beat(3*time.Hour, time.Minute), decide.Facts{}, policy())
		if len(claims(d)) > 0 || !d.Changes.Empty() {
			t.Errorf("claimed %v, changes %+v, want nothing", claims(d), d.Changes)
		}
	})
}

// (decide rule 78)
func TestTheAgentIsAskedWhileTasksWait(t *testing.T) {
	up, down := &decide.AgentStatus{Ready: true, Version: "3.1", OS: "Linux"}, &decide.AgentStatus{}
	due := func(checks int) func(*decide.State) {
		return func(s *decide.State) {
			s.Instance.CheckAt, s.Instance.Checks = now, checks
		}
	}
	cases := []struct {
		name  string
		state decide.State
		agent *decide.AgentStatus
		boot  decide.BootState
		check time.Duration // from now; 0 if it need not be asked again
	}{
		{"up, the instance is bootable", state(decide.BootWaiting, task("a"), due(3)), up, decide.BootBootable, 0},
		{"down, it is asked again in two minutes", state(decide.BootUnknown, task("a"), due(0)), down, decide.BootWaiting, 2 * time.Minute},
		{"down for the third time, in eight", state(decide.BootWaiting, task("a"), due(2)), down, decide.BootWaiting, 8 * time.Minute},
		{"down for long, each hour", state(decide.BootWaiting, task("a"), due(99)), down, decide.BootWaiting, time.Hour},
		{"without an answer, it is asked again", state(decide.BootWaiting, task("a"), due(0)), nil, decide.BootWaiting, 2 * time.Minute},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if q := needs(c.state, decide.WakeUp{}); !q.Agent {
				t.Fatal("the agent's status is not asked")
			}
			d := must(t, c.state, decide.WakeUp{}, decide.Facts{Agent: c.agent}, policy())
			i := d.Next.Instance
			want := time.Time{}
			if c.check > 0 {
				want = now.Add(c.check)
			}
			if i.Boot != c.boot || !i.CheckAt.Equal(want) {
				t.Errorf("boot %q, asked again at %s, want %q and %s", i.Boot, i.CheckAt, c.boot, want)
			}
			if released := claimedTasks(d) == "a"; released != (c.boot == decide.BootBootable) {
				t.Errorf("claimed %q while the instance is %q", claimedTasks(d), i.Boot)
			}
			if c.check > 0 && !d.WakeBy.Equal(want) {
				t.Errorf("woken by %s, want %s", d.WakeBy, want)
			}
		})
	}
	for name, s := range map[string]decide.State{
		"not before it is time":         state(decide.BootWaiting, task("a")),
		"not while nothing waits":       state(decide.BootWaiting, due(0)),
		"not while instance is booted":  state(decide.BootBootable, task("a", running("t"))),
		"not of an instance of nothing": decide.NewState("i-1"),
	} {
		t.Run(name, func(t *testing.T) {
			if q := needs(s, decide.WakeUp{}); q.Agent {
				t.Error("the agent's status is asked")
			}
		})
	}
}

// (decide rule 65)
func TestAnInstanceInDoubtHoldsBackWhatWasNeverSent(t *testing.T) {
	absent := ended("t-a", "a", event.StatusAborted, "DeliveryTimeout")
	t.Run("what was put back waits in the queue again when its time has come", func(t *testing.T) {
		s := state(decide.BootBootable, task("a", running("t-a")),
			task("b", releasing), effect("b", notBefore(0)), task("c", releasing), effect("c", notBefore(time.Minute)))
		d := must(t, s, absent, decide.Facts{}, policy())
		b, c := d.Next.Tasks[id("b")], d.Next.Tasks[id("c")]
		if d.Next.Instance.Boot != decide.BootUnknown || len(claims(d)) != 1 {
			t.Errorf("boot %q, claimed %+v; want an instance in doubt, and only the alert claimed", d.Next.Instance.Boot, claims(d))
		}
		if b.State != decide.TaskQueued || b.Attempt != 1 || c.State != decide.TaskReleasing {
			t.Errorf("tasks %+v and %+v, want b queued in attempt 1, and c as it was", b, c)
		}
	})
	t.Run("what may have been sent is still seen to", func(t *testing.T) {
		s := state(decide.BootBootable, task("a", running("t-a")),
			task("b", releasing), effect("b", claimedBy(stale), firstSent(5*time.Minute)))
		d := must(t, s, absent, decide.Facts{}, policy())
		if got := claimedTasks(d); got != "b" {
			t.Errorf("claimed %q, want b", got)
		}
	})
}
