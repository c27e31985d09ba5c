package assistant

import (
	"cmp"

	"aftercare/shared/decide"
)

// The structs below hold the fields that are read from the answers of
// DescribeInvocations, DescribeInvocationResults and
// DescribeCloudAssistantStatus, API version 2014-05-26. Numbers and booleans
// may come as strings and the other way round. The older fields InvokeStatus,
// InstanceInvokeStatus and InvokeRecordStatus are ignored: they do not
// distinguish failure from success.

type invocationPage struct {
	NextToken   text
	TotalCount  text
	Invocations *struct {
		Invocation []invocation
	}
}

type invocation struct {
	InvokeID         text `json:"InvokeId"`
	CommandID        text `json:"CommandId"`
	CommandName      text
	RepeatMode       text
	InvocationStatus text
	CreationTime     text
	Tags             struct{ Tag []tag }
	InvokeInstances  struct{ InvokeInstance []invokeInstance }
}

// tag comes as Key and Value, or as TagKey and TagValue.
type tag struct{ Key, Value, TagKey, TagValue text }

func (t tag) key() text   { return cmp.Or(t.Key, t.TagKey) }
func (t tag) value() text { return cmp.Or(t.Value, t.TagValue) }

type invokeInstance struct {
	InstanceID       text `json:"InstanceId"`
	InvocationStatus text
	ExitCode         text
	ErrorCode        text
	ErrorInfo        text
	Repeats          text
	StartTime        text
	FinishTime       text
}

type resultPage struct {
	Invocation *struct {
		NextToken  text
		TotalCount text
		Results    *struct {
			Result []resultLine `json:"InvocationResult"`
		} `json:"InvocationResults"`
	}
}

type resultLine struct {
	InvokeID         text `json:"InvokeId"`
	InstanceID       text `json:"InstanceId"`
	InvocationStatus text
	Output           text
	Dropped          text
	Repeats          text
	FinishedTime     text
}

type statusAnswer struct {
	TotalCount text
	Set        *struct {
		Status []agentStatus `json:"InstanceCloudAssistantStatus"`
	} `json:"InstanceCloudAssistantStatusSet"`
}

type agentStatus struct {
	InstanceID text `json:"InstanceId"`
	Status     text `json:"CloudAssistantStatus"`
	Version    text `json:"CloudAssistantVersion"`
	OS         text `json:"OSType"`
	Heartbeat  text `json:"LastHeartbeatTime"`
}

// token is the value of the effect tag, or empty.
func (i *invocation) token() string {
	for _, t := range i.Tags.Tag {
		if t.key() == effectTag {
			return string(t.value())
		}
	}
	return ""
}

// on returns the invocation on one instance, or nil if it did not concern that
// instance. An invocation that lists no instance yet was accepted a moment ago:
// it counts, with its overall status.
func (i *invocation) on(instanceID string) *decide.Invocation {
	out := &decide.Invocation{
		InvokeID:    string(i.InvokeID),
		CommandID:   string(i.CommandID),
		CommandName: string(i.CommandName),
		Token:       i.token(),
		RepeatMode:  string(i.RepeatMode),
		Status:      string(i.InvocationStatus),
	}
	if len(i.InvokeInstances.InvokeInstance) == 0 {
		return out
	}
	for _, at := range i.InvokeInstances.InvokeInstance {
		if string(at.InstanceID) != instanceID {
			continue
		}
		out.Status = string(at.InvocationStatus)
		out.ErrorCode = string(at.ErrorCode)
		out.ErrorDesc = string(at.ErrorInfo)
		out.StartTime = at.StartTime.time()
		out.FinishTime = at.FinishTime.time()
		if n := at.Repeats.number(); n != nil {
			out.Repeats = *n
		}
		if ended(out.Status) {
			out.ExitCode = at.ExitCode.number()
		}
		return out
	}
	return nil
}

// ended reports whether the line is about a run that has ended. Between two runs
// of a repeated command it is about the previous run, but its status is
// Scheduled.
func (r *resultLine) ended() bool {
	switch r.InvocationStatus {
	case "Pending", "Running", "Stopping":
		return false
	case "Scheduled", "":
		return !r.FinishedTime.time().IsZero()
	}
	return true
}

// ended reports whether a script ran and ended. For other statuses the service's
// exit code means nothing.
func ended(status string) bool {
	switch status {
	case "", "Pending", "Scheduled", "Running", "Stopping", "Aborted", "Invalid":
		return false
	}
	return true
}
