package main

import (
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/ledger"
)

// execution is how an execution is printed for programs.
type execution struct {
	Kind        string    `json:"kind"`
	InstanceID  string    `json:"instanceId"`
	InvokeID    string    `json:"invokeId"`
	CommandID   string    `json:"commandId,omitempty"`
	CommandName string    `json:"commandName,omitempty"`
	Status      string    `json:"status"`
	ExitCode    *int64    `json:"exitCode,omitempty"`
	ErrorCode   string    `json:"errorCode,omitempty"`
	ErrorDesc   string    `json:"errorDesc,omitempty"`
	RepeatMode  string    `json:"repeatMode,omitempty"`
	Repeats     int64     `json:"repeats,omitempty"`
	StartTime   time.Time `json:"startTime,omitzero"`
	FinishTime  time.Time `json:"finishTime,omitzero"`
	OwnerUID    string    `json:"ownerUid,omitempty"`
	PlayerUID   string    `json:"playerUid,omitempty"`
	Region      string    `json:"region,omitempty"`
	EventID     string    `json:"eventId,omitempty"`
	TaskID      string    `json:"taskId,omitempty"`
	Source      string    `json:"source,omitempty"`
	Received    time.Time `json:"received,omitzero"`

	Decided decide.Decided `json:"decided,omitzero"`
}

func printed(e decide.Execution) execution {
	ev := e.Event
	return execution{
		Kind: kindWords[ledger.EntryExecution], InstanceID: ev.InstanceID, InvokeID: ev.InvokeID, CommandID: ev.CommandID, CommandName: e.Name,
		Status: string(ev.Status), ExitCode: ev.ExitCode, ErrorCode: ev.ErrorCode, ErrorDesc: ev.ErrorDesc,
		RepeatMode: ev.RepeatMode, Repeats: ev.Repeats, StartTime: ev.StartTime, FinishTime: ev.FinishTime,
		OwnerUID: ev.OwnerUID, PlayerUID: ev.PlayerUID, Region: ev.Region, EventID: ev.ID,
		TaskID: e.TaskID, Source: e.Source, Received: e.Received, Decided: e.Decided,
	}
}
