package engine_test

import (
	"fmt"
	"testing"
	"time"

	"aftercare/shared/command"
	"aftercare/shared/decide"
	"aftercare/shared/engine"
	"aftercare/shared/event"
)

var (
	conflict = fate{err: engine.ErrConflict}
	denied   = fate{err: engine.ErrDenied}
	invalid  = fate{err: engine.ErrInvalid}
	// failed is the bad end of a command that others started.
	failed = ended("t-1", "", event.StatusFailed, "ExitCodeNonzero")
	one    = state(decide.BootBootable, task("a"))
	two    = state(decide.BootBootable, task("a"), task("b"))
	three  = state(decide.BootBootable, task("a", priority(9)), task("b", priority(5)), task("c", priority(1)))
	wakeUp = decide.WakeUp{}
	// ran is an instance where a ran as t-1, and its time is over.
	ran = state(decide.BootBootable, task("a", running("t-1"), overdue))
)

func overdue(t *decide.Task) { t.Deadline = now }

func textless(t *decide.Task) { t.Command = command.Command{} }

// many are so many tasks.
func many(n int, change ...func(*decide.Task)) func(*decide.State) {
	return func(s *decide.State) {
		for i := range n {
			task(fmt.Sprint(100+i), append(change, func(t *decide.Task) {
				if t.State == decide.TaskRunning {
					t.InvokeID = "t-" + t.Name
				}
			})...)(s)
		}
	}
}

// Each call to the ledger costs the invocation a round trip: these are all
// that each kind of input needs, in order.
// (decide rules 2, 7, 8, 12, 31, 51, 73)
func TestCallsOfEachInput(t *testing.T) {
	well := ended("t-1", "", event.StatusSuccess, "")
	boot := beat(0, time.Second)
	play(t, []played{
		{name: "an end without follow-up and alert", state: two, steps: []step{
			{in: well, calls: "load commit", left: "t-1 recorded; a queued; b queued"},
			{in: well, calls: "load commit recorded", left: "duplicate; t-1 recorded; a queued; b queued"}}},
		{name: "an end with an alert", state: state(decide.BootBootable),
			steps: on(failed, nil, "load arm commit alert commit", "t-1 recorded; alert execution; wake 05:08")},
		{name: "a late end, which is looked up with its record", state: ran, steps: []step{
			{in: ended("t-1", "a", event.StatusSuccess, ""), calls: "load commit", left: "t-1 recorded; a succeeded"},
			{in: ended("t-1", "a", event.StatusSuccess, ""), calls: "load ended", left: "duplicate; t-1 recorded; a succeeded"}}},
		{name: "a heartbeat, nothing queued", state: state(decide.BootWaiting), steps: on(boot, nil, "load commit", "")},
		{name: "the same heartbeat again", state: state(decide.BootBootable), steps: on(beat(time.Hour, time.Minute), nil, "load", "")},
		{name: "a heartbeat, two tasks queued", state: state(decide.BootWaiting, task("a"), task("b")),
			steps: on(boot, nil, "load queue arm commit send send commit", "a running; b running; wake 05:08")},
		{name: "a heartbeat, 45 tasks queued", state: state(decide.BootWaiting, many(45)),
			steps: on(boot, nil, "load queue arm commit send*20 commit commit send*20 commit commit send*5 commit",
				"100 running; 101 running; 102 running; 45 running in all; wake 05:08")},
		{name: "all sends go before the first message", state: state(decide.BootBootable, many(30), task("a", running("t-1"))),
			steps: on(ended("t-1", "a", event.StatusFailed, ""), nil, "load queue arm commit send*20 commit commit send*10 commit alert commit",
				"t-1 recorded; 100 running; 101 running; 102 running; 30 running in all; a failed; alert execution; wake 05:08")},
		{name: "a submission to a bootable instance", state: state(decide.BootBootable),
			steps: on(submission("a"), nil, "load arm commit send commit", "releasing; a running; wake 05:08")},
		{name: "a submission to a waiting instance", state: state(decide.BootWaiting),
			steps: on(submission("a"), nil, "load arm commit", "queued; a queued; wake 05:08")},
		{name: "a wake-up with nothing due", state: state(decide.BootWaiting, task("a")), steps: on(wakeUp, nil, "load", "a queued")},
		{name: "a command whose text is gone ends as invalid", state: state(decide.BootBootable, task("a", textless), task("b")),
			steps: on(wakeUp, nil, "load queue arm load queue commit send commit alert commit",
				"b running; a invalid; alert task-invalid; wake 05:08")},
	})
}

