// Package gateway answers the RPC calls of services behind the vendor's API
// gateway: it checks signatures and the API's version, applies planned faults, and
// writes answers and errors in the gateway's form. A service only says what an
// action does.
package gateway

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"

	"crypto/rand"

	"aftercare/tests/localcloud/access"
	"aftercare/tests/localcloud/fault"
)

// Error is an error of a service, or of the gateway.
type Error struct {
	Status  int // of HTTP
	Code    string
	Message string
}

// Errorf makes an error.
func Errorf(status int, code, format string, args ...any) *Error {
	return &Error{status, code, fmt.Sprintf(format, args...)}
}

// Service is one API.
type Service struct {
	Version string // for example 2015-05-01
	// Host is the service's name, for example ram.aliyuncs.com.
	Host   string
	Faults *fault.Set
	// Verifier checks the signatures.
	Verifier *access.Verifier
	// About names the subject of a call for the log of requests, by the first of
	// these parameters that the call has.
	About []string
	// Actions are what the service can do, by name. Each returns the members of
	// its answer.
	Actions map[string]func(p access.Call) (map[string]any, *Error)
}

// ServeHTTP answers one call.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := rand.Text()
	logged := access.EntryOf(w)
	fail := func(e *Error) {
		logged.Code = e.Code
		write(w, e.Status, map[string]any{"RequestId": id, "HostId": s.Host, "Code": e.Code, "Message": e.Message, "Recommend": ""})
	}
	call, refused := s.Verifier.Call(w, r)
	if refused != nil {
		fail(&Error{refused.Status, refused.Code, refused.Message})
		return
	}
	logged.Call = call.Action
	for _, name := range s.About {
		logged.About = cmp.Or(logged.About, call.Parameters.Get(name))
	}
	if call.Version != s.Version {
		fail(Errorf(http.StatusBadRequest, "InvalidVersion", "the version %q is not %s", call.Version, s.Version))
		return
	}
	strike := s.Faults.Next(call.Action)
	broken := func(f *fault.Fault) {
		e := Errorf(http.StatusServiceUnavailable, "ServiceUnavailable", "The request has failed due to a temporary failure of the server.")
		if f.Status != 0 {
			e.Status, e.Code = f.Status, f.Code
		}
		e.Message = cmp.Or(f.Message, e.Message)
		fail(e)
	}
	if strike.Before(r, broken) {
		return
	}
	var answer map[string]any
	e := Errorf(http.StatusNotFound, "InvalidAction.NotFound", "the action %s is not imitated by the local cloud", call.Action)
	if act, known := s.Actions[call.Action]; known {
		answer, e = act(call)
	}
	if strike.After(r, broken) {
		return
	}
	if e != nil {
		fail(e)
		return
	}
	if answer == nil {
		answer = map[string]any{}
	}
	answer["RequestId"] = id
	write(w, http.StatusOK, answer)
}

func write(w http.ResponseWriter, status int, answer any) {
	body, err := json.Marshal(answer)
	if err != nil {
		panic(fmt.Sprintf("gateway: encode an answer: %v", err)) // a mistake in the type
	}
	w.Header().Set("Content-Type", "application/json;charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client may be gone
}
