package main

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"aftercare/tests/rig"
)

// backtestOf runs a backtest of the flows of a rig that has worked, against those that
// are deployed there.
func backtestOf(t *testing.T, r *rig.Rig, edited string, more ...string) (code int, output string) {
	t.Helper()
	t.Chdir(t.TempDir())
	for name, text := range map[string]string{"new.yaml": edited, "deployed.yaml": flows} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var out strings.Builder
	args := append([]string{"flows", "backtest", "new.yaml", "--against", "deployed.yaml", "--since", "1h", "--utc"}, more...)
	code = run(t.Context(), args, variablesOf(t, r), nil, &out, &out)
	return code, out.String()
}

// slow has the other command's bad end start the flow.
var slow = strings.NewReplacer(`"urgent"`, `"slow"`, `"Success"`, `"Failed"`).Replace(flows)

// A backtest reads, and does nothing else.
func TestABacktestOnlyReads(t *testing.T) {
	r := workedWith(t, "waiting")
	asked, called := len(r.Asked()), r.Faults.Calls()
	code, out := backtestOf(t, r, slow)
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, out)
	}
	reads := 0
	for call, n := range r.Faults.Calls() {
		if slices.Contains([]string{"GetRange", "BatchGetRow", "GetRow"}, call) {
			reads += n - called[call]
		} else if n > called[call] {
			t.Errorf("it called %s", call)
		}
	}
	if n := len(r.Asked()) - asked; n > 0 || reads == 0 {
		t.Errorf("it invoked %d functions and read %d times", n, reads)
	}
}

// The differences name the events, so that each can be looked at.
func TestABacktestListsTheEventsOnWhichFilesDiffer(t *testing.T) {
	r := workedWith(t, "waiting")
	_, out := backtestOf(t, r, slow)
	for _, want := range []string{
		`5 records will be read\.`, `\n\+-  WHEN`, `would have had these runs:\n  look-after: 1 started, on 1 instance\n    cost: 1 command, 1 step\n`, `\n\+1, -1 starts of flows\n`,
		`\+ +\d\d-\d\d \d\d:\d\d:\d\d UTC +i-web-1/t-sent2 +slow +look-after\n`, `- +\d\d-\d\d \d\d:\d\d:\d\d UTC +i-web-1/t-sent1 +urgent +look-after\n`,
		`Left out: 1 end of commands that flows sent`,
	} {
		if !regexp.MustCompile(want).MatchString(out) {
			t.Errorf("the output does not match %s:\n%s", want, out)
		}
	}
	rehearsed := strings.Replace(flows, "look-after\n", "look-after\n    mode: dry-run\n", 1)
	if _, out = backtestOf(t, r, rehearsed); !regexp.MustCompile(`\n\+1, -1 starts of flows\n(.*\n)+\+ .* look-after \(dry-run\)\n- .* look-after\n`).MatchString(out) {
		t.Errorf("the output does not list the start that is only rehearsed:\n%s", out)
	}
	asks := strings.NewReplacer("task-completed\n", "task-completed\n    captureEvent: true\n", "instance.bootSeq == 1", `event.output == "x"`).Replace(flows)
	if _, out = backtestOf(t, r, asks); !strings.Contains(out, "look-after: no run, perhaps 1 time more\n") || !strings.Contains(out, "+0, -0 starts") {
		t.Errorf("the output does not say what depends on what a command prints:\n%s", out)
	}
	if _, out = backtestOf(t, r, flows, "-o", "json"); strings.Count(out, `"only": []`) != 2 {
		t.Errorf("files that do not differ have no empty lists:\n%s", out)
	}
	_, out = backtestOf(t, r, slow, "-o", "json")
	_, text, _ := strings.Cut(out, "\n")
	var found backtested
	if err := json.Unmarshal([]byte(text), &found); err != nil || len(found.Files) != 2 || found.Files[0].Flows[0].Runs["started"] != 1 ||
		found.Files[1].Flows[0].Runs["started"] != 1 || found.Files[0].LeftOut != 1 || len(found.Files[0].Only) != 1 || len(found.Files[1].Only) != 1 {
		t.Errorf("%v: %+v of\n%s", err, found, text)
	}
}

// Many records are only read if somebody agrees.
func TestABacktestOfManyRecordsAsks(t *testing.T) {
	r := workedWith(t, "waiting")
	defer func(most int) { maxUnasked = most }(maxUnasked)
	maxUnasked = 4
	if code, out := backtestOf(t, r, slow); code != 2 || !strings.Contains(out, "add --yes") {
		t.Errorf("exit code %d\n%s", code, out)
	}
	if code, out := backtestOf(t, r, slow, "--yes"); code != 0 {
		t.Errorf("exit code %d\n%s", code, out)
	}
}

// From a time on that has not come yet, there is nothing to play.
func TestABacktestSinceTheFutureSaysSo(t *testing.T) {
	r := workedWith(t, "waiting")
	code, out := backtestOf(t, r, slow, "--since", "2200-01-01")
	if want := "--since 2200-01-01 has not come yet: there is nothing to play from then on"; code != 2 || !strings.Contains(out, want) {
		t.Errorf("exit code %d, want 2 and %s\n%s", code, want, out)
	}
}
