package remediation_test

import (
	"time"

	"aftercare/shared/event"
	"aftercare/shared/remediation"
)

// ended is the end, now, of a task's command.
func ended(invokeID, short string, status event.Status, code string) remediation.Ended {
	ev := event.TaskCompleted{
		Envelope:   event.Envelope{ID: "e-" + invokeID, Source: "acs.ecs", Kind: event.KindTaskCompleted, Time: now, Region: "cn-hangzhou"},
		InstanceID: "i-1", InvokeID: invokeID, CommandID: "c-" + invokeID, CommandName: "a stranger's",
		Status: status, ErrorCode: code, RepeatMode: "Once", StartTime: now.Add(-2 * time.Second), FinishTime: now.Add(-time.Second),
	}
	if short != "" {
		ev.CommandName = remediation.MarkedName(short, id(short))
	}
	return remediation.Ended{Event: ev, Received: now, Source: remediation.SourceEvent}
}
