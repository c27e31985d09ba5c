package eventbridge

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/http"

	"aftercare/tests/localcloud/access"
	"aftercare/tests/localcloud/fault"
)

// Handler returns the HTTP surface.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /eventbuses/{bus}/events", s.serveBus)
	mux.HandleFunc("POST /openapi/putEvents", s.serveDataPlane)
	mux.HandleFunc("/openapi/", func(w http.ResponseWriter, r *http.Request) {
		refuse(w, lowerCase, notFound(access.CodeNotImitated, "the local EventBridge does not imitate %s %s, of the data plane only POST /openapi/putEvents", r.Method, r.URL.Path))
	})
	mux.HandleFunc("/{$}", s.serveRPC)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		refuse(w, upperCase, notFound("PathNotSupported", "the local EventBridge has no %s %s, only POST /eventbuses/{bus}/events, POST /openapi/putEvents, and the actions of the API 2020-04-01 at /", r.Method, r.URL.Path))
	})
	return mux
}

// incoming is an event of a call, and the name of its bus.
type incoming struct {
	bus string
	raw json.RawMessage
}

// entry is the outcome for one event of a call.
type entry struct {
	EventID      string `json:"EventId"`
	ErrorCode    string `json:"ErrorCode,omitempty"`
	ErrorMessage string `json:"ErrorMessage,omitempty"`
}

// outcome is the outcome for all events of a call.
type outcome struct {
	FailedEntryCount int
	EntryList        []entry
	last             error
}

// put puts the events of a call, and hands their outcome to send, which writes
// the answer. Planned faults strike before or after.
func (s *Server) put(w http.ResponseWriter, r *http.Request, letters shape, events []incoming, send func(outcome)) {
	logged := access.EntryOf(w)
	logged.Call = "PutEvents"
	if len(events) > 0 {
		logged.About = events[0].bus
	}
	fail := func(f *fault.Fault) { refuse(w, letters, plannedError(f)) }
	strike := s.opt.Faults.Next("PutEvents")
	if strike.Before(r, fail) {
		return
	}
	out := s.putAll(events)
	if strike.After(r, fail) {
		return
	}
	send(out)
}

// putAll puts events one by one; each has an outcome of its own.
func (s *Server) putAll(events []incoming) (out outcome) {
	for _, e := range events {
		var id struct{ ID string }
		_ = json.Unmarshal(e.raw, &id) // a bad id is refused by PutEvent
		done := entry{EventID: id.ID}
		if err := s.PutEvent(e.bus, e.raw); err != nil {
			out.FailedEntryCount++
			out.last = err
			refused := asError(err)
			done.ErrorCode, done.ErrorMessage = refused.Code, refused.Message
		}
		out.EntryList = append(out.EntryList, done)
	}
	return out
}

// serveBus accepts events as the CloudEvents SDKs send them, unsigned, on a path
// that names the bus.
func (s *Server) serveBus(w http.ResponseWriter, r *http.Request) {
	*access.EntryOf(w) = access.Entry{Call: "PutEvents", About: r.PathValue("bus")}
	events, err := readEvents(w, r)
	if err != nil {
		refuse(w, upperCase, err)
		return
	}
	bus := r.PathValue("bus")
	if err := s.checkBus(bus); err != nil {
		refuse(w, upperCase, err)
		return
	}
	var all []incoming
	for _, raw := range events {
		all = append(all, incoming{bus, raw})
	}
	s.put(w, r, upperCase, all, func(out outcome) {
		if len(events) == 1 && out.last != nil {
			refuse(w, upperCase, out.last)
			return
		}
		answer(w, http.StatusOK, struct {
			RequestID string `json:"RequestId"`
			outcome
		}{rand.Text(), out})
	})
}

func plannedError(f *fault.Fault) *Error {
	e := &Error{f.Status, f.Code, f.Message}
	if e.Status == 0 {
		e.Status = 503
	}
	if e.Code == "" {
		e.Code = "ServiceUnavailable"
	}
	return e
}

func asError(err error) *Error {
	var refused *Error
	if errors.As(err, &refused) {
		return refused
	}
	return &Error{500, "InternalError", err.Error()}
}

// shape makes the body of an error, in the form that the SDKs of one generation
// of the API read.
type shape func(requestID string, e *Error) any

func upperCase(requestID string, e *Error) any {
	return map[string]string{"RequestId": requestID, "Code": e.Code, "Message": e.Message}
}

func lowerCase(requestID string, e *Error) any {
	return map[string]string{"requestId": requestID, "code": e.Code, "message": e.Message}
}

func refuse(w http.ResponseWriter, letters shape, err error) {
	e := asError(err)
	access.EntryOf(w).Code = e.Code
	answer(w, e.Status, letters(rand.Text(), e))
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the client may be gone
}
