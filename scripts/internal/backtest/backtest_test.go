package backtest_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"aftercare/scripts/internal/backtest"
	"aftercare/shared/decide"
	"aftercare/shared/event"
	"aftercare/shared/flow"
	"aftercare/shared/flowfile"
	"aftercare/shared/handler"
	"aftercare/tests/rig"

	"github.com/google/go-cmp/cmp"
)

const flows = `
version: 1
flows:
- name: mend
  on: task-completed
  when: run.depth == 0 && event.commandName == "check" && event.exitCode >= 3
  limits: {perInstance: {max: 3, window: 2m}, fleet: {maxFailures: 3, window: 5m, resumeAfter: 1m}}
  steps:
  - {id: fix, run: {type: RunShellScript, content: 'echo $((code % 3)); exit $((code % 3))', parameters: {code: "${{ event.exitCode }}"}}, capture: true}
  - {id: more, when: steps.fix.output == "0", run: {type: RunShellScript, content: "true"}}
  - {id: tell, alert: it is mended}
- name: follow
  on: task-completed
  when: event.commandName == "mend/fix" && event.exitCode == 0
  whenBusy: drop
  steps: [{id: rest, wait: 40s}]
- {name: worse, on: task-completed, when: event.commandName == "mend/fix" && event.exitCode != 0 && instance.failedRuns % 2 == 1, steps: [{id: tell, alert: x}]}
- name: again
  on: task-completed
  when: run.depth == 0 && event.failedBefore >= 1 && instance.failedRuns < 4
  limits: {perInstance: {max: 100, window: 1h}}
  steps: [{id: rest, wait: 20s}, {id: tell, alert: it failed again}]
- {name: look, on: task-completed, mode: dry-run, when: run.depth == 0 && event.exitCode == 4, steps: [{id: look, run: {type: RunShellScript, content: df}}]}
- name: shut
  on: task-completed
  when: event.exitCode == 5 && run.depth == 0
  windows: {timeZone: UTC, outside: drop, open: [{from: "00:00", to: "00:01"}]}
  steps: [{id: tell, alert: x}]
- {name: hand, on: manual, when: instance.tags.role != "db", inputs: {level: {type: text, default: low}}, limits: {perInstance: {max: 2, window: 3m}}, steps: [{id: rest, wait: 5s}, {id: tell, alert: "${{ inputs.level }}"}]}
- {name: tick, on: schedule, schedule: {cron: "*/2 * * * *", timeZone: UTC}, instances: {os: linux}, limits: {perInstance: {max: 1, window: 3m}}, steps: [{id: rest, wait: 1s}]}
- {name: lost, on: task-completed, when: event.errorCode == "ClientNotOnline" && !event.requeued, steps: [{id: tell, alert: it never started}]}
- {name: booted, on: first-heartbeat, when: instance.bootSeq == 1, steps: [{id: greet, run: {type: RunShellScript, content: "true"}}]}
`

var instances = []string{"i-1", "i-2", "i-3"}

// history is a rig in which something happened.
type history struct {
	*rig.Rig
	t *testing.T
	n int
}

// ended is the end of a command that a person ran.
func (h *history) ended(instance, name string, exit int) {
	h.n++
	data := map[string]any{
		"instanceId": instance, "invokeId": fmt.Sprintf("t-%04d", h.n), "commandName": name, "invocationStatus": "Success", "exitCode": exit,
		"startTime": h.Now().Format(time.RFC3339), "finishTime": h.Now().Format(time.RFC3339),
	}
	if exit != 0 {
		data["invocationStatus"], data["errorCode"] = "Failed", "ExitCodeNonzero"
	}
	payload, _ := json.Marshal(map[string]any{
		"id": fmt.Sprintf("e-%04d", h.n), "source": "acs.ecs", "specversion": "1.0", "type": "ecs:CloudAssistant:TaskCompleted", "time": h.Now().Format(time.RFC3339), "data": data,
	})
	h.done(h.TaskCompleted(payload))
}

// done lets some time pass after an invocation, so that no two have the same.
func (h *history) done(_ handler.Outcome, err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
	h.Advance(time.Millisecond)
}

