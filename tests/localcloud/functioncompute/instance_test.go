package functioncompute_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"aftercare/tests/localcloud/access"
	"aftercare/tests/localcloud/functioncompute"
)

func TestInstanceIsReusedAndFrozenInBetween(t *testing.T) {
	s := start(t, functioncompute.Options{Functions: []functioncompute.Function{probe("probe")}})
	first := look(t, s, "probe")
	eventually(t, "the instance is stopped", func() bool { return state(first.Pid) == "T" })
	if second := look(t, s, "probe"); second.Pid != first.Pid {
		t.Errorf("second invocation ran in process %d, want %d", second.Pid, first.Pid)
	}
	eventually(t, "the instance is stopped again", func() bool { return state(first.Pid) == "T" })
}

func TestFrozenInstanceDoesNothingUntilItIsThawed(t *testing.T) {
	s := start(t, functioncompute.Options{Functions: []functioncompute.Function{probe("probe")}})
	file := filepath.Join(t.TempDir(), "ticks")
	if err := invoke(t, s, "probe", `{"do":"linger","file":"`+file+`"}`).Err(); err != nil {
		t.Fatal(err)
	}
	pid := 0
	eventually(t, "the instance is stopped", func() bool {
		pid = stoppedChild()
		return pid != 0
	})
	frozen := fileSize(file)
	wait := time.After(100 * time.Millisecond)
	<-wait // twenty ticks of a running process
	if grown := fileSize(file); grown != frozen {
		t.Errorf("frozen instance wrote %d bytes", grown-frozen)
	}
	goOn := filepath.Join(t.TempDir(), "go-on")
	ended := make(chan functioncompute.Result, 1)
	go func() { ended <- invoke(t, s, "probe", `{"do":"block","file":"`+goOn+`"}`) }()
	eventually(t, "the thawed instance writes", func() bool { return fileSize(file) > frozen+3 })
	if err := os.WriteFile(goOn, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	<-ended
}

// stoppedChild is a process whose parent is this test and whose threads are all
// stopped, or 0: each of them ends its call of the kernel first.
func stoppedChild() int {
	for _, pid := range children() {
		threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", pid))
		running := func(thread string) bool { return stateOf(thread) != "T" }
		if len(threads) > 0 && !slices.ContainsFunc(threads, running) {
			return pid
		}
	}
	return 0
}

func TestInstanceKeepsRunningIfFreezingIsOff(t *testing.T) {
	s := start(t, functioncompute.Options{Functions: []functioncompute.Function{probe("probe")}, NoFreeze: true})
	file := filepath.Join(t.TempDir(), "ticks")
	invoke(t, s, "probe", `{"do":"linger","file":"`+file+`"}`)
	size := fileSize(file)
	eventually(t, "it keeps running after the answer", func() bool { return fileSize(file) > size+5 })
}

func TestTimeoutKillsTheProcessAndWhatItStarted(t *testing.T) {
	f := probe("probe")
	f.Timeout = 300 * time.Millisecond
	s := start(t, functioncompute.Options{Functions: []functioncompute.Function{f}})
	dir := t.TempDir()
	// On a busy machine the first ones are killed before they have a child.
	abandon := func(name string) (pid, child int) {
		file := filepath.Join(dir, name)
		eventually(t, "an invocation begins a child before its timeout", func() bool {
			res := invoke(t, s, "probe", `{"do":"abandon","file":"`+file+`"}`)
			if res.FunctionError == "" {
				t.Fatalf("got %s, want a timeout", res.Body)
			}
			return fileSize(file) > 0
		})
		if _, err := fmt.Sscan(lines(t, file)[0], &pid, &child); err != nil {
			t.Fatal(err)
		}
		return pid, child
	}
	pid, child := abandon("first")
	if !gone(pid) {
		t.Error("the instance outlived the timeout")
	}
	eventually(t, "its child is gone", func() bool { return gone(child) })
	if next, _ := abandon("second"); next == pid {
		t.Error("the killed instance was used again")
	}
}

func TestBusyInstancesAndTheirMaximum(t *testing.T) {
	f := probe("probe")
	f.MaxInstances = 2
	s := start(t, functioncompute.Options{Functions: []functioncompute.Function{f}})
	file := filepath.Join(t.TempDir(), "go-on")
	ended := make(chan functioncompute.Result, 2)
	for range 2 {
		go func() { ended <- invoke(t, s, "probe", `{"do":"block","file":"`+file+`"}`) }()
	}
	eventually(t, "both calls have an instance of their own", func() bool { return s.Instances("probe") == 2 })
	_, err := s.Invoke(t.Context(), "probe", []byte(`{"do":"echo"}`))
	if refused, ok := err.(*functioncompute.APIError); !ok || refused.Status != 429 || refused.Code != "ResourceExhausted" {
		t.Errorf("third call got %v, want ResourceExhausted", err)
	}
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if res := <-ended; string(res.Body) != `"unblocked"` {
			t.Errorf("blocked call got %s", res.Body)
		}
	}
	if err := invoke(t, s, "probe", `{"do":"echo"}`).Err(); err != nil {
		t.Errorf("a call after both were free: %v", err)
	}
}

