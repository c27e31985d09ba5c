package flow

import "time"

// Rehearsal is what a run would do, in order.
type Rehearsal struct {
	Result string       `json:"result"`
	Reason string       `json:"reason"`
	Steps  []StepRecord `json:"steps"`
	// Actions are the commands and alerts that the run would ask for.
	Actions []Action `json:"-"`
	// Took is how long the run's own waits and backoffs would take.
	Took time.Duration `json:"-"`
}

// maxRehearsed bounds a rehearsal; a run has at most 30 steps of 11 attempts.
const maxRehearsed = 1000

// Rehearse plays a run without doing anything. Ends returns how each attempt of
// a step's command ends; with an empty status it does not end until it is
// stopped. The next boot comes at once for a step that waits for it, unless
// ends returns an empty status for that step: then the boot never comes.
func Rehearse(d Definition, ev Event, in Instance, depth int, now time.Time, ends func(step string, attempt int) StepEnd) Rehearsal {
	var out Rehearsal
	r := NewRun("rehearsal", d, ev, depth)
	m := Moment{Now: now, Instance: in}
	todo := r.Begin(m)
	for range maxRehearsed {
		switch {
		case len(todo) > 0:
			a := todo[0]
			todo = todo[1:]
			var end StepEnd
			switch {
			case a.Cancel:
				end = StepEnd{Status: StepTerminated, InvocationStatus: "Terminated", Reason: "it was stopped"}
			case a.Alert != "":
				out.Actions = append(out.Actions, a)
				continue
			default:
				out.Actions = append(out.Actions, a)
				end = ends(a.Step, a.Attempt)
			}
			if end.Status != "" {
				todo = append(todo, r.CommandEnded(a.Step, a.Attempt, end, m)...)
			}
		case r.Ended:
			out.Result, out.Reason, out.Steps, out.Took = r.Result, r.Reason, r.Steps, m.Now.Sub(now)
			return out
		case r.Pending.State == PendingBoot && ends(r.Current().ID, 1).Status != "":
			m.Instance.BootSeq++
			m.Instance.BootTime = m.Now
			todo = r.Advance(m)
		default:
			m.Now = r.Due()
			todo = r.Advance(m)
		}
	}
	out.Result, out.Reason, out.Steps = r.Result, "it does not end", r.Steps
	return out
}
