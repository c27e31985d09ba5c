package engine_test

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"aftercare/shared/command"
	"aftercare/shared/decide"
	"aftercare/shared/engine"
	"aftercare/shared/event"
	"aftercare/shared/flow"
	"aftercare/shared/flow/flowtest"

	"github.com/cockroachdb/datadriven"
)

// TestStories plays the stories in testdata. Each directive is an input of i-1. Below it
// stand the calls that it costs, in their order, and then what became of it and what is
// left of the instance.
//
//	go test ./shared/engine -rewrite
//
// writes both anew. Review the difference.
//
// A story begins with instance: bootable, waiting or unknown. The lines under it are what
// is there: task NAME, accepted NAME and failed NAME (a command that Cloud Assistant has),
// recorded INPUT, failure INSTANCE
// (of a run of the flow f), policy and stop. The inputs are submit TASK, start FLOW, cancel TASK, heartbeat,
// state STATE, end TASK STATUS, stranger INVOCATION STATUS (of a command that others
// started), wake and sweep; array has several under it. One may say when it comes (after=2m) and how long its invocation is (limit=10m).
//
// All else says what becomes of calls: send=refused of each send, commit:1=(lost, 2s) of
// the first commit, which takes two seconds. If it says meanwhile, the lines under the
// directive happen first.
func TestStories(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no stories: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			s := &story{}
			datadriven.RunTest(t, file, func(t *testing.T, d *datadriven.TestData) (out string) {
				synctest.Test(t, func(t *testing.T) { out = s.tell(&words{d, t, d.CmdArgs}) })
				return out
			})
		})
	}
}

// named are what may become of calls.
var named = map[string]fate{
	"refused": refused, "lost": lost, "answer-lost": answerLost, "conflict": {err: engine.ErrConflict},
	"denied": {err: engine.ErrDenied}, "invalid": {err: engine.ErrInvalid}, "down": {err: engine.ErrInstanceDown},
	"throttled": {err: engine.ErrThrottled}, "quota": {err: engine.ErrQuotaExceeded},
	"accepted-before": {err: engine.ErrAcceptedBefore, applied: true}, "absent": {void: true},
}

// story is what the engine does with inputs of i-1, one after another.
type story struct {
	*desk
	policy decide.Policy
	sends  *engine.SendCap
	flows  *flow.Set
}

// tell carries out one directive.
func (s *story) tell(a *words) string {
	switch a.Cmd {
	case "instance":
		s.begin(a)
		s.each(a, func(a *words) { s.tell(a) })
	case "flows":
		s.flows = flowtest.Set(a.t, a.Input, a.number("copies", 1), 0)
	case "policy":
		s.policy.MaxQueued, s.policy.Batch = a.number("max-queued", s.policy.MaxQueued), a.number("batch", s.policy.Batch)
		if n := a.number("room", -1); n >= 0 {
			s.sends = &engine.SendCap{PerMinute: n}
		}
		if a.flag("flows") {
			s.policy.Flows, s.policy.AlertOn = s.flows, map[event.Status]bool{}
		} else if a.flag("no-flows") {
			s.policy.Flows = nil
		}
	case "task":
		s.add(a)
	case "lose":
		delete(s.table.rows["i-1"], "live/task/"+id(a.word()))
	case "accepted", "failed":
		name := a.word()
		s.cloud.accept(engine.Send{InstanceID: "i-1", TaskID: id(name), Token: sendOf(id(name)), Command: submission(name).Command}, now.Add(-a.duration("ago")), 0)
		if a.Cmd == "failed" {
			s.cloud.invocations[0].end(event.StatusFailed, "ExitCodeNonzero", nil, now.Add(-time.Minute))
		}
	case "recorded":
		kind, name := a.word(), a.word()
		once := map[string]string{
			"input": "input/" + id(name), "execution": "exec/" + name + "/once",
			"event": "input/heartbeat/" + decide.Key("event", "", name), "business": "input/heartbeat/" + decide.Key("business", name),
		}[kind]
		s.table.records["i-1/"+once] = engine.Recorded{CommitID: "long ago", Answer: a.text("answer")}
	case "failure":
		s.table.count(decide.FleetFailure{Flow: "f", RunID: "run-1", InstanceID: a.word(), At: now.Add(-a.duration("ago"))}, now)
	case "stop":
		s.table.stop(decide.Stop{Scope: decide.Scope{Flow: a.text("flow"), Label: a.text("label")}, By: "ann", At: s.clock})
	default:
		return s.happen(a)
	}
	for _, arg := range a.args {
		a.Fatalf(a.t, "nothing asks for %s", arg.String())
	}
	return ""
}

