package cloud

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"aftercare/tests/localcloud/access"
	"aftercare/tests/localcloud/ecs"
	"aftercare/tests/localcloud/eventbridge"
	"aftercare/tests/localcloud/functioncompute"
)

// maxBody is the largest body that the control surface reads: an invocation's.
const maxBody = 32 << 20

// startControl serves the control surface.
func (c *Cloud) startControl() error {
	address := c.opt.Listen.Control
	if address == "" {
		address = "127.0.0.1:0"
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("listen address %q: %w", address, err)
	}
	if !loopback(host) {
		return fmt.Errorf("listen address %q is not on loopback", address)
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("listen for the control surface: %w", err)
	}
	c.endpoint = "http://" + listener.Addr().String()
	c.control = &http.Server{
		Handler: c.guard(c.routes()), ReadHeaderTimeout: 10 * time.Second,
		BaseContext: func(net.Listener) context.Context { return c.life },
	}
	c.serving.Go(func() { _ = c.control.Serve(listener) })
	return nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// guard refuses what a web page could send: it can start commands.
func (c *Cloud) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !c.begin() {
			panic(http.ErrAbortHandler)
		}
		defer c.serving.Done()
		if access.FromPage(r) {
			answer(w, nil, refuse(http.StatusForbidden, "the control surface is not for web pages"))
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		next.ServeHTTP(w, r)
	})
}

// begin counts a request that Close waits for; false after Close has begun.
func (c *Cloud) begin() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.life.Err() != nil {
		return false
	}
	c.serving.Add(1)
	return true
}

// Error is a refusal of the control surface.
type Error struct {
	Status  int // of HTTP
	Message string
}

func (e *Error) Error() string { return e.Message }

func refuse(status int, format string, args ...any) *Error {
	return &Error{status, fmt.Sprintf(format, args...)}
}

// statusOf finds the HTTP status for the errors of the services.
func statusOf(err error) int {
	var own *Error
	var bus *eventbridge.Error
	var fc *functioncompute.APIError
	switch {
	case errors.As(err, &own):
		return own.Status
	case errors.As(err, &bus):
		return bus.Status
	case errors.As(err, &fc):
		return fc.Status
	case errors.Is(err, ecs.ErrUnknownInstance):
		return http.StatusNotFound
	case errors.Is(err, ecs.ErrState):
		return http.StatusConflict
	case errors.Is(err, context.DeadlineExceeded):
		return http.StatusGatewayTimeout
	}
	return http.StatusInternalServerError
}

func answer(w http.ResponseWriter, value any, err error) {
	w.Header().Set("Content-Type", "application/json")
	if err != nil {
		w.WriteHeader(statusOf(err))
		value = map[string]string{"error": err.Error()}
	}
	if value == nil {
		value = struct{}{}
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	_ = e.Encode(value) // the client may be gone
}

// read decodes a body, which must be one JSON value without unknown members.
func read(r *http.Request, into any) error {
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return refuse(http.StatusBadRequest, "the body is not what is expected: %v", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return refuse(http.StatusBadRequest, "something follows the body's JSON value")
	}
	return nil
}

// putEvents puts one event or an array of them on the bus default, unless one
// of them is refused: then those after it are not put.
func (c *Cloud) putEvents(body []byte) error {
	list := []json.RawMessage{body}
	if bytes.HasPrefix(bytes.TrimSpace(body), []byte("[")) {
		if err := json.Unmarshal(body, &list); err != nil {
			return refuse(http.StatusBadRequest, "the body is not an array of events: %v", err)
		}
	}
	for i, raw := range list {
		if err := c.putEvent(raw); err != nil {
			return fmt.Errorf("put event %d of %d: %w", i+1, len(list), err)
		}
	}
	return nil
}

// planFault adds a fault.
func (c *Cloud) planFault(f Fault) error {
	if !f.Mode.Valid() {
		return refuse(http.StatusBadRequest, "the mode %q is not error, cut or hang with -before or -after", f.Mode)
	}
	if f.Kill != "" {
		if err := c.knows(f.Kill); err != nil {
			return err
		}
		f.OnStrike = func() { c.functions.KillInstances(f.Kill) }
	}
	c.faults.Add(f.Fault)
	return nil
}

// knows is an error if there is no function of this name.
func (c *Cloud) knows(function string) error {
	if !c.plan.has(function) {
		return refuse(http.StatusNotFound, "there is no function %s", function)
	}
	return nil
}
