package handler

import (
	"cmp"
	"encoding/json"

	"aftercare/shared/decide"
)

// submittedIn returns the submission in a payload. One that came as an event, whole, is
// its data, and the event's source and id identify it; otherwise event is empty.
func submittedIn(payload []byte) (submission []byte, event string) {
	var e struct {
		SpecVersion, Source, ID string
		Data                    json.RawMessage
	}
	if json.Unmarshal(payload, &e) != nil || e.SpecVersion == "" || len(e.Data) == 0 {
		return payload, ""
	}
	var text string
	if json.Unmarshal(e.Data, &text) == nil {
		e.Data = []byte(text)
	}
	return e.Data, decide.Key("event", e.Source, e.ID)
}

// showRefused notes that a submission that came as an event was refused, if one was.
func (v *invocation) showRefused() {
	for _, item := range v.out.Items {
		if item.Result != ResultRefused {
			continue
		}
		why := item.Reason
		if item.Answer != nil {
			why = cmp.Or(why, item.Answer.Reason)
		}
		if item.Order != nil {
			why = cmp.Or(why, item.Order.Reason)
		}
		v.watch.show(decide.RefusedEvent(v.called(), why, v.now()))
		return
	}
}
