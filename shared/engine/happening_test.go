package engine_test

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"aftercare/shared/command"
	"aftercare/shared/decide"
	"aftercare/shared/engine"
)

// happen changes something outside Aftercare.
func (w *world) happen() {
	open := w.cloud.open()
	instances := slices.Sorted(maps.Keys(w.cloud.machines))
	id := instances[w.draw("instance", len(instances))]
	m := w.cloud.machine(id)
	switch w.draw("happening", 11) {
	case 0, 1, 2, 3:
		if len(open) > 0 {
			w.progress(open[w.draw("invocation", len(open))])
		}
	case 4, 5:
		switch {
		case len(w.starts) < 4 && w.chance("start", 25):
			w.startFlow(id)
		case len(w.tasks) < 8:
			w.submit(id)
		}
	case 6:
		if len(w.tasks) > 0 {
			w.cancel(w.tasks[w.draw("task", len(w.tasks))])
		}
	case 7:
		if len(w.cloud.invocations) < 30 {
			w.cloud.invoke(id, w.now(), w.visibility())
			w.logf("a stranger invokes the saved command on %s", id)
		}
	case 8:
		if m.up {
			m.up = false
			w.logf("%s goes down", id)
		}
		if w.chance("boots again at once", 40) {
			w.boot(m)
		}
	case 9:
		w.boot(m)
	case 10:
		w.stopOrResume(id)
	}
}

// post puts an input on its way.
func (w *world) post(name, instanceID string, input func(received time.Time) decide.Input) {
	w.backlog = append(w.backlog, &delivery{name: name, instanceID: instanceID, input: input})
}

// stopOrResume turns the stop switch of everything, of a flow, an instance or a
// label.
func (w *world) stopOrResume(id string) {
	scope := []decide.Scope{{}, {Flow: "care"}, {Instance: id}, {Label: "even"}}[w.draw("stopped", 4)]
	if _, stopped := w.table.control.Stops[scope]; stopped {
		delete(w.table.control.Stops, scope)
		w.resumed = w.now()
		w.logf("%s is resumed", scope)
		return
	}
	w.table.stop(decide.Stop{Scope: scope, By: "the world", At: w.now()})
	w.logf("%s is stopped", scope)
}

func (w *world) visibility() time.Duration {
	return w.lag * time.Duration(w.draw("lag", 4)) / 3
}

// boot starts a machine that is down, or the agent of one that is up.
func (w *world) boot(m *machine) {
	if !m.up {
		m.up, m.started = true, w.now().Add(-15*time.Second)
		m.boots++
	}
	beat := m.beat(w.now())
	w.logf("%s sends first heartbeat %s, up for %s", m.id, beat.ID, beat.Uptime)
	if w.chance("heartbeat lost", 15) {
		return
	}
	w.post(beat.ID, m.id, func(received time.Time) decide.Input { return decide.Heartbeat{Event: beat, Received: received} })
}

// progress moves an invocation on, and reports its end.
func (w *world) progress(i *invoked) {
	w.cloud.progress(i, w.now(), func(n int) int { return w.draw("end", n) })
	w.logf("invocation %s (%s) of %s is %q %s", i.InvokeID, i.CommandName, i.Token, i.Status, i.ErrorCode)
	if i.Status == "" {
		return
	}
	if w.chance("event lost", 15) {
		i.lost = true
		return
	}
	w.post("event-of-"+i.InvokeID, i.instanceID, func(received time.Time) decide.Input {
		return decide.Ended{Event: i.event(), Received: received, Source: decide.SourceEvent}
	})
}

// submit asks for a task: the commands' names are those that flows wait for.
func (w *world) submit(id string) {
	n := len(w.tasks) + 1
	key := decide.Key("submission", fmt.Sprint(n))
	in := decide.Submission{Key: key, Priority: w.draw("priority", 10), Labels: []string{"all", []string{"even", "odd"}[n%2]}}
	if w.chance("not before", 10) {
		in.NotBefore, in.Spread = w.now().Add(10*time.Minute), 10*time.Minute
	}
	if w.chance("boot deadline", 20) {
		in.BootDeadline = time.Duration(1+w.draw("boot deadline", 30)) * time.Minute
		in.OnBootDeadline = []decide.OnBootDeadline{decide.AlertAtDeadline, decide.DropAtDeadline, decide.RunAtDeadline}[w.draw("on it", 3)]
	} else if w.chance("not bootable", 10) {
		in.WhenNotBootable = decide.RunUnbooted
	}
	switch kind := w.draw("command", 4); kind {
	case 3:
		in.Command.Invoke = &command.Invoke{CommandID: savedCommand}
	default:
		name := []string{"alpha", "beta", "gamma"}[kind]
		in.Command.Run = &command.Run{Name: name, Type: "RunShellScript", Content: "echo < >", Timeout: command.Duration(20 * time.Second)}
	}
	task := submitted{id, key, decide.Key("task", key, id)}
	w.tasks = append(w.tasks, task)
	w.post(fmt.Sprintf("submission of %s as task %s", in.Command.Name(), task.taskID), id, func(time.Time) decide.Input { return in })
}

// startFlow starts a flow by hand, or at a tick.
func (w *world) startFlow(id string) {
	in := decide.Submission{Key: decide.Key("start", fmt.Sprint(len(w.starts))), Flow: "by-hand", Inputs: map[string]string{"say": "hello"}, By: "ann"}
	if w.chance("tick", 50) {
		in = decide.TickOf("by-hand", w.now(), fmt.Sprint(len(w.starts)))
	}
	w.starts = append(w.starts, decide.Key("run", in.Flow, "input/"+in.Key, id))
	w.post("start "+in.Key, id, func(time.Time) decide.Input { return in })
}

func (w *world) cancel(s submitted) {
	in := decide.Cancel{Key: decide.Key("cancel", s.key), TaskID: s.taskID}
	w.post("cancel of task "+s.taskID, s.instanceID, func(time.Time) decide.Input { return in })
}

// rest lets everything come to its end without further faults, going from one
// wake-up to the next, and reports whether it did.
func (w *world) rest() bool {
	w.calm = true
	clear(w.table.control.Stops)
	w.resumed = w.now()
	for range 3000 {
		w.settle()
		waiting := w.pending()
		switch {
		case len(w.broken) > 0:
			return false
		case len(waiting) > 0:
			waiting[0].hangs = false
			w.answer(waiting[0])
		case len(w.running) > 0:
			time.Sleep(time.Second)
		case len(w.backlog) > 0:
			w.deliver(0)
		case w.restLater():
		default:
			return true
		}
	}
	return false
}

// restLater goes to what is due next; false if nothing is.
func (w *world) restLater() bool {
	for _, i := range w.cloud.open() {
		time.Sleep(time.Second)
		w.progress(i)
		return true
	}
	if len(w.table.armed) == 0 {
		return false
	}
	next := slices.MinFunc(slices.Collect(maps.Keys(w.table.armed)), func(a, b engine.Wakeup) int { return a.Due.Compare(b.Due) })
	for _, m := range w.cloud.machines {
		if !m.up {
			m.up, m.started = true, w.now()
			m.boots++
		}
	}
	if d := next.Due.Sub(w.now()); d > 0 {
		time.Sleep(d)
		w.logf("%s pass until the wake-up of %s", d, next.InstanceID)
	}
	w.start()
	return true
}
