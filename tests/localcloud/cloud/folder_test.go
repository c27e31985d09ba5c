package cloud_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"aftercare/tests/localcloud/cloud"
	"aftercare/tests/localcloud/project"
)

// waitGoroutines waits until no goroutine of a local cloud is left.
func waitGoroutines(t *testing.T) {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		stacks := make([]byte, 1<<20)
		stacks = stacks[:runtime.Stack(stacks, true)]
		var left []string
		for _, stack := range strings.Split(string(stacks), "\n\n") {
			if strings.Contains(stack, "aftercare/tests/localcloud/") && !strings.Contains(stack, "cloud_test.") {
				left = append(left, stack)
			}
		}
		if len(left) == 0 {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%d goroutines are left, for example:\n%s", len(left), left[0])
		}
	}
}

func TestOneFolderServesOneLocalCloud(t *testing.T) {
	o := options(t)
	up(t, o)
	o.Fresh = true
	_, err := cloud.Up(o)
	var busy *cloud.BusyError
	if !errors.As(err, &busy) || busy.PID != os.Getpid() {
		t.Fatalf("got %v, want that process %d uses the folder", err, os.Getpid())
	}
	if _, err := os.Stat(filepath.Join(o.Data, "ecs.db")); err != nil {
		t.Errorf("a fresh start emptied a folder in use: %v", err)
	}
}

func TestAFolderOfSomebodyElseIsLeftAlone(t *testing.T) {
	o := options(t)
	o.Fresh = true
	if err := os.MkdirAll(o.Data, 0o755); err != nil {
		t.Fatal(err)
	}
	thesis := filepath.Join(o.Data, "thesis.txt")
	if err := os.WriteFile(thesis, []byte("years of work"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := cloud.Up(o); err == nil || !strings.Contains(err.Error(), "is not empty, and was not made by a local cloud") {
		t.Errorf("got %v, want a refusal", err)
	}
	entries, err := os.ReadDir(o.Data)
	if err != nil || len(entries) != 1 {
		t.Errorf("got %v and %v, want thesis.txt alone", entries, err)
	}
}

func TestFreshRemovesWhatAnEarlierRunLeft(t *testing.T) {
	o := options(t)
	c, err := cloud.Up(o)
	if err != nil {
		t.Fatal(err)
	}
	l := &lab{Client: &cloud.Client{URL: c.Endpoints().Control}, t: t, ctx: t.Context()}
	l.must(l.CreateInstance(l.ctx, cloud.Instance{ID: "i-1"}))
	l.must(c.Close())
	o.Fresh = true
	l = up(t, o)
	list, err := l.Instances(l.ctx)
	l.must(err)
	events, err := l.Events(l.ctx, "", "")
	l.must(err)
	if len(list) != 0 || len(events) != 0 {
		t.Errorf("got instances %v and events %s, want none", list, events)
	}
}

func TestAStartThatFailsLeavesNothingBehind(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*cloud.Options)
		want   string
	}{
		"no data folder":       {func(o *cloud.Options) { o.Data = "" }, "a data folder is required"},
		"a key without secret": {func(o *cloud.Options) { o.Key.ID = "me" }, "needs a secret"},
		"no project file":      {func(o *cloud.Options) { o.Project += "x" }, "read the project"},
		"another region":       {func(o *cloud.Options) { o.Region = "mars"; o.Env["REGION"] = "venus" }, "one local cloud is one region"},
		"a timeout of nobody":  {func(o *cloud.Options) { o.Timeouts = map[string]time.Duration{"nobody": 1} }, "the function nobody, which does not exist"},
		"no code":              {func(o *cloud.Options) { o.Dist = t.TempDir() }, "build it first"},
		"a public address":     {func(o *cloud.Options) { o.Listen.Control = "0.0.0.0:0" }, "only a loopback address will do"},
		"tables cannot be made": {func(o *cloud.Options) {
			o.Prepare = func(cloud.Endpoints) error { return errors.New("no tables") }
		}, "prepare: no tables"},
	} {
		t.Run(name, func(t *testing.T) {
			good := options(t)
			bad := good
			bad.Env = map[string]string{"PROBE_RECORD": good.Env["PROBE_RECORD"]}
			c.change(&bad)
			if _, err := cloud.Up(bad); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v, want %q", err, c.want)
			}
			up(t, good)
		})
	}
	t.Run("nothing of it is left", waitGoroutines)
}

