package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"sync"
	"time"

	"aftercare/tests/localcloud/access"
)

// server is a service that runs alone.
type server interface {
	Endpoint() string
	Close() error
}

// alone runs one service. A signed POST /reset starts it anew, on the same port.
type alone struct {
	flags    serviceFlags
	check    func(serviceFlags) error // before a reset; may be nil
	start    func(serviceFlags) (server, error)
	verifier *access.Verifier
	failed   chan error // of a reset

	mu     sync.Mutex
	closed bool
	server server
}

// run runs the service until ctx ends.
func (a *alone) run(ctx context.Context, out io.Writer) (err error) {
	a.failed = make(chan error, 1)
	a.verifier = access.NewVerifier(access.NewKeys(a.flags.key), time.Now)
	a.flags.listen.Reset = a.reset
	a.flags.listen.Keep()
	defer func() { err = errors.Join(err, a.flags.listen.Release()) }()
	a.mu.Lock()
	if a.server, err = a.start(a.flags); err == nil {
		fmt.Fprintln(out, "listening on", hostPort(a.server.Endpoint()))
	}
	a.mu.Unlock()
	if err != nil {
		return err
	}
	select {
	case <-ctx.Done():
	case err := <-a.failed:
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return <-a.failed
	}
	a.closed = true
	return a.server.Close()
}

// maxReset is the largest body of a reset. The body has no meaning.
const maxReset = 64 << 10

// reset answers POST /reset. The service cuts its connections when it closes, so
// reset first takes over its own.
func (a *alone) reset(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxReset))
	if err != nil {
		answer(w, http.StatusRequestEntityTooLarge, map[string]string{"error": "the body is too large, or cut off"})
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed || !a.allows(w, r, body) {
		return
	}
	if a.check != nil {
		if err := a.check(a.flags); err != nil { // nothing is forgotten
			answer(w, http.StatusConflict, map[string]string{"error": err.Error()})
			return
		}
	}
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		answer(w, http.StatusInternalServerError, map[string]string{"error": err.Error()})
		return
	}
	defer conn.Close()
	status, text := http.StatusOK, "{}\n"
	if err := a.restart(); err != nil {
		a.closed = true
		a.failed <- fmt.Errorf("reset: %w", err)
		status, text = http.StatusInternalServerError, "{\"error\":\"the reset failed, and the service has ended\"}\n"
	}
	fmt.Fprintf(conn, "HTTP/1.1 %d %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s",
		status, http.StatusText(status), len(text), text)
}

// allows verifies the signature of a request, and answers it if it is wrong.
func (a *alone) allows(w http.ResponseWriter, r *http.Request, body []byte) bool {
	if own, ok := a.server.(interface {
		Authenticate(http.ResponseWriter, *http.Request) bool
	}); ok {
		return own.Authenticate(w, r)
	}
	var refused *access.Refusal
	if r.Header.Get("Authorization") != "" {
		refused = a.verifier.Header(r, body)
	} else if err := r.ParseForm(); err != nil {
		refused = &access.Refusal{Status: http.StatusBadRequest, Code: "InvalidParameter", Message: err.Error()}
	} else {
		refused = a.verifier.RPC(r.Method, r.Form)
	}
	if refused != nil {
		access.EntryOf(w).Code = refused.Code
		answer(w, refused.Status, map[string]string{"Code": refused.Code, "Message": refused.Message})
	}
	return refused == nil
}

// restart closes the service, removes what it kept, and starts it again.
func (a *alone) restart() (err error) {
	if own, ok := a.server.(interface{ forget() error }); ok {
		err = own.forget()
	} else {
		err = a.server.Close()
	}
	if err != nil {
		return err
	}
	if a.flags.data != "" {
		if err := os.Remove(a.flags.data); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	a.server, err = a.start(a.flags)
	return err
}

func answer(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(value) // the client may be gone
}
