package ecs_test

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"aftercare/tests/localcloud/access"
	"aftercare/tests/localcloud/ecs"
)

const childEnv = "ECS_TEST_CHILD"

// TestMain turns this program into a server that a test can kill.
func TestMain(m *testing.M) {
	if dir := os.Getenv(childEnv); dir != "" {
		if err := child(dir); err != nil {
			fmt.Fprintln(os.Stderr, "child:", err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// child serves one ready instance until its input ends.
func child(dir string) error {
	server, err := ecs.Start(ecs.Options{
		Dir: dir, Path: filepath.Join(dir, "ecs.db"), Keys: access.NewKeys(owner), Region: region, Account: account,
		Delays: ecs.Delays{Boot: -1, Pickup: -1}, Emit: func(ecs.CloudEvent) { select {} },
	})
	if err != nil {
		return err
	}
	for _, id := range []string{one, "i-down"} {
		if err := server.CreateInstance(ecs.Instance{ID: id, Name: "first", Tags: map[string]string{"k": "v"}}); err != nil {
			return err
		}
	}
	if err := server.Boot(one); err != nil {
		return err
	}
	for !server.Instances()[1].AgentUp {
		<-time.After(time.Millisecond)
	}
	fmt.Println(server.Endpoint())
	io.Copy(io.Discard, os.Stdin)
	return nil
}

// startChild starts a server in another process.
func startChild(t *testing.T, dir string) (*exec.Cmd, *cloud) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+dir)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stdin.Close() })
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, _, err := bufio.NewReader(stdout).ReadLine()
	if err != nil {
		t.Fatal(err)
	}
	return cmd, &cloud{t: t, elsewhere: string(line)}
}

func TestNoProcessOutlivesAKilledServer(t *testing.T) {
	needsProc(t)
	for name, script := range map[string]string{
		"a script": sleeper, "its child": grandchild, "a daemon": daemon, "what left the group": outsider,
		"what changed its environment": stranger,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			cmd, c := startChild(t, dir)
			c.run(shell(script))
			file := filepath.Join(dir, one, "root", "pid")
			c.eventually("the process", exists(file))
			check(t, "the process lives", alive(t, file), true)
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			cmd.Wait()
			c.eventually("the process is dead", func() bool { return !alive(t, file) })
		})
	}
}

