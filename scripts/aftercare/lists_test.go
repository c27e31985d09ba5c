package main

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"aftercare/scripts/columns"
	"aftercare/scripts/internal/screen"
	"aftercare/shared/decide"
	"aftercare/shared/event"
	"aftercare/shared/handler"
	"aftercare/tests/localcloud/ecs"
	"aftercare/tests/rig"
)

// variablesOf are those of a shell that works with a rig on a screen of 80 columns.
func variablesOf(t *testing.T, r *rig.Rig) func(string) string {
	keys, fc := credentials(t, r), functionCompute(t, r)
	return func(name string) string {
		return map[string]string{
			variableEndpoint: r.Tables.Endpoint(), variableInstance: "rig", variableKeyID: keys.AccessKeyId, variableSecret: keys.AccessKeySecret,
			"ALIBABA_CLOUD_SECURITY_TOKEN": keys.SecurityToken, variableECS: r.Settings.ECSEndpoint, variableFC: fc, variableRegion: rig.Region,
			"COLUMNS": "80",
		}[name]
	}
}

// operator plays command lines with a rig, in UTC.
func operator(t *testing.T, r *rig.Rig) func(args ...string) string {
	getenv := variablesOf(t, r)
	return func(args ...string) string {
		t.Helper()
		out, errOut, code := played(t, getenv, append(args, "--utc")...)
		if code != 0 {
			t.Fatalf("aftercare %q: exit code %d\n%s%s", args, code, out, errOut)
		}
		return out
	}
}

func matches(t *testing.T, out, pattern string) {
	t.Helper()
	if !regexp.MustCompile(pattern).MatchString(out) {
		t.Errorf("%q does not match\n%s", pattern, out)
	}
}

// The clock of a function may be ahead of the operator's.
func TestWhatAFunctionWithAFastClockDidIsListed(t *testing.T) {
	r := rig.New(t, rig.Options{})
	r.Advance(time.Minute)
	play := operator(t, r)
	play("stop", "--reason", "an incident", "--by", "ann")
	matches(t, play("acts"), `(?m) stop everything +stopped +ann +an incident$`)
	matches(t, play("history"), ` stop ev`)
}

func TestAListSaysWhatHoldsACommand(t *testing.T) {
	r := rig.New(t, rig.Options{})
	r.Create("i-1")
	play := operator(t, r)
	for _, name := range []string{"held", "late", "other"} {
		args := []string{"submit", "--instance", "i-1", "--run", "true", "--command-name", name, "--label", name}
		if name == "late" {
			args = append(args, "--not-before", "2h")
		}
		play(args...)
	}
	play("stop", "--label", "held", "--reason", "the first ones failed")
	queue := play("queue")
	matches(t, queue, `(?m) held +a resume of label held$`)
	matches(t, queue, `(?m) late +its time, \d\d-\d\d \S+ UTC$`)
	matches(t, queue, `(?m) other +its agent, which was not up$`)
	matches(t, play("show", "i-1"), `(?m) command held +waits for a resume of label held;`)
	id := regexp.MustCompile(`i-1/[0-9a-f]{8}`).FindString(play("queue", "--limit", "1"))
	matches(t, play("show", id), `(?m)^  waits for +\S`)
	play("stop", "--instance", "i-1", "--reason", "it is looked at")
	matches(t, play("queue"), `(?m) other +a resume of instance i-1$`)
}

