package eventbridge

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"strings"
)

// rpcVersion is the version of the API. Source:
// https://www.alibabacloud.com/help/en/eventbridge/developer-reference/api-eventbridge-2020-04-01-putevents
const rpcVersion = "2020-04-01"

// rpcFields are the fields that an event of EventList may have. In lower case,
// they are the attributes of CloudEvents.
var rpcFields = map[string]bool{
	"Id": true, "Source": true, "Type": true, "Data": true, "DataContentType": true,
	"DataSchema": true, "SpecVersion": true, "Subject": true, "Time": true,
}

// serveRPC answers a call of the vendor's API.
func (s *Server) serveRPC(w http.ResponseWriter, r *http.Request) {
	call, refused := s.verifier.Call(w, r)
	switch {
	case refused != nil:
		refuse(w, upperCase, &Error{refused.Status, refused.Code, refused.Message})
		return
	case call.Version != rpcVersion:
		refuse(w, upperCase, &Error{400, "InvalidVersion", "the version " + call.Version + " is not " + rpcVersion})
		return
	case call.Action != "PutEvents":
		s.serveAction(w, r, call)
		return
	}
	bus := call.Parameters.Get("EventBusName")
	events, err := readEventList(bus, call.Parameters.Get("EventList"))
	if err != nil {
		refuse(w, upperCase, err)
		return
	}
	if err := s.checkBus(bus); err != nil {
		answerFailure(w, err)
		return
	}
	s.put(w, r, upperCase, events, func(out outcome) {
		out = out.named()
		answer(w, http.StatusOK, rpcAnswer{RequestID: rand.Text(), Code: "200", Success: true, Data: &out})
	})
}

// rpcAnswer is an answer of the API. Data is missing if the call failed.
type rpcAnswer struct {
	RequestID     string `json:"RequestId"`
	Code, Message string
	Success       bool
	Data          any `json:",omitempty"`
}

// readEventList reads the events of a call as CloudEvents.
func readEventList(bus, list string) ([]incoming, error) {
	switch {
	case bus == "":
		return nil, &Error{400, "MissingEventBusName", "EventBusName is mandatory for this action."}
	case list == "":
		return nil, &Error{400, "MissingEventList", "EventList is mandatory for this action."}
	case len(list) > maxBatchBytes:
		return nil, errTooLarge
	}
	batch, err := readBatch([]byte(list))
	if err != nil {
		return nil, err
	}
	var events []incoming
	for i, raw := range batch {
		var fields map[string]json.RawMessage
		if json.Unmarshal(raw, &fields) != nil {
			return nil, invalid("event %d of EventList is not a JSON object", i+1)
		}
		e := event{attributes: map[string]json.RawMessage{"specversion": json.RawMessage(`"1.0"`)}}
		for name, value := range fields {
			if !rpcFields[name] {
				return nil, invalid("event %d of EventList has the field %q, which is not known", i+1, name)
			}
			if !bytes.Equal(value, []byte("null")) {
				e.attributes[strings.ToLower(name)] = value
			}
		}
		encoded, err := e.encode()
		if err != nil {
			return nil, err
		}
		events = append(events, incoming{bus, encoded})
	}
	return events, nil
}
