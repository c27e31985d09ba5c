package engine_test

import (
	"context"
	"fmt"
	"time"

	"aftercare/shared/command"
	"aftercare/shared/decide"
	"aftercare/shared/engine"
)

// An invocation is its own ledger, Cloud Assistant and notifier: each method
// is one call, and a load is one for each few rows, so that commits of others
// land between.

var (
	_ engine.Ledger    = (*invocation)(nil)
	_ engine.Shared    = (*invocation)(nil)
	_ engine.Commander = (*invocation)(nil)
	_ engine.Notifier  = (*invocation)(nil)
)

func (v *invocation) Load(ctx context.Context, id string) (decide.State, error) {
	s := decide.NewState(id)
	for after, first := "", true; first || after != ""; first = false {
		err := v.call(ctx, "load", id, false, func() error {
			n := -1
			if !v.w.calm {
				n = []int{-1, 1, 2, 4}[v.w.draw("rows", 4)]
			}
			after = v.w.table.scan(&s, after, n)
			return nil
		})
		if err != nil {
			return s, err
		}
	}
	return s, nil
}

func (v *invocation) Queue(ctx context.Context, id string) (tasks []decide.Task, err error) {
	err = v.call(ctx, "queue", id, false, func() error { tasks = v.w.table.queue(id); return nil })
	if err != nil {
		return nil, err
	}
	return tasks, nil
}