// What ECS says about an instance is shown with its age.
func TestAnInstanceIsShownAsECSHasIt(t *testing.T) {
	r := rig.New(t, rig.Options{})
	if err := r.ECS.CreateInstance(ecs.Instance{ID: "i-1", Name: "web-1", Tags: map[string]string{"role": "web", "blue": ""}}); err != nil {
		t.Fatal(err)
	}
	play := operator(t, r)
	handled := func(_ handler.Outcome, err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	handled(r.FirstHeartbeat(r.Boot("i-1")))
	if out := play("show", "i-1"); strings.Contains(out, "as of") {
		t.Errorf("ECS was not asked yet:\n%s", out)
	}
	r.Advance(10 * time.Minute)
	handled(r.Sweep())
	matches(t, play("show", "i-1"), `^i-1: bootable since .*\n  web-1, linux, \S+, tag blue, tag role=web; as of \d\d-\d\d \S+ UTC\n`)
	if err := r.ECS.Stop("i-1"); err != nil {
		t.Fatal(err)
	}
	for down := false; !down; {
		change := r.Take(event.KindStateChange)
		handled(r.StateChange(change))
		down = strings.Contains(string(change), `"Stopped"`)
	}
	matches(t, play("show", "i-1"), `^i-1: waiting: ECS reported it Stopped at \d\d-\d\d \S+ UTC\n`)
	doubted := instance{Known: true, Instance: decide.Instance{Boot: decide.BootUnknown, State: event.StateStopped, StateAt: time.Now()}}
	matches(t, doubted.state(clock{zone: time.UTC}), `^unknown: ECS reported it Stopped at `)
}

// An id and a time are never cut, and all columns are there with -o wide.
func TestIdsAndTimesAreWholeOnANarrowScreen(t *testing.T) {
	r := rig.New(t, rig.Options{})
	const instance = "i-bp67acfmxazb4ph42jbf"
	r.Create(instance)
	play := operator(t, r)
	play("submit", "--instance", instance, "--run", "true", "--command-name", "检查磁盘空间并且清理所有的旧日志文件", "--label", "nightly", "--by", "王小明")
	play("stop", "--instance", instance, "--reason", "磁盘满了，需要清理，然后再继续", "--by", "王小明")
	const when = `\d\d-\d\d \d\d:\d\d:\d\d UTC`
	matches(t, play("stopped"), `(?m)^instance `+instance+`  `+when+`  王小明 `)
	matches(t, play("cancel", "--instance", instance, "--dry-run"), `(?m)^`+instance+`/[0-9a-f]{8}  .*  nightly$`)
	matches(t, play("queue", "-o", "wide"), `(?m)^`+when+` .*检查磁盘空间并且清理所有的旧日志文件 .* `+when+` +[0-9a-f]{32}$`)
	matches(t, play("cancel", "--instance", instance, "--yes"), `(?m)^`+instance+`/[0-9a-f]{8}  cancelled `)
	for _, list := range []string{"now", "instances", "queue", "tasks", "history", "acts", "stopped"} {
		for line := range strings.Lines(play(list)) {
			if width := columns.Of(strings.TrimSuffix(line, "\n")); width > 80 {
				t.Errorf("%s has a line of %d columns: %s", list, width, line)
			}
		}
	}
}

// What a flow in dry-run would have done, and what somebody cancelled, did not fail.
func TestOnlyWhatFailedIsListedAsFailed(t *testing.T) {
	r := rig.New(t, rig.Options{Flows: `
version: 1
flows:
  - {name: try, on: first-heartbeat, mode: dry-run, steps: [{id: look, run: {type: RunShellScript, content: "true"}}]}
`})
	r.Create("i-1")
	must(t)(r.FirstHeartbeat(r.Boot("i-1")))
	r.Create("i-2")
	play := operator(t, r)
	play("submit", "--instance", "i-2", "--run", "true", "--command-name", "late")
	play("cancel", "--instance", "i-2", "--yes")
	history := play("history")
	matches(t, history, ` flow try +dry-run: `)
	matches(t, history, ` late +cancelled`)
	if failed := play("history", "--failed"); strings.Contains(failed, "dry-run") {
		t.Errorf("a dry run failed:\n%s", failed)
	}
	if now := play("now"); strings.Contains(now, "try") || strings.Contains(now, "late") {
		t.Errorf("these need nobody:\n%s", now)
	}
}

func TestAStateHasItsColourWhateverFollowsIt(t *testing.T) {
	for cell, want := range map[string]screen.Colour{
		"Failed": screen.Red, "Failed 3": screen.Red, "failed: step a failed": screen.Red, "succeeded: every step ended": screen.Green,
		"cancelled by ann: wrong file": screen.Yellow, "under way": screen.Plainly, "": screen.Plainly, "-": screen.Plainly,
	} {
		if got := colourOf(cell); got != want {
			t.Errorf("%q: got the colour %d, want %d", cell, got, want)
		}
	}
}

func TestAReasonDoesNotRepeatTheResult(t *testing.T) {
	for want, r := range map[string]record{
		"cancelled by ann: wrong file":     {Kind: "task", Result: "cancelled", Why: "cancelled by ann: wrong file"},
		"succeeded: every step ended":      {Kind: "run", Result: "succeeded", Why: "every step ended"},
		"refused by ann: its limit is met": {Kind: "act", Result: "refused", By: "ann", Why: "its limit is met"},
	} {
		if got := r.outcome(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// Whatever shows a status shows its reason: that of the step that decided.
func TestReasonsReachPeople(t *testing.T) {
	r := rig.New(t, rig.Options{Flows: `
version: 1
flows:
  - name: try
    on: first-heartbeat
    mode: dry-run
    steps:
      - {id: look, run: {type: RunShellScript, content: "df"}, capture: true}
      - {id: clean, when: int(steps.look.output) > 90, run: {type: RunShellScript, content: "true"}}
    onFailure:
      - {id: tell, alert: no number}
  - name: bad
    on: first-heartbeat
    steps:
      - {id: skip, when: instance.bootSeq > 7, alert: hello}
      - {id: sum, when: int(event.agentVersion) > 3, alert: hello}
  - name: done
    on: first-heartbeat
    steps:
      - {id: enough, when: instance.bootSeq == 1, stop: failed}
`})
	r.Create("i-1")
	must(t)(r.FirstHeartbeat(r.Boot("i-1")))
	play := operator(t, r)
	const invalid = `failed: step sum ended as invalid: when could not be evaluated: int(event.agentVersion) > 3 (event.agentVersion is "`
	const stopped = "failed: step enough ends the run, because instance.bootSeq == 1 (instance.bootSeq is 1)"
	const would = "dry-run: it would have run: look (run); depends on what look prints: clean (run), tell (alert); " +
		"its result depends on what look prints: failed if step clean ends as invalid, otherwise succeeded"
	for list, want := range map[string][]string{"now": {invalid, stopped}, "show i-1": {invalid, stopped, would}} {
		got := strings.Join(strings.Fields(play(strings.Fields(list)...)), " ") // as it was before it was wrapped
		for _, reason := range want {
			if !strings.Contains(got, reason) {
				t.Errorf("%s does not say %q:\n%s", list, reason, got)
			}
		}
	}
	for flow, want := range map[string][]string{
		"try": {"look planned - - - -", "clean maybe - - - depends on what look prints (int(steps.look.output) > 90)", "tell maybe - - - only if step clean ends as invalid, which depends on what look prints"},
		"bad": {"when was false: instance.bootSeq > 7 (instance.bootSeq is 1)", "when could not be evaluated: int(event.agentVersion) > 3"},
	} {
		id := regexp.MustCompile(`(i-1/\w+) +run +flow ` + flow).FindStringSubmatch(play("history", "-o", "wide"))
		if id == nil {
			t.Fatalf("no run of %s", flow)
		}
		got := strings.Join(strings.Fields(play("show", id[1])), " ")
		for _, reason := range want {
			if !strings.Contains(got, reason) {
				t.Errorf("show %s does not say %q:\n%s", id[1], reason, got)
			}
		}
	}
}
