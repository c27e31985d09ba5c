package ecs

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"
)

// The control surface returns ErrUnknownInstance for an instance that does not
// exist, and ErrState for a step that the instance's state does not allow.
var (
	ErrUnknownInstance = errors.New("no such instance")
	ErrState           = errors.New("the instance's state does not allow it")
)

// Instance is a machine of the local cloud.
type Instance struct {
	// ID is "i-" and letters, digits and hyphens.
	ID string
	// Name defaults to the id.
	Name string
	Tags map[string]string
	// OSType is "linux" (the default) or "windows".
	OSType string
	// Zone defaults to the region with "-i".
	Zone string
	// ResourceGroup is the id of a resource group other than the default one.
	ResourceGroup string
	// WindowsExit is the exit code of the commands that cannot run here.
	WindowsExit int64
	// OldAgent: its agent is older than Linux 1.0.2.569 or Windows 1.0.0.149, and
	// sends no first heartbeat event.
	OldAgent bool

	// The server sets the following fields; CreateInstance ignores them.

	State    string // Stopped or Running
	AgentUp  bool
	Boots    int
	BootedAt time.Time // when the operating system last started
	Created  time.Time
}

// instance is an Instance as it is stored, and its open work.
type instance struct {
	Instance
	AgentSince   time.Time // the first heartbeat of this agent process
	AgentStopped bool      // by StopAgent: it does not come up by itself
	LastBeat     time.Time // the last heartbeat of an agent that is gone
	LastInvoked  time.Time
	Changed      time.Time // when it changed its state last, as the event says
	Invoked      int64

	open    []*task          // tasks that have not ended, in the order of their acceptance
	scripts map[*script]bool // whose processes are not gone
	timer   *time.Timer
}

func (i *instance) adopt(t *task) {
	if !t.ended() {
		i.open = append(i.open, t)
	}
}

func (i *instance) stopTimer() {
	if i.timer != nil {
		i.timer.Stop()
	}
}

func (i *instance) windows() bool { return i.OSType == "windows" }

func (i *instance) agentVersion() string {
	switch {
	case i.windows() && i.OldAgent:
		return "1.0.0.148"
	case i.windows():
		return "2.1.3.529"
	case i.OldAgent:
		return "1.0.2.568"
	}
	return "2.2.3.529"
}

// heartbeat returns the time of the last heartbeat; zero before the first.
func (i *instance) heartbeat(now time.Time, every time.Duration) time.Time {
	if !i.AgentUp {
		return i.LastBeat
	}
	return i.AgentSince.Add(max(now.Sub(i.AgentSince), 0).Truncate(every))
}

var instanceID = regexp.MustCompile(`^i-[A-Za-z0-9-]{1,60}$`)

