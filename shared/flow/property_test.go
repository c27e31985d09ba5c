package flow_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"aftercare/shared/flow"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("rapid.nofailfile", "true"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// Whatever a flow is made of, and however, whenever and in whatever order its
// commands end: the run advances, asks for nothing twice, and ends.
//
// [20] [22] [30] [35] [40] [41] [42] [43] [57] [60] [61]
func TestEveryRunComesToItsEnd(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := &playing{rt: rt, now: begun, instance: instance, asked: map[string]bool{}}
		w.definition = anyDefinition(rt)
		w.run = flow.NewRun("run-1", w.definition, ended(), 0)
		w.decide(func(r *flow.Run) []flow.Action { return r.Begin(w.moment()) })
		for range 2000 {
			if w.run.Ended {
				w.over()
				return
			}
			w.next()
		}
		rt.Fatalf("the run does not end: %+v", w.run)
	})
}

// playing is a run and the world around it.
type playing struct {
	rt         *rapid.T
	definition flow.Definition
	run        flow.Run
	now        time.Time
	instance   flow.Instance
	// asked are the attempts that were asked for, and stopping those that were
	// to be stopped.
	asked   map[string]bool
	command *flow.Action // under way
	stopped bool
}

func (w *playing) moment() flow.Moment {
	return flow.Moment{Now: w.now, Instance: w.instance, Cause: "input"}
}

func (w *playing) decide(change func(*flow.Run) []flow.Action) {
	other := w.run.Clone()
	before := asJSON(w.rt, w.run)
	actions := change(&other)
	if asJSON(w.rt, w.run) != before {
		w.rt.Fatalf("a decision on a clone changed the run")
	}
	if again := change(&w.run); !cmp.Equal(actions, again) {
		w.rt.Fatalf("deciding twice gave %v and %v", actions, again)
	}
	for _, a := range actions {
		w.act(a)
	}
	text := asJSON(w.rt, w.run)
	var loaded flow.Run
	if err := json.Unmarshal([]byte(text), &loaded); err != nil {
		w.rt.Fatal(err)
	}
	if diff := cmp.Diff(w.run, loaded); diff != "" {
		w.rt.Fatalf("the run changed when it was stored:\n%s", diff)
	}
	w.run = loaded
	w.check()
}

func (w *playing) act(a flow.Action) {
	attempt := fmt.Sprint(a.Step, " ", a.Attempt)
	set := 0
	for _, is := range []bool{a.Run != nil, a.Invoke != nil, a.Alert != "", a.Cancel} {
		if is {
			set++
		}
	}
	switch {
	case set != 1:
		w.rt.Fatalf("an action with %d parts: %+v", set, a)
	case a.Cancel:
		if w.command == nil || w.command.Step != a.Step || w.command.Attempt != a.Attempt || w.stopped {
			w.rt.Fatalf("%s is to be stopped, which is not under way or was stopped before", attempt)
		}
		w.stopped = true
		return
	case w.asked[attempt]:
		w.rt.Fatalf("%s is asked for twice", attempt)
	}
	w.asked[attempt] = true
	if a.Alert == "" {
		if w.command != nil {
			w.rt.Fatalf("%s is asked for while %s is under way", attempt, w.command.Step)
		}
		w.command, w.stopped = &a, false
		w.run.SetTask("task of " + attempt)
	}
}