func TestKillInstancesEndsTheInvocationsThatTheyHave(t *testing.T) {
	s := start(t, functioncompute.Options{Functions: []functioncompute.Function{probe("probe")}})
	ended := make(chan functioncompute.Result, 1)
	go func() { ended <- invoke(t, s, "probe", `{"do":"block","file":"/nonexistent/never"}`) }()
	eventually(t, "the instance exists", func() bool { return s.Instances("probe") == 1 })
	if n := s.KillInstances("probe"); n != 1 {
		t.Errorf("killed %d instances, want 1", n)
	}
	if res := <-ended; !strings.Contains(string(res.Body), "Process exited unexpectedly") {
		t.Errorf("killed call got %s", res.Body)
	}
	if err := invoke(t, s, "probe", `{"do":"echo"}`).Err(); err != nil {
		t.Errorf("a call after the kill: %v", err)
	}
	if n := s.KillInstances("probe"); n != 1 {
		t.Errorf("killed %d idle instances, want 1", n)
	}
	if n := s.KillInstances("no-such-function"); n != 0 {
		t.Errorf("killed %d instances of no function", n)
	}
}

func TestIdleInstanceThatDiedIsReplacedWithoutAnError(t *testing.T) {
	s := start(t, functioncompute.Options{Functions: []functioncompute.Function{probe("probe")}})
	pid := look(t, s, "probe").Pid
	process, err := os.FindProcess(pid)
	if err != nil {
		t.Fatal(err)
	}
	if err := process.Kill(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "its end is noticed", func() bool { return s.Instances("probe") == 0 })
	if next := look(t, s, "probe").Pid; next == pid {
		t.Error("a dead process answered")
	}
}

func TestIdleInstanceEndsAfterItsTime(t *testing.T) {
	s := start(t, functioncompute.Options{Functions: []functioncompute.Function{probe("probe")}, IdleAfter: 30 * time.Millisecond})
	pid := look(t, s, "probe").Pid
	eventually(t, "the process is gone", func() bool { return gone(pid) && s.Instances("probe") == 0 })
}

func TestCloseLeavesNoProcess(t *testing.T) {
	s, err := functioncompute.Start(functioncompute.Options{Functions: []functioncompute.Function{probe("probe")}})
	if err != nil {
		t.Fatal(err)
	}
	pid := look(t, s, "probe").Pid
	var child int
	if err := json.Unmarshal(invoke(t, s, "probe", `{"do":"child"}`).Body, &child); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if !gone(pid) {
		t.Error("the frozen instance outlived the server")
	}
	eventually(t, "its child is gone", func() bool { return gone(child) })
	if _, err := s.Invoke(t.Context(), "probe", nil); err == nil {
		t.Error("a closed server ran a function")
	}
	if err := s.Close(); err != nil {
		t.Errorf("second close: %v", err)
	}
}

