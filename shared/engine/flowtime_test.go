package engine_test

import (
	"testing"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/event"
	"aftercare/shared/flow"
)

// [35] [60] [61]
func TestNothingIsTriedAgainWhenItsTimeIsOver(t *testing.T) {
	step := func(change ...func(*flow.Step)) flow.Step {
		return run("one", "f/one", "true", append([]func(*flow.Step){retry(5, "Failed", "Terminated"), backoff(time.Minute)}, change...)...)
	}
	short := func(d *flow.Definition) { d.Timeout = flow.Duration(10 * time.Minute) }
	for _, c := range []struct {
		name   string
		flow   flow.Definition
		result string
	}{
		{"the step's", define("f", onEnd, byOthers, step(stepTimeout(10*time.Minute))), flow.ResultFailed},
		{"the run's", with(define("f", onEnd, byOthers, step()), short), flow.ResultTimedOut},
	} {
		p := flows(c.flow)
		began := must(t, state(decide.BootBootable), happened("s-1"), decide.Facts{}, p)
		began.Next.Sends = map[string]decide.Send{}
		one := only(t, began.Next.Tasks)
		one.State, one.InvokeID, one.SendKey, one.Deadline = decide.TaskRunning, "t-1", "", now.Add(time.Hour)
		began.Next.Tasks[one.ID] = one
		over := now.Add(10 * time.Minute)
		t.Run(c.name+": a command under way is stopped, and its end ends the step", func(t *testing.T) {
			d := decideAt(t, over, began.Next, decide.WakeUp{}, decide.Facts{}, p)
			if len(claims(d)) != 1 || claims(d)[0].Kind != string(decide.SendStop) {
				t.Fatalf("claimed %+v, want a stop", claims(d))
			}
			d = decideAt(t, over.Add(time.Minute), d.Next, endOf(one, event.StatusTerminated, ""), decide.Facts{}, p)
			if len(d.Next.Tasks)+len(d.Next.Runs) > 0 || d.Changes.EndedRuns[0].Result != c.result || d.Changes.EndedRuns[0].Steps[0].Status != flow.StepTimedOut {
				t.Errorf("state %+v, ended runs %+v, want it %s", d.Next, d.Changes.EndedRuns, c.result)
			}
		})
		t.Run(c.name+": a backoff ends with it", func(t *testing.T) {
			s := decideAt(t, over.Add(-time.Second), began.Next, endOf(one, event.StatusFailed, ""), decide.Facts{}, p).Next
			if only(t, s.Runs).Pending.State != flow.PendingBackoff {
				t.Fatalf("runs %+v, want a backoff", s.Runs)
			}
			d := decideAt(t, over, s, decide.WakeUp{}, decide.Facts{}, p)
			if len(d.Next.Tasks)+len(d.Next.Runs) > 0 || d.Changes.EndedRuns[0].Result != c.result {
				t.Errorf("state %+v, ended runs %+v, want it %s", d.Next, d.Changes.EndedRuns, c.result)
			}
		})
		t.Run(c.name+": a command that waits for its instance is not sent", func(t *testing.T) {
			long := happened("s-1")
			long.Event.FinishTime = now.Add(-10 * time.Minute)
			s := must(t, state(decide.BootWaiting), long, decide.Facts{}, p).Next
			d := decideAt(t, over, s, beat(-10*time.Minute, time.Second), decide.Facts{}, p)
			if len(d.Next.Tasks)+len(claims(d)) > 0 || d.Changes.EndedTasks[0].State != decide.TaskCancelled || d.Changes.EndedRuns[0].Result != c.result {
				t.Errorf("state %+v, ended runs %+v, want it %s", d.Next, d.Changes.EndedRuns, c.result)
			}
		})
	}
	t.Run("a task that a person cancelled is not tried again", func(t *testing.T) {
		p := flows(define("f", onEnd, byOthers, step(func(s *flow.Step) { s.Retry.On = append(s.Retry.On, "ClientNotOnline") })))
		s := must(t, state(decide.BootBootable), happened("s-1"), decide.Facts{}, p).Next
		d := must(t, s, endOf(only(t, s.Tasks), event.StatusCancelled, "ClientNotOnline"), decide.Facts{}, p)
		if len(d.Next.Runs) > 0 || d.Changes.EndedRuns[0].Steps[0].Status != flow.StepCancelled {
			t.Errorf("runs %+v, want it ended", d.Next.Runs)
		}
	})
}