// check says what holds after every decision.
func (w *playing) check() {
	r := &w.run
	due := r.Due()
	switch {
	case r.Ended:
		if !due.IsZero() || r.Current() != nil || w.command != nil {
			w.rt.Fatalf("an ended run is due at %v, or has a command under way", due)
		}
	case due.IsZero() && !w.stopped:
		w.rt.Fatalf("a run that waits for no end of a stopped command is never due: %+v", r)
	case !due.IsZero() && !due.After(w.now):
		w.rt.Fatalf("the run is due at %v, and it is %v", due, w.now)
	}
	if (w.command != nil) != (r.Pending.State == flow.PendingCommand) {
		w.rt.Fatalf("the run waits for %q, the command under way is %v", r.Pending.State, w.command)
	}
	words := []string{flow.ResultSucceeded, flow.ResultFailed, flow.ResultTimedOut}
	if known := r.Ended || r.Section != flow.SectionSteps; known != slices.Contains(words, r.Result) || known != (r.Reason != "") {
		w.rt.Fatalf("in section %s, the result is %q because %q", r.Section, r.Result, r.Reason)
	} else if bad := r.Result == flow.ResultFailed || r.Result == flow.ResultTimedOut; bad != (r.FailedStep != "") || bad && !strings.Contains(r.Trouble().Why, r.FailedStep) {
		w.rt.Fatalf("the result is %q because %q, at step %q: %+v", r.Result, r.Reason, r.FailedStep, r.Trouble())
	}
	for i, rec := range r.Steps {
		underWay := i == len(r.Steps)-1 && r.Current() != nil
		if (rec.Status == "") != underWay || !underWay && (rec.EndedAt.IsZero() || rec.EndedBy == "" || !slices.Contains(flow.StepStatuses, rec.Status)) {
			w.rt.Fatalf("record %d is %+v", i, rec)
		}
		if len(rec.Tasks) != rec.Attempts || rec.MayHaveRunTwice && rec.Attempts < 2 {
			w.rt.Fatalf("step %s has %d attempts, and the tasks %v", rec.ID, rec.Attempts, rec.Tasks)
		}
	}
}

// next lets the next thing happen.
func (w *playing) next() {
	rt := w.rt
	switch rapid.IntRange(0, 5).Draw(rt, "what") {
	case 0: // a heartbeat, perhaps of another boot
		if rapid.Bool().Draw(rt, "boots") {
			w.instance.BootSeq++
			w.instance.BootTime = w.now
		}
		w.advance()
	case 1: // a wake-up for nothing
		w.now = w.now.Add(time.Duration(rapid.Int64Range(0, int64(90*time.Second)).Draw(rt, "later")))
		w.advance()
	case 2: // an end of something else
		steps := slices.Concat(w.definition.Steps, w.definition.OnFailure, w.definition.Finally)
		step := rapid.SampledFrom(steps).Draw(rt, "stale step").ID
		attempt := rapid.IntRange(0, 4).Draw(rt, "stale attempt")
		if w.command != nil && w.command.Step == step && w.command.Attempt == attempt {
			return
		}
		before := asJSON(rt, w.run)
		w.decide(func(r *flow.Run) []flow.Action { return r.CommandEnded(step, attempt, anyEnd(rt), w.moment()) })
		if asJSON(rt, w.run) != before {
			rt.Fatalf("the end of attempt %d of %s changed the run", attempt, step)
		}
	case 3: // the wake-up, late
		if due := w.run.Due(); !due.IsZero() {
			w.now = due.Add(time.Duration(rapid.Int64Range(0, int64(90*time.Second)).Draw(rt, "late")))
			w.advance()
		}
	default:
		if w.command != nil {
			a, end := *w.command, anyEnd(rt)
			w.command = nil
			w.decide(func(r *flow.Run) []flow.Action { return r.CommandEnded(a.Step, a.Attempt, end, w.moment()) })
		}
	}
}

func (w *playing) advance() {
	w.decide(func(r *flow.Run) []flow.Action { return r.Advance(w.moment()) })
	if again := w.run.Advance(w.moment()); len(again) > 0 {
		w.rt.Fatalf("advancing twice gave %v", again)
	}
}

// over says what holds of a run that has ended.
func (w *playing) over() {
	r := w.run.Clone()
	if got := r.Advance(flow.Moment{Now: w.now.Add(10000 * time.Hour), Instance: w.instance}); len(got) > 0 || !cmp.Equal(r, w.run) {
		w.rt.Fatalf("an ended run asks for %v", got)
	}
	recorded := statuses(w.run.Steps)
	if len(w.definition.Finally) > 0 && !slices.ContainsFunc(recorded, func(s string) bool { return strings.HasPrefix(s, "finally-") }) {
		w.rt.Fatalf("finally did not run: %q", recorded)
	}
	failed := w.run.Result != flow.ResultSucceeded
	if ran := slices.ContainsFunc(recorded, func(s string) bool { return strings.HasPrefix(s, "failure-") }); ran && !failed &&
		!slices.ContainsFunc(w.definition.OnFailure, func(s flow.Step) bool { return s.Stop != "" }) {
		w.rt.Fatalf("onFailure ran although the run succeeded: %q", recorded)
	}
	order := -1
	for _, rec := range w.run.Steps {
		at := slices.IndexFunc(slices.Concat(w.definition.Steps, w.definition.OnFailure, w.definition.Finally), func(s flow.Step) bool { return s.ID == rec.ID })
		if at <= order {
			w.rt.Fatalf("the steps did not run in order: %q", recorded)
		}
		order = at
	}
}