// each does something with each directive under one.
func (s *story) each(a *words, do func(*words)) {
	for line := range strings.Lines(a.Input) {
		cmd, args, err := datadriven.ParseLine(line)
		a.check(err)
		do(&words{&datadriven.TestData{Pos: a.Pos, Cmd: cmd, CmdArgs: args}, a.t, args})
	}
}

// begin begins anew. What is of the process may stay.
func (s *story) begin(a *words) {
	sends := s.sends
	*s = story{desk: newDesk(), policy: policy(), flows: s.flows}
	s.table.broken = a.t.Errorf
	st := state(decide.BootState(a.word()))
	if a.flag("same-process") {
		s.sends = sends
	}
	if in := a.duration("wake"); in != 0 {
		st.Instance.WakeAt = now.Add(in)
		s.table.armed[engine.Wakeup{InstanceID: "i-1", Due: st.Instance.WakeAt}] = true
	}
	s.store(st)
}

// add adds tasks of the same kind, by their names or, if they are counted, numbers.
func (s *story) add(a *words) {
	sentAgo, expires, invokeID := a.duration("sent"), cmp.Or(a.duration("expires"), time.Hour), a.text("running")
	late, cancelled, textless := a.flag("overdue"), a.flag("cancelled"), a.flag("textless")
	var names []string
	for n := range a.number("count", 0) {
		names = append(names, fmt.Sprint(100+n))
	}
	for name := a.word(); name != ""; name = a.word() {
		names = append(names, name)
	}
	st := s.table.state("i-1")
	for _, name := range names {
		task(name, func(t *decide.Task) {
			t.ExpiresAt, t.Cancel = now.Add(expires), cancelled
			switch {
			case sentAgo > 0:
				t.State, t.SendKey = decide.TaskReleasing, sendOf(t.ID)
			case invokeID != "":
				running(strings.ReplaceAll(invokeID, "*", name))(t)
			}
			if late {
				overdue(t)
			}
			if textless {
				t.Command = command.Command{}
			}
		})(&st)
		if key := sendOf(id(name)); sentAgo > 0 { // by somebody who has died since
			st.Sends[key] = decide.Send{
				Key: key, Kind: decide.SendRun, TaskID: id(name), Attempt: 1, Tries: 1, PlannedAt: now.Add(-sentAgo),
				Claim: decide.Claim{Commit: "dead", Until: now.Add(-time.Minute)}, FirstSent: now.Add(-sentAgo),
			}
		}
	}
	s.store(st)
}

// inputs makes an input, or those of an array, which are under it; none for a sweep.
func (s *story) inputs(a *words) (in []decide.Input) {
	switch a.Cmd {
	case "sweep":
		return nil
	case "array":
		s.each(a, func(a *words) { in = append(in, s.input(a)) })
		return in
	}
	return []decide.Input{s.input(a)}
}

func (s *story) input(a *words) decide.Input {
	switch a.Cmd {
	case "submit":
		return submission(a.word())
	case "start":
		name := a.word()
		return decide.Submission{Key: id("s" + name), Flow: name}
	case "cancel":
		name := a.word()
		return decide.Cancel{Key: id("c" + name), TaskID: id(name)}
	case "heartbeat":
		in := beat(a.duration("ago"), cmp.Or(a.duration("uptime"), time.Second))
		in.Event.BizEventID = a.text("business")
		return in
	case "end":
		t := s.task(a.word())
		in := endOf(t, event.Status(a.word()), a.text("code"))
		in.Event.InvokeID = cmp.Or(t.InvokeID, "t-1")
		in.Event.Bare = a.flag("bare")
		return in
	case "stranger":
		end := ended(a.word(), "", event.Status(a.word()), "")
		end.Event.CommandName = cmp.Or(a.text("name"), end.Event.CommandName)
		end.Event.FinishTime = end.Event.FinishTime.Add(-a.duration("ago"))
		return end
	case "state":
		return decide.StateChange{Received: s.clock, Event: event.InstanceStateChange{
			Envelope: event.Envelope{ID: "s", Region: "cn-hangzhou", Time: now.Add(-a.duration("ago"))}, InstanceID: "i-1", State: event.State(a.word()),
		}}
	case "wake":
		return decide.WakeUp{}
	}
	a.Fatalf(a.t, "there is no directive %q", a.Cmd)
	return nil
}

