package eventbridge

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"

	"aftercare/tests/localcloud/access"
	"aftercare/tests/localcloud/fault"
)

// The content types of the two content modes. Source:
// https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md
const (
	structured = "application/cloudevents+json"
	batched    = "application/cloudevents-batch+json"
)

// entry is the outcome for one event of a call, as PutEvents answers it.
type entry struct {
	EventID      string `json:"EventId"`
	ErrorCode    string `json:"ErrorCode,omitempty"`
	ErrorMessage string `json:"ErrorMessage,omitempty"`
}

// Handler is the HTTP surface.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /eventbuses/{bus}/events", s.servePut)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		refuse(w, &Error{404, "PathNotSupported", "the local EventBridge knows only POST /eventbuses/{bus}/events"})
	})
	return mux
}

func (s *Server) servePut(w http.ResponseWriter, r *http.Request) {
	logged := access.EntryOf(w)
	logged.Call, logged.About = "PutEvents", r.PathValue("bus")
	events, err := readEvents(w, r)
	if err != nil {
		refuse(w, err)
		return
	}
	bus := r.PathValue("bus")
	if err := s.checkBus(bus); err != nil {
		refuse(w, err)
		return
	}
	fail := func(f *fault.Fault) { refuse(w, plannedError(f)) }
	strike := s.opt.Faults.Next("PutEvents")
	if strike.Before(r, fail) {
		return
	}
	entries, failed, last := s.putAll(bus, events)
	if strike.After(r, fail) {
		return
	}
	if len(events) == 1 && last != nil {
		refuse(w, last)
		return
	}
	answer(w, http.StatusOK, struct {
		RequestID        string `json:"RequestId"`
		FailedEntryCount int
		EntryList        []entry
	}{rand.Text(), failed, entries})
}

// putAll puts events one by one; each has an outcome of its own.
func (s *Server) putAll(bus string, events []json.RawMessage) (entries []entry, failed int, last error) {
	for _, raw := range events {
		var id struct{ ID string }
		_ = json.Unmarshal(raw, &id) // a bad id is refused by PutEvent
		out := entry{EventID: id.ID}
		if err := s.PutEvent(bus, raw); err != nil {
			failed++
			last = err
			refused := asError(err)
			out.ErrorCode, out.ErrorMessage = refused.Code, refused.Message
		}
		entries = append(entries, out)
	}
	return entries, failed, last
}

// readEvents reads the events of either content mode.
func readEvents(w http.ResponseWriter, r *http.Request) ([]json.RawMessage, error) {
	media, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if charset := params["charset"]; err == nil && charset != "" && charset != "utf-8" && charset != "UTF-8" {
		return nil, &Error{415, "UnsupportedMediaType", "events must be in UTF-8"}
	}
	if media != structured && media != batched {
		return nil, &Error{415, "UnsupportedMediaType", "content type must be " + structured + " or " + batched + ": the binary content mode is not supported"}
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBatchBytes))
	if err != nil {
		return nil, &Error{413, "RequestTooLarge", "a request takes at most 1 MB"}
	}
	if media == structured {
		return []json.RawMessage{body}, nil
	}
	var events []json.RawMessage
	if err := json.Unmarshal(body, &events); err != nil || len(events) == 0 {
		return nil, invalid("a batch must be a JSON array of events")
	}
	if len(events) > maxBatchEvents {
		return nil, invalid("a batch has %d events, more than %d", len(events), maxBatchEvents)
	}
	return events, nil
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

func refuse(w http.ResponseWriter, err error) {
	e := asError(err)
	access.EntryOf(w).Code = e.Code
	answer(w, e.Status, struct {
		RequestID     string `json:"RequestId"`
		Code, Message string
	}{rand.Text(), e.Code, e.Message})
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the client may be gone
}
