package rig

import (
	"cmp"
	"io"
	"net/http"
	"net/http/httptest"
	"time"

	"aftercare/tests/localcloud/access"
	"aftercare/tests/localcloud/fault"
)

// Asked is an asynchronous invocation that Function Compute took.
type Asked struct{ Function, Payload string }

// startFunctions starts what takes invocations as Function Compute does. It only
// notes them: a test that wants a function to run runs it. It returns its URL.
func (r *Rig) startFunctions(keys *access.Keys) (endpoint string) {
	verifier := access.NewVerifier(keys, time.Now)
	mux := http.NewServeMux()
	mux.HandleFunc("POST /2023-03-30/functions/{name}/invocations", func(w http.ResponseWriter, q *http.Request) {
		body, err := io.ReadAll(q.Body)
		if err != nil || q.Header.Get("x-fc-invocation-type") != "Async" || verifier.Header(q, body) != nil {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		fail := func(f *fault.Fault) { w.WriteHeader(cmp.Or(f.Status, http.StatusInternalServerError)) }
		strike := r.Faults.Next("InvokeFunction")
		if strike.Before(q, fail) {
			return
		}
		r.mu.Lock()
		r.asked = append(r.asked, Asked{q.PathValue("name"), string(body)})
		r.mu.Unlock()
		if !strike.After(q, fail) {
			w.WriteHeader(http.StatusAccepted)
		}
	})
	s := httptest.NewServer(mux)
	r.t.Cleanup(s.Close)
	return s.URL
}

// Asked returns the asynchronous invocations since the last call, in order.
func (r *Rig) Asked() []Asked {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := r.asked
	r.asked = nil
	return out
}
