package decide

import (
	"maps"
	"time"

	"aftercare/shared/event"
	"aftercare/shared/flow"
)

// Invocation is what Cloud Assistant knows about one invocation on one
// instance.
type Invocation struct {
	InvokeID    string
	CommandID   string
	CommandName string
	// Token is the value of the tag aftercare:send; empty if it has none.
	Token string
	// Status is the per-instance InvocationStatus word, for example Pending,
	// Running, Success.
	Status     string
	ExitCode   *int64 // nil until the script ended
	ErrorCode  string // empty if there was no error
	ErrorDesc  string
	RepeatMode string
	Repeats    int64
	StartTime  time.Time
	FinishTime time.Time
}

// AgentStatus is what DescribeCloudAssistantStatus says about one instance.
type AgentStatus struct {
	// Ready: the agent sent a heartbeat within the last two minutes.
	Ready   bool
	Version string
	OS      string // linux or windows
	// Seen is when the agent last sent a heartbeat; zero if nobody says.
	Seen time.Time `json:",omitzero"`
}

// Machine is an instance as DescribeInstances shows it.
type Machine struct {
	Status                 string // Pending, Starting, Running, Stopping or Stopped
	Name, OS, Region, Zone string // OS is linux or windows
	Tags                   map[string]string
}

// Instance is what expressions see of it, as far as ECS knows.
func (m Machine) Instance(id string) flow.Instance {
	tags := map[string]string{} // it is known what there is
	maps.Copy(tags, m.Tags)
	return flow.Instance{ID: id, OS: m.OS, Name: m.Name, Tags: tags, Region: m.Region, Zone: m.Zone}
}

// Output is what a script printed.
type Output struct {
	// Text is valid UTF-8; bytes that are not are replaced.
	Text string `json:"text,omitempty"`
	// Dropped is how many bytes the service cut off.
	Dropped int64 `json:"dropped,omitempty"`
}

// Ended reports whether the invocation has reached a final status.
func (i Invocation) Ended() bool {
	switch i.Status {
	case "", "Pending", "Running", "Stopping", "Scheduled":
		return false
	}
	return true
}

// TaskCompleted returns the event of an ended invocation.
func (i Invocation) TaskCompleted(instanceID string) event.TaskCompleted {
	return event.TaskCompleted{
		Envelope:   event.Envelope{Kind: event.KindTaskCompleted, Time: i.FinishTime},
		InstanceID: instanceID, InvokeID: i.InvokeID, CommandID: i.CommandID, CommandName: i.CommandName,
		Status: event.Status(i.Status), ExitCode: i.ExitCode, ErrorCode: i.ErrorCode, ErrorDesc: i.ErrorDesc,
		RepeatMode: i.RepeatMode, Repeats: i.Repeats, StartTime: i.StartTime, FinishTime: i.FinishTime,
	}
}
