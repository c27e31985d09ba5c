package engine_test

import (
	"testing"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/event"
)

// [25] What a command printed is fetched when it has ended. If it cannot be had at
// first, the end is delivered again; after ten minutes, or if it is denied, the run
// continues without it.
func TestWhatACommandPrintedIsFetched(t *testing.T) {
	f := define("f", onEnd, byOthers, run("one", "f/one", "true", captures), say("tell", "it printed: ${{ steps.one.output }}"))
	with := around{policyWith(func(p *decide.Policy) { *p = flows(f) })}
	started := decide.Decide(state(decide.BootBootable), happened("s-1"), decide.Facts{}, flows(f), decide.Moment{Now: now, Claim: stale}).Next
	end := endOfOne(started, event.StatusSuccess)
	play(t, []played{
		{name: "with one call more", state: started, with: with,
			steps: on(end, nil, "load output arm commit alert commit",
				"t-1 recorded; f/one succeeded; alert it printed: printed by t-1; wake 05:08")},
		{name: "not at first", state: started, with: with, steps: []step{
			{in: end, after: time.Minute, fates: fates{"output": refused}, calls: "load output",
				left: "error: unavailable; f/one releasing, sent 1m0s ago"},
			{in: end, after: time.Minute, calls: "load output arm commit alert commit",
				left: "t-1 recorded; f/one succeeded; alert it printed: printed by t-1; wake 05:09"}}},
		{name: "not for ten minutes", state: started, with: with, steps: []step{
			{in: end, after: 10 * time.Minute, fates: fates{"output": refused}, calls: "load output arm commit alert commit",
				left: "t-1 recorded; f/one succeeded; alert it printed: ; wake 05:18"}}},
		{name: "denied", state: started, with: with, steps: []step{
			{in: end, after: time.Minute, fates: fates{"output": denied}, calls: "load output arm commit alert commit",
				left: "t-1 recorded; f/one succeeded; alert it printed: ; wake 05:09"}}},
	})
}

// endOfOne is the end of the only task.
func endOfOne(s decide.State, status event.Status) (in decide.Input) {
	for _, t := range s.Tasks {
		t.InvokeID = "t-1"
		in = endOf(t, status, "")
	}
	return in
}