// An end that no event reports is handled as if one had, or nothing becomes of it. One
// that came without an envelope counts only if Cloud Assistant confirms it.
// (decide rules 67, 112)
func TestAnEndThatCloudAssistantIsAskedAbout(t *testing.T) {
	forged := ended("t-1", "a", event.StatusSuccess, "")
	forged.Event.Bare = true
	play(t, []played{
		{name: "then its event comes after all", state: ran, before: failedUnheard, steps: []step{
			{in: wakeUp, calls: "load find-id arm commit alert commit", left: "t-1 recorded; a failed; alert execution; wake 05:08"},
			{in: ended("t-1", "a", event.StatusFailed, "ExitCodeNonzero"), calls: "load ended",
				left: "duplicate; t-1 recorded; a failed; alert execution; wake 05:08"}}},
		{name: "it is not committed", state: ran, before: failedUnheard, steps: []step{
			{in: wakeUp, fates: fates{"commit": refused}, calls: "load find-id arm commit",
				left: "error: unavailable; a running; wake 05:08"},
			{in: wakeUp, calls: "load find-id arm commit alert commit", left: "t-1 recorded; a failed; alert execution; wake 05:08"}}},
		{name: "it was taken for a stranger's before", state: ran, steps: []step{
			{in: wakeUp, calls: "load find-id arm commit recorded load commit", left: "a failed; wake 05:08"}},
			before: func(d *desk) { failedUnheard(d); recorded("exec/t-1/once", "")(d) }},
		{name: "as long as there is time", state: state(decide.BootBootable, many(50, running(""), overdue)),
			steps: on(wakeUp, fates{"find-id": {err: engine.ErrUnavailable, takes: timeLimit / 10}}, "load find-id*10",
				"100 running; 101 running; 102 running; 50 running in all")},
		{name: "without an envelope, and still running", state: ran, before: accepted(time.Hour),
			steps: on(forged, nil, "load find-id", "ignored; a running")},
		{name: "without an envelope or an answer", state: ran, before: accepted(time.Hour),
			steps: on(forged, fates{"find-id": refused}, "load find-id", "error: unavailable; a running")},
	})
}

// (decide rules 6, 11)
func TestAHandlerFailsOnlyWhileItsInputIsNotCommitted(t *testing.T) {
	bootable := state(decide.BootBootable)
	play(t, []played{
		{name: "load", state: bootable, steps: on(failed, fates{"load": refused}, "load", "error: unavailable")},
		{name: "arm", state: bootable, steps: on(failed, fates{"arm": refused}, "load arm", "error: unavailable")},
		{name: "commit", state: bootable,
			steps: on(failed, fates{"commit 1": refused}, "load arm commit", "error: unavailable; wake 05:08")},
		{name: "it is lost", state: bootable,
			steps: on(failed, fates{"commit 1": lost}, "load arm commit recorded pause load commit alert commit",
				"t-1 recorded; alert execution; wake 05:08")},
		{name: "its answer is lost", state: bootable,
			steps: on(failed, fates{"commit 1": answerLost}, "load arm commit recorded load alert commit",
				"t-1 recorded; alert execution; wake 05:08")},
		{name: "alert", state: bootable,
			steps: on(failed, fates{"alert": refused}, "load arm commit alert commit", "t-1 recorded; alert waits; wake 05:08")},
		{name: "results", state: bootable,
			steps: on(failed, fates{"commit 2": refused}, "load arm commit alert commit",
				"trouble: unavailable; t-1 recorded; alert waits; alert execution; wake 05:08")},
		{name: "they are lost", state: bootable,
			steps: on(failed, fates{"commit 2": lost}, "load arm commit alert commit pause load commit",
				"t-1 recorded; alert execution; wake 05:08")},
		{name: "their answer is lost", state: bootable,
			steps: on(failed, fates{"commit 2": answerLost}, "load arm commit alert commit pause load", "t-1 recorded; alert execution; wake 05:08")},
		{name: "results, and the load after them", state: state(decide.BootBootable, task("a"), task("b", running("t-b"))),
			steps: on(wakeUp, fates{"commit 2": lost, "load 2": refused}, "load queue arm commit send commit pause load",
				"trouble: unavailable; a releasing, sent 0s ago and claimed; b running; wake 05:08")},
	})
}

