package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"aftercare/shared/event"
)

// recorded is what 'show -o json' and 'history -o json' print, as far as an event can
// be made of it: an execution, a boot, a line of the history or an instance.
type recorded struct {
	execution
	Seq          int64     `json:"seq"`
	EventTime    time.Time `json:"eventTime"`
	AgentVersion string    `json:"agentVersion"`
	// A line of the history.
	Kind   string    `json:"kind"`
	ID     string    `json:"id"`
	Name   string    `json:"name"`
	At     time.Time `json:"at"`
	Result string    `json:"result"`
	Why    string    `json:"why"`
	// StartedAt is the beginning of an execution in the history.
	StartedAt time.Time `json:"startedAt"`
	Time      time.Time `json:"time"`
	// An instance.
	Instance *instance `json:"instance"`
	Log      struct {
		Executions []recorded `json:"executions"`
		Boots      []recorded `json:"boots"`
	} `json:"log"`
}

// eventsIn returns the events of a file: one as a function gets it, or those of
// records that 'show' and 'history' print with -o json or jsonl.
func eventsIn(payload []byte, errOut io.Writer) (events []event.Event, err error) {
	kind, lacks := "", false
	for d := json.NewDecoder(bytes.NewReader(payload)); ; {
		var list []recorded
		one := json.RawMessage{}
		if err := d.Decode(&one); errors.Is(err, io.EOF) && (events != nil || kind != "") {
			break
		}
		if !bytes.HasPrefix(one, []byte("[")) {
			one = []byte("[" + string(one) + "]")
		}
		if json.Unmarshal(one, &list) != nil || len(list) == 0 {
			return event.Parse(payload), nil
		}
		for _, r := range list {
			more := r.events("")
			if more == nil && kindOf(r.Kind) == nil {
				return event.Parse(payload), nil
			}
			events, kind = append(events, more...), r.Kind
			lacks = lacks || r.Kind != "" || r.Seq > 0 || r.Instance != nil
		}
	}
	if events == nil {
		return nil, fmt.Errorf("a record of the kind %s is not an event: take one of the kind execution or boot", kind)
	}
	if lacks {
		fmt.Fprintln(errOut, "records keep not all that their events said: what is missing counts as empty")
	}
	return events, nil
}

// events are what a record says; nil if the record is not about an event.
func (r recorded) events(instanceID string) (list []event.Event) {
	id := cmp.Or(r.InstanceID, instanceID)
	switch {
	case r.Instance != nil:
		for _, kind := range [][]recorded{r.Log.Boots, r.Log.Executions} {
			for i := range kind { // the oldest first
				list = append(list, kind[len(kind)-1-i].events(r.Instance.ID)...)
			}
		}
		return list
	case id == "":
	case r.Kind == "boot" || r.Seq > 0:
		return []event.Event{event.FirstHeartbeat{
			Envelope: event.Envelope{ID: r.EventID, Time: cmp.Or(r.EventTime, r.Time, r.At)}, InstanceID: id, AgentVersion: cmp.Or(r.AgentVersion, r.Why),
		}}
	case r.Kind == "execution" || r.Kind == "" && r.Status != "" && r.InvokeID != "":
		return []event.Event{event.TaskCompleted{
			Envelope: event.Envelope{ID: r.EventID, Time: cmp.Or(r.FinishTime, r.At), Region: r.Region}, InstanceID: id, InvokeID: cmp.Or(r.InvokeID, r.ID),
			CommandID: r.CommandID, CommandName: cmp.Or(r.CommandName, r.Name), Status: event.Status(cmp.Or(r.Status, r.Result)), ExitCode: r.ExitCode,
			ErrorCode: r.ErrorCode, ErrorDesc: cmp.Or(r.ErrorDesc, r.Why), RepeatMode: r.RepeatMode, Repeats: r.Repeats,
			StartTime: cmp.Or(r.StartTime, r.StartedAt), FinishTime: cmp.Or(r.FinishTime, r.At), OwnerUID: r.OwnerUID, PlayerUID: r.PlayerUID,
		}}
	}
	return nil
}