func statuses(records []flow.StepRecord) []string {
	var out []string
	for _, r := range records {
		out = append(out, r.ID+" "+r.Status)
	}
	return out
}

func asJSON(t *rapid.T, v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func anyDefinition(t *rapid.T) flow.Definition {
	d := definition(anySteps(t, "step", 1)...)
	d.OnFailure, d.Finally = anySteps(t, "failure", 0), anySteps(t, "finally", 0)
	d.Timeout = seconds(rapid.SampledFrom([]int{60, 100, 3600}).Draw(t, "timeout"))
	return d
}

func anySteps(t *rapid.T, prefix string, least int) []flow.Step {
	n := rapid.IntRange(least, 5).Draw(t, prefix+"s")
	var steps []flow.Step
	for i := range n {
		id := fmt.Sprintf("%s-%d", prefix, i)
		var s flow.Step
		text := rapid.SampledFrom([]string{"plain", "${{ run.attempt }}", `${{ int(event.id) }}`, `${{ trim("") }}`}).Draw(t, "text")
		switch rapid.IntRange(0, 6).Draw(t, "kind") {
		case 0:
			s = invokeStep(id, "x", text)
		case 1:
			s = alertStep(id, text)
		case 2:
			s = waitStep(id, rapid.SampledFrom([]string{"1s", "60s", "2h", flow.WaitNextBoot, flow.WaitNextBoot, "soon"}).Draw(t, "wait"))
		case 3:
			s = stopStep(id, rapid.SampledFrom([]string{flow.ResultSucceeded, flow.ResultFailed}).Draw(t, "stop"))
		default:
			s = runStep(id, "x", text)
		}
		s.When = rapid.SampledFrom([]string{"", "", "true", "false", "run.attempt > 1 || instance.bootSeq > 5", `int(event.id) == 1`, "not an expression"}).Draw(t, "when")
		s.Timeout = seconds(rapid.SampledFrom([]int{0, 0, 10, 60, 120}).Draw(t, "step timeout"))
		s.OnFailure = rapid.SampledFrom([]string{"", flow.FailureStop, flow.FailureContinue, fmt.Sprintf("%s-%d", prefix, rapid.IntRange(i+1, max(i+1, n-1)).Draw(t, "to"))}).Draw(t, "next")
		if i == n-1 && strings.Contains(s.OnFailure, "-") {
			s.OnFailure = ""
		}
		if rapid.Bool().Draw(t, "retries") {
			s.Retry = &flow.Retry{
				Max: rapid.IntRange(1, 10).Draw(t, "max"), On: rapid.SliceOf(rapid.SampledFrom(append(flow.NotStarted, flow.RetryStatuses...))).Draw(t, "on"),
				Backoff: seconds(rapid.IntRange(0, 30).Draw(t, "backoff")), Factor: rapid.Float64Range(1, 10).Draw(t, "factor"), MaxBackoff: seconds(300),
			}
		}
		steps = append(steps, s)
	}
	return steps
}

func anyEnd(t *rapid.T) flow.StepEnd {
	return flow.StepEnd{
		Status:           rapid.SampledFrom(flow.StepStatuses[:8]).Draw(t, "status"),
		InvocationStatus: rapid.SampledFrom(append([]string{"", "Exploded"}, flow.Statuses...)).Draw(t, "invocation status"),
		ErrorCode:        rapid.SampledFrom(append([]string{"", "ExitCodeNonzero"}, flow.NotStarted...)).Draw(t, "error code"),
		Output:           rapid.SampledFrom([]string{"", "out", "\xff\xfe"}).Draw(t, "output"), Reason: "it ended",
	}
}