// The wake-up of a try that met a conflict serves the next. The answer is that of the
// commit that landed, also if the first look at its record came too early.
// (decide rules 5, 10, 11, 13)
func TestWhatIsRecordedIsReadBack(t *testing.T) {
	named := beat(0, time.Second)
	named.Event.BizEventID = "business"
	full := around{policyWith(func(p *decide.Policy) { p.MaxQueued = 1 })}
	play(t, []played{
		{name: "after a conflict", state: state(decide.BootBootable),
			steps: on(submission("a"), fates{"commit 1": conflict}, "load arm commit recorded pause load commit send commit",
				"releasing; a running; wake 05:08")},
		{name: "too early", state: state(decide.BootWaiting, task("a")),
			steps: on(decide.Cancel{Key: id("c"), TaskID: id("a")}, fates{"commit 1": answerLost, "recorded 1": {void: true}},
				"load queue commit recorded pause load commit recorded load",
				"cancelled; a cancelled")},
		{name: "before a refusal", state: state(decide.BootWaiting, task("a")), with: full,
			steps: on(submission("b"), nil, "load recorded", "refused; a queued")},
		{name: "and overrules it", state: state(decide.BootWaiting, task("a")), with: full,
			before: recorded("input/"+id("b"), `{"outcome":"queued"}`),
			steps:  on(submission("b"), nil, "load recorded", "duplicate; queued; a queued")},
		{name: "of a heartbeat's event", state: state(decide.BootBootable), before: recorded("input/heartbeat/"+decide.Key("event", "", "b"), ""),
			steps: on(beat(0, time.Second), nil, "load commit recorded", "duplicate")},
		{name: "of a heartbeat's business", state: state(decide.BootBootable),
			before: recorded("input/heartbeat/"+decide.Key("business", "business"), ""),
			steps:  on(named, nil, "load commit recorded", "duplicate")},
	})
}

// A command that may have been sent is asked about first.
// (decide rules 24, 25, 27, 70)
func TestWhatMayHaveBeenSent(t *testing.T) {
	ago := func(d time.Duration) decide.State {
		return state(decide.BootBootable, task("a", releasing), sent("a", d))
	}
	soon, late := 5*time.Minute, 2*time.Hour
	cancel := state(decide.BootBootable, task("a", releasing, cancelled, textless), sent("a", time.Minute), task("b")) // nobody needs the text
	before := fates{"send": {err: engine.ErrAcceptedBefore, applied: true}}
	play(t, []played{
		{name: "it is there: nothing is sent", state: ago(soon), before: accepted(soon),
			steps: on(wakeUp, nil, "load arm commit find-token commit", "a running; wake 05:08")},
		{name: "it is there even after an hour", state: ago(late), before: accepted(late),
			steps: on(wakeUp, nil, "load arm commit find-token commit", "a running; wake 05:08")},
		{name: "it is not there: it is sent", state: ago(soon),
			steps: on(wakeUp, nil, "load arm commit find-token send commit", "a running; wake 05:08")},
		{name: "it is not there after an hour: it is never sent again", state: ago(late),
			steps: on(wakeUp, nil, "load arm commit find-token commit commit alert commit", "a failed; alert outcome-unknown; wake 05:08")},
		{name: "nobody answers: it is asked later", state: ago(late), before: accepted(late),
			steps: on(wakeUp, fates{"find-token": refused}, "load arm commit find-token commit", "a releasing, sent 2h0m0s ago; wake 05:08")},
		{name: "the question is refused: the command is not", state: ago(soon), before: accepted(soon),
			steps: on(wakeUp, fates{"find-token": invalid}, "load arm commit find-token commit", "a releasing, sent 5m0s ago; wake 05:08")},
		{name: "the question is still refused after an hour: it is given up", state: ago(late), before: accepted(late),
			steps: on(wakeUp, fates{"find-token": invalid}, "load arm commit find-token commit commit alert commit",
				"a failed; alert outcome-unknown; wake 05:08")},
		{name: "the question is still denied after an hour: it is given up", state: ago(late), before: accepted(late),
			steps: on(wakeUp, fates{"find-token": denied}, "load arm commit find-token commit commit alert commit",
				"a failed; alert outcome-unknown; wake 05:08")},
		{name: "its token was accepted before, and it is there", state: one,
			steps: on(wakeUp, before, "load queue arm commit send find-token commit", "a running; wake 05:08")},
		{name: "its token was accepted before, and it is not there yet", state: one,
			steps: on(wakeUp, fates{"send": before["send"], "find-token": {void: true}}, "load queue arm commit send find-token",
				"a releasing, sent 0s ago and claimed; wake 05:08")},
		{name: "it is to be stopped, and there", state: cancel, before: accepted(time.Minute),
			steps: on(wakeUp, nil, "load queue arm commit find-token send commit commit stop commit",
				"a running; b running; t-1 stopped; wake 05:08")},
		{name: "it is to be stopped, and not there", state: cancel,
			steps: on(wakeUp, nil, "load queue arm commit find-token send commit", "a releasing, sent 1m0s ago; b running; wake 05:08")},
	})
}

