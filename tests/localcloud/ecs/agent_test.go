package ecs_test

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"aftercare/tests/localcloud/ecs"
)

func TestWithoutAnAgentACommandIsAborted(t *testing.T) {
	short := func(o *ecs.Options) { o.Delays.AbortAfter = 40 * time.Millisecond }
	for _, test := range []struct {
		name    string
		options func(*ecs.Options)
		prepare func(*cloud)
		code    string
	}{
		{"the instance was never booted", short, func(c *cloud) {}, "InstanceNotRunning"},
		{"the instance is stopped", short, func(c *cloud) { c.boot(one); c.Stop(one) }, "InstanceNotRunning"},
		{"the instance is still booting", func(o *ecs.Options) { short(o); o.Delays.Boot = time.Hour },
			func(c *cloud) { c.Boot(one) }, "ClientNotRunning"},
		{"the agent was stopped just now", short, func(c *cloud) { c.boot(one); c.StopAgent(one) }, "ClientNotResponse"},
		{"the agent was stopped long ago", func(o *ecs.Options) { short(o); o.Delays.HeartbeatValid = time.Nanosecond },
			func(c *cloud) { c.boot(one); c.StopAgent(one) }, "ClientNotRunning"},
		{"the agent is too slow", func(o *ecs.Options) { short(o); o.Delays.Pickup = time.Hour },
			func(c *cloud) { c.boot(one) }, "DeliveryTimeout"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := open(t, test.options)
			c.create(ecs.Instance{ID: one})
			test.prepare(c)
			id := c.run(shell("echo never"))
			r := c.end(id)
			check(t, "status", r["InvocationStatus"], any("Aborted"))
			check(t, "record status", r["InvokeRecordStatus"], any("Failed"))
			check(t, "code", r["ErrorCode"], any(test.code))
			check(t, "repeats", r["Repeats"], any(0.0))
			check(t, "aggregate", dig(c.invocations(args{"InvokeId": id})[0], "InvocationStatus"), any("Failed"))
			c.eventually("the event", func() bool { return len(c.completed()) == 1 })
			check(t, "event's status", c.completed()[0]["invocationStatus"], "Aborted")
			check(t, "event's code", c.completed()[0]["errorCode"], test.code)
			check(t, "runs", len(c.Runs(one)), 0)
		})
	}
}

func TestAnAbortedCommandIsNotKeptForLater(t *testing.T) {
	c := open(t, func(o *ecs.Options) { o.Delays.AbortAfter = 20 * time.Millisecond })
	c.create(ecs.Instance{ID: one})
	c.end(c.run(shell("echo lost")))
	c.boot(one)
	c.end(c.run(shell("echo sent")))
	check(t, "runs", len(c.Runs(one)), 1)
}

func TestACommandSentBeforeTheAgentIsUpWaitsForIt(t *testing.T) {
	c := open(t, func(o *ecs.Options) { o.Delays.Boot = time.Hour })
	c.create(ecs.Instance{ID: one})
	if err := c.Boot(one); err != nil {
		t.Fatal(err)
	}
	id := c.run(shell("true"))
	check(t, "status at first", c.result(id, one)["InvocationStatus"], any("Pending"))
	if err := c.StartAgent(one); err != nil {
		t.Fatal(err)
	}
	check(t, "status in the end", c.end(id)["InvocationStatus"], any("Success"))
}

func TestStopInvocation(t *testing.T) {
	t.Run("what is still pending is Cancelled and never runs", func(t *testing.T) {
		c := open(t, nil)
		c.create(ecs.Instance{ID: one})
		id := c.run(shell("echo never"))
		c.must("StopInvocation", args{"InvokeId": id})
		r := c.result(id, one)
		check(t, "status", r["InvocationStatus"], any("Cancelled"))
		check(t, "record status", r["InvokeRecordStatus"], any("Stopped"))
		check(t, "aggregate", dig(c.invocations(args{"InvokeId": id})[0], "InvocationStatus"), any("Stopped"))
		if r["StopTime"] == "" {
			t.Error("there is no StopTime")
		}
		c.eventually("the event", func() bool { return len(c.completed()) == 1 })
		check(t, "event's status", c.completed()[0]["invocationStatus"], "Cancelled")
		check(t, "event's code", c.completed()[0]["errorCode"], "0")
		c.boot(one)
		c.end(c.run(shell("true")))
		check(t, "runs", len(c.Runs(one)), 1)
	})
	t.Run("what runs is Terminated", func(t *testing.T) {
		var file string
		c := ready(t, func(o *ecs.Options) { file = filepath.Join(o.Dir, one, "root", "started") })
		id := c.run(shell("echo begun; touch started; sleep 300"))
		c.eventually("the start", exists(file))
		c.must("StopInvocation", args{"InvokeId": id, "InstanceId.1": one})
		r := c.end(id)
		check(t, "status", r["InvocationStatus"], any("Terminated"))
		check(t, "output", r["Output"], any("begun\n"))
		c.eventually("the event", func() bool { return len(c.completed()) == 1 })
		check(t, "event's status", c.completed()[0]["invocationStatus"], "Terminated")
		c.must("StopInvocation", args{"InvokeId": id})
		check(t, "status after another stop", c.result(id, one)["InvocationStatus"], any("Terminated"))
	})
	t.Run("only the named instances are stopped", func(t *testing.T) {
		c := ready(t, nil)
		c.create(ecs.Instance{ID: "i-two"})
		id := c.run(shell("true").with(args{"InstanceId.2": "i-two"}))
		_, err := c.call("StopInvocation", args{"InvokeId": id, "InstanceId.1": "i-three"})
		check(t, "error", fault(err), "InvalidInstance.NotFound 404")
		c.must("StopInvocation", args{"InvokeId": id, "InstanceId.1": "i-two"})
		check(t, "status of two", c.result(id, "i-two")["InvocationStatus"], any("Cancelled"))
		check(t, "status of one", c.end(id)["InvocationStatus"], any("Success"))
		check(t, "aggregate", dig(c.invocations(args{"InvokeId": id})[0], "InvocationStatus"), any("Success"))
	})
}

