package engine_test

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"time"

	"aftercare/shared/command"
	"aftercare/shared/decide"
	"aftercare/shared/engine"
)

// ports are the engine's ports to a table and a cloud: each method is one call, and
// call says what becomes of it.
type ports struct {
	table *table
	cloud *cloud
	now   func() time.Time
	call  func(ctx context.Context, what, detail string, do func() error) error
}

// ask makes a call for a value.
func ask[T any](ctx context.Context, p ports, what, detail string, value func() T) (T, error) {
	var v, none T
	if err := p.call(ctx, what, detail, func() error { v = value(); return nil }); err != nil {
		return none, err
	}
	return v, nil
}

// tell makes a call that cannot be refused.
func tell(ctx context.Context, p ports, what, detail string, do func()) error {
	return p.call(ctx, what, detail, func() error { do(); return nil })
}

func (p ports) Queue(ctx context.Context, id string) ([]decide.Task, error) {
	return ask(ctx, p, "queue", id, func() []decide.Task { return p.table.queue(id) })
}

func (p ports) Texts(ctx context.Context, id string, taskIDs []string) (map[string]command.Command, error) {
	return ask(ctx, p, "texts", id, func() map[string]command.Command {
		texts := map[string]command.Command{}
		for _, taskID := range taskIDs {
			if c, ok := p.table.text(id, taskID); ok {
				texts[taskID] = c
			}
		}
		return texts
	})
}

func (p ports) Ended(ctx context.Context, id, once string, taskIDs []string) (*engine.Recorded, map[string]*decide.Task, error) {
	var r *engine.Recorded
	tasks, err := ask(ctx, p, "ended", id+"/"+once, func() map[string]*decide.Task {
		r = p.table.recorded(id, once)
		tasks := map[string]*decide.Task{}
		for _, taskID := range taskIDs {
			tasks[taskID] = record[decide.Task](p.table, id, "task", taskID)
		}
		return tasks
	})
	if err != nil {
		return nil, nil, err
	}
	return r, tasks, nil
}

func (p ports) EndedRun(ctx context.Context, id, runID string) (*decide.FlowRun, error) {
	return ask(ctx, p, "ended run", id+"/"+runID, func() *decide.FlowRun { return record[decide.FlowRun](p.table, id, "flow", runID) })
}

func (p ports) Succeeded(ctx context.Context, id string, s decide.Success) (bool, error) {
	return ask(ctx, p, "succeeded", id+"/"+s.Name, func() bool { return p.table.succeeded(id, s) })
}

func (p ports) Recorded(ctx context.Context, id, once string) (*engine.Recorded, error) {
	return ask(ctx, p, "recorded", id+"/"+once, func() *engine.Recorded { return p.table.recorded(id, once) })
}

func (p ports) Commit(ctx context.Context, c engine.Commit) error {
	return p.call(ctx, "commit", c.ID, func() error { return p.table.commit(c) })
}

func (p ports) Arm(ctx context.Context, u engine.Wakeup) error {
	return tell(ctx, p, "arm", u.InstanceID+" "+u.Due.Format("15:04:05.000"), func() { p.table.arm(u) })
}

func (p ports) Disarm(ctx context.Context, u engine.Wakeup) error {
	return tell(ctx, p, "disarm", u.InstanceID+" "+u.Due.Format("15:04:05.000"), func() { p.table.disarm(u) })
}

func (p ports) Due(ctx context.Context, now time.Time, page func([]engine.Wakeup) bool) error {
	due, err := ask(ctx, p, "due", "", func() []engine.Wakeup { return p.table.due(now) })
	for _, u := range due {
		if !page([]engine.Wakeup{u}) {
			break
		}
	}
	return err
}

func (p ports) Stop(ctx context.Context, _, invokeID string) error {
	return p.call(ctx, "stop", invokeID, func() error { return p.cloud.stop(invokeID, p.now()) })
}

func (p ports) FindByToken(ctx context.Context, id, token string) (*decide.Invocation, error) {
	return ask(ctx, p, "find-token", token, func() *decide.Invocation {
		return p.cloud.find(p.now(), func(i *invoked) bool { return i.instanceID == id && i.Token == token })
	})
}

func (p ports) FindByID(ctx context.Context, id, invokeID string) (*decide.Invocation, error) {
	return ask(ctx, p, "find-id", invokeID, func() *decide.Invocation {
		return p.cloud.find(p.now(), func(i *invoked) bool { return i.instanceID == id && i.InvokeID == invokeID })
	})
}

