package cloud

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"aftercare/tests/localcloud/ecs"
	"aftercare/tests/localcloud/eventbridge"
	"aftercare/tests/localcloud/functioncompute"
)

// maxBody is the largest body that the control surface reads: an invocation's.
const maxBody = 32 << 20

// startControl serves the control surface.
func (c *Cloud) startControl() error {
	var err error
	listen := c.listen(c.opt.Listen.Control)
	listen.Reset = c.pagesRefused(func(w http.ResponseWriter, _ *http.Request) { answer(w, nil, c.reset()) })
	if c.control, err = listen.StartLocal("control"); err != nil {
		return err
	}
	c.control.Serve(c.guard(c.routes()))
	return nil
}

// pagesRefused refuses what a web page could send: it can start commands.
func (c *Cloud) pagesRefused(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if c.control.FromPage(r) {
			answer(w, nil, refuse(http.StatusForbidden, "the control surface is not for web pages"))
			return
		}
		next(w, r)
	}
}

// errEnded is why guard cancels a request.
var errEnded = refuse(http.StatusServiceUnavailable, "the local cloud was reset or closed meanwhile")

// guard serves requests while the services run, and cancels them when these end.
func (c *Cloud) guard(next http.Handler) http.Handler {
	return c.pagesRefused(func(w http.ResponseWriter, r *http.Request) {
		life, ok := c.begin()
		if !ok {
			panic(http.ErrAbortHandler)
		}
		defer c.serving.Done()
		ctx, cancel := context.WithCancelCause(r.Context())
		defer cancel(nil)
		defer context.AfterFunc(life, func() {
			cancel(errEnded)
			_ = http.NewResponseController(w).SetReadDeadline(time.Now()) // ends the wait for a body
		})()
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// begin counts a request, so that halt waits for it, and returns the services'
// life; ok is false once Close has begun.
func (c *Cloud) begin() (life context.Context, ok bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.closed {
		return nil, false
	}
	c.serving.Add(1)
	return c.life, true
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

// statusOf returns the HTTP status for an error of a service.
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

// putEvents puts one event or an array of them on the bus default. It stops at
// the first event that is refused.
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

// knows returns an error if there is no function of this name.
func (c *Cloud) knows(function string) error {
	if slices.ContainsFunc(c.functions.Functions(), func(f functioncompute.Info) bool { return f.Name == function }) {
		return nil
	}
	return refuse(http.StatusNotFound, "there is no function %s", function)
}
