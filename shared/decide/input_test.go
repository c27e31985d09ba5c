package decide_test

import (
	"cmp"
	"strings"
	"time"

	"aftercare/shared/command"
	"aftercare/shared/decide"
	"aftercare/shared/event"
)

// input makes the input of a directive.
func (s *story) input(a *words) decide.Input {
	switch a.Cmd {
	case "submit":
		return s.submission(a)
	case "start":
		return s.start(a)
	case "cancel":
		in := decide.Cancel{
			DedupeKey: a.text("dedupe", ""), Hash: a.text("hash", ""), Label: a.text("label", ""), All: a.flag("all"),
			By: a.text("by", ""), Reason: a.text("reason", ""),
		}
		task := a.word()
		if task != "" {
			in.TaskID = s.names.id(task)
		}
		if run := a.text("run", ""); run != "" {
			in.RunID = s.names.id(run)
		}
		name := cmp.Or(task, in.Label, a.text("run", ""), "all")
		in.Key = s.names.add(decide.Key("cancel", name), "cancel/"+name)
		return in
	case "retry":
		run := a.word()
		return decide.Retry{
			Key: s.names.add(decide.Key("retry", run), "retry/"+run), DedupeKey: a.text("dedupe", ""), Hash: a.text("hash", ""), RunID: s.names.id(run),
			By: a.text("by", ""), Reason: a.text("reason", ""),
		}
	case "heartbeat":
		return s.heartbeat(a)
	case "state":
		return s.stateChange(a)
	case "end", "stranger":
		return s.end(a)
	case "result":
		return s.results(a)
	case "delivered", "undelivered":
		return s.deliveries(a)
	case "wake":
		return decide.WakeUp{}
	case "repaired":
		in := decide.Repaired{}
		for _, kind := range []string{"end", "boot", "send"} {
			if a.has(kind) {
				in[decide.Repair(kind)] = a.number(kind, 0)
			}
		}
		return in
	case "unreached":
		m := decide.Many{At: begin, Targets: make([]decide.Target, a.number("of", 1)-a.number("instances", 1))}
		for i := range m.Targets {
			m.Targets[i].Answer = &decide.Answer{}
		}
		m.Targets = append(m.Targets, make([]decide.Target, a.number("instances", 1))...)
		if m.Key, m.Flow = a.word(), a.text("flow", ""); m.Flow == "" {
			m.Command.Run = &command.Run{Name: "install"}
		}
		if a.flag("ticked") {
			m.Tick = begin
		}
		return decide.Unreached{Many: m}
	case "continue":
		return decide.Continue{}
	}
	a.Fatalf(a.t, "there is no directive %q", a.Cmd)
	return nil
}

// submission is of a command by its task's name.
func (s *story) submission(a *words) decide.Submission {
	name := a.word() + a.nth
	in := decide.Submission{
		Key: decide.Key("submission", name), Priority: a.number("priority", 5), ExpiresIn: a.duration("expires"),
		DedupeKey: a.text("dedupe", ""), Hash: a.text("hash", ""), By: a.text("by", ""), Reason: a.text("reason", ""),
	}
	in.NotBefore, in.Spread = a.at("not-before", time.Time{}), a.duration("spread")
	in.BootDeadline, in.OnBootDeadline = a.duration("boot-deadline"), decide.OnBootDeadline(a.text("on-boot-deadline", ""))
	in.WhenNotBootable = decide.WhenNotBootable(a.text("when-not-bootable", ""))
	if labels := a.text("labels", ""); labels != "" {
		in.Labels = strings.Split(labels, ", ")
	}
	s.names.add(in.Key, "submit/"+name)
	s.names.add(decide.Key("task", in.Key, instance), name)
	timeout := command.Duration(a.duration("timeout"))
	if saved := a.text("saved", ""); saved != "" {
		in.Command.Invoke = &command.Invoke{CommandID: saved, Timeout: timeout}
	} else {
		content := strings.Repeat("<", a.number("bytes", 1))
		in.Command.Run = &command.Run{Name: a.text("name", name), Type: command.RunShellScript, Content: content, Timeout: timeout}
	}
	return in
}

// start is of a flow by a person.
func (s *story) start(a *words) decide.Submission {
	name := a.word()
	key := a.text("key", name) + a.nth
	in := decide.Submission{
		Key: s.names.add(decide.Key("start", key), "start/"+key), Hash: a.text("hash", ""), By: a.text("by", ""), Reason: a.text("reason", ""),
		Flow: name, Inputs: map[string]string{},
	}
	if a.has("tick") {
		in = decide.TickOf(name, a.at("tick", s.now), "")
		s.names.add(in.Key, "tick/"+name)
	}
	for _, pair := range strings.Split(a.text("inputs", ""), ", ") {
		if name, value, given := strings.Cut(pair, "="); given && in.Tick.IsZero() {
			in.Inputs[name] = value
		}
	}
	return in
}

// heartbeat is one that was sent now, if it says nothing else.
func (s *story) heartbeat(a *words) decide.Heartbeat {
	in := decide.Heartbeat{Received: s.now, Event: event.FirstHeartbeat{
		Envelope:   event.Envelope{ID: a.text("id", "b-1"), Source: "acs.ecs", Region: "cn-hangzhou", Time: a.at("sent", s.now)},
		InstanceID: instance, AgentVersion: "2.2.4", Zone: "cn-hangzhou-h", BizEventID: a.text("business", ""),
	}}
	if a.has("uptime") {
		uptime := a.duration("uptime")
		in.Event.Uptime = &uptime
	}
	if a.flag("timeless") {
		in.Event.Time = time.Time{}
	}
	if a.flag("nameless") {
		in.Event.ID = ""
	}
	s.names.add(decide.Key("event", in.Event.Source, in.Event.ID), in.Event.ID)
	s.names.add(decide.Key("business", in.Event.BizEventID), in.Event.BizEventID)
	return in
}