func (p ports) AgentStatuses(ctx context.Context, ids []string) (map[string]decide.AgentStatus, error) {
	return ask(ctx, p, "agent", strings.Join(ids, " "), func() map[string]decide.AgentStatus {
		found := map[string]decide.AgentStatus{}
		for _, id := range ids {
			found[id] = decide.AgentStatus{Ready: p.cloud.machine(id).up, Version: "2.2.4.1", OS: "linux", Seen: p.now()}
		}
		return found
	})
}

func (p ports) Instances(ctx context.Context, sel engine.Selector) (map[string]decide.Machine, error) {
	return ask(ctx, p, "instances", strings.Join(sel.IDs, " "), func() map[string]decide.Machine {
		found := map[string]decide.Machine{}
		for _, id := range sel.IDs {
			found[id] = p.cloud.machine(id).described()
		}
		return found
	})
}

func (p ports) Output(ctx context.Context, _, invokeID string) (decide.Output, error) {
	return ask(ctx, p, "output", invokeID, func() decide.Output { return decide.Output{Text: "printed by " + invokeID} })
}

func (p ports) Control(ctx context.Context) (decide.Control, error) {
	return ask(ctx, p, "control", "", func() decide.Control {
		return decide.Control{Stops: maps.Clone(p.table.control.Stops), Breakers: maps.Clone(p.table.control.Breakers)}
	})
}

func (p ports) CountFailure(ctx context.Context, f decide.FleetFailure, since time.Time) (int, error) {
	return ask(ctx, p, "count", f.RunID, func() int { return p.table.count(f, since) })
}

func (p ports) OpenBreaker(ctx context.Context, b decide.Breaker) (decide.Breaker, error) {
	return ask(ctx, p, "open", b.Key, func() decide.Breaker { return p.table.open(b) })
}

func (p ports) CloseBreaker(ctx context.Context, flow, key string) (bool, error) {
	return ask(ctx, p, "close", key, func() bool { return p.table.closeBreaker(flow, key) })
}

// Load is one call for each few rows, so that commits of others land between.
func (v *invocation) Load(ctx context.Context, id string) (decide.State, error) {
	s := decide.NewState(id)
	for after, first := "", true; first || after != ""; first = false {
		err := tell(ctx, v.ports, "load", id, func() {
			n := -1
			if !v.w.calm {
				n = []int{-1, 1, 2, 4}[v.w.draw("rows", 4)]
			}
			after = v.w.table.scan(&s, after, n)
		})
		if err != nil {
			return s, err
		}
	}
	return s, nil
}

func (v *invocation) Disarm(ctx context.Context, u engine.Wakeup) error {
	if u.Due.After(v.w.now().Add(v.skew)) {
		v.w.breakf("%s removes the wake-up of %s, which is not due", v.name, u.Due)
	}
	return tell(ctx, v.ports, "disarm", u.InstanceID+" "+u.Due.Format("15:04:05.000"), func() {
		v.w.table.disarm(u)
		v.w.dirty[u.InstanceID] = true
	})
}

func (v *invocation) Send(ctx context.Context, s engine.Send) (id string, err error) {
	err = v.ports.call(ctx, "send", s.Token, func() error {
		if s.Command.Run == nil && s.Command.Invoke == nil {
			return fmt.Errorf("no command: %w", engine.ErrInvalid)
		}
		if m := v.w.cloud.machine(s.InstanceID); !m.up && !v.w.calm && v.w.chance("refused at once", 20) {
			return fmt.Errorf("instance not running: %w", engine.ErrUnavailable)
		}
		id = v.w.cloud.accept(s, v.w.now(), v.w.visibility())
		v.w.checkStop(v, s)
		if v.w.checkSend(s) && !v.w.calm && v.w.chance("accepted before", 30) {
			return engine.ErrAcceptedBefore
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	return id, nil
}

func (v *invocation) Post(ctx context.Context, key string, rev int64, a decide.Alert) error {
	return tell(ctx, v.ports, "alert", key, func() { v.w.checkAlert(key, rev, a) })
}

func (v *invocation) Control(ctx context.Context) (c decide.Control, err error) {
	if c, err = v.ports.Control(ctx); err != nil {
		v.w.mu.Lock()
		v.w.unread = true
		v.w.mu.Unlock()
	}
	return c, err
}