// No command overtakes one that could not be sent for a reason that concerns all.
// Results that meet a conflict are decided anew, and a load that misses a task does not
// send its command.
// (decide rules 21, 22, 26, 29, 36, 39)
func TestWhatBecomesOfTheCommandsBehindOne(t *testing.T) {
	single := around{policyWith(func(p *decide.Policy) { p.Batch = 1 })}
	var list []played
	for _, err := range []error{engine.ErrThrottled, engine.ErrQuotaExceeded, engine.ErrInstanceDown} {
		list = append(list, played{name: err.Error(), state: three, steps: on(wakeUp, fates{"send 2": {err: err}},
			"load queue arm commit send send commit", "a running; b releasing, never sent; c releasing, never sent; wake 05:08")})
	}
	for _, c := range []struct {
		err         error
		calls, left string
	}{
		{engine.ErrUnknownOutcome, "load queue arm commit send*3 commit", "a running; b releasing, sent 0s ago and claimed; c running; wake 05:08"},
		{engine.ErrInvalid, "load queue arm commit send*3 commit commit alert commit",
			"a running; c running; b invalid; alert task-invalid; wake 05:08"},
		{engine.ErrUnavailable, "load queue arm commit send*3 commit", "a running; b releasing, never sent; c running; wake 05:08"},
		{engine.ErrDenied, "load queue arm commit send*3 commit commit alert commit",
			"a running; b releasing, never sent; c running; alert task-denied; wake 05:08"},
	} {
		list = append(list, played{name: c.err.Error(), state: three, steps: on(wakeUp, fates{"send 2": {err: c.err}}, c.calls, c.left)})
	}
	// While a command is sent, another one ends.
	other := func(d *desk) {
		end := ended("t-b", "b", event.StatusSuccess, "")
		ch := decide.Decide(d.table.state("i-1"), end, decide.Facts{}, policy(), decide.Moment{Now: now, Claim: held}).Changes
		if err := d.table.commit(engine.Commit{ID: held.Commit, InstanceID: "i-1", Changes: ch}); err != nil {
			t.Error(err)
		}
	}
	torn := func(d *desk) { delete(d.table.rows["i-1"], "live/task/"+id("a")) }
	play(t, append(list, []played{
		{name: "results that meet a conflict", state: state(decide.BootBootable, task("b", running("t-b"))),
			steps: on(submission("a"), fates{"send": {also: other}}, "load arm commit send commit pause load commit",
				"releasing; t-b recorded; a running; b succeeded; wake 05:08")},
		{name: "a torn load", state: state(decide.BootBootable, task("a", releasing), sent("a", time.Minute)),
			steps: on(wakeUp, fates{"commit 1": answerLost, "load 2": {also: torn}}, "load arm commit pause load", "wake 05:08")},
		{name: "what is claimed again is sent again", state: state(decide.BootBootable, task("a"), task("b", running("t-b"))), steps: []step{
			{in: ended("t-b", "b", event.StatusFailed, ""), limit: 10 * time.Minute, // the alert takes longer than the throttled minute
				fates: fates{"send 1": {err: engine.ErrThrottled}, "alert": {takes: 2 * time.Minute}},
				calls: "load queue arm commit send arm commit alert arm commit commit send arm commit",
				left:  "t-b recorded; a running; b failed; alert execution; wake 05:08; wake 05:13; wake 05:18"}}},
		{name: "an unknown outcome is left alone while it is claimed", state: two, with: single, steps: []step{
			{in: wakeUp, fates: fates{"send 1": lost}, calls: "load queue arm commit send commit send commit",
				left: "a releasing, sent 0s ago and claimed; b running; wake 05:08"},
			{in: wakeUp, calls: "load", left: "a releasing, sent 0s ago and claimed; b running; wake 05:08"},
			{in: wakeUp, after: timeLimit + time.Minute, calls: "load arm commit find-token send commit",
				left: "a running; b running; wake 05:08; wake 05:09"}}},
		{name: "what has no room is not claimed", state: three, with: around{capped(2)}, steps: []step{
			{in: wakeUp, calls: "load queue arm commit send send commit arm",
				left: "a running; b running; c queued; wake 05:07; wake 05:08"},
			{in: wakeUp, after: 2 * time.Minute, calls: "load queue arm commit send commit",
				left: "a running; b running; c running; wake 05:07; wake 05:08; wake 05:10"}}},
		{name: "nor a submission, which is woken for in the next minute", state: state(decide.BootBootable), with: around{capped(1)}, steps: []step{
			{in: submission("a"), calls: "load arm commit send commit", left: "releasing; a running; wake 05:08"},
			{in: submission("b"), calls: "load commit arm", left: "queued; a running; b queued; wake 05:07; wake 05:08"}}},
		{name: "room of a commit that met a conflict serves the next try", state: one, with: around{capped(1)},
			steps: on(wakeUp, fates{"commit 1": conflict}, "load queue arm commit pause load queue commit send commit", "a running; wake 05:08")},
		{name: "room of a commit that was lost serves the next try", state: two, with: around{capped(2)},
			steps: on(wakeUp, fates{"commit 1": lost}, "load queue arm commit pause load queue commit send send commit",
				"a running; b running; wake 05:08")},
		{name: "room of a commit that failed is given back", state: two, with: around{capped(2)}, steps: []step{
			{in: wakeUp, fates: fates{"commit 1": refused}, calls: "load queue arm commit",
				left: "error: unavailable; a queued; b queued; wake 05:08"},
			{in: wakeUp, calls: "load queue arm commit send send commit", left: "a running; b running; wake 05:08"}}},
		{name: "room of an input that failed is given back", state: state(decide.BootBootable), with: around{capped(1)}, steps: []step{
			{in: submission("a"), fates: fates{"commit": lost, "recorded": refused}, calls: "load arm commit recorded",
				left: "error: unavailable; wake 05:08"},
			{in: submission("a"), calls: "load arm commit send commit", left: "releasing; a running; wake 05:08"}}},
		{name: "room of a command that was not sent is used", state: two, with: around{capped(2)}, steps: []step{
			{in: wakeUp, fates: fates{"send 1": refused}, calls: "load queue arm commit send send commit",
				left: "a releasing, never sent; b running; wake 05:08"},
			{in: submission("c"), calls: "load commit arm", left: "queued; a releasing, never sent; b running; c queued; wake 05:07; wake 05:08"}}},
	}...))
}

