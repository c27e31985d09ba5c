package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"aftercare/scripts/columns"
	"aftercare/shared/flow"
	"aftercare/shared/flowfile"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"localcloud":    main,
		"tables":        helper(tables),
		"command":       helper(command),
		"receive":       helper(receive),
		"put-event":     helper(putEvent),
		"sdk-put-event": helper(sdkPutEvent),
		"request":       helper(request),
	})
}

// helper turns a function into a program.
func helper(f func(args []string) error) func() {
	return func() {
		if err := f(os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}

// buildFunctions builds the real functions in a folder.
func buildFunctions(t *testing.T, dir string) {
	t.Helper()
	src, err := os.ReadFile("../../functions/flows.yaml")
	if err != nil {
		t.Fatal(err)
	}
	definitions, err := flowfile.Read("flows.yaml", src)
	if err != nil {
		t.Fatal(err)
	}
	flows, err := flow.Store(definitions)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"task-completed", "first-heartbeat", "instance-state", "submit-task", "sweep", "alerts", "dead-letters"} {
		build := exec.Command("go", "build", "-o", filepath.Join(dir, name, name), "../../functions/"+name)
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("build %s: %v\n%s", name, err, out)
		}
		if err := os.WriteFile(filepath.Join(dir, name, "flows.compiled"), flows, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestScripts(t *testing.T) {
	dist := t.TempDir()
	buildFunctions(t, dist)
	project, err := filepath.Abs("../../s.yaml")
	if err != nil {
		t.Fatal(err)
	}
	scripts, err := filepath.Glob("testdata/script/*.txtar")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	testscript.Run(t, testscript.Params{
		Files:               append(scripts, readmeScript(t, dist)),
		RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("DIST", dist)
			e.Setenv("PROJECT", project)
			e.Setenv("FLOWS", filepath.Join(filepath.Dir(project), "functions", "flows.yaml"))
			e.Setenv("PATH", e.Getenv("PATH")+string(filepath.ListSeparator)+filepath.Join(dist, "bin")) // where aftercare is
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"await":      await,
			"eventually": eventually,
			"load":       load,
			"noprocess":  noProcess,
			"operate":    operate,
			"terminate":  terminate,
		},
	})
}

// TestEveryCommandOfAftercareIsPlayed by the script for it.
func TestEveryCommandOfAftercareIsPlayed(t *testing.T) {
	script, err := os.ReadFile("testdata/script/aftercare.txtar")
	if err != nil {
		t.Fatal(err)
	}
	help, err := exec.Command("go", "run", "../aftercare", "help").Output()
	_, list, listed := strings.Cut(string(help), "\nCommands:\n")
	if err != nil || !listed {
		t.Fatalf("aftercare help: %v\n%s", err, help)
	}
	list, _, _ = strings.Cut(list, "\n\n")
	for line := range strings.Lines(list) {
		name := strings.Fields(line)[0]
		if !regexp.MustCompile(`(?m)^(operate 0|exec aftercare|exec sh -c '.*aftercare) `+name+`\b`).Match(script) && name != "help" {
			t.Errorf("the script plays no %q", name)
		}
	}
}

// patience is how long scripts wait for something that must happen.
const patience = time.Minute

// poll calls done until it is true.
func poll(ts *testscript.TestScript, what string, done func() bool) {
	for end := time.Now().Add(patience); !done(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			ts.Fatalf("waited in vain: %s", what)
		}
	}
}

// await FILE PATTERN [VARIABLE] waits until a file matches, and keeps the
// first group.
func await(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 || len(args) > 3 {
		ts.Fatalf("usage: await FILE PATTERN [VARIABLE]")
	}
	pattern := regexp.MustCompile("(?m)" + args[1])
	var text []byte
	poll(ts, strings.Join(args, " "), func() bool {
		text, _ = os.ReadFile(ts.MkAbs(args[0]))
		return pattern.Match(text)
	})
	if len(args) == 3 {
		ts.Setenv(args[2], string(pattern.FindSubmatch(text)[1]))
	}
}

// eventually PATTERN COMMAND... runs a command until its output matches.
func eventually(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: eventually PATTERN COMMAND...")
	}
	pattern := regexp.MustCompile("(?m)" + args[0])
	poll(ts, strings.Join(args, " "), func() bool {
		return ts.Exec(args[1], args[2:]...) == nil && pattern.MatchString(ts.ReadFile("stdout"))
	})
}

// load FILE sets the variables of a file in shell syntax.
func load(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: load FILE")
	}
	for line := range strings.Lines(ts.ReadFile(args[0])) {
		name, value, ok := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "export "), "=")
		if !ok {
			ts.Fatalf("line %q is no assignment", line)
		}
		ts.Setenv(name, strings.Trim(value, "'"))
	}
}

// noprocess waits until no function of this script's local cloud runs. Those of other
// scripts are in the same folder, and find their tables elsewhere.
func noProcess(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: noprocess")
	}
	const endpoint = "AFTERCARE_TABLESTORE_ENDPOINT"
	entry := endpoint + "=" + ts.Getenv(endpoint) + "\x00"
	poll(ts, "no process with "+entry, func() bool {
		environments, _ := filepath.Glob("/proc/[0-9]*/environ")
		return !slices.ContainsFunc(environments, func(file string) bool {
			text, err := os.ReadFile(file)
			return err == nil && strings.Contains(string(text), entry)
		})
	})
}

// operate CODE ARGS... runs aftercare, which must end with an exit code, and whose
// lines must fit a screen of 80 columns.
func operate(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: operate CODE ARGS...")
	}
	code := 0
	var exit *exec.ExitError
	if err := ts.Exec("aftercare", args[1:]...); errors.As(err, &exit) {
		code = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("aftercare %s: exit code %d, want %s", strings.Join(args[1:], " "), code, args[0])
	}
	if machine := slices.ContainsFunc(args, func(arg string) bool { return strings.HasPrefix(arg, "json") }); machine {
		return
	}
	shown := ts.ReadFile("stdout")
	if code == 0 { // an error is one line, of any length
		shown += ts.ReadFile("stderr")
	}
	for line := range strings.Lines(shown) {
		if width := columns.Of(strings.TrimSuffix(line, "\n")); width > 80 {
			ts.Fatalf("aftercare %s prints a line of %d columns: %s", strings.Join(args[1:], " "), width, line)
		}
	}
}

// terminate FILE sends SIGTERM to the process whose id a file holds.
func terminate(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: terminate FILE")
	}
	pid, err := strconv.Atoi(strings.TrimSpace(ts.ReadFile(args[0])))
	ts.Check(err)
	ts.Check(syscall.Kill(pid, syscall.SIGTERM))
}
