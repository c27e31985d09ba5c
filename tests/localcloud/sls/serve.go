package sls

import (
	"cmp"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"

	"aftercare/tests/localcloud/access"
	"aftercare/tests/localcloud/fault"
)

// apiError is an error answer of the service.
type apiError struct {
	status        int
	code, message string
}

func refuse(status int, code, format string, args ...any) *apiError {
	return &apiError{status, code, fmt.Sprintf(format, args...)}
}

func notImitated(what string) *apiError {
	return refuse(http.StatusBadRequest, access.CodeNotImitated, "the local cloud does not imitate %s", what)
}

// request is a call that passed the checks.
type request struct {
	project string // empty without one
	name    string // what the path names last
	store   string // the logstore, if the path names one
	query   map[string]string
	body    []byte
}

// call is one of the API.
type call struct {
	name    string
	changes bool
	do      func(s *Server, r request) (any, *apiError)
}

// maxBody bounds a request, in bytes.
const maxBody = 3 << 20

// ServeHTTP answers one call.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("x-log-requestid", rand.Text())
	logged := access.EntryOf(w)
	fail := func(e *apiError) {
		logged.Code = e.code
		write(w, e.status, map[string]string{"errorCode": e.code, "errorMessage": e.message})
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		fail(refuse(http.StatusBadRequest, "PostBodyTooLarge", "the body cannot be read, or is too large"))
		return
	}
	if e := s.verify(r, body); e != nil {
		fail(e)
		return
	}
	asked := request{project: projectOf(r.Host), query: map[string]string{}, body: body}
	for name, values := range r.URL.Query() {
		asked.query[name] = values[0]
	}
	c, known := route(r.Method, r.URL.Path, &asked)
	logged.Call, logged.About = c.name, cmp.Or(asked.store, asked.name, asked.project)
	if !known {
		fail(notImitated(r.Method + " " + r.URL.Path))
		return
	}
	strike := s.opt.Faults.Next(c.name)
	broken := func(f *fault.Fault) {
		e := refuse(http.StatusInternalServerError, "InternalServerError", "internal server error")
		if f.Status != 0 {
			e.status, e.code = f.Status, f.Code
		}
		e.message = cmp.Or(f.Message, e.message)
		fail(e)
	}
	if strike.Before(r, broken) {
		return
	}
	answer, e := s.act(c, asked)
	if strike.After(r, broken) {
		return
	}
	switch {
	case e != nil:
		fail(e)
	case answer == nil:
		w.WriteHeader(http.StatusOK)
	default:
		if _, lines := answer.([]map[string]string); lines {
			w.Header().Set("x-log-progress", "Complete")
			w.Header().Set("x-log-count", fmt.Sprint(len(answer.([]map[string]string))))
		}
		write(w, http.StatusOK, answer)
	}
}

// act makes a call under the lock, and keeps its changes before they are answered.
func (s *Server) act(c call, r request) (any, *apiError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		panic(http.ErrAbortHandler)
	}
	answer, e := c.do(s, r)
	if e == nil && c.changes {
		if err := s.file.Save(s.projects); err != nil {
			return nil, refuse(http.StatusInternalServerError, "InternalServerError", "%v", err)
		}
	}
	return answer, e
}

func write(w http.ResponseWriter, status int, answer any) {
	body, err := json.Marshal(answer)
	if err != nil {
		panic(fmt.Sprintf("sls: encode an answer: %v", err)) // a mistake in the type
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client may be gone
}

// projectOf returns the first label of a host that is more than an address.
func projectOf(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	first, rest, more := strings.Cut(host, ".")
	if !more || net.ParseIP(host) != nil || rest == "" {
		return ""
	}
	return first
}

// route finds the call, and notes what its path names.
func route(method, path string, r *request) (call, bool) {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	if parts[0] == "" {
		c, ok := map[string]call{
			"POST": {"CreateProject", true, (*Server).createProject}, "GET": {"GetProject", false, (*Server).getProject},
			"DELETE": {"DeleteProject", true, (*Server).deleteProject},
		}[method]
		return c, ok
	}
	kind := parts[0]
	if kind == "jobs" { // of the older SDKs
		kind = "alerts"
	}
	if len(parts) > 1 {
		r.name = parts[1]
	}
	switch {
	case kind == "logstores" && len(parts) == 3:
		r.store = parts[1]
		c, ok := map[string]call{
			"POST index": {"CreateIndex", true, (*Server).createIndex}, "PUT index": {"UpdateIndex", true, (*Server).updateIndex},
			"GET index": {"GetIndex", false, (*Server).getIndex}, "DELETE index": {"DeleteIndex", true, (*Server).deleteIndex},
			"POST logs": {"GetLogsV2", false, (*Server).getLogsV2},
		}[method+" "+parts[2]]
		return c, ok
	case kind == "logstores" && len(parts) == 2 && method == "GET" && r.query["type"] == "log":
		r.store = parts[1]
		return call{"GetLogs", false, (*Server).getLogs}, true
	case len(parts) > 2:
		return call{}, false
	}
	for _, k := range kinds {
		if k.path == kind {
			c, ok := k.call(method, r)
			return c, ok
		}
	}
	return call{}, false
}
