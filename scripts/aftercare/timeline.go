package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"aftercare/scripts/internal/screen"
	"aftercare/shared/decide"
)

// openTable lists what is open on an instance, the oldest first, and what it waits
// for.
func openTable(c clock, s decide.State, v view) *screen.Table {
	var list []line
	add := func(at time.Time, id, what, waits string) { list = append(list, line{at, id, what, waits, 0}) }
	for _, t := range v.Queue {
		add(t.SubmittedAt, brief(t.ID), "command "+t.Name, "waits for "+taskWaits(c, v.Stopped.Control(), s, t)+"; expires "+c.moment(t.ExpiresAt))
	}
	for _, t := range v.Tasks {
		switch waits := "runs as " + t.InvokeID; {
		case t.Cancel:
			add(t.SubmittedAt, brief(t.ID), "command "+t.Name, "is being stopped"+colon(t.Reason))
		case t.State == string(decide.TaskReleasing):
			add(t.SubmittedAt, brief(t.ID), "command "+t.Name, sending(c, v, t))
		default:
			if t.Deadline.Before(c.now) {
				waits += "; no event told its end, which is overdue"
			}
			add(t.SubmittedAt, brief(t.ID), "command "+t.Name, waits)
		}
	}
	for _, r := range v.FlowRuns {
		waits := waitsFor(r)
		if !r.Due.IsZero() {
			waits += ", until " + c.moment(r.Due)
		}
		add(r.CreatedAt, brief(r.ID), "flow "+r.Flow, waits)
	}
	for _, m := range v.Messages {
		about := m.Flow
		if m.Alert != nil {
			about = m.Alert.Summary
		}
		add(m.PlannedAt, "", m.Kind, "to be delivered: "+about)
	}
	for _, e := range v.Unmatched {
		add(e.FinishTime, e.InvokeID, cmp.Or(e.CommandName, e.CommandID), "ended; whose it was is not known yet")
	}
	slices.SortStableFunc(list, func(a, b line) int { return a.at.Compare(b.at) })
	t := &screen.Table{Title: "Open", Head: []string{"SINCE", "ID", "WHAT", "HOW IT STANDS"}, Whole: map[int]bool{0: true, 1: true}}
	for _, l := range list {
		t.Add(c.moment(l.at), l.id, l.what, l.how)
	}
	return t
}

// sending says how the send of a task stands.
func sending(c clock, v view, t task) string {
	for _, s := range v.Sends {
		if s.TaskID != t.ID {
			continue
		}
		switch {
		case s.ClaimedUntil.After(c.now):
			return "being sent, by " + c.moment(s.ClaimedUntil)
		case s.NotBefore.After(c.now):
			return fmt.Sprintf("try %d was refused; next one after %s", s.Tries, c.moment(s.NotBefore))
		}
	}
	return "to be sent"
}

// line is a line of a timeline.
type line struct {
	at            time.Time
	id, what, how string
	rank          int // of lines within the same second
}

// The order of lines within a second: causes come before what follows from them.
const (
	rankSubmitted = iota
	rankBoot
	rankEnd
	rankDecided
	rankFollowed
)

// timelineTable lists what happened on an instance, the newest last.
func timelineTable(c clock, v view, since time.Time) *screen.Table {
	var list []line
	add := func(at time.Time, rank int, id, what, how string) {
		if !at.IsZero() && !at.Before(since) {
			list = append(list, line{at, id, what, how, rank})
		}
	}
	ran, why := map[string]bool{}, map[string]string{} // tasks whose end is an execution's, and why they ended
	for _, t := range v.Log.Tasks {
		why[t.ID] = t.besides()
	}
	for _, e := range v.Log.Executions {
		ran[e.TaskID] = true
		how := errorOf(e.ErrorCode, e.ErrorDesc)
		if e.ErrorCode == "ExitCodeNonzero" {
			how = ""
		}
		how = strings.TrimPrefix(exited(e.Status, e.ExitCode)+": "+how, ": ")
		if e.Source == decide.SourcePoll {
			how = strings.TrimSuffix(how, ": ") + "; no event reported it"
		}
		how = strings.TrimSuffix(how, ": ") + colon(why[e.TaskID])
		at := cmp.Or(e.FinishTime, e.Received)
		add(at, rankEnd, e.InvokeID, cmp.Or(e.CommandName, e.CommandID), strings.TrimSuffix(how, ": "))
		decisions(e.Decided, at, add)
	}
	for _, b := range v.Log.Boots {
		how := "booted"
		if b.AgentVersion != "" {
			how += ", agent " + b.AgentVersion
		}
		at := cmp.Or(b.EventTime, b.Time)
		add(at, rankBoot, "", fmt.Sprintf("boot %d", b.Seq), how)
		decisions(b.Decided, at, add)
	}
	for _, tasks := range [][]task{v.Log.Tasks, v.Tasks, v.Queue} {
		for _, t := range tasks {
			by, rank := fmt.Sprintf("submitted with priority %d", t.Priority), rankSubmitted
			if t.RunID != "" {
				by, rank = "asked for by run "+brief(t.RunID), rankFollowed
			}
			add(t.SubmittedAt, rank, brief(t.ID), t.Name, by)
			if !t.EndedAt.IsZero() && !ran[t.ID] {
				add(t.EndedAt, rankEnd, brief(t.ID), t.Name, withReason(t.State, t.Reason))
			}
		}
	}
	for _, r := range v.Log.FlowRuns {
		add(r.EndedAt, rankFollowed, brief(r.ID), "flow "+r.Flow, r.Result+colon(r.Reason))
	}
	for _, a := range v.Log.Acts {
		by := ""
		if a.By != "" {
			by = " by " + a.By
		}
		add(a.At, rankSubmitted, "", string(a.Kind)+" "+a.What, a.Outcome+by+colon(a.Reason))
	}
	for _, m := range v.Log.Lost {
		about := m.Kind
		if m.Alert != nil {
			about = m.Alert.Summary
		}
		add(m.PlannedAt, rankFollowed, "", "alert", "given up: "+about)
	}
	slices.SortStableFunc(list, func(a, b line) int {
		// Events have whole seconds.
		return cmp.Or(a.at.Truncate(time.Second).Compare(b.at.Truncate(time.Second)), a.rank-b.rank, a.at.Compare(b.at))
	})
	t := &screen.Table{Title: "Timeline", Head: []string{"WHEN", "ID", "WHAT", "HOW"}, Whole: map[int]bool{0: true, 1: true}}
	for _, l := range list {
		t.Add(c.moment(l.at), l.id, l.what, l.how)
	}
	return t
}

// decisions adds which flows an event started, refused or held back, and why. What
// a flow in dry-run would have done is in its run.
func decisions(d decide.Decided, at time.Time, add func(time.Time, int, string, string, string)) {
	for _, f := range d.Flows {
		if f.What != decide.FlowNotStarted && f.What != decide.FlowDryRun {
			add(at, rankDecided, brief(f.RunID), "flow "+f.Flow, string(f.What)+colon(f.Why))
		}
	}
}

// withReason is a result and its reason, which may begin with the result.
func withReason(result, why string) string {
	if strings.HasPrefix(why, result+" ") {
		return why
	}
	return result + colon(why)
}

func colon(why string) string {
	if why == "" {
		return ""
	}
	return ": " + why
}