func (v *invocation) Texts(ctx context.Context, id string, taskIDs []string) (map[string]command.Command, error) {
	texts := map[string]command.Command{}
	err := v.call(ctx, "texts", id, false, func() error {
		for _, taskID := range taskIDs {
			if c, ok := v.w.table.text(id, taskID); ok {
				texts[taskID] = c
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return texts, nil
}

func (v *invocation) Ended(ctx context.Context, id, once string, taskIDs []string) (r *engine.Recorded, tasks map[string]*decide.Task, err error) {
	err = v.call(ctx, "ended", id+"/"+once, false, func() error {
		if found, ok := v.w.table.records[id+"/"+once]; ok {
			r = &found
		}
		tasks = map[string]*decide.Task{}
		for _, taskID := range taskIDs {
			tasks[taskID] = v.w.table.ended(id, taskID)
		}
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	return r, tasks, nil
}

func (v *invocation) Recorded(ctx context.Context, id, once string) (r *engine.Recorded, err error) {
	err = v.call(ctx, "recorded", id+"/"+once, false, func() error {
		if found, ok := v.w.table.records[id+"/"+once]; ok {
			r = &found
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return r, nil
}

func (v *invocation) Commit(ctx context.Context, c engine.Commit) error {
	return v.call(ctx, "commit", c.InstanceID+" "+c.ID, true, func() error { return v.w.table.commit(c) })
}

func (v *invocation) PutHistory(ctx context.Context, id string, e decide.Execution) error {
	key := id + "/" + e.Event.InvokeID + "/" + e.Event.Suffix()
	return v.call(ctx, "history", key, true, func() error { v.w.table.history[key] = true; return nil })
}

func (v *invocation) Arm(ctx context.Context, u engine.Wakeup) error {
	return v.call(ctx, "arm", u.InstanceID+" "+u.Due.Format("15:04:05.000"), true, func() error {
		v.w.table.armed[wakeupKey(u)] = true
		return nil
	})
}

func (v *invocation) Disarm(ctx context.Context, u engine.Wakeup) error {
	if u.Due.After(v.w.now().Add(v.skew)) {
		v.w.breakf("%s removes the wake-up of %s, which is not due", v.name, u.Due)
	}
	return v.call(ctx, "disarm", u.InstanceID+" "+u.Due.Format("15:04:05.000"), true, func() error {
		delete(v.w.table.armed, wakeupKey(u))
		v.w.dirty[u.InstanceID] = true
		return nil
	})
}

func (v *invocation) Due(ctx context.Context, now time.Time, page func([]engine.Wakeup) bool) error {
	var due []engine.Wakeup
	err := v.call(ctx, "due", "", false, func() error { due = v.w.table.due(now); return nil })
	if err != nil {
		return err
	}
	for _, u := range due {
		if !page([]engine.Wakeup{u}) {
			return nil
		}
	}
	return nil
}

func (v *invocation) Send(ctx context.Context, s engine.Send) (id string, err error) {
	err = v.call(ctx, "send", s.Token, true, func() error {
		if s.Command.Run == nil && s.Command.Invoke == nil {
			return fmt.Errorf("no command: %w", engine.ErrInvalid)
		}
		if m := v.w.cloud.machine(s.InstanceID); !m.up && !v.w.calm && v.w.chance("refused at once", 20) {
			return fmt.Errorf("instance not running: %w", engine.ErrUnavailable)
		}
		id = v.w.cloud.accept(s, v.w.now(), v.w.visibility())
		v.w.checkPause(v, s)
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

func (v *invocation) Stop(ctx context.Context, _, invokeID string) error {
	return v.call(ctx, "stop", invokeID, true, func() error { return v.w.cloud.stop(invokeID, v.w.now()) })
}

func (v *invocation) FindByToken(ctx context.Context, id, token string) (*decide.Invocation, error) {
	return v.find(ctx, "find token", token, func(i *invoked) bool { return i.instanceID == id && i.token == token })
}

func (v *invocation) FindByID(ctx context.Context, id, invokeID string) (*decide.Invocation, error) {
	return v.find(ctx, "find id", invokeID, func(i *invoked) bool { return i.instanceID == id && i.id == invokeID })
}

func (v *invocation) find(ctx context.Context, what, detail string, wanted func(*invoked) bool) (found *decide.Invocation, err error) {
	err = v.call(ctx, what, detail, false, func() error {
		found = v.w.cloud.find(v.w.now(), wanted)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return found, nil
}

func (v *invocation) AgentStatus(ctx context.Context, id string) (a decide.AgentStatus, err error) {
	err = v.call(ctx, "agent", id, false, func() error {
		a = decide.AgentStatus{Ready: v.w.cloud.machine(id).up, Version: "2.2.4.1", OS: "Linux"}
		return nil
	})
	if err != nil {
		return decide.AgentStatus{}, err
	}
	return a, nil
}

func (v *invocation) Notify(ctx context.Context, a decide.Alert) error {
	return v.call(ctx, "alert", a.Fingerprint, true, func() error {
		v.w.inbox[a.Fingerprint]++
		v.w.checkAlert(a)
		return nil
	})
}

func (v *invocation) Control(ctx context.Context) (c decide.Control, err error) {
	err = v.call(ctx, "control", "", false, func() error { c = v.w.table.flowControl(); return nil })
	if err != nil {
		v.w.mu.Lock()
		v.w.unread = true
		v.w.mu.Unlock()
	}
	return c, err
}

func (v *invocation) CountFailure(ctx context.Context, f decide.FleetFailure, since time.Time) (n int, err error) {
	err = v.call(ctx, "count", f.RunID, true, func() error { n = v.w.table.count(f, since); return nil })
	return n, err
}

func (v *invocation) OpenBreaker(ctx context.Context, b decide.Breaker) (is decide.Breaker, err error) {
	err = v.call(ctx, "open", b.Key, true, func() error { is = v.w.table.open(b); return nil })
	return is, err
}

func (v *invocation) CloseBreaker(ctx context.Context, flow, key string) (was bool, err error) {
	err = v.call(ctx, "close", key, true, func() error { was = v.w.table.closeBreaker(flow, key); return nil })
	return was, err
}

func (v *invocation) Output(ctx context.Context, _, invokeID string) (o decide.Output, err error) {
	err = v.call(ctx, "output", invokeID, false, func() error {
		o = decide.Output{Text: "printed by " + invokeID}
		return nil
	})
	return o, err
}
