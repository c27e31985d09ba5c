package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"aftercare/shared/handler"
	"aftercare/tests/localcloud/access"
	"aftercare/tests/rig"
)

// functionCompute serves InvokeFunction of the functions that the tool invokes, for
// a rig, whose functions have no processes. It checks signatures as the local cloud does.
func functionCompute(t *testing.T, r *rig.Rig) string {
	verifier := access.NewVerifier(access.NewKeys(r.Key), time.Now)
	var one sync.Mutex
	mux := http.NewServeMux()
	functions := map[string]func([]byte) (handler.Outcome, error){
		"aftercare-submit-task": r.SubmitTask, "aftercare-task-completed": r.TaskCompleted,
		"aftercare-first-heartbeat": r.FirstHeartbeat, "aftercare-instance-state": r.StateChange,
		"aftercare-sweep":  func([]byte) (handler.Outcome, error) { return r.Sweep() },
		"aftercare-alerts": alertsFor(t, r, r.Now), "aftercare-dead-letters": r.DeadLetters,
	}
	mux.HandleFunc("POST /2023-03-30/functions/{name}/invocations", func(w http.ResponseWriter, req *http.Request) {
		payload, err := io.ReadAll(req.Body)
		if refused := verifier.Header(req, payload); err != nil || refused != nil {
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprint(w, `{"Code":"SignatureNotMatch"}`)
			return
		}
		one.Lock()
		defer one.Unlock()
		out, err := functions[req.PathValue("name")](payload)
		w.Header().Set("x-fc-request-id", out.RequestID)
		if err != nil {
			w.Header().Set("x-fc-error-type", "FunctionUnhandledError")
		}
		_, _ = w.Write(encode(out)) // the client may be gone
	})
	mux.HandleFunc("GET /2023-03-30/functions/{name}", func(w http.ResponseWriter, req *http.Request) {
		name := req.PathValue("name")
		if functions[name] == nil {
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, `{"Code":"FunctionNotFound"}`)
			return
		}
		fmt.Fprintf(w, `{"functionName":%q,"state":"Active","role":"acs:ram::%s:role/%s"}`, name, account, name)
	})
	mux.HandleFunc("GET /2023-03-30/functions/{name}/triggers", func(w http.ResponseWriter, req *http.Request) {
		fmt.Fprint(w, `{"triggers":[{"triggerName":"minute","triggerType":"timer","qualifier":"LATEST"},{"triggerName":"rule|of others","triggerType":"eventbridge"}]}`)
	})
	mux.HandleFunc("GET /2023-03-30/functions/{name}/concurrency", func(w http.ResponseWriter, req *http.Request) {
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `{"Code":"ConcurrencyConfigNotFound"}`)
	})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s.URL
}