// killGuard kills the guard of the only server in a process.
func killGuard(t *testing.T, pid int) {
	t.Helper()
	find := `grep -lF begin $(grep -l "^PPid:[[:space:]]*$0$" /proc/[0-9]*/status | sed s/status/cmdline/)`
	out, err := exec.Command("sh", "-c", find, strconv.Itoa(pid)).Output()
	if err != nil {
		t.Fatal(err)
	}
	guard, err := strconv.Atoi(strings.Split(string(out), "/")[2])
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(guard, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
}

func TestNothingRunsUnguarded(t *testing.T) {
	needsProc(t)
	server, err := ecs.Start(ecs.Options{Dir: t.TempDir(), Keys: access.NewKeys(owner), Delays: ecs.Delays{Boot: -1, Pickup: -1}})
	if err != nil {
		t.Fatal(err)
	}
	c := &cloud{Server: server, t: t}
	c.create(ecs.Instance{ID: one})
	c.boot(one)
	c.end(c.run(shell("true")))
	killGuard(t, os.Getpid())
	c.eventually("a command that cannot be guarded", func() bool {
		r := c.end(c.run(shell("true")))
		return r["ErrorCode"] == "ExecutionException" && strings.Contains(r["ErrorInfo"].(string), "guard")
	})
	if err := c.Close(); err == nil {
		t.Error("the server did not miss its guard")
	}
}

func TestTheNextStartEndsWhatNobodyGuards(t *testing.T) {
	needsProc(t)
	dir := t.TempDir()
	cmd, c := startChild(t, dir)
	c.run(shell(grandchild))
	file := filepath.Join(dir, one, "root", "pid")
	c.eventually("the process", exists(file))
	killGuard(t, cmd.Process.Pid)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	check(t, "the process lives", alive(t, file), true)
	c = open(t, func(o *ecs.Options) { o.Dir, o.Path = dir, filepath.Join(dir, "ecs.db") })
	c.eventually("the process is dead", func() bool { return !alive(t, file) })
}

func TestWhatWasAcknowledgedSurvivesAKill(t *testing.T) {
	dir := t.TempDir()
	cmd, c := startChild(t, dir)

	kept := c.must("RunCommand", shell("echo kept").with(args{"KeepCommand": "true", "ClientToken": "token", "Tag.1.Key": "k", "Tag.1.Value": "v"}))
	ended := kept["InvokeId"].(string)
	c.end(ended)
	pending := c.run(shell("true").with(args{"InstanceId.1": "i-down"}))
	waiting := c.run(shell("echo booted").with(args{"RepeatMode": "NextRebootOnly"}))
	running := c.run(shell("echo begun; " + grandchild))
	file := filepath.Join(dir, one, "root", "pid")
	c.eventually("the script runs", exists(file))
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()

	c = open(t, func(o *ecs.Options) {
		o.Dir, o.Path = dir, filepath.Join(dir, "ecs.db")
		o.Delays.AbortAfter = time.Hour
	})
	c.eventually("the script is dead", func() bool { return !alive(t, file) })
	r := c.result(running, one)
	check(t, "status of what ran", r["InvocationStatus"], any("Failed"))
	check(t, "its code", r["ErrorCode"], any("ExecutionInterrupted"))
	check(t, "status of what had ended", c.result(ended, one)["InvocationStatus"], any("Success"))
	check(t, "its output", c.result(ended, one)["Output"], any("kept\n"))
	check(t, "status of what was pending", c.result(pending, "i-down")["InvocationStatus"], any("Pending"))
	check(t, "status of what waits for a boot", c.result(waiting, one)["InvocationStatus"], any("Scheduled"))
	check(t, "invocation by tag", len(c.invocations(args{"Tag.1.Key": "k"})), 1)

	again := c.must("RunCommand", shell("echo kept").with(args{"KeepCommand": "true", "ClientToken": "token", "Tag.1.Key": "k", "Tag.1.Value": "v"}))
	check(t, "invoke id of the same call", again["InvokeId"], kept["InvokeId"])
	_, err := c.call("RunCommand", shell("echo other").with(args{"ClientToken": "token"}))
	check(t, "other call with its token", fault(err), "IdempotentParameterMismatch 403")
	more := c.must("InvokeCommand", args{"CommandId": kept["CommandId"].(string), "InstanceId.1": one})
	check(t, "output of the kept command", c.end(more["InvokeId"].(string))["Output"], any("kept\n"))

	check(t, "instances", len(c.Instances()), 2)
	check(t, "agent", c.instance(one).AgentUp, true)
	check(t, "tags", c.instance(one).Tags["k"], "v")
	runs := c.Runs(one)
	check(t, "runs", len(runs), 3)
	check(t, "the run that was interrupted has an end", runs[1].InvokeID == running && !runs[1].End.IsZero(), true)
	check(t, "it has an exit code", runs[1].ExitCode != nil, false)

	// The child never handed an event over, so all of them come now, in order.
	c.eventually("the events", func() bool { return len(c.completed()) == 3 })
	check(t, "first end", c.completed()[0]["invokeId"], ended)
	check(t, "second end", c.completed()[1]["invokeId"], running)
	check(t, "its code", c.completed()[1]["errorCode"], "ExecutionInterrupted")
	check(t, "heartbeats", len(c.ofType(ecs.TypeFirstHeartbeat)), 1)

	c.boot("i-down")
	c.eventually("the pending one runs", func() bool { return len(c.Runs("i-down")) == 1 })
	if err := c.Reboot(one); err != nil {
		t.Fatal(err)
	}
	check(t, "output of what waited", c.end(waiting)["Output"], any("booted\n"))
}

func TestACleanCloseKeepsEverythingToo(t *testing.T) {
	dir, path := t.TempDir(), statePath(t)
	keep := func(o *ecs.Options) { o.Dir, o.Path, o.Quota = dir, path, 2 }
	c := ready(t, keep)
	id := c.run(shell("sleep 300"))
	c.eventually("the run", func() bool { return len(c.Runs(one)) == 1 })
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	c = open(t, keep)
	r := c.result(id, one)
	check(t, "status", r["InvocationStatus"], any("Failed"))
	check(t, "code", r["ErrorCode"], any("ExecutionInterrupted"))
	c.eventually("the event of the end", func() bool { return len(c.completed()) == 1 })
	c.run(shell("true"))
	_, err := c.call("RunCommand", shell("true"))
	check(t, "the quota over a restart", fault(err), "Invocation.ExceedQuota 403")
}

func TestABootUnderWayGoesOnAfterARestart(t *testing.T) {
	dir, path := t.TempDir(), statePath(t)
	slow := func(o *ecs.Options) { o.Dir, o.Path, o.Delays.Boot = dir, path, time.Hour }
	c := open(t, slow)
	c.create(ecs.Instance{ID: one})
	if err := c.Boot(one); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	c = open(t, func(o *ecs.Options) { slow(o); o.Delays.Boot = 10 * time.Millisecond })
	c.eventually("the heartbeat", func() bool { return len(c.ofType(ecs.TypeFirstHeartbeat)) == 1 })
	check(t, "boots", c.instance(one).Boots, 1)
}

func TestEachEventIsHandedOverOnce(t *testing.T) {
	dir, path := t.TempDir(), statePath(t)
	keep := func(o *ecs.Options) { o.Dir, o.Path = dir, path }
	c := ready(t, keep)
	c.end(c.run(shell("true")))
	c.eventually("the event", func() bool { return len(c.completed()) == 1 })
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	c = open(t, keep)
	c.end(c.run(shell("false")))
	c.eventually("the event", func() bool { return len(c.completed()) == 1 })
	check(t, "status", c.completed()[0]["invocationStatus"], "Failed")
}

func TestStartRefuses(t *testing.T) {
	keys := access.NewKeys(owner)
	for name, options := range map[string]ecs.Options{
		"no folder":              {Keys: keys},
		"no keys":                {Dir: t.TempDir()},
		"a folder for the state": {Dir: t.TempDir(), Keys: keys, Path: t.TempDir()},
	} {
		if server, err := ecs.Start(options); err == nil {
			server.Close()
			t.Errorf("%s: started", name)
		}
	}
	if len(ecs.Limits()) == 0 {
		t.Error("there are no limits")
	}
}
