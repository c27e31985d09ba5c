package decide

import (
	"strings"

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
		DataRegion: ev.DataRegion, Uptime: uptime, Extensions: cut(string(ev.Extensions), maxText),
	}
}

// maxText is how much of each text of an event is looked at, in bytes. The
// execution's record keeps all of it.
const maxText = 16 << 10

// maxRecord is the most that the record of an execution takes, in bytes: package
// event refuses an event that is larger.
const maxRecord = 512 << 10

// brief returns the event with its texts cut to what a decision needs.
func brief(ev event.TaskCompleted) event.TaskCompleted {
	for _, text := range []*string{
		&ev.CommandID, &ev.CommandName, &ev.ErrorCode, &ev.ErrorDesc, &ev.RepeatMode, &ev.OwnerUID, &ev.PlayerUID,
	} {
		*text = cut(*text, maxText)
	}
	return ev
}

// masked returns the event without secrets.
func (p Policy) masked(ev event.TaskCompleted) event.TaskCompleted {
	for _, text := range []*string{&ev.CommandName, &ev.ErrorCode, &ev.ErrorDesc} {
		*text = p.Mask.Text(*text)
	}
	return ev
}

// cut returns the first bytes of a text, without a part of a character at their end.
func cut(text string, limit int) string {
	if len(text) > limit {
		return strings.ToValidUTF8(text[:limit], "")
	}
	return text
}