// byHand starts the flow hand.
func (h *history) byHand(instance string) {
	h.submit(map[string]any{"instanceId": instance, "flow": "hand", "inputs": map[string]string{"level": "high"}})
}

func (h *history) submit(what map[string]any) {
	h.n++
	what["dedupeKey"], what["submittedBy"], what["reason"] = fmt.Sprint(h.n), "ann", "a test"
	payload, _ := json.Marshal(what)
	h.done(h.SubmitTask(payload))
}

// settle hands over what the flows' own commands ended as.
func (h *history) settle() {
	open := func() (n int) {
		for _, id := range instances {
			n += len(h.State(id).Tasks)
		}
		return n
	}
	for open() > 0 {
		h.done(h.TaskCompleted(h.Take(event.KindTaskCompleted)))
	}
}

func read(t *testing.T, text string) []flow.Definition {
	t.Helper()
	list, err := flowfile.Read("flows.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// played is what the backtest of flows says, and where it differs from another.
func (h *history) played(flows, against []flow.Definition) (is, was backtest.Report) {
	h.t.Helper()
	past := &backtest.History{Ledger: h.Ledger(), From: h.Now().Add(-24 * time.Hour), Before: h.Now()}
	if err := past.Count(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
	reports, err := backtest.Play(h.t.Context(), past, flows, against)
	if err != nil {
		h.t.Fatal(err)
	}
	return reports[0], reports[1]
}

// recorded is what the records say, and the runs under way, in the words of a backtest.
func (h *history) recorded(flows []flow.Definition, instances ...string) (list []string) {
	for _, d := range flows {
		t := backtest.NewTally(d.Name)
		for _, id := range instances {
			for _, r := range slices.AppendSeq(h.Records(id).Runs, maps.Values(h.State(id).Runs)) {
				if r.Flow == d.Name && (!r.StartedAt.IsZero() || !r.EndedAt.IsZero()) {
					t.Count(id, r)
				}
			}
		}
		list = append(list, fmt.Sprintf("%s: %s, on %d, %s", d.Name, t.Runs, t.Instances, t.Cost))
	}
	return list
}

func said(w backtest.Report) (list []string) {
	for _, t := range w.Flows {
		maps.DeleteFunc(t.Runs, func(how string, _ int) bool { // the records of runs do not say so
			return strings.HasPrefix(how, "waited") || strings.HasPrefix(how, "stopped")
		})
		list = append(list, fmt.Sprintf("%s: %s, on %d, %s", t.Flow, t.Runs, t.Instances, t.Cost))
	}
	return list
}

var seed = flag.Uint64("seed", rand.Uint64(), "draws the random history")

// The backtest of the deployed flows says what they did, whatever happened. The clock
// stands still while something happens, so that it is known when. [74]
func TestABacktestOfTheDeployedFlowsIsWhatTheyDid(t *testing.T) {
	t.Logf("go test -run %s -seed %d", t.Name(), *seed)
	chance := rand.New(rand.NewPCG(*seed, 1))
	defer func(n int) { *backtest.AtOnce = n }(*backtest.AtOnce)
	*backtest.AtOnce = 1 + chance.IntN(20)
	h := &history{Rig: rig.New(t, rig.Options{Flows: flows, OneClock: true, Still: true}), t: t}
	for _, id := range instances {
		h.Create(id)
		h.done(h.FirstHeartbeat(h.Boot(id)))
	}
	h.settle()
	sweep := func(most int) {
		h.Advance(time.Duration(1+chance.IntN(most)) * time.Second)
		h.done(h.Sweep())
	}
	stoppable := []string{"look", "mend", "again"}
	for range 60 {
		h.ended(instances[chance.IntN(3)], []string{"check", "check", "other"}[chance.IntN(3)], []int{0, 3, 4, 5, 6}[chance.IntN(5)])
		switch f := stoppable[chance.IntN(3)]; chance.IntN(20) {
		case 0, 1:
			h.submit(map[string]any{"stop": map[string]string{"flow": f}})
		case 2, 3, 4, 5:
			h.submit(map[string]any{"resume": map[string]string{"flow": f}})
		}
		if chance.IntN(4) == 0 {
			h.byHand(instances[chance.IntN(3)])
		}
		if chance.IntN(3) > 0 {
			h.settle()
		}
		sweep(10)
	}
	for _, f := range stoppable {
		h.submit(map[string]any{"resume": map[string]string{"flow": f}})
	}
	for range chance.IntN(60) { // so that some are still under way, or wait
		h.settle()
		sweep(10)
	}
	deployed := read(t, flows)
	play, was := h.played(deployed, deployed)
	got, want := said(play), h.recorded(deployed, instances...)
	t.Logf("\n%s\n%v", strings.Join(want, "\n"), play.Unknown)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-records +backtest):\n%s", diff)
	}
	if len(play.Only)+len(was.Only) > 0 || play.LeftOut > 0 {
		t.Errorf("a file differs from itself: %+v, %+v, %d left out", play.Only, was.Only, play.LeftOut)
	}
}

// A person starts a flow on an instance that has no other record. [74]
func TestAStartByHandWhoseRunIsUnderWayIsPlayed(t *testing.T) {
	h := &history{Rig: rig.New(t, rig.Options{Flows: flows, OneClock: true, Still: true}), t: t}
	h.Create("i-1")
	h.byHand("i-1")
	play, _ := h.played(read(t, flows), nil)
	if got, want := said(play)[6], "hand: 1 started, on 1, 1 step"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	h.Advance(25 * time.Hour) // so that it began before what is played
	play, _ = h.played(read(t, flows), nil)
	if got, want := said(play)[6], "hand: , on 0, "; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// A run that a stop held for long begins when the record says that a sweep found it free,
// and so it goes as its record says. [74]
func TestARunThatAStopHeldGoesAsRecorded(t *testing.T) {
	h := &history{Rig: rig.New(t, rig.Options{Flows: flows, Still: true}), t: t}
	h.Advance(time.Minute) // the local ECS uses the machine's clock
	h.Create("i-1")
	h.done(h.FirstHeartbeat(h.Boot("i-1")))
	h.settle()
	h.ended("i-1", "check", 4)
	h.ended("i-1", "check", 3) // its run waits
	h.submit(map[string]any{"stop": map[string]string{"flow": "mend"}})
	h.settle()
	for n := range 18 {
		if n == 12 {
			h.submit(map[string]any{"resume": map[string]string{"flow": "mend"}})
		}
		h.Advance(2 * time.Minute) // so that sweeps fall behind
		h.done(h.Sweep())
		h.settle()
	}
	deployed := read(t, flows)
	play, was := h.played(deployed, read(t, strings.Replace(flows, "*/2 * * * *", "*/3 * * * *", 1)))
	if _, ticked := was.Unknown["what flow tick would do on its schedule, because no tick of it is recorded"]; !ticked || len(was.Flows[7].Runs)+len(play.Unknown) > 0 {
		t.Errorf("a tick of another schedule: %s, not known %s; of the same: not known %s", was.Flows[7].Runs, was.Unknown, play.Unknown)
	}
	if diff := cmp.Diff(h.recorded(deployed, "i-1"), said(play)); diff != "" || play.LeftOut > 0 {
		t.Errorf("%d left out (-records +backtest):\n%s", play.LeftOut, diff)
	}
}

// A command that never starts is sent again, and its last end is not requeued. [74]
func TestEachAttemptOfACommandThatNeverStartsIsPlayed(t *testing.T) {
	h := &history{Rig: rig.New(t, rig.Options{Flows: flows, OneClock: true, Still: true}), t: t}
	h.Create("i-1")
	h.done(h.FirstHeartbeat(h.Boot("i-1")))
	h.settle()
	h.submit(map[string]any{"instanceId": "i-1", "run": map[string]string{"name": "job", "type": "RunShellScript", "content": "exit 7"}})
	for len(h.State("i-1").Tasks) > 0 {
		if h.sent() {
			h.done(h.TaskCompleted([]byte(strings.NewReplacer("ExitCodeNonzero", "ClientNotOnline", `"Failed"`, `"Aborted"`).Replace(string(h.Take(event.KindTaskCompleted))))))
		}
		h.Advance(time.Minute)
		h.done(h.Sweep())
	}
	deployed := read(t, flows)
	play, _ := h.played(deployed, nil)
	if got, want := said(play), h.recorded(deployed, "i-1"); got[8] != "lost: 1 started, on 1, 1 alert, 1 step" || got[8] != want[8] {
		t.Errorf("%s, want %s", got[8], want[8])
	}
}

// sent reports whether a command runs on i-1.
func (h *history) sent() bool {
	for _, task := range h.State("i-1").Tasks {
		return task.State == decide.TaskRunning
	}
	return false
}

// A run that would have gone otherwise goes as its rehearsal says: the end in the
// history is left out, and the assumed one is played, once. [75]
func TestNoEndCountsTwice(t *testing.T) {
	h := &history{Rig: rig.New(t, rig.Options{Flows: flows, OneClock: true}), t: t}
	h.Create("i-1")
	h.done(h.FirstHeartbeat(h.Boot("i-1")))
	h.settle()
	h.ended("i-1", "check", 3)
	h.settle()
	h.Advance(time.Minute)
	deployed := read(t, flows)
	for _, c := range []struct {
		name, was, is string
		want          string // about follow
		leftOut       int
		differ        string
	}{
		{"the same", "", "", "1 started", 0, ""},
		{"another command", "echo $((code % 3))", "echo  $((code % 3))", "1 started", 2, ""},
		{"another condition", "exitCode >= 3", "exitCode > 3", "", 2, "-follow -mend"},
		{"in dry-run", "- name: mend\n", "- name: mend\n  mode: dry-run\n", "", 2, "+rehearsed mend -follow -mend"},
	} {
		play, was := h.played(read(t, strings.Replace(flows, c.was, c.is, 1)), deployed)
		if got := play.Flows[1].Runs.String(); got != c.want || play.LeftOut != c.leftOut {
			t.Errorf("%s: follow %s, want %s; %d left out, want %d", c.name, got, c.want, play.LeftOut, c.leftOut)
		}
		var differ []string
		for sign, r := range map[string]backtest.Report{"+": play, "-": was} {
			for _, s := range r.Only {
				differ = append(differ, sign+map[bool]string{true: "rehearsed "}[s.DryRun]+s.Flow)
			}
		}
		slices.Sort(differ)
		if got := strings.Join(differ, " "); got != c.differ || play.Only == nil {
			t.Errorf("%s: the differences are %q, want %q", c.name, got, c.differ)
		}
	}
}

// What depends on what a command printed is counted, and not guessed. [75]
func TestWhatIsNotKnownIsCounted(t *testing.T) {
	h := &history{Rig: rig.New(t, rig.Options{OneClock: true}), t: t}
	h.Create("i-1")
	h.done(h.FirstHeartbeat(h.Boot("i-1")))
	h.ended("i-1", "check", 3)
	play, _ := h.played(read(t, `
version: 1
flows:
- {name: beat, on: first-heartbeat, when: event.extensions == "", steps: [{id: a, alert: x}]}
- {name: printed, on: task-completed, captureEvent: true, when: run.depth == 0 && event.exitCode == 3 && event.output contains "x", steps: [{id: tell, alert: x}]}
- name: full
  on: task-completed
  when: run.depth == 0 && event.exitCode == 3
  steps:
  - {id: df, run: {type: RunShellScript, content: df}, capture: true}
  - {id: clean, when: int(steps.df.output) > 80, run: {type: RunShellScript, content: rm -f core}}
`), []flow.Definition{})
	var got []string
	for what, n := range play.Unknown {
		got = append(got, fmt.Sprintf("%d %s", n, what))
	}
	slices.Sort(got)
	want := []string{
		"1 how a run of flow full would go: it depends on what df prints: failed if step clean ends as invalid, otherwise succeeded",
		"1 what flow beat reads of boots and their records do not hold",
		"1 whether flow printed would start: it depends on what the starting command prints: event.output contains \"x\"",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got, want := play.Flows[2].Cost.String(), "1 command, 1 possible command, 1 possible step, 1 step"; got != want {
		t.Errorf("the cost is %s, want %s", got, want)
	}
}
