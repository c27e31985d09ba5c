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
	"aftercare/shared/event"
	"aftercare/shared/flow"
	"aftercare/shared/flowfile"
	"aftercare/shared/handler"
	"aftercare/shared/ledger"
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
- {name: booted, on: first-heartbeat, steps: [{id: greet, run: {type: RunShellScript, content: "true"}}]}
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
func (h *history) played(flows, against []flow.Definition) (*backtest.World, []backtest.Start) {
	h.t.Helper()
	past := &backtest.History{Ledger: h.Ledger(), From: h.Now().Add(-24 * time.Hour), Before: h.Now()}
	if err := past.Count(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
	is, was := backtest.New(flows), backtest.New(against)
	differ := backtest.Compare(is, was)
	if err := backtest.Play(h.t.Context(), past, is, was); err != nil {
		h.t.Fatal(err)
	}
	return is, differ.List()
}

// recorded is what the records say, in the words of a backtest.
func recorded(flows []flow.Definition, all ...ledger.Records) (list []string) {
	for _, d := range flows {
		t := backtest.NewTally(d)
		for n, records := range all {
			for _, r := range records.Runs {
				if r.Flow == d.Name {
					t.Count(instances[n], r)
				}
			}
		}
		list = append(list, d.Name+": "+t.String())
	}
	return list
}

func said(w *backtest.World) (list []string) {
	for _, t := range w.Flows {
		maps.DeleteFunc(t.Held, func(how string, _ int) bool { // the records of runs do not say so
			return strings.HasPrefix(how, "waited") || strings.HasPrefix(how, "stopped")
		})
		list = append(list, t.Flow+": "+t.String())
	}
	return list
}

var seed = flag.Uint64("seed", rand.Uint64(), "draws the random history")

// The backtest of the deployed flows says what they did, whatever happened. The clock
// stands still while something happens, so that it is known when. [74]
func TestABacktestOfTheDeployedFlowsIsWhatTheyDid(t *testing.T) {
	t.Logf("go test -run %s -seed %d", t.Name(), *seed)
	chance := rand.New(rand.NewPCG(*seed, 1))
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
	play, differ := h.played(deployed, deployed)
	var all []ledger.Records
	for _, id := range instances {
		records := h.Records(id)
		for _, r := range h.State(id).Runs {
			if !r.StartedAt.IsZero() {
				records.Runs = append(records.Runs, r)
			}
		}
		all = append(all, records)
	}
	got, want := said(play), recorded(deployed, all...)
	t.Logf("\n%s\n%v", strings.Join(want, "\n"), play.Unknown)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-records +backtest):\n%s", diff)
	}
	if len(differ) > 0 || play.LeftOut > 0 {
		t.Errorf("a file differs from itself: %+v, %d left out", differ, play.LeftOut)
	}
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
		{"the same", "", "", "would have started 1 time (on 1 instance)", 0, ""},
		{"another command", "echo $((code % 3))", "echo  $((code % 3))", "would have started 1 time (on 1 instance)", 2, ""},
		{"another condition", "exitCode >= 3", "exitCode > 3", "would never have started", 2, "-mend -follow"},
		{"in dry-run", "- name: mend\n", "- name: mend\n  mode: dry-run\n", "would never have started", 2, "-follow"},
	} {
		play, list := h.played(read(t, strings.Replace(flows, c.was, c.is, 1)), deployed)
		if got := play.Flows[1].String(); got != c.want || play.LeftOut != c.leftOut {
			t.Errorf("%s: follow %s, want %s; %d left out, want %d", c.name, got, c.want, play.LeftOut, c.leftOut)
		}
		var differ []string
		for _, d := range list {
			differ = append(differ, d.Sign+d.Flow)
		}
		if got := strings.Join(differ, " "); got != c.differ {
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
`), nil)
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
	full := play.Flows[2]
	if got, want := full.Cost.String()+"; "+full.Perhaps.String(), "1 command, 1 step; 1 command, 1 step"; got != want {
		t.Errorf("the cost is %s, want %s", got, want)
	}
}