// CreateInstance adds a stopped instance and makes its folder.
func (s *Server) CreateInstance(spec Instance) error {
	if !instanceID.MatchString(spec.ID) {
		return fmt.Errorf("create instance %q: an id is i- and at most 60 letters, digits and hyphens", spec.ID)
	}
	i := &instance{Instance: Instance{
		ID: spec.ID, Name: spec.Name, Tags: maps.Clone(spec.Tags), OSType: spec.OSType, Zone: spec.Zone,
		ResourceGroup: spec.ResourceGroup, WindowsExit: spec.WindowsExit, OldAgent: spec.OldAgent, State: "Stopped", Created: s.options.Now(),
	}, scripts: make(map[*script]bool)}
	if i.Name == "" {
		i.Name = i.ID
	}
	if i.Zone == "" {
		i.Zone = s.options.Region + "-i"
	}
	switch i.OSType {
	case "":
		i.OSType = "linux"
	case "linux", "windows":
	default:
		return fmt.Errorf("create instance %s: the OS type %q is neither linux nor windows", spec.ID, spec.OSType)
	}
	if i.WindowsExit != 0 && !i.windows() {
		return fmt.Errorf("create instance %s: only a Windows instance has an exit code for commands that cannot run here", spec.ID)
	}
	if err := os.MkdirAll(s.root(i.ID)+homeFolder, 0o755); err != nil {
		return fmt.Errorf("create instance %s: make its folder: %w", spec.ID, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.instances[i.ID] != nil {
		return fmt.Errorf("create instance %s: it exists already", spec.ID)
	}
	s.instances[i.ID] = i
	s.emitState(i, "Created")
	return s.saved(i)
}

// Boot starts a stopped instance. Its first heartbeat comes Delays.Boot later.
func (s *Server) Boot(id string) error {
	return s.control("boot", id, func(i *instance) error {
		if i.State != "Stopped" {
			return ErrState
		}
		s.bootUp(i)
		return nil
	})
}

// Reboot stops a running instance and starts it again. Running scripts end as
// Failed with InstanceRestarted.
func (s *Server) Reboot(id string) error {
	return s.control("reboot", id, func(i *instance) error {
		if i.State != "Running" {
			return ErrState
		}
		s.restart(i)
		return nil
	})
}

func (s *Server) restart(i *instance) {
	s.powerDown(i, "InstanceRestarted")
	s.emitState(i, "Stopping")
	s.bootUp(i)
}

// Stop stops a running instance. Running scripts end as Failed with
// InstanceNotRunning. DescribeCloudAssistantStatus notices only when the last
// heartbeat is too old.
func (s *Server) Stop(id string) error {
	return s.control("stop", id, func(i *instance) error {
		if i.State != "Running" {
			return ErrState
		}
		s.halt(i)
		return nil
	})
}

func (s *Server) halt(i *instance) {
	s.powerDown(i, "InstanceNotRunning")
	i.State, i.AgentStopped = "Stopped", false
	s.emitState(i, "Stopping")
	s.emitState(i, "Stopped")
}

// Delete releases a stopped instance: it is gone for every call, and its folder
// with it. Its waiting commands end as Aborted with InstanceReleased.
func (s *Server) Delete(id string) error {
	return s.control("delete", id, func(i *instance) error {
		if i.State != "Stopped" {
			return ErrState
		}
		for _, t := range slices.Clone(i.open) {
			t.reset()
			s.finish(t, statusAborted, "InstanceReleased", "the instance was released")
		}
		delete(s.instances, id)
		s.emitState(i, "Deleted")
		return os.RemoveAll(s.root(id))
	})
}

// StopAgent ends the agent of a running instance, or keeps it from coming up
// after the boot that is under way. Running scripts keep running until the
// instance stops, but the server reports them as Failed with ClientNotResponse.
func (s *Server) StopAgent(id string) error {
	return s.control("stop the agent of", id, func(i *instance) error {
		if i.State != "Running" || i.AgentStopped {
			return ErrState
		}
		for _, t := range s.agentDown(i, "ClientNotResponse") {
			t.script.abandon()
		}
		i.AgentStopped = true
		return nil
	})
}

// StartAgent starts the agent of a running instance at once. As on the real
// one, a new agent process sends a first heartbeat event.
func (s *Server) StartAgent(id string) error {
	return s.control("start the agent of", id, func(i *instance) error {
		if i.State != "Running" || i.AgentUp {
			return ErrState
		}
		s.agentUp(i)
		return nil
	})
}

// Instances returns all instances, sorted by id.
func (s *Server) Instances() []Instance {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Instance, 0, len(s.instances))
	for _, id := range slices.Sorted(maps.Keys(s.instances)) {
		copied := s.instances[id].Instance
		copied.Tags = maps.Clone(copied.Tags)
		out = append(out, copied)
	}
	return out
}

func (s *Server) control(what, id string, act func(*instance) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.instances[id]
	if i == nil {
		return fmt.Errorf("%s %s: %w", what, id, ErrUnknownInstance)
	}
	if err := act(i); err != nil {
		return fmt.Errorf("%s %s: %w (it is %s)", what, id, err, i.State)
	}
	return s.saved(i)
}

// saved stores and commits an instance, or that it is gone. The caller holds the
// lock.
func (s *Server) saved(i *instance) error {
	if s.instances[i.ID] == nil {
		s.remove(bucketInstances, i.ID)
	} else {
		s.put(bucketInstances, i.ID, i)
	}
	return s.commit()
}

func (s *Server) root(id string) string { return filepath.Join(s.options.Dir, id) }

// bootUp starts the operating system now and the agent later. The caller holds
// the lock and commits.
func (s *Server) bootUp(i *instance) {
	i.Boots++
	i.BootedAt = s.options.Now()
	i.State, i.AgentStopped = "Running", false
	s.emitState(i, "Starting")
	s.emitState(i, "Running")
	s.agentLater(i)
}

// agentLater arms the first heartbeat of the boot that is under way.
func (s *Server) agentLater(i *instance) {
	boots := i.Boots
	i.stopTimer()
	i.timer = s.after(s.options.Delays.Boot, func() {
		if i.State == "Running" && i.Boots == boots && !i.AgentUp && !i.AgentStopped {
			s.agentUp(i)
			s.put(bucketInstances, i.ID, i)
		}
	})
}

// agentUp makes the agent's first heartbeat: it emits the event and lets open work
// continue.
func (s *Server) agentUp(i *instance) {
	now := s.options.Now()
	i.AgentUp, i.AgentStopped, i.AgentSince = true, false, now
	if !i.OldAgent {
		s.emitHeartbeat(i, now)
	}
	for _, t := range i.open {
		switch {
		case t.Status == statusPending:
			t.due = time.Now().Add(s.options.Delays.Pickup)
		case t.Status == statusScheduled && t.invocation.RepeatMode != modePeriod && i.Boots > t.HeldFrom:
			t.HeldFrom = i.Boots
			s.wait(t)
		}
	}
	s.deliverLater(i)
}

// agentDown ends the agent, if it is up, and returns the tasks whose scripts it
// was running, which end with the code.
func (s *Server) agentDown(i *instance, code string) []*task {
	i.stopTimer()
	if !i.AgentUp {
		return nil
	}
	i.LastBeat = i.heartbeat(s.options.Now(), s.options.Delays.HeartbeatEvery)
	i.AgentUp = false
	var running []*task
	for _, t := range i.open {
		if t.script != nil && t.why == "" {
			t.why = code
			running = append(running, t)
		}
	}
	return running
}

// powerDown ends the agent and every process of the instance.
func (s *Server) powerDown(i *instance, code string) {
	s.agentDown(i, code)
	for sc := range i.scripts {
		sc.end()
	}
	if i.Invoked > 0 {
		sweep(s.guard.of(i.ID))
	}
}

// after calls act under the lock after d, and commits, unless the server is
// closed by then.
func (s *Server) after(d time.Duration, act func()) *time.Timer {
	return time.AfterFunc(d, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.closed {
			return
		}
		act()
		s.commit() // a failure shows in the next call
	})
}