// task is a task by its name, also if it has ended.
func (s *story) task(name string) decide.Task {
	for _, t := range append(slices.Collect(maps.Values(s.table.state("i-1").Tasks)), logged[decide.Task](s.table, "i-1", "task")...) {
		if t.Name == name {
			return t
		}
	}
	return decide.Task{ID: id(name), Name: name}
}

// happen lets an input happen, and says what it costs and what is left.
func (s *story) happen(a *words) string {
	s.made, s.reads, s.asked, s.clock = nil, 0, 0, now.Add(a.duration("after"))
	in, limit := s.inputs(a), cmp.Or(a.duration("limit"), timeLimit)
	e := s.engine(s.policy)
	e.Sends = s.sends
	e.Pause = func(context.Context, int) { s.made = append(s.made, "pause") }
	fates := s.fates(a)
	s.on = func(what, _ string) fate {
		if len(s.made) > 500 {
			panic(what + " is called for ever")
		}
		if f, ok := fates[fmt.Sprint(what, ":", s.count(what))]; ok {
			return f
		}
		return fates[what]
	}
	ctx, cancel := context.WithTimeout(a.t.Context(), limit)
	defer cancel()
	if in == nil {
		s.table.armed[engine.Wakeup{InstanceID: "i-1", Due: now.Add(-7 * time.Second)}] = true
		sweep, err := e.Sweep(ctx, 2)
		if err != nil || sweep.Complete != (sweep.Woken == 1 && sweep.Failed == 0) {
			a.t.Errorf("%s: sweep %+v, error %v", a.Pos, sweep, err)
		}
		return s.brief() + "\n" + s.left(nil)
	}
	outs := make([]reported, len(in))
	for place, out := range handleAll(ctx, a.t, e, engine.Part{InstanceID: "i-1", Inputs: in}) {
		n, _ := strconv.Atoi(strings.TrimPrefix(place, "0/"))
		outs[n] = out
	}
	if out := outs[len(outs)-1]; out.err == nil && !out.Duplicate && out.Left != s.open() {
		a.t.Errorf("%s: %d effects are left, want %d", a.Pos, out.Left, s.open())
	}
	return s.brief() + "\n" + s.left(outs)
}

// fates are what becomes of calls by their names, as in commit or commit:2.
func (s *story) fates(a *words) map[string]fate {
	out := map[string]fate{}
	for _, arg := range a.args {
		var f fate
		for _, word := range arg.Vals {
			takes, err := time.ParseDuration(word)
			known, ok := named[word]
			switch {
			case err == nil:
				f.takes = takes
			case word == "meanwhile":
				f.also = func() { s.meanwhile(a) }
			case ok:
				f.err, f.applied, f.void = known.err, known.applied, known.void
			default:
				a.Fatalf(a.t, "a call cannot be %s", word)
			}
		}
		out[arg.Key] = f
	}
	return out
}

// meanwhile lets the lines under a directive happen within it, by other invocations.
func (s *story) meanwhile(a *words) {
	synctest.Wait() // for calls that are made beside
	s.mu.Lock()     // Wait is nothing to the race detector
	was, made, reads, asked, on, clock := *s, s.made, s.reads, s.asked, s.on, s.clock
	s.mu.Unlock()
	s.each(a, func(a *words) { s.tell(a) })
	s.policy, s.sends = was.policy, was.sends
	s.mu.Lock()
	defer s.mu.Unlock()
	s.made, s.reads, s.asked, s.on, s.clock = made, reads, asked, on, clock
}