// stateChange is one that happened now, if it says nothing else.
func (s *story) stateChange(a *words) decide.StateChange {
	in := decide.StateChange{Received: s.now, Event: event.InstanceStateChange{
		Envelope:   event.Envelope{ID: "s-1", Source: "acs.ecs", Region: "cn-hangzhou", Time: a.at("sent", s.now)},
		InstanceID: instance, State: event.State(a.word()),
	}}
	if a.flag("timeless") {
		in.Event.Time = time.Time{}
	}
	return in
}

// end is the end, a second ago, of a task's command, or of one that others
// started.
func (s *story) end(a *words) decide.Ended {
	name := a.word() + a.nth
	ev := event.TaskCompleted{
		Envelope:   event.Envelope{Source: "acs.ecs", Kind: event.KindTaskCompleted, Time: s.now, Region: "cn-hangzhou", Bare: a.flag("bare")},
		InstanceID: instance, InvokeID: name, CommandName: strings.ReplaceAll(a.text("name", "a stranger's"), "*", a.nth), Status: event.Status(a.word()),
		ErrorCode: a.text("code", ""), ErrorDesc: a.text("desc", ""), RepeatMode: a.text("repeat", "Once"),
	}
	if a.Cmd == "end" {
		t := s.task(name)
		ev.InvokeID = a.text("invoke", invokeOf(name, t))
		if ev.CommandName = command.OnWire(t.Name, t.ID); t.Kind == decide.SendInvoke {
			ev.CommandID, ev.CommandName = t.CommandID, "a saved one"
		}
	}
	if ev.CommandName == "none" {
		ev.CommandName = ""
	}
	if long := strings.Repeat("<", a.number("long", 0)); long != "" {
		ev.ErrorCode, ev.ErrorDesc, ev.OwnerUID, ev.PlayerUID = long, long, long, long
	}
	ev.ID = "e-" + ev.InvokeID
	ev.CommandID = a.text("command", ev.CommandID)
	if a.has("exit") {
		code := int64(a.number("exit", 0))
		ev.ExitCode = &code
	}
	ev.FinishTime = a.at("finished", s.now.Add(-time.Second))
	ev.StartTime = ev.FinishTime.Add(-time.Second)
	return decide.Ended{Event: ev, Received: s.now, Source: a.text("source", decide.SourceEvent)}
}

// task is a live task, or one that has ended.
func (s *story) task(name string) decide.Task {
	id := s.names.id(name)
	if t, live := s.state.Tasks[id]; live {
		return t
	}
	if t := s.ended[id]; t != nil {
		return *t
	}
	s.t.Fatalf("there is no task %s", name)
	return decide.Task{}
}

// invokeOf is the invoke id of a task's command.
func invokeOf(name string, t decide.Task) string {
	if t.InvokeID != "" {
		return t.InvokeID
	}
	return "t-" + attempt(name, t.Attempt)
}

// results says what became of sends: of those of tasks, as in a=throttled, or by
// their own names, as in stop:a=done.
func (s *story) results(a *words) decide.Results {
	r := decide.Result{Commit: a.text("by", ""), InvokeID: a.text("invoke", ""), Reason: a.text("reason", ""), MaybeSent: a.flag("maybe-sent")}
	var in decide.Results
	for i, arg := range a.CmdArgs {
		if a.used[i] {
			continue
		}
		a.used[i] = true
		r := r
		r.Kind = decide.ResultKind(strings.Join(arg.Vals, ""))
		if _, known := s.names.ids[arg.Key]; known && strings.Contains(arg.Key, ":") {
			r.Key = s.names.id(arg.Key)
		} else {
			t := s.task(arg.Key)
			if r.Key = t.SendKey; r.InvokeID == "" {
				r.InvokeID = invokeOf(arg.Key, t)
			}
		}
		if r.Commit == "" {
			r.Commit = s.state.Sends[r.Key].Claim.Commit
		}
		in.Sends = append(in.Sends, r)
	}
	return in
}

// deliveries says that messages were delivered, or not.
func (s *story) deliveries(a *words) decide.Results {
	r := decide.Delivery{Commit: a.text("by", ""), Paced: a.flag("paced")}
	if a.Cmd == "undelivered" {
		r.Err = "no answer"
	}
	var in decide.Results
	opens, until := a.number("opens", 0), a.at("until", s.now)
	for name := a.word(); name != ""; name = a.word() {
		for row, m := range s.state.Messages {
			if m.Key != s.names.id(name) {
				continue
			}
			r := r
			if r.Row = row; r.Commit == "" {
				r.Commit = m.Claim.Commit
			}
			if opens > 0 {
				r.Breaker = &decide.Breaker{Flow: m.Fleet.Flow, Key: m.Key, OpenedAt: s.now, ResumeAt: until, Failures: opens}
			}
			in.Deliveries = append(in.Deliveries, r)
		}
	}
	return in
}

// invocation is what Cloud Assistant says: its status or gone, /ErrorCode if there
// is one, and :send if it bears the tag of a send.
func (s *story) invocation(id string, a *words) *decide.Invocation {
	text, tag, tagged := strings.Cut(a.text(id, ""), ":")
	status, code, _ := strings.Cut(text, "/")
	if status == "gone" {
		return nil
	}
	i := &decide.Invocation{InvokeID: id, Status: status, ErrorCode: code, RepeatMode: "Once"}
	if i.Ended() {
		i.FinishTime = s.now.Add(-time.Second)
	}
	if tagged {
		i.Token = s.names.id(tag)
	}
	return i
}