// A refusal is the account's: it closes the process for all, before any other claim.
// (decide rule 39)
func TestARefusalHoldsBackOtherInstancesUnclaimed(t *testing.T) {
	long := state(decide.BootBootable, task("b", func(t *decide.Task) { t.ExpiresAt = now.Add(24 * time.Hour) }))
	other := fates{"load": {also: func(d *desk) { d.store(long) }}} // one that has heard of no refusal
	minute := 55 * time.Second
	day := 10*time.Hour + 53*time.Minute + 56*time.Second // until midnight of UTC+8
	play(t, []played{
		{name: "for the minute", state: one, with: around{capped(60)}, steps: []step{
			{in: wakeUp, fates: fates{"send": {err: engine.ErrThrottled}}, calls: "load queue arm commit send commit",
				left: "a releasing, never sent; wake 05:08"},
			{in: wakeUp, after: minute - 4*time.Second, fates: other, calls: "load", left: "b queued; wake 05:08"},
			{in: wakeUp, after: minute, fates: other, calls: "load queue arm commit send commit", left: "b running; wake 05:08; wake 05:09"}}},
		{name: "for the day", state: one, with: around{capped(60)}, steps: []step{
			{in: wakeUp, fates: fates{"send": {err: engine.ErrQuotaExceeded}}, calls: "load queue arm commit send commit",
				left: "a releasing, never sent; wake 05:08"},
			{in: wakeUp, after: day - 4*time.Second, fates: other, calls: "load", left: "b queued; wake 05:08"},
			{in: wakeUp, after: day, fates: other, calls: "load queue arm commit send commit", left: "b running; wake 05:08; wake 16:02"}}},
	})
}

