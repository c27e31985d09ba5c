package ecs_test

import (
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"aftercare/tests/localcloud/ecs"
)

func TestNextRebootOnlyRunsOnceAfterTheNextBoot(t *testing.T) {
	c := ready(t, func(o *ecs.Options) { o.Delays.AbortAfter = 50 * time.Millisecond })
	id := c.run(shell("echo after boot").with(args{"RepeatMode": "NextRebootOnly"}))
	check(t, "status", c.result(id, one)["InvocationStatus"], any("Scheduled"))
	// An agent's restart is not a boot.
	c.StopAgent(one)
	c.StartAgent(one)
	c.end(c.run(shell("true")))
	check(t, "status after an agent's restart", c.result(id, one)["InvocationStatus"], any("Scheduled"))
	for range 2 {
		if err := c.Reboot(one); err != nil {
			t.Fatal(err)
		}
		r := c.end(id)
		check(t, "status", r["InvocationStatus"], any("Success"))
		check(t, "repeats", r["Repeats"], any(1.0))
		c.eventually("the agent", func() bool { return c.instance(one).AgentUp })
	}
	c.end(c.run(shell("true")))
	check(t, "runs", len(c.Runs(one)), 3)
	for _, data := range c.completed() {
		if data["invokeId"] == id {
			check(t, "event's mode", data["repeatMode"], "NextRebootOnly")
		}
	}
}

func TestNextRebootOnlyOnAStoppedInstanceWaitsForItsBoot(t *testing.T) {
	c := open(t, func(o *ecs.Options) { o.Delays.AbortAfter = time.Millisecond })
	c.create(ecs.Instance{ID: one})
	id := c.run(shell("true").with(args{"RepeatMode": "NextRebootOnly"}))
	<-time.After(20 * time.Millisecond) // long enough for an abort
	check(t, "status", c.result(id, one)["InvocationStatus"], any("Scheduled"))
	c.boot(one)
	c.end(id)
	check(t, "runs", len(c.Runs(one)), 1)
}

func TestEveryRebootRunsAfterEachBootUntilItIsStopped(t *testing.T) {
	c := ready(t, nil)
	id := c.run(shell("true").with(args{"RepeatMode": "EveryReboot"}))
	for n := 1; n <= 2; n++ {
		if err := c.Reboot(one); err != nil {
			t.Fatal(err)
		}
		c.eventually("the run", func() bool {
			r := c.result(id, one)
			return r["Repeats"] == float64(n) && r["InvocationStatus"] == "Scheduled"
		})
	}
	c.must("StopInvocation", args{"InvokeId": id})
	check(t, "status", c.result(id, one)["InvocationStatus"], any("Cancelled"))
	if err := c.Reboot(one); err != nil {
		t.Fatal(err)
	}
	c.eventually("the agent", func() bool { return c.instance(one).AgentUp })
	c.end(c.run(shell("true")))
	check(t, "runs", len(c.Runs(one)), 3)
}

