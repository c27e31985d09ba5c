package engine_test

import (
	"fmt"
	"slices"
	"time"

	"aftercare/shared/command"
	"aftercare/shared/decide"
	"aftercare/shared/engine"
	"aftercare/shared/event"
)

// cloud is Cloud Assistant with its machines: tokens that live for a limited
// time, invocations that are invisible for a while, agents that are down.
type cloud struct {
	machines    map[string]*machine
	invocations []*invoked
	// tokenLife is how long a token makes a repetition answer with the first
	// invocation's id.
	tokenLife time.Duration
	sends     map[string]engine.Send // by token, the parameters of the first
	broken    func(format string, args ...any)
}

// machine is one instance.
type machine struct {
	id      string
	up      bool
	started time.Time // its operating system
	beats   int
	boots   int
}

// invoked is one invocation on one instance. Its script started at StartTime; if that
// is zero, it never ran. Its status is empty until it ended.
type invoked struct {
	decide.Invocation
	instanceID, taskID string // no task if it is a stranger's
	accepted, visible  time.Time
	stopping           bool
	lost               bool // no event reports its end
}

const savedCommand = "c-saved"

func newCloud() *cloud {
	return &cloud{machines: map[string]*machine{}, sends: map[string]engine.Send{}, broken: func(string, ...any) {}}
}

func (c *cloud) machine(id string) *machine {
	m := c.machines[id]
	if m == nil {
		m = &machine{id: id}
		c.machines[id] = m
	}
	return m
}

// described is the machine as ECS describes it.
func (m *machine) described() decide.Machine {
	status := "Stopped"
	if m.up {
		status = "Running"
	}
	return decide.Machine{
		Status: status, Name: "name of " + m.id, OS: "linux", Region: "cn-hangzhou", Zone: "cn-hangzhou-h",
		Tags: map[string]string{"role": "web"},
	}
}

// accept takes a command, once for each token while the token lives.
func (c *cloud) accept(s engine.Send, now time.Time, lag time.Duration) string {
	if first, again := c.sends[s.Token]; again && string(encode(first)) != string(encode(s)) {
		c.broken("token %s comes back with other parameters", s.Token)
	}
	for _, i := range c.invocations {
		if i.Token == s.Token && now.Sub(i.accepted) < c.tokenLife {
			return i.InvokeID
		}
	}
	c.sends[s.Token] = s
	i := c.invoke(s.InstanceID, now, lag)
	i.Token, i.taskID = s.Token, s.TaskID
	if s.Command.Run != nil {
		i.CommandID, i.CommandName = "c-"+i.InvokeID, command.OnWire(s.Command.Run.Name, s.TaskID)
	}
	return i.InvokeID
}

// invoke invokes the saved command, as a stranger does.
func (c *cloud) invoke(instanceID string, now time.Time, lag time.Duration) *invoked {
	i := &invoked{instanceID: instanceID, accepted: now, visible: now.Add(lag), Invocation: decide.Invocation{
		InvokeID: fmt.Sprintf("t-%d", len(c.invocations)+1), CommandID: savedCommand, CommandName: "the saved one", RepeatMode: "Once", Repeats: 1,
	}}
	c.invocations = append(c.invocations, i)
	return i
}

func (c *cloud) find(now time.Time, wanted func(*invoked) bool) *decide.Invocation {
	for _, i := range c.invocations {
		if !wanted(i) || now.Before(i.visible) {
			continue
		}
		inv := i.Invocation
		switch {
		case inv.Status != "":
		case i.stopping:
			inv.Status = "Stopping"
		case i.StartTime.IsZero():
			inv.Status = "Pending"
		default:
			inv.Status = "Running"
		}
		return &inv
	}
	return nil
}

// stop marks an invocation as to be stopped.
func (c *cloud) stop(invokeID string, now time.Time) error {
	for _, i := range c.invocations {
		if i.InvokeID == invokeID && !now.Before(i.visible) {
			i.stopping = true
			return nil
		}
	}
	return engine.ErrInvalid
}

// open lists the invocations that have not ended.
func (c *cloud) open() []*invoked {
	return slices.DeleteFunc(slices.Clone(c.invocations), func(i *invoked) bool { return i.Status != "" })
}

// progress moves an invocation on: it starts on a machine that is up, and
// ends the way that is drawn.
func (c *cloud) progress(i *invoked, now time.Time, draw func(n int) int) {
	m := c.machine(i.instanceID)
	switch {
	case i.stopping && i.StartTime.IsZero():
		i.end(event.StatusCancelled, "", nil, now)
	case i.stopping:
		i.end(event.StatusTerminated, "", nil, now)
	case i.StartTime.IsZero() && !m.up:
		code := []string{"DeliveryTimeout", "ClientNotRunning", "InstanceNotRunning", "ClientNetworkBlocked"}[draw(4)]
		i.end(event.StatusAborted, code, nil, now)
	case i.StartTime.IsZero():
		i.StartTime = now
	case !m.up:
		i.end(event.StatusAborted, "ClientNotResponse", nil, now)
	default:
		var zero, three int64 = 0, 3
		switch draw(6) {
		case 0, 1, 2, 3:
			i.end(event.StatusSuccess, "", &zero, now)
		case 4:
			i.end(event.StatusFailed, "ExitCodeNonzero", &three, now)
		case 5:
			i.end(event.StatusTimeout, "ExecutionTimeout", nil, now)
		}
	}
}

func (i *invoked) end(status event.Status, code string, exit *int64, now time.Time) {
	i.Status, i.ErrorCode, i.ExitCode, i.FinishTime = string(status), code, exit, now.Truncate(time.Second)
}

// event is the TaskCompleted event of an invocation that has ended.
func (i *invoked) event() event.TaskCompleted {
	ev := i.TaskCompleted(i.instanceID)
	ev.ID, ev.Source, ev.Region = "event-of-"+i.InvokeID, "acs.ecs", "cn-hangzhou"
	return ev
}

// beat is the first heartbeat that the machine's agent sends now.
func (m *machine) beat(now time.Time) event.FirstHeartbeat {
	m.beats++
	uptime := now.Sub(m.started)
	return event.FirstHeartbeat{
		Envelope: event.Envelope{
			ID: fmt.Sprintf("beat-%s-%d", m.id, m.beats), Source: "acs.ecs", Kind: event.KindFirstHeartbeat, Time: now,
		},
		InstanceID: m.id, AgentVersion: "2.2.4.1", Uptime: &uptime,
	}
}
