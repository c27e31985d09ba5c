package engine_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"aftercare/shared/command"
	"aftercare/shared/decide"
	"aftercare/shared/engine"
)

// desk is a ledger, a Cloud Assistant and a notifier that answer at once, and
// note each call. What becomes of a call is said by on.
type desk struct {
	table *table
	cloud *cloud
	// clock is what the engine and the cloud take for now.
	clock time.Time
	// on may change the fate of a call, whose name and detail it is given. It
	// may also do something else before the call takes effect.
	on func(what, detail string) fate

	mu     sync.Mutex
	made   []string
	alerts []decide.Alert
	ids    int
}

// fate is what becomes of a call.
type fate struct {
	err     error
	applied bool // it takes effect all the same
}

var (
	refused    = fate{err: engine.ErrUnavailable}
	lost       = fate{err: engine.ErrUnknownOutcome}
	answerLost = fate{err: engine.ErrUnknownOutcome, applied: true}
)

func newDesk() *desk {
	d := &desk{table: newTable(), cloud: newCloud(), clock: now}
	d.cloud.tokenLife = time.Hour
	d.cloud.machine("i-1").up = true
	return d
}

// failing is a fate for the n-th call of a name, counted from 1.
func failing(name string, n int, f fate) func(string, string) fate {
	seen := 0
	return func(what, _ string) fate {
		if what != name {
			return fate{}
		}
		if seen++; seen == n {
			return f
		}
		return fate{}
	}
}

func (d *desk) engine(p decide.Policy) *engine.Engine {
	return &engine.Engine{
		Ledger: d, Shared: d, Commander: d, Notifier: d, Policy: p,
		Now: func() time.Time { return d.clock },
		NewID: func() string {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.ids++
			return fmt.Sprintf("commit-%d", d.ids)
		},
		Pause: func(context.Context, int) {},
	}
}

// store puts a state into the table as it is.
func (d *desk) store(s decide.State) {
	rows := map[string][]byte{}
	for _, t := range s.Tasks {
		rows[taskRow(t)] = encode(t)
		rows["text/"+t.ID] = encode(t.Command)
		if t.State == decide.TaskQueued {
			s.Instance.Waiting++
			if until := s.Instance.WaitingUntil; until.IsZero() || t.ExpiresAt.Before(until) {
				s.Instance.WaitingUntil = t.ExpiresAt
			}
		}
	}
	rows[instanceRow] = encode(s.Instance)
	for _, e := range s.Sends {
		rows["live/send/"+e.Key] = encode(e)
	}
	for _, m := range s.Messages {
		rows["live/message/"+m.Row()] = encode(m)
	}
	for _, r := range s.Runs {
		rows["live/flow/"+r.ID] = encode(r)
	}
	for _, u := range s.Unmatched {
		rows["live/unmatched/"+u.Event.InvokeID] = encode(u)
	}
	for _, l := range s.Limits {
		rows["live/limit/"+l.Flow] = encode(l)
	}
	d.table.rows[s.Instance.ID] = rows
	d.table.rev[s.Instance.ID] = s.Instance.Rev
}

// open counts the sends and messages that are left on i-1.
func (d *desk) open() int {
	s := d.table.state("i-1")
	return len(s.Sends) + len(s.Messages)
}

// resume ends a flow's pause and breaker.
func (d *desk) resume(flow string) { d.table.resume(flow, d.clock) }

// calls are the names of the calls that were made, apart from those that are
// made beside others.
func (d *desk) calls() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return strings.Join(d.made, " ")
}

func (d *desk) call(what, detail string, do func() error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if what != "control" && what != "texts" {
		d.made = append(d.made, what)
	}
	var f fate
	if d.on != nil {
		f = d.on(what, detail)
	}
	if f.err == nil {
		return do()
	}
	if f.applied {
		if err := do(); err != nil {
			return errors.Join(err, f.err)
		}
	}
	return f.err
}

func (d *desk) Load(_ context.Context, id string) (s decide.State, err error) {
	s = decide.NewState(id)
	err = d.call("load", id, func() error { d.table.scan(&s, "", -1); return nil })
	return s, err
}

func (d *desk) Queue(_ context.Context, id string) (tasks []decide.Task, err error) {
	err = d.call("queue", id, func() error { tasks = d.table.queue(id); return nil })
	return tasks, err
}