func TestPeriodRunsAtItsRate(t *testing.T) {
	const interval = time.Second
	var slow atomic.Int64 // how far the clock is behind
	var home string
	c := ready(t, func(o *ecs.Options) {
		o.Delays.MinRate, o.Delays.MinTimeout = interval, interval/2
		o.Now = func() time.Time { return time.Now().Add(-time.Duration(slow.Load())) }
		home = filepath.Join(o.Dir, one, "root")
	})
	forever := make(chan struct{})
	defer close(forever)
	c.HoldTimeouts(forever)
	begun := time.Now()
	// The second run lasts until the clock is so slow that no third one comes.
	id := c.run(shell("test -e first || exec touch first; touch second; while ! test -e slow; do sleep 0.01; done").
		with(args{"Frequency": "rate(1s)", "Timeout": "0"}))
	inv := c.invocations(args{"InvokeId": id})[0]
	check(t, "mode", dig(inv, "RepeatMode"), any("Period"))
	check(t, "status before the first run", dig(inv, "InvocationStatus"), any("Scheduled"))
	c.eventually("the second run", exists(filepath.Join(home, "second")))
	slow.Store(int64(10 * time.Minute))
	if err := os.WriteFile(filepath.Join(home, "slow"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	c.eventually("two runs", func() bool { return len(c.completed()) >= 2 })
	check(t, "status between runs", c.result(id, one)["InvocationStatus"], any("Scheduled"))
	c.must("StopInvocation", args{"InvokeId": id})
	check(t, "aggregate", dig(c.invocations(args{"InvokeId": id})[0], "InvocationStatus"), any("Stopped"))
	out := c.must("DescribeInvocationResults", args{"InvokeId": id, "IncludeHistory": "true"})
	var statuses []string
	for _, line := range dig(out, "Invocation", "InvocationResults", "InvocationResult").([]any) {
		statuses = append(statuses, dig(line, "InvocationStatus").(string))
	}
	if joined := strings.Join(statuses, " "); !strings.HasPrefix(joined, "Cancelled Success Success") {
		t.Errorf("history, newest first = %s", joined)
	}
	paged, _ := c.pages("DescribeInvocationResults", args{"InvokeId": id, "IncludeHistory": "true", "MaxResults": "1"},
		"InvocationStatus", "Invocation", "InvocationResults", "InvocationResult")
	check(t, "history, page by page", strings.Join(paged, " "), strings.Join(statuses, " "))
	check(t, "repeats of the first event", c.completed()[0]["repeats"], "1")
	check(t, "repeats of the second event", c.completed()[1]["repeats"], "2")
	for i, run := range c.Runs(one)[:2] {
		if n := i + 1; run.Start.Before(begun.Truncate(time.Millisecond).Add(time.Duration(n) * interval)) {
			t.Errorf("run %d was %s after the call, want %d s at least", n, run.Start.Sub(begun), n)
		}
	}
}

func TestATimeRunsOnce(t *testing.T) {
	for up, want := range map[bool]string{true: "Success", false: "Aborted"} {
		at := &clock{now: time.Date(2026, 3, 1, 12, 0, 59, 950e6, time.UTC)} // 50 ms before
		c := ready(t, func(o *ecs.Options) { o.Now = at.Now })
		if !up {
			c.Stop(one)
		}
		c.at(at, "RunCommand", shell("true").with(args{"Frequency": "at(2026-03-01 20:01:00 Asia/Shanghai)"}))
		c.eventually("the end", func() bool { return len(c.completed()) == 1 })
		check(t, "status", c.completed()[0]["invocationStatus"], want)
		check(t, "mode", c.completed()[0]["repeatMode"], "Period")
	}
}

func TestTimesOfSchedules(t *testing.T) {
	from := time.Date(2026, 2, 27, 10, 15, 30, 0, time.UTC) // a Friday
	for _, test := range []struct {
		schedule string
		want     []string
	}{
		{"rate(5m)", []string{"02-27 10:20:30", "02-27 10:25:30"}},
		{"rate(2d)", []string{"03-01 10:15:30", "03-03 10:15:30"}},
		{"at(2026-06-06 13:15:30 GMT-7:00)", []string{"06-06 20:15:30"}},
		{"at(2026-06-06 13:15:30 Asia/Shanghai)", []string{"06-06 05:15:30"}},
		{"at(2026-06-06 13:15:30)", []string{"06-06 13:15:30"}},
		{"0 */20 * * * ?", []string{"02-27 10:20:00", "02-27 10:40:00", "02-27 11:00:00"}},
		{"0 15 10 ? * * 2026 Asia/Shanghai", []string{"02-28 02:15:00", "03-01 02:15:00"}},
		{"0 0/30 10-11 * * ? 2026 GMT+8:00", []string{"02-28 02:00:00", "02-28 02:30:00", "02-28 03:00:00", "02-28 03:30:00", "03-01 02:00:00"}},
		{"5,10 15 10 * * ? UTC", []string{"02-28 10:15:05", "02-28 10:15:10", "03-01 10:15:05"}},
		{"0 0 0 29 FEB ?", []string{"02-29 00:00:00"}},
		{"0 0 12 ? * MON-TUE", []string{"03-02 12:00:00", "03-03 12:00:00", "03-09 12:00:00"}},
		{"0 0 12 ? * 7", []string{"03-01 12:00:00", "03-08 12:00:00"}},
		{"0 0 12 1 * SUN", []string{"03-01 12:00:00", "03-08 12:00:00"}},
		{"0 0 0 1 1 ? 2026", nil},
		{"0 0 0 31 2 ?", nil},
	} {
		got, err := ecs.NextTimes(test.schedule, from, max(len(test.want), 1))
		if err != nil {
			t.Errorf("%s: %v", test.schedule, err)
			continue
		}
		check(t, test.schedule, strings.Join(got, ", "), strings.Join(test.want, ", "))
	}
	for _, wrong := range []string{"", "rate(0s)", "rate(5w)", "rate(-5m)", "at(2026-13-01 00:00:00)", "at(2026-01-01)",
		"at(2026-01-01 00:00:00 Mars/Olympus)", "at(2026-01-01 00:00:00 CST)", "at(2026-01-01 00:00:00 GMT+08:00)", "* * * * *", "60 * * * * ?", "0 0 24 * * ?",
		"0 0 0 0 * ?", "0 0 0 ? 13 *", "0 5-1 * * * ?", "0 */0 * * * ?", "0 0 0 * * ? 2026 UTC x", "0 0 0 * * ? Local"} {
		if got, err := ecs.NextTimes(wrong, from, 1); err == nil {
			t.Errorf("%q was understood as %v", wrong, got)
		}
	}
}