func TestEnvironmentIsTheFunctionsOwn(t *testing.T) {
	t.Setenv("HOST_SECRET", "must not be inherited")
	f := probe("probe")
	f.MemoryMB = 128
	f.Env = map[string]string{"OWN": "value"}
	s := start(t, functioncompute.Options{Functions: []functioncompute.Function{f}, Path: "/bin", Home: "/"})
	var got []string
	for _, entry := range look(t, s, "probe").Env {
		name, value, _ := strings.Cut(entry, "=")
		switch name {
		case "FC_RUNTIME_API", "FC_INSTANCE_ID":
			if value == "" {
				t.Errorf("%s is empty", name)
			}
			value = "*"
		}
		got = append(got, name+"="+value)
	}
	slices.Sort(got)
	want := []string{
		"FC_ACCOUNT_ID=123456789012", "FC_FUNCTION_HANDLER=probe", "FC_FUNCTION_MEMORY_SIZE=128", "FC_FUNCTION_NAME=probe",
		"FC_FUNC_CODE_PATH=" + probeDir, "FC_INSTANCE_ID=*", "FC_QUALIFIER=LATEST", "FC_REGION=cn-hangzhou", "FC_RUNTIME_API=*",
		"FC_VERSION_ID=0", "HOME=/", "OWN=value", "PATH=/bin",
	}
	if !slices.Equal(got, want) {
		t.Errorf("environment is\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestCredentialsAreTemporaryAndAccepted(t *testing.T) {
	keys := access.NewKeys()
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	clock := make(chan time.Time, 1)
	clock <- now
	f := probe("probe")
	f.Role = "acs:ram::123456789012:role/probe"
	s := start(t, functioncompute.Options{
		Functions: []functioncompute.Function{f}, Keys: keys, KeyLifetime: time.Hour,
		Now: func() time.Time { at := <-clock; clock <- at; return at },
	})
	pass := func(d time.Duration) { clock <- (<-clock).Add(d) }
	accepted := func(id, token string) bool { _, err := keys.Secret(id, token); return err == nil }

	first := look(t, s, "probe")
	c := first.Context.Credentials
	if secret, err := keys.Secret(c.AccessKeyId, c.SecurityToken); err != nil || secret != c.AccessKeySecret {
		t.Fatalf("credentials of the context are not accepted: %v", err)
	}
	if !strings.HasPrefix(c.AccessKeyId, "STS.") || accepted(c.AccessKeyId, "") {
		t.Errorf("key %s is not one of a temporary identity", c.AccessKeyId)
	}
	for _, want := range []string{
		"ALIBABA_CLOUD_ACCESS_KEY_ID=" + c.AccessKeyId,
		"ALIBABA_CLOUD_ACCESS_KEY_SECRET=" + c.AccessKeySecret,
		"ALIBABA_CLOUD_SECURITY_TOKEN=" + c.SecurityToken,
	} {
		if !slices.Contains(first.Env, want) {
			t.Errorf("environment lacks %s", want)
		}
	}
	pass(31 * time.Minute)
	second := look(t, s, "probe").Context.Credentials
	if second == c {
		t.Error("key with less than half its life was handed over again")
	}
	if !accepted(c.AccessKeyId, c.SecurityToken) {
		t.Error("first key is refused before its end")
	}
	pass(30 * time.Minute)
	look(t, s, "probe")
	if accepted(c.AccessKeyId, c.SecurityToken) {
		t.Error("first key is accepted after its end")
	}
	if !accepted(second.AccessKeyId, second.SecurityToken) {
		t.Error("second key is refused before its end")
	}
}

// TestServerThatIsKilledLeavesNoProcess runs itself in a second process,
// which starts a function and kills itself.
func TestServerThatIsKilledLeavesNoProcess(t *testing.T) {
	if out := os.Getenv("FUNCTIONCOMPUTE_KILL"); out != "" {
		s := start(t, functioncompute.Options{Functions: []functioncompute.Function{probe("probe")}})
		pid := strconv.Itoa(look(t, s, "probe").Pid)
		if err := os.WriteFile(out, []byte(pid), 0o600); err != nil {
			t.Fatal(err)
		}
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	}
	file := filepath.Join(t.TempDir(), "pid")
	cmd := exec.Command(os.Args[0], "-test.run=^TestServerThatIsKilledLeavesNoProcess$")
	cmd.Env = append(os.Environ(), "FUNCTIONCOMPUTE_KILL="+file, "TMPDIR="+t.TempDir())
	if out, err := cmd.CombinedOutput(); err == nil {
		t.Fatalf("the second process was not killed:\n%s", out)
	}
	pid, err := strconv.Atoi(lines(t, file)[0])
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the frozen instance is gone", func() bool { return gone(pid) })
}
