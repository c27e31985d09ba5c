package functioncompute

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"aftercare/tests/localcloud/access"
)

// api returns the HTTP surface of the service. An unknown path gets the status
// that the vendor documents for all versions of the API; the list for 2023-03-30
// has the code without a status.
// Source: https://www.alibabacloud.com/help/en/functioncompute/error-codes
func (s *Server) api() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+base+"/functions/{name}/invocations", s.serveInvoke)
	s.handleControl(mux)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		e := &APIError{400, "PathNotSupported",
			fmt.Sprintf("'%s' against '%s' is not supported by the local Function Compute of version 2023-03-30", r.Method, r.URL.Path),
			newRequestID(s.opt.Now())}
		if strings.HasPrefix(r.URL.Path, "/2016-08-15/") {
			writeAnswer(w, e, struct{ ErrorCode, ErrorMessage string }{e.Code, e.Message})
			return
		}
		writeError(w, e)
	})
	return mux
}

func (s *Server) serveInvoke(w http.ResponseWriter, r *http.Request) {
	logged := access.EntryOf(w)
	logged.Call, logged.About = "InvokeFunction", r.PathValue("name")
	requestID := newRequestID(s.opt.Now())
	async, err := invocationType(r)
	if err != nil {
		err.RequestID = requestID
		writeError(w, err)
		return
	}
	payload, readErr := io.ReadAll(http.MaxBytesReader(w, r.Body, maxSyncBytes))
	if readErr != nil {
		var large *http.MaxBytesError
		if errors.As(readErr, &large) {
			writeError(w, tooLarge(maxSyncBytes, requestID))
		}
		return // otherwise the client is gone
	}
	if err := s.checkSignature(r, payload); err != nil {
		err.RequestID = requestID
		writeError(w, err)
		return
	}
	res, callErr := s.call(r, Call{r.PathValue("name"), r.URL.Query().Get("qualifier"), async, payload})
	var refused *APIError
	switch {
	case errors.As(callErr, &refused):
		writeError(w, refused)
		return
	case callErr != nil && r.Context().Err() != nil:
		return // the client is gone
	case callErr != nil:
		writeError(w, &APIError{503, "ServiceUnavailable", callErr.Error(), res.RequestID})
		return
	}
	w.Header().Set("x-fc-request-id", res.RequestID)
	if async {
		w.WriteHeader(http.StatusAccepted)
		return
	}
	w.Header().Set("x-fc-invocation-service-version", res.Version)
	if res.FunctionError != "" {
		w.Header().Set("x-fc-error-type", res.FunctionError)
		logged.Code = res.FunctionError
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	_, _ = w.Write(res.Body) // the client may be gone
}

// invocationType reads the headers, and refuses those that the server does not
// imitate.
func invocationType(r *http.Request) (async bool, refused *APIError) {
	switch kind := r.Header.Get("x-fc-invocation-type"); {
	case strings.EqualFold(kind, "Async"):
		async = true
	case kind != "" && !strings.EqualFold(kind, "Sync"):
		return false, invalidArgument("invocation type %q is neither Sync nor Async", kind)
	}
	if tail := r.Header.Get("x-fc-log-type"); tail != "" && !strings.EqualFold(tail, "None") {
		return false, invalidArgument("the log type %q is not imitated by the local Function Compute", tail)
	}
	for _, h := range []string{"x-fc-async-delay", "x-fc-stateful-async-invocation-id", "x-fc-async-task-id"} {
		if r.Header.Get(h) != "" {
			return false, invalidArgument("the header %s is not imitated by the local Function Compute", h)
		}
	}
	return async, nil
}

func invalidArgument(format string, args ...any) *APIError {
	return &APIError{Status: 400, Code: "InvalidArgument", Message: fmt.Sprintf(format, args...)}
}

func writeError(w http.ResponseWriter, e *APIError) {
	writeAnswer(w, e, struct{ RequestId, Code, Message string }{e.RequestID, e.Code, e.Message})
}

// writeAnswer writes an error with the fields that its version of the API has.
func writeAnswer(w http.ResponseWriter, e *APIError, fields any) {
	access.EntryOf(w).Code = e.Code
	w.Header().Set("x-fc-request-id", e.RequestID)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(e.Status)
	body, _ := json.Marshal(fields)
	_, _ = w.Write(body) // the client may be gone
}