// (decide rule 91)
func TestAWakeUpIsArmedBeforeTheCommitThatNeedsIt(t *testing.T) {
	grace := decide.DefaultPolicy().ClaimGrace
	armedAt := func(in time.Duration) decide.State {
		return state(decide.BootBootable, func(s *decide.State) { s.Instance.WakeAt = now.Add(in).Truncate(time.Minute) })
	}
	play(t, []played{
		{name: "with one that is due before the commit can have landed", state: armedAt(timeLimit + grace),
			steps: on(submission("a"), nil, "load arm commit send commit", "releasing; a running; wake 05:07; wake 05:08")},
		{name: "with one that is due later than the work", state: armedAt(10 * time.Minute),
			steps: on(submission("a"), nil, "load arm commit send commit", "releasing; a running; wake 05:08; wake 05:16")},
		{name: "but not with one in between", state: armedAt(timeLimit + grace + time.Minute),
			steps: on(submission("a"), nil, "load commit send commit", "releasing; a running; wake 05:08")},
	})
}

// [33] The wake-up that the commit needs cannot be due before this invocation's claims
// end, which a short backoff need not wait for.
// (decide rule 92)
func TestABackoffIsWokenForBeforeTheClaimsOfItsInvocationEnd(t *testing.T) {
	p := flows(define("mend", onEnd, byOthers, run("fix", "mend/fix", "true", retry(1, "Failed"), backoff(10*time.Second))))
	started := decide.Decide(state(decide.BootBootable), happened("s-1"), decide.Facts{}, p, decide.Moment{Now: now, Claim: stale}).Next
	play(t, []played{{state: started, with: around{policyWith(func(to *decide.Policy) { *to = p })}, steps: []step{
		{in: endOfOne(started, event.StatusFailed), calls: "load arm commit arm",
			left: "t-1 recorded; mend/fix failed; wake 05:07; wake 05:08"}}}})
}

// (decide rule 93)
func TestASweepArmsTheNextWakeUpBeforeItRemovesTheDueOne(t *testing.T) {
	waiting := func(at time.Duration) decide.State {
		return state(decide.BootWaiting, task("a"), func(s *decide.State) { s.Instance.WakeAt = now.Add(at) })
	}
	play(t, []played{
		{name: "nothing is left to do", state: state(decide.BootBootable), steps: on(nil, nil, "due load disarm", "")},
		{name: "work is due later", state: state(decide.BootWaiting, task("a")),
			steps: on(nil, nil, "due load arm disarm", "a queued; wake 05:08")},
		{name: "work is due later, and a wake-up is armed for it", state: waiting(53 * time.Second),
			steps: on(nil, nil, "due load disarm", "a queued; wake 05:07")},
		{name: "the armed wake-up is too late for it", state: waiting(time.Hour),
			steps: on(nil, nil, "due load arm disarm", "a queued; wake 05:08; wake 06:06:07")},
		{name: "the due one moves to a later minute if the load fails", state: one,
			steps: on(nil, fates{"load": refused}, "due load arm disarm", "a queued; wake 05:08")},
		{name: "the due one moves to a later minute if the commit fails", state: one,
			steps: on(nil, fates{"commit": refused}, "due load queue arm commit arm disarm", "a queued; wake 05:08")},
		{name: "the due one stays if none can be armed", state: state(decide.BootWaiting, task("a")),
			steps: on(nil, fates{"arm": refused}, "due load arm arm", "a queued; wake 05:06")},
		{name: "it stops when the time is up", state: state(decide.BootWaiting, task("a")),
			steps: on(nil, fates{"due": {takes: timeLimit}}, "due", "a queued; wake 05:06")},
	})
}
