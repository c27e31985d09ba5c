package ecs

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"aftercare/tests/localcloud/access"
	"aftercare/tests/localcloud/fault"
)

// apiVersion is the only version of the ECS API.
const apiVersion = "2014-05-26"

// Server is a running imitation of the service. It is safe for concurrent use.
type Server struct {
	options Options
	// accepting lasts as long as a call that sends is in progress, and reports
	// whether its client is still there.
	accepting func(context.Context) bool
	// limitsHeld is nil but in tests, where no script is over its timeout before it
	// is closed.
	limitsHeld <-chan struct{}
	http       *access.Server
	verifier   *access.Verifier
	guard      *guard
	throttle   throttle

	// mu guards the fields below. Every change and its commit happen under
	// it.
	mu          sync.Mutex
	store       *store
	broken      error
	closed      bool
	spent       spent
	seq         uint64 // of the last invocation
	sent        uint64 // of the last event
	started     uint64 // of the last run
	instances   map[string]*instance
	commands    map[string]*command
	invocations []*invocation
	byID        map[string]*invocation
	tokens      map[string]*tokenRecord
	tokensSwept time.Time
	runs        []*run
	outbox      []outgoing

	more       chan struct{}
	done       chan struct{}
	background sync.WaitGroup
}

// Start opens the state, ends the scripts that ran when it was last open, and
// serves.
func Start(options Options) (*Server, error) {
	options, err := options.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("start ecs: %w", err)
	}
	if err := os.MkdirAll(options.Dir, 0o755); err != nil {
		return nil, fmt.Errorf("start ecs: make the folder of the instances: %w", err)
	}
	state, err := openStore(options.Path)
	if err != nil {
		return nil, fmt.Errorf("start ecs: %w", err)
	}
	s := &Server{
		options:   options,
		verifier:  access.NewVerifier(options.Keys, options.Now),
		store:     state,
		guard:     newGuard(options.Dir),
		instances: make(map[string]*instance),
		commands:  make(map[string]*command),
		byID:      make(map[string]*invocation),
		tokens:    make(map[string]*tokenRecord),
		more:      make(chan struct{}, 1),
		done:      make(chan struct{}),
	}
	s.accepting = s.acceptLate
	if err := s.load(); err != nil {
		return nil, errors.Join(fmt.Errorf("start ecs: %w", err), state.close())
	}
	s.http, err = options.Listen.StartLocal("ecs")
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start ecs: %w", err), state.close())
	}
	s.mu.Lock()
	s.resume()
	err = s.commit()
	s.closed = err != nil
	s.mu.Unlock()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start ecs: %w", err), s.http.Close(), state.close())
	}
	if options.Emit != nil {
		s.wakeDispatch()
		s.background.Add(1)
		go s.dispatch()
	}
	s.http.Serve(s)
	return s, nil
}

// Endpoint returns the host and port of the service, for the SDK's domain; the
// scheme is http.
func (s *Server) Endpoint() string { return s.http.Address() }

// Close cuts every connection, ends all processes of the instances, and closes
// the state. Events that were not handed over yet stay in the state's file.
func (s *Server) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	close(s.done)
	for _, i := range s.instances {
		i.stopTimer()
		for _, t := range i.open {
			if t.script != nil {
				t.why = "ExecutionInterrupted"
			}
		}
		for sc := range i.scripts {
			sc.end()
		}
	}
	s.mu.Unlock()
	err := s.http.Close()
	s.background.Wait()
	err = errors.Join(err, s.guard.close())
	s.mu.Lock()
	defer s.mu.Unlock()
	return errors.Join(err, s.commit(), s.store.close())
}

// ServeHTTP answers one call.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		panic(http.ErrAbortHandler)
	}
	s.background.Add(1)
	s.mu.Unlock()
	defer s.background.Done()

	requestID := strings.ToUpper(newUUID())
	logged := access.EntryOf(w)
	fail := func(e *apiError) {
		logged.Code = e.code
		s.write(w, e.status, errorAnswer{
			RequestId: requestID,
			HostId:    "ecs." + s.options.Region + ".aliyuncs.com",
			Code:      e.code,
			Message:   e.message,
			Recommend: "",
		})
	}
	asked, refused := s.verifier.Call(w, r)
	if refused != nil {
		fail(refuse(refused.Status, refused.Code, "%s", refused.Message))
		return
	}
	if asked.Version != apiVersion {
		fail(bad("InvalidVersion", "the version %q is not %s", asked.Version, apiVersion))
		return
	}
	p := params{action: asked.Action, form: asked.Parameters}
	logged.Call, logged.About = p.action, cmp.Or(p.text("InstanceId.1"), p.text("InstanceId"), p.text("InvokeId"))
	strike := s.options.Faults.Next(p.action)
	broken := func(f *fault.Fault) { fail(injected(f)) }
	if strike.Before(r, broken) {
		return
	}
	answer, e := s.call(r.Context(), p, requestID)
	if strike.After(r, broken) {
		return
	}
	if e != nil {
		fail(e)
		return
	}
	s.write(w, http.StatusOK, answer)
}

func injected(f *fault.Fault) *apiError {
	e := refuse(http.StatusServiceUnavailable, "ServiceUnavailable", "the request has failed due to a temporary failure of the server")
	if f.Status != 0 {
		e.status, e.code = f.Status, f.Code
	}
	if f.Message != "" {
		e.message = f.Message
	}
	return e
}

// call finds the action, makes the checks that all actions share, and acts.
func (s *Server) call(ctx context.Context, p params, requestID string) (map[string]any, *apiError) {
	a, known := actions[p.action]
	if !known {
		return nil, notFound("InvalidAction.NotFound", "the action %s is not imitated by the local cloud", p.action)
	}
	if !s.throttle.allow(p.action, s.options.Throttle[p.action], s.options.Now()) {
		return nil, bad("Throttling.User", "the request was denied due to user flow control")
	}
	if e := p.onlyKnown(a.known); e != nil {
		return nil, e
	}
	switch region := p.text("RegionId"); region {
	case s.options.Region:
	case "":
		return nil, bad("MissingParameter.RegionId", "the parameter RegionId is required")
	default:
		return nil, notFound("InvalidRegionId.NotFound", "the region %s does not exist here", region)
	}
	if p.has("ResourceGroupId") && p.action != "DescribeInstances" {
		return nil, notFound("InvalidResourceGroup.NotFound", "commands and invocations are in the default resource group")
	}
	answer, e := a.act(s, ctx, p)
	if e != nil {
		return nil, e
	}
	answer["RequestId"] = requestID
	return answer, nil
}

func (s *Server) write(w http.ResponseWriter, status int, answer any) {
	body, err := json.Marshal(answer)
	if err != nil {
		panic(fmt.Sprintf("ecs: encode an answer: %v", err)) // a mistake in the type
	}
	w.Header().Set("Content-Type", "application/json;charset=utf-8")
	w.WriteHeader(status)
	w.Write(body)
}

// internal returns the answer for a failed write of the state.
func internal(err error) *apiError {
	if err == nil {
		return nil
	}
	return refuse(http.StatusInternalServerError, "InternalError", "the request has failed due to an unknown error: %v", err)
}