func TestACallersLookupMustKnowEveryVariable(t *testing.T) {
	o := options(t)
	o.Lookup = func(name string) (string, bool) { return "cn-beijing", name == "REGION" }
	_, err := cloud.Up(o)
	var missing project.Missing
	if !errors.As(err, &missing) || strings.Join(missing, " ") != "ACCOUNT OWN" {
		t.Errorf("got %v, want ACCOUNT and OWN missing", err)
	}
}

// TestWithoutAFunctionOfOursThereIsAPlace runs a project whose only function
// has another runtime.
func TestWithoutAFunctionOfOursThereIsAPlace(t *testing.T) {
	o := options(t)
	foreign := strings.Replace(probes[:strings.Index(probes, "      triggers:")], "runtime: go1", "runtime: nodejs20", 1)
	if err := os.WriteFile(o.Project, []byte(foreign), 0o600); err != nil {
		t.Fatal(err)
	}
	l := up(t, o)
	info, err := l.Info(l.ctx)
	l.must(err)
	if len(info.Functions) != 0 || len(info.LeftOut) != 1 || info.Region != "cn-hangzhou" || info.Account != "1234567890123456" {
		t.Errorf("got %+v, want no function, in cn-hangzhou", info)
	}
	l.must(l.CreateInstance(l.ctx, cloud.Instance{ID: "i-1"}))
	l.must(l.Boot(l.ctx, "i-1"))
	eventually(t, "an event in cn-hangzhou", func() bool {
		events, err := l.Events(l.ctx, "", "i-1")
		return err == nil && len(events) > 0 && strings.Contains(string(events[0]), `"aliyunregionid":"cn-hangzhou"`)
	})
}

func TestTheFolderOfTheFunctionsIsLeftAlone(t *testing.T) {
	o := options(t)
	built := filepath.Join(o.Data, "dist", "probe")
	if err := os.MkdirAll(built, 0o755); err != nil {
		t.Fatal(err)
	}
	o.Fresh = true
	l := up(t, o)
	l.must(l.Reset(l.ctx))
	if _, err := os.Stat(built); err != nil {
		t.Errorf("what was built is gone: %v", err)
	}
}

func TestWithoutAProjectThereAreNoFunctions(t *testing.T) {
	o := options(t)
	o.Project, o.Region = "", "cn-beijing"
	l := up(t, o)
	info, err := l.Info(l.ctx)
	l.must(err)
	if len(info.Functions) != 0 || info.Region != "cn-beijing" {
		t.Errorf("got %+v, want no functions in cn-beijing", info)
	}
}

func TestWhatIsPreparedIsThereBeforeTheFirstInvocation(t *testing.T) {
	o := options(t)
	o.TimerScale = 1.0 / 36000
	prepared := ""
	o.Prepare = func(e cloud.Endpoints) error {
		if text, err := os.ReadFile(o.Env["PROBE_RECORD"]); err == nil {
			t.Errorf("a function was invoked before: %s", text)
		}
		names, err := tables(e).ListTable()
		if err != nil || len(names.TableNames) != 0 {
			t.Errorf("got tables %v and %v, want none", names, err)
		}
		prepared = e.Tablestore
		return nil
	}
	l := up(t, o)
	l.waitRecorded(1)
	if prepared != l.cloud.Endpoints().Tablestore {
		t.Errorf("prepared with Tablestore at %q, want %q", prepared, l.cloud.Endpoints().Tablestore)
	}
	state, err := l.Faults(l.ctx)
	l.must(err)
	if state.Calls["ListTable"] != 0 {
		t.Errorf("got calls %v, want those of the preparation left out", state.Calls)
	}
}