func (d *desk) Texts(_ context.Context, id string, taskIDs []string) (texts map[string]command.Command, err error) {
	err = d.call("texts", id, func() error {
		texts = map[string]command.Command{}
		for _, taskID := range taskIDs {
			if c, ok := d.table.text(id, taskID); ok {
				texts[taskID] = c
			}
		}
		return nil
	})
	return texts, err
}

func (d *desk) Ended(_ context.Context, id, once string, taskIDs []string) (r *engine.Recorded, tasks map[string]*decide.Task, err error) {
	err = d.call("ended", once, func() error {
		if found, ok := d.table.records[id+"/"+once]; ok {
			r = &found
		}
		tasks = map[string]*decide.Task{}
		for _, taskID := range taskIDs {
			tasks[taskID] = d.table.ended(id, taskID)
		}
		return nil
	})
	return r, tasks, err
}

func (d *desk) Recorded(_ context.Context, id, once string) (r *engine.Recorded, err error) {
	err = d.call("recorded", once, func() error {
		if found, ok := d.table.records[id+"/"+once]; ok {
			r = &found
		}
		return nil
	})
	return r, err
}

func (d *desk) Commit(_ context.Context, c engine.Commit) error {
	return d.call("commit", c.ID, func() error { return d.table.commit(c) })
}

func (d *desk) Arm(_ context.Context, w engine.Wakeup) error {
	return d.call("arm", w.InstanceID, func() error { d.table.armed[wakeupKey(w)] = true; return nil })
}

func (d *desk) Disarm(_ context.Context, w engine.Wakeup) error {
	return d.call("disarm", w.InstanceID, func() error { delete(d.table.armed, wakeupKey(w)); return nil })
}

func (d *desk) Due(_ context.Context, now time.Time, page func([]engine.Wakeup) bool) error {
	var due []engine.Wakeup
	err := d.call("due", "", func() error { due = d.table.due(now); return nil })
	if err == nil && len(due) > 0 {
		page(due)
	}
	return err
}

func (d *desk) Send(_ context.Context, s engine.Send) (id string, err error) {
	err = d.call("send", s.Token, func() error {
		if s.Command.Run == nil && s.Command.Invoke == nil {
			return engine.ErrInvalid
		}
		id = d.cloud.accept(s, d.clock, 0)
		return nil
	})
	return id, err
}

func (d *desk) Stop(_ context.Context, _, invokeID string) error {
	return d.call("stop", invokeID, func() error { return d.cloud.stop(invokeID, d.clock) })
}

func (d *desk) FindByToken(_ context.Context, _, token string) (i *decide.Invocation, err error) {
	err = d.call("find-token", token, func() error {
		i = d.cloud.find(d.clock, func(i *invoked) bool { return i.token == token })
		return nil
	})
	return i, err
}

func (d *desk) FindByID(_ context.Context, _, invokeID string) (i *decide.Invocation, err error) {
	err = d.call("find-id", invokeID, func() error {
		i = d.cloud.find(d.clock, func(i *invoked) bool { return i.id == invokeID })
		return nil
	})
	return i, err
}

func (d *desk) AgentStatus(_ context.Context, id string) (a decide.AgentStatus, err error) {
	err = d.call("agent", id, func() error {
		a = decide.AgentStatus{Ready: d.cloud.machine(id).up, Version: "3.1", OS: "Linux"}
		return nil
	})
	return a, err
}

func (d *desk) Notify(_ context.Context, a decide.Alert) error {
	return d.call("alert", a.Fingerprint, func() error { d.alerts = append(d.alerts, a); return nil })
}

func (d *desk) Control(context.Context) (c decide.Control, err error) {
	err = d.call("control", "", func() error { c = d.table.flowControl(); return nil })
	return c, err
}

func (d *desk) CountFailure(_ context.Context, f decide.FleetFailure, since time.Time) (n int, err error) {
	err = d.call("count", f.RunID, func() error { n = d.table.count(f, since); return nil })
	return n, err
}

func (d *desk) OpenBreaker(_ context.Context, b decide.Breaker) (is decide.Breaker, err error) {
	err = d.call("open", b.Key, func() error { is = d.table.open(b); return nil })
	return is, err
}

func (d *desk) CloseBreaker(_ context.Context, flow, key string) (was bool, err error) {
	err = d.call("close", key, func() error { was = d.table.closeBreaker(flow, key); return nil })
	return was, err
}

func (d *desk) Output(_ context.Context, _, invokeID string) (o decide.Output, err error) {
	err = d.call("output", invokeID, func() error { o = decide.Output{Text: "printed by " + invokeID}; return nil })
	return o, err
}
