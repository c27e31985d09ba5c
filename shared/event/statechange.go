package event

import "strings"

// State is ECS's word for the state of an instance. Words that are not listed
// here are kept as they came.
type State string

// The states that an event reports. ECS describes an instance that was Created
// as Pending or Stopped, and one that was Deleted not at all.
const (
	StateCreated  State = "Created"
	StatePending  State = "Pending"
	StateStarting State = "Starting"
	StateRunning  State = "Running"
	StateStopping State = "Stopping"
	StateStopped  State = "Stopped"
	StateDeleted  State = "Deleted"
)

// InstanceStateChange is a change of an instance's state.
// Sample: https://help.aliyun.com/en/ecs/user-guide/overview-35
// Not known: EventBridge's sample. Its data is taken to be CloudMonitor's
// content, with a plain id or an ARN as resourceId.
type InstanceStateChange struct {
	Envelope
	InstanceID   string // resourceId
	ResourceType string
	State        State
}

// parseStateChange requires the instance's id and its state.
func parseStateChange(env Envelope, data object) Event {
	s := InstanceStateChange{Envelope: env, ResourceType: data.text("resourceType")}
	id, err := data.word("resourceId")
	if err != nil {
		return Malformed{Reason: err.Error()}
	}
	if s.InstanceID = id[strings.LastIndex(id, "/")+1:]; !validID(s.InstanceID) {
		return Malformed{Reason: data.path + "resourceId " + wantID}
	}
	state, err := data.word("state")
	if err != nil {
		return Malformed{Reason: err.Error()}
	}
	s.State = State(state)
	return s
}
