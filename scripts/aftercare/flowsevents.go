package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"aftercare/scripts/internal/cli"
	"aftercare/shared/decide"
	"aftercare/shared/event"
	"aftercare/shared/flow"
)

// starts are those of a submission that starts a flow by hand, or of a tick of its
// schedule; none if the payload is neither.
func (e explainer) starts(payload []byte) (list []explanation, err error) {
	var s struct {
		Kind, Flow          string
		Time                time.Time
		Inputs              map[string]string
		InstanceID          string
		InstanceIDs         []string
		SubmittedBy, Reason string
	}
	if json.Unmarshal(payload, &s) != nil || s.Flow == "" {
		return nil, nil
	}
	if _, err := flow.NewSet(e.flows).Definition(s.Flow); err != nil {
		return nil, cli.NotFound("%w", err)
	}
	x := explanation{Kind: flow.Manual, Event: "a start of " + s.Flow + " by hand", At: e.moment(s.Time)}
	x.in = decide.Submission{Key: "explained", Flow: s.Flow, Inputs: s.Inputs, By: s.SubmittedBy, Reason: s.Reason}
	if s.Kind == flow.Scheduled {
		x.Kind, x.Event, x.in = s.Kind, "a tick of the schedule of "+s.Flow, decide.TickOf(s.Flow, x.At, "")
	}
	for _, x.InstanceID = range append(s.InstanceIDs, s.InstanceID) {
		if x.InstanceID != "" {
			list = append(list, x)
		}
	}
	if list == nil {
		return nil, errors.New("the start names no instance: write instanceId")
	}
	return list, nil
}

// eventsIn returns the events of a file: one as a function gets it, or those of
// records that 'show' and 'history' print with -o json or jsonl.
func eventsIn(payload []byte, errOut io.Writer) ([]event.Event, error) {
	var records []map[string]any
	for d := json.NewDecoder(bytes.NewReader(payload)); d.More(); {
		var one any
		if d.Decode(&one) != nil {
			return event.Parse(payload), nil
		}
		records = append(records, recordsIn(one)...)
	}
	if len(records) == 0 || slices.ContainsFunc(records, func(r map[string]any) bool { return kindOf(fmt.Sprint(r["kind"])) == nil }) {
		return event.Parse(payload), nil
	}
	var events []any
	for _, r := range records {
		if as, is := recorded[r["kind"]]; is {
			events = append(events, as.delivered(r))
		}
	}
	if events == nil {
		return nil, fmt.Errorf("a record of the kind %s is not an event: take one of the kind execution or boot", records[0]["kind"])
	}
	fmt.Fprintln(errOut, "records keep not all that their events said: what is missing counts as empty")
	text, err := json.Marshal(events)
	return event.Parse(text), err
}

// recordsIn are the records of a JSON value: all of a list, and of an instance the
// boots and the executions, the oldest first.
func recordsIn(value any) (list []map[string]any) {
	switch value := value.(type) {
	case []any:
		for _, v := range value {
			list = append(list, recordsIn(v)...)
		}
	case map[string]any:
		log, of := value["log"].(map[string]any)
		if !of {
			return append(list, value)
		}
		for _, kind := range []string{"boots", "executions"} {
			newest := recordsIn(log[kind])
			slices.Reverse(newest)
			list = append(list, newest...)
		}
	}
	return list
}

// form is how records of one kind keep an event.
type form struct {
	kind event.Kind
	keys map[string]string // of the event, where they differ from the record's
}

// recorded are the forms by the records' kinds.
var recorded = map[any]form{
	"boot": {event.KindFirstHeartbeat, map[string]string{"instanceId": "vmName", "why": "agentVersion"}},
	"execution": {event.KindTaskCompleted, map[string]string{
		"status": "invocationStatus", "result": "invocationStatus", "id": "invokeId", "name": "commandName", "why": "errorDesc",
		"startedAt": "startTime", "at": "finishTime",
	}},
}

// delivered is the CloudEvent of a record.
func (f form) delivered(r map[string]any) any {
	data := map[string]any{}
	for key, value := range r {
		data[cmp.Or(f.keys[key], key)] = value
	}
	at := cmp.Or(r["eventTime"], r["finishTime"], r["time"], r["at"])
	return map[string]any{"specversion": "1.0", "type": f.kind, "id": r["eventId"], "time": at, "data": data}
}
