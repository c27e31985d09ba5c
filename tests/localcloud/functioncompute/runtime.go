package functioncompute

import (
	"io"
	"net/http"
	"time"
)

// The sizes of payloads and answers. Source:
// https://www.alibabacloud.com/help/en/functioncompute/fc/product-overview/limits
const (
	maxSyncBytes  = 32 << 20
	maxAsyncBytes = 128 << 10
)

// runtimeAPI returns the API that the SDK in the instance's process polls:
//
//	GET  /2020-11-11/runtime/invocation/next
//	POST /2020-11-11/runtime/invocation/{id}/response
//	POST /2020-11-11/runtime/invocation/{id}/error
//
// The SDK polls for the next invocation as soon as it has one, so a poll waits
// here while the process works, and while it is frozen.
func (s *Server) runtimeAPI(in *instance) http.Handler {
	const base = "/2020-11-11/runtime/invocation/"
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+base+"next", func(w http.ResponseWriter, r *http.Request) {
		select {
		case inv := <-in.work:
			s.handOver(w, in, inv)
		case <-r.Context().Done():
		case <-in.exited:
		}
	})
	mux.HandleFunc("POST "+base+"{id}/response", func(w http.ResponseWriter, r *http.Request) {
		takeAnswer(w, r, in, false)
	})
	mux.HandleFunc("POST "+base+"{id}/error", func(w http.ResponseWriter, r *http.Request) {
		takeAnswer(w, r, in, true)
	})
	return mux
}

func (s *Server) handOver(w http.ResponseWriter, in *instance, inv *invocation) {
	in.mu.Lock()
	if in.f.Role != "" {
		in.key = s.keys.renew(in.key)
	}
	key := in.key.Key
	in.mu.Unlock()
	inv.deadline = time.Now().Add(in.f.Timeout)
	writeInvocationHeaders(w.Header(), in.f, inv, key)
	close(inv.delivered)
	_, _ = w.Write(inv.payload) // a process that is gone is seen by its exit
}

func takeAnswer(w http.ResponseWriter, r *http.Request, in *instance, failed bool) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxSyncBytes))
	if err != nil {
		http.Error(w, "answer is cut off or too large", http.StatusRequestEntityTooLarge)
		return
	}
	inv := in.answered(r.PathValue("id"))
	if inv == nil {
		http.Error(w, "no such invocation", http.StatusNotFound)
		return
	}
	// The process is frozen as soon as the invocation is done, so it gets its
	// confirmation first.
	w.Header().Set("Content-Length", "0")
	w.WriteHeader(http.StatusOK)
	_ = http.NewResponseController(w).Flush()
	inv.body, inv.failed = body, failed
	close(inv.done)
}
