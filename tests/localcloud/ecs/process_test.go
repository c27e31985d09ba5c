package ecs_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"aftercare/tests/localcloud/ecs"
)

// alive reads a process id that a script wrote, and reports whether that
// process still runs.
func alive(t *testing.T, file string) bool {
	t.Helper()
	body, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(body)))
	if err != nil {
		t.Fatal(err)
	}
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err == nil && strings.Contains(string(stat), ") Z ") {
		return false // killed, and only not yet collected
	}
	return syscall.Kill(pid, 0) == nil
}

// sleeper is a command that writes its process id into the file pid and sleeps.
const sleeper = "sh -c 'echo $$ > pid.tmp; mv pid.tmp pid; exec sleep 300'"

// The ways in which a script gets a process that is not itself.
const (
	grandchild = sleeper + " & wait"
	daemon     = sleeper + " & while ! test -e pid; do sleep 0.01; done"
	outsider   = "setsid " + daemon
	stranger   = "exec env -i PATH=$PATH " + sleeper
)

// needsProc skips a test that needs a /proc.
func needsProc(t *testing.T) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("processes are found by their environment only where there is a /proc")
	}
	if _, err := exec.LookPath("setsid"); err != nil {
		t.Skip(err)
	}
}

// (command rule 25)
func TestWhatEndsTheProcessesOfAScript(t *testing.T) {
	needsProc(t)
	short, tree := args{"Timeout": "1"}, args{"TerminationMode": "ProcessTree"}
	stop := func(c *cloud, id string) { c.must("StopInvocation", args{"InvokeId": id}) }
	reboot := func(c *cloud, _ string) { c.Reboot(one) }
	nothing := func(*cloud, string) {}
	for _, test := range []struct {
		name   string
		script args
		act    func(c *cloud, id string)
		status string
		dead   bool
	}{
		{"a timeout ends the process group", shell(grandchild).with(short).with(tree), nothing, "Timeout", true},
		{"a timeout of mode Process does not", shell(grandchild).with(short), nothing, "Timeout", false},
		{"StopInvocation ends the process group", shell(grandchild).with(tree), stop, "Terminated", true},
		{"StopInvocation of mode Process does not", shell(grandchild), stop, "Terminated", false},
		{"the end of the script does not", shell(daemon).with(tree), nothing, "Success", false},
		{"the end of the agent ends nothing", shell(grandchild), func(c *cloud, _ string) { c.StopAgent(one) }, "Failed", false},
		{"a reboot ends all", shell(grandchild), reboot, "Failed", true},
		{"a reboot ends what changed its environment", shell(stranger), reboot, "Failed", true},
		{"a reboot ends a daemon", shell(daemon), func(c *cloud, id string) { c.end(id); c.Reboot(one) }, "Success", true},
		{"a reboot ends what left the group", shell(outsider), func(c *cloud, id string) { c.end(id); c.Reboot(one) }, "Success", true},
		{"a reboot ends what the agent left", shell(grandchild), func(c *cloud, _ string) { c.StopAgent(one); c.Reboot(one) }, "Failed", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var file string
			c := ready(t, func(o *ecs.Options) {
				o.Delays.MinTimeout = 300 * time.Millisecond
				file = filepath.Join(o.Dir, one, "root", "pid")
			})
			begun := make(chan struct{})
			c.HoldTimeouts(begun)
			id := c.run(test.script)
			c.eventually("the process", exists(file))
			close(begun)
			test.act(c, id)
			check(t, "status", c.end(id)["InvocationStatus"], any(test.status))
			if test.dead {
				c.eventually("the process is dead", func() bool { return !alive(t, file) })
			} else if !alive(t, file) {
				t.Error("the process is dead")
			}
			if run := c.Runs(one)[0]; (run.ExitCode != nil) != (test.status == "Success") {
				t.Errorf("exit code of the run = %v", run.ExitCode)
			}
			if err := c.Close(); err != nil {
				t.Fatal(err)
			}
			c.eventually("the process is dead", func() bool { return !alive(t, file) })
		})
	}
}

func TestAnInstanceKeepsItsProcessesWhenAnotherStops(t *testing.T) {
	needsProc(t)
	const other = one + "-2" // begins with the id of the first
	var file string
	c := ready(t, func(o *ecs.Options) { file = filepath.Join(o.Dir, other, "root", "pid") })
	c.create(ecs.Instance{ID: other})
	c.boot(other)
	c.end(c.run(shell("true")))
	id := c.run(shell(outsider).with(args{"InstanceId.1": other}))
	c.eventually("the process", func() bool { return c.result(id, other)["InvocationStatus"] == "Success" })
	if err := c.Stop(one); err != nil {
		t.Fatal(err)
	}
	check(t, "the process lives", alive(t, file), true)
	if err := c.Stop(other); err != nil {
		t.Fatal(err)
	}
	c.eventually("the process is dead", func() bool { return !alive(t, file) })
}

func TestAScriptAbandonedByItsAgentCannotPrint(t *testing.T) {
	var home string
	c := ready(t, func(o *ecs.Options) { home = filepath.Join(o.Dir, one, "root") })
	// More than a pipe holds: when all of it is written, its beginning was read.
	id := c.run(shell("trap 'touch noticed' PIPE; echo begun; head -c 200000 /dev/zero; touch begun; " +
		"while ! test -e noticed; do echo more; sleep 0.01; done"))
	c.eventually("the script", exists(filepath.Join(home, "begun")))
	if err := c.StopAgent(one); err != nil {
		t.Fatal(err)
	}
	r := c.end(id)
	check(t, "code", r["ErrorCode"], any("ClientNotResponse"))
	check(t, "what it printed before", lines(r["Output"])[0], "begun")
	c.eventually("the script notices", exists(filepath.Join(home, "noticed")))
	c.StartAgent(one)
	c.plainly(shell("echo again"), 0, "again\n")
}

// TestScriptsRunWhileProcessesStart: none of these has a copy of the file that a script
// is being written to, which would keep the script from running.
func TestScriptsRunWhileProcessesStart(t *testing.T) {
	c := ready(t, nil)
	done := make(chan struct{})
	var starting sync.WaitGroup
	for range 4 {
		starting.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
					_ = exec.Command("/bin/true").Run()
				}
			}
		})
	}
	var ids []string
	for range 100 {
		ids = append(ids, c.run(shell("true")))
	}
	for _, id := range ids {
		check(t, "exit code", c.end(id)["ExitCode"], any(0.0))
	}
	close(done)
	starting.Wait()
}
