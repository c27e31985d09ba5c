package decide

import (
	"encoding/json"

	"aftercare/shared/event"
	"aftercare/shared/flow"
)

// TaskEvent is the end of an execution as expressions see it.
func TaskEvent(ev event.TaskCompleted) flow.Event {
	code := -1
	if ev.ExitCode != nil {
		code = int(*ev.ExitCode)
	}
	return flow.Event{
		Kind: flow.TaskCompleted, ID: ev.ID, Source: ev.Source, Region: ev.Region,
		Account: ev.Account, Time: ev.Time, InstanceID: ev.InstanceID,
		InvokeID: ev.InvokeID, CommandID: ev.CommandID, CommandName: ev.CommandName,
		InvocationStatus: string(ev.Status), ExitCode: code, ErrorCode: ev.ErrorCode, ErrorDesc: ev.ErrorDesc,
		RepeatMode: ev.RepeatMode, Repeats: int(ev.Repeats),
		StartTime: ev.StartTime, FinishTime: ev.FinishTime, OwnerUID: ev.OwnerUID, PlayerUID: ev.PlayerUID,
	}
}

// HeartbeatEvent is a first heartbeat as expressions see it.
func HeartbeatEvent(ev event.FirstHeartbeat) flow.Event {
	uptime := -1
	if ev.Uptime != nil {
		uptime = int(ev.Uptime.Milliseconds())
	}
	return flow.Event{
		Kind: flow.FirstHeartbeat, ID: ev.ID, Source: ev.Source, Region: ev.Region,
		Account: ev.Account, Time: ev.Time, InstanceID: ev.InstanceID,
		BizEventID: ev.BizEventID, AgentVersion: ev.AgentVersion, Zone: ev.Zone,
		DataRegion: ev.DataRegion, Uptime: uptime, Extensions: cut(string(ev.Extensions)),
	}
}

// DecodeAnswer reads the answer that an earlier invocation gave.
func DecodeAnswer(text, instanceID string) Answer {
	a := Answer{InstanceID: instanceID}
	if err := json.Unmarshal([]byte(text), &a); err != nil {
		return Answer{InstanceID: instanceID}
	}
	return a
}
