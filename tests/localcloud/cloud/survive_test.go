package cloud_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aliyun/aliyun-tablestore-go-sdk/tablestore"

	"aftercare/tests/localcloud/cloud"
	"aftercare/tests/localcloud/ecs"
)

// arguments are the options that a child gets.
type arguments struct {
	Data, Project, Dist string
	Env                 map[string]string
	Delays              ecs.Delays
}

// child runs a local cloud until it is killed. It is a process of its own.
func child(text string) {
	var a arguments
	if err := json.Unmarshal([]byte(text), &a); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	c, err := cloud.Up(cloud.Options{Data: a.Data, Project: a.Project, Dist: a.Dist, Env: a.Env, Delays: a.Delays})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(c.Endpoints().Control)
	select {}
}

// startChild runs a local cloud in another process. The function kills it.
func startChild(t *testing.T, o cloud.Options) (l *lab, kill func()) {
	t.Helper()
	text, err := json.Marshal(arguments{o.Data, o.Project, o.Dist, o.Env, o.Delays})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "CLOUD_TEST_CHILD="+string(text))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	dead := false
	kill = func() {
		if !dead {
			dead = true
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	}
	t.Cleanup(kill)
	line, _ := bufio.NewReader(out).ReadString('\n')
	line = strings.TrimSpace(line)
	if !strings.HasPrefix(line, "http://") {
		t.Fatalf("the other process said %q", line)
	}
	return &lab{Client: &cloud.Client{URL: line}, t: t, ctx: t.Context(), seen: o.Env["PROBE_RECORD"]}, kill
}

func tables(e cloud.Endpoints) *tablestore.TableStoreClient {
	return tablestore.NewClient(e.Tablestore, e.TablestoreInstance, e.AccessKeyID, e.AccessKeySecret)
}

func TestWhatWasAcknowledgedSurvivesSIGKILL(t *testing.T) {
	o := options(t)
	l, kill := startChild(t, o)
	info, err := l.Info(l.ctx)
	l.must(err)
	l.must(l.CreateInstance(l.ctx, cloud.Instance{ID: "i-1"}))
	l.must(l.Boot(l.ctx, "i-1"))
	l.must(write(info.Endpoints, "kept"))
	l.waitRecorded(1)
	l.must(l.WaitIdle(l.ctx, time.Minute)) // or it is delivered again
	_, err = l.Hold(l.ctx, cloud.Match{Type: "test"})
	l.must(err)
	l.must(l.PutEvents(l.ctx, event("test", "not-delivered")))
	if _, err := cloud.Up(o); err == nil || !strings.Contains(err.Error(), "another local cloud (process ") {
		t.Errorf("a second local cloud on the folder got %v, want that it is in use", err)
	}
	res, err := l.Invoke(l.ctx, "events", []byte(`{"do":"environment"}`))
	l.must(err)
	orphan := pidOf(t, res.Body, info)
	kill()

	again := up(t, o)
	list, err := again.Instances(again.ctx)
	again.must(err)
	if len(list) != 1 || list[0].ID != "i-1" || list[0].Boots != 1 {
		t.Errorf("got instances %+v, want i-1 after one boot", list)
	}
	names, err := tables(again.cloud.Endpoints()).ListTable()
	again.must(err)
	if !slices.Equal(names.TableNames, []string{"kept"}) {
		t.Errorf("got tables %q, want kept", names.TableNames)
	}
	lines := again.waitRecorded(2)
	if got := ids(t, lines); got[len(got)-1] != "not-delivered" {
		t.Errorf("got events %q, want the one that was not delivered last", got)
	}
	events, err := again.Events(again.ctx, "test", "")
	again.must(err)
	if len(events) != 1 {
		t.Errorf("got %d events on record, want the one from before", len(events))
	}
	if got := again.cloud.Endpoints(); got.AccessKeyID != info.AccessKeyID || got.AccessKeySecret != info.AccessKeySecret {
		t.Error("the operator's key changed")
	}
	waitDead(t, orphan)
}

// pidOf finds the process of the probe that runs for a cloud.
func pidOf(t *testing.T, environment string, info cloud.Info) int {
	t.Helper()
	var env []string
	if err := json.Unmarshal([]byte(environment), &env); err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(env, func(v string) bool { return strings.HasPrefix(v, "FC_INSTANCE_ID=") })
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Skip("processes are not listed here")
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		text, err := os.ReadFile("/proc/" + e.Name() + "/environ")
		if err == nil && slices.Contains(strings.Split(string(text), "\x00"), env[i]) {
			return pid
		}
	}
	t.Fatalf("no process has %s, of %s", env[i], info.Data)
	return 0
}

// waitDead waits until a process has ended.
func waitDead(t *testing.T, pid int) {
	t.Helper()
	for end := time.Now().Add(time.Minute); syscall.Kill(pid, 0) == nil; {
		// One that nobody waited for is dead, too.
		if stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)); err == nil && strings.Contains(string(stat), ") Z ") {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("process %d is still there", pid)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func TestCloseLeavesNoProcessAndNoGoroutine(t *testing.T) {
	o := options(t)
	c, err := cloud.Up(o)
	if err != nil {
		t.Fatal(err)
	}
	l := &lab{Client: &cloud.Client{URL: c.Endpoints().Control}, t: t, ctx: t.Context(), cloud: c}
	res, err := l.Invoke(l.ctx, "events", []byte(`{"do":"environment"}`))
	l.must(err)
	pid := pidOf(t, res.Body, c.Info())
	hold, err := l.Hold(l.ctx, cloud.Match{})
	l.must(err)
	l.must(l.PutEvents(l.ctx, event("test", "1")))
	_ = hold
	l.must(c.Close())
	waitDead(t, pid)
	if _, err := l.Info(l.ctx); err == nil {
		t.Error("the control surface still answers")
	}
	l.must(c.Close())
	waitGoroutines(t)
}