func TestAggregateStates(t *testing.T) {
	c := ready(t, nil)
	c.create(ecs.Instance{ID: "i-down"})
	id := c.run(shell("true").with(args{"InstanceId.2": "i-down"}))
	aggregate := func() any { return dig(c.invocations(args{"InvokeId": id})[0], "InvocationStatus") }
	check(t, "aggregate at first", aggregate(), any("Pending"))
	if err := c.Delete("i-down"); err != nil {
		t.Fatal(err)
	}
	c.eventually("both have ended", func() bool { return aggregate() == "PartialFailed" })
	id = c.run(shell("exit 1"))
	c.eventually("the only one failed", func() bool { return aggregate() == "Failed" })
	id = c.run(shell("exit 0"))
	c.eventually("the only one succeeded", func() bool { return aggregate() == "Success" })
}

func TestScriptsThatEndWithTheirInstance(t *testing.T) {
	for _, test := range []struct {
		name string
		act  func(*cloud) error
		code string
	}{
		{"stop", func(c *cloud) error { return c.Stop(one) }, "InstanceNotRunning"},
		{"reboot", func(c *cloud) error { return c.Reboot(one) }, "InstanceRestarted"},
		{"agent stopped", func(c *cloud) error { return c.StopAgent(one) }, "ClientNotResponse"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := ready(t, nil)
			id := c.run(shell("sleep 300"))
			c.eventually("the run", func() bool { return len(c.Runs(one)) == 1 })
			if err := test.act(c); err != nil {
				t.Fatal(err)
			}
			r := c.end(id)
			check(t, "status", r["InvocationStatus"], any("Failed"))
			check(t, "code", r["ErrorCode"], any(test.code))
		})
	}
}

func TestAgentStatusKnowsOnlyHeartbeats(t *testing.T) {
	at := &clock{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	c := open(t, func(o *ecs.Options) { o.Now = at.Now })
	c.create(ecs.Instance{ID: one})
	c.create(ecs.Instance{ID: "i-win", OSType: "windows"})
	status := func(what string, want, beat string) {
		t.Helper()
		found := c.status(args{"InstanceId.1": one}, at)
		check(t, what, dig(found[0], "CloudAssistantStatus"), any(want))
		check(t, what+": last heartbeat", dig(found[0], "LastHeartbeatTime"), any(beat))
		if version := dig(found[0], "CloudAssistantVersion"); (version == "") != (want == "false") {
			t.Errorf("%s: version = %q", what, version)
		}
	}
	status("never booted", "false", "")
	c.boot(one)
	status("booted", "true", "2026-03-01T12:00:00Z")
	at.move(90 * time.Second)
	status("90 s later", "true", "2026-03-01T12:01:00Z")
	c.Stop(one)
	at.move(90 * time.Second)
	status("stopped, 2 min after the last heartbeat", "true", "2026-03-01T12:01:00Z")
	at.move(time.Second)
	status("stopped, later", "false", "2026-03-01T12:01:00Z")

	check(t, "all", len(c.status(nil, at)), 2)
	windows := c.status(args{"OSType": "Windows"}, at)
	check(t, "Windows", len(windows), 1)
	check(t, "OSType", dig(windows[0], "OSType"), any("Windows"))
}

func TestTheControlSurfaceRefuses(t *testing.T) {
	c := open(t, nil)
	c.create(ecs.Instance{ID: one})
	for name, test := range map[string]struct{ got, want error }{
		"a boot of nothing":                 {c.Boot("i-none"), ecs.ErrUnknownInstance},
		"a stop of what is stopped":         {c.Stop(one), ecs.ErrState},
		"a reboot of what is stopped":       {c.Reboot(one), ecs.ErrState},
		"an agent on what is stopped":       {c.StartAgent(one), ecs.ErrState},
		"an agent's end on what is stopped": {c.StopAgent(one), ecs.ErrState},
		"the first boot":                    {c.Boot(one), nil},
		"a boot of what runs":               {c.Boot(one), ecs.ErrState},
	} {
		if !errors.Is(test.got, test.want) {
			t.Errorf("%s: error = %v, want %v", name, test.got, test.want)
		}
	}
	for _, bad := range []ecs.Instance{{ID: one}, {ID: "i-../x"}, {ID: "vm-1"}, {ID: ""}, {ID: "i-x", OSType: "plan9"}} {
		if err := c.CreateInstance(bad); err == nil {
			t.Errorf("an instance %+v was made", bad)
		}
	}
}
