package event

import "strconv"

// parseTaskCompleted requires the three fields that recording an end needs.
func parseTaskCompleted(env Envelope, data object) Event {
	t := TaskCompleted{
		Envelope:    env,
		CommandID:   data.text("commandId"),
		CommandName: data.text("commandName"),
		ErrorCode:   data.text("errorCode"),
		ErrorDesc:   data.text("errorDesc"),
		RepeatMode:  data.text("repeatMode"),
		StartTime:   data.time("startTime"),
		FinishTime:  data.time("finishTime"),
		OwnerUID:    data.text("ownerUid", "ownerId"),
		PlayerUID:   data.text("playerUid"),
	}
	var err error
	if t.InstanceID, err = data.id("instanceId"); err != nil {
		return Malformed{Reason: err.Error()}
	}
	if t.InvokeID, err = data.id("invokeId"); err != nil {
		return Malformed{Reason: err.Error()}
	}
	status, err := data.word("invocationStatus")
	if err != nil {
		return Malformed{Reason: err.Error()}
	}
	switch t.Status = Status(status); t.Status {
	case "Pending", "Running", "Stopping", "Scheduled":
		// If recorded, it would hide the real end, which has the same key.
		return Ignored{Envelope: env, Reason: "the invocation status is not an end"}
	}
	if code, ok := data.integer("exitCode"); ok {
		t.ExitCode = &code
	}
	if n, ok := data.integer("repeats"); ok && n > 0 {
		t.Repeats = n
	}
	if t.ErrorCode == "0" {
		t.ErrorCode = ""
	}
	return t
}

// Suffix distinguishes the executions of one invocation on one instance. It is
// "once" for a command that runs once, and for unknown repeat modes, because
// one of the service's sources counts such a run from 0 and another from 1. For the modes Period and EveryReboot it is the start time
// in Unix seconds, or the number of repeats if there is no start time.
func (t TaskCompleted) Suffix() string {
	switch t.RepeatMode {
	case "Period", "EveryReboot":
		if t.StartTime.IsZero() {
			return strconv.FormatInt(t.Repeats, 10)
		}
		return strconv.FormatInt(t.StartTime.Unix(), 10)
	}
	return "once"
}

// Key identifies the execution, whichever way and however often its end is
// reported: the instance id, the invoke id and the suffix, with slashes
// between them. None of the three has a slash of its own.
func (t TaskCompleted) Key() string {
	return t.InstanceID + "/" + t.InvokeID + "/" + t.Suffix()
}
