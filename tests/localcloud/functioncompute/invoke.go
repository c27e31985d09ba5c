package functioncompute

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"aftercare/tests/localcloud/fault"
)

// Result is the answer to an invocation that reached its function.
type Result struct {
	RequestID string
	// Body is what the function returned, or a JSON object with errorMessage
	// and perhaps errorType and stackTrace.
	Body []byte
	// FunctionError is empty if the function succeeded, and otherwise
	// "UnhandledInvocationError".
	FunctionError string
	// Version is that of the code that ran, "0" for LATEST.
	Version string
}

// Err returns nil if the function succeeded, and otherwise an error with its
// message.
func (r Result) Err() error {
	if r.FunctionError == "" {
		return nil
	}
	var body struct{ ErrorMessage string }
	if json.Unmarshal(r.Body, &body) != nil || body.ErrorMessage == "" {
		return fmt.Errorf("%s in request %s", r.FunctionError, r.RequestID)
	}
	return fmt.Errorf("%s in request %s: %s", r.FunctionError, r.RequestID, body.ErrorMessage)
}

// APIError is an error of the service, not of a function.
type APIError struct {
	Status    int // of HTTP
	Code      string
	Message   string
	RequestID string
}

func (e *APIError) Error() string {
	return fmt.Sprintf("%s (%d): %s", e.Code, e.Status, e.Message)
}

const unhandled = "UnhandledInvocationError"

var (
	// ErrCut is what Invoke returns when a planned fault cut its connection.
	ErrCut = errors.New("connection cut")

	errExhausted = errors.New("all instances are busy")
)

// invocation is one call of a function, on its way to one instance.
type invocation struct {
	id        string
	qualifier string
	async     bool
	payload   []byte
	retry     int

	// delivered is closed when the process got it; deadline is set before.
	delivered chan struct{}
	deadline  time.Time
	// done is closed when the process answered; body and failed are set
	// before.
	done   chan struct{}
	body   []byte
	failed bool
}

// Call is one invocation.
type Call struct {
	Function string
	// Qualifier is a version or an alias; LATEST if empty.
	Qualifier string
	Async     bool
	Payload   []byte
}

// Invoke calls a function and waits for its result, as InvokeFunction does
// with the invocation type Sync. The error is an *APIError, or ErrCut, or ctx's.
// The function keeps running when ctx ends. An error of the function itself is
// in the Result.
func (s *Server) Invoke(ctx context.Context, name string, payload []byte) (Result, error) {
	return s.Do(ctx, Call{Function: name, Payload: payload})
}

// InvokeAsync queues a call and returns its request id. The server repeats the
// call after errors, and sends its outcome to the function's destinations.
func (s *Server) InvokeAsync(name string, payload []byte) (requestID string, err error) {
	res, err := s.Do(context.Background(), Call{Function: name, Payload: payload, Async: true})
	return res.RequestID, err
}

// Do makes a call, as Invoke or InvokeAsync does. It turns faults that cut
// connections into errors.
func (s *Server) Do(ctx context.Context, c Call) (res Result, err error) {
	defer func() {
		switch broken := recover(); {
		case broken == nil:
		case broken != http.ErrAbortHandler:
			panic(broken)
		case ctx.Err() != nil:
			err = ctx.Err()
		default:
			err = ErrCut
		}
	}()
	// Faults need only the context of a request.
	return s.call((&http.Request{}).WithContext(ctx), c)
}

// call is InvokeFunction with its planned faults.
func (s *Server) call(r *http.Request, c Call) (Result, error) {
	res := Result{RequestID: newRequestID(s.opt.Now())}
	to := target{c.Function, c.Qualifier}
	if _, err := s.resolve(to); err != nil {
		return res, withID(err, res.RequestID)
	}
	limit := maxSyncBytes
	if c.Async {
		limit = maxAsyncBytes
	}
	if len(c.Payload) > limit {
		return res, tooLarge(limit, res.RequestID)
	}
	var planned error
	fail := func(ft *fault.Fault) { planned = plannedError(ft, res.RequestID) }
	strike := s.opt.Faults.Next("InvokeFunction")
	if strike.Before(r, fail) {
		return res, planned
	}
	var err error
	if c.Async {
		err = s.enqueue(to, res.RequestID, c.Payload)
	} else {
		res, err = s.wait(r.Context(), to, &invocation{id: res.RequestID, qualifier: to.qualifier, payload: c.Payload})
	}
	if r.Context().Err() == nil && strike.After(r, fail) {
		return res, planned
	}
	return res, err
}

// withID adds the request's id to an *APIError.
func withID(err error, requestID string) error {
	var refused *APIError
	if errors.As(err, &refused) {
		refused.RequestID = requestID
	}
	return err
}

// wait runs an invocation and returns early if ctx ends.
func (s *Server) wait(ctx context.Context, to target, inv *invocation) (Result, error) {
	type outcome struct {
		res Result
		err error
	}
	ended := make(chan outcome, 1)
	if !s.spawn(func() {
		res, err := s.execute(to, inv)
		ended <- outcome{res, err}
	}) {
		return Result{RequestID: inv.id}, errClosed
	}
	select {
	case o := <-ended:
		return o.res, o.err
	case <-ctx.Done():
		return Result{RequestID: inv.id}, ctx.Err()
	}
}

// Invoked is an invocation that reached an instance and has ended.
type Invoked struct {
	Function, Version, Qualifier, RequestID string
	Log                                     LogConfig // of the function
	At                                      time.Time // of its end
	Took                                    time.Duration
	Async                                   bool
	Cold                                    bool // it was the first of its instance
	Failed                                  bool
}

// execute runs an invocation to its end on one instance.
func (s *Server) execute(to target, inv *invocation) (Result, error) {
	res := Result{RequestID: inv.id}
	var in *instance
	f, err := s.resolve(to)
	for err == nil {
		if in, err = s.acquire(f); !errors.Is(err, errClosed) {
			break
		}
		// The code was replaced meanwhile, unless the server closes.
		before := f
		if f, err = s.resolve(to); f == before {
			err = errClosed
		}
	}
	var refused *APIError
	switch {
	case errors.As(err, &refused):
		return res, withID(err, inv.id)
	case errors.Is(err, errExhausted):
		return res, &APIError{429, "ResourceExhausted",
			fmt.Sprintf("all %d instances of function '%s' are busy.", f.MaxInstances, f.Name), inv.id}
	case errors.Is(err, errClosed):
		return res, err
	case err != nil:
		return res, &APIError{412, "FunctionNotStarted", err.Error(), inv.id}
	}
	inv.delivered, inv.done = make(chan struct{}), make(chan struct{})
	_, res.Version = f.versionOf()
	var failed bool
	begin, cold := time.Now(), !in.used
	in.used = true
	if res.Body, failed = s.runOn(in, inv); failed {
		res.FunctionError = unhandled
	}
	if s.opt.OnInvoked != nil {
		s.opt.OnInvoked(Invoked{
			Function: f.Name, Version: res.Version, Qualifier: inv.qualifier, RequestID: inv.id, Log: f.Log,
			At: s.opt.Now(), Took: time.Since(begin), Async: inv.async, Cold: cold, Failed: failed,
		})
	}
	return res, nil
}

func (s *Server) acquire(f *function) (*instance, error) {
	in, err := f.pool.acquire()
	if in != nil || err != nil {
		return in, err
	}
	in, err = s.startInstance(f)
	if err != nil {
		f.pool.cancel()
		return nil, err
	}
	if !f.pool.attach(in) {
		in.kill()
		return nil, errClosed
	}
	return in, nil
}

// runOn runs inv on an instance, and frees the instance or kills it.
func (s *Server) runOn(in *instance, inv *invocation) (body []byte, failed bool) {
	begin := time.Now()
	in.thaw()
	in.assign(inv)
	startup := time.NewTimer(s.opt.StartTimeout)
	defer startup.Stop()
	select {
	case <-inv.delivered:
	case <-in.exited:
		if in.withdraw() {
			return exitBody(in, begin), true
		}
	case <-startup.C:
		if in.withdraw() {
			in.kill()
			<-in.exited
			return errorBody("Function instance did not ask for an invocation within %s", s.opt.StartTimeout), true
		}
	}
	<-inv.delivered // the process took it, at the latest while it ended
	timeout := time.NewTimer(time.Until(inv.deadline))
	defer timeout.Stop()
	select {
	case <-inv.done:
	case <-in.exited:
	case <-timeout.C:
		if unfinished := in.answered(inv.id) != nil; unfinished {
			in.kill()
			<-in.exited
			return timeoutBody(in), true
		}
		<-inv.done // it was being answered
	}
	select {
	case <-inv.done:
	default:
		return exitBody(in, begin), true
	}
	if !s.opt.NoFreeze {
		in.freeze()
	}
	if !in.f.pool.release(in, s.opt.IdleAfter) {
		in.kill()
	}
	return inv.body, inv.failed
}

// KillInstances kills the processes of a function, busy or idle, as a crash of
// their machine would, and returns how many there were. Their invocations end as
// unexpected exits.
func (s *Server) KillInstances(name string) int {
	var killed []*instance
	for _, f := range s.codeOf(name) {
		killed = append(killed, f.pool.drain()...)
	}
	for _, in := range killed {
		in.kill()
	}
	for _, in := range killed {
		<-in.exited
	}
	return len(killed)
}

// Instances returns how many instances of a function exist.
func (s *Server) Instances(name string) int {
	n := 0
	for _, f := range s.codeOf(name) {
		n += f.pool.size()
	}
	return n
}

// codeOf returns the latest code of a function and its versions.
func (s *Server) codeOf(name string) []*function {
	s.mu.Lock()
	defer s.mu.Unlock()
	if d := s.functions[name]; d != nil {
		return d.all()
	}
	return nil
}

func exitBody(in *instance, begin time.Time) []byte {
	return errorBody("Process exited unexpectedly before completing request (duration: %dms, maxMemoryUsage: %s)",
		time.Since(begin).Milliseconds(), memoryUsed(in))
}

func timeoutBody(in *instance) []byte {
	return errorBody("Function timed out after %d seconds (maxMemoryUsage: %s)", in.f.timeoutSeconds(), memoryUsed(in))
}

// memoryUsed returns the greatest resident memory of an instance that has ended.
func memoryUsed(in *instance) string {
	return fmt.Sprintf("%.2fMB", float64(maxResident(in.cmd.ProcessState))/(1<<20))
}

func errorBody(format string, args ...any) []byte {
	body, _ := json.Marshal(map[string]string{"errorMessage": fmt.Sprintf(format, args...)})
	return body
}

func tooLarge(limit int, requestID string) *APIError {
	return &APIError{400, "EntityTooLarge", fmt.Sprintf("payload size exceeds maximum allowed size (%d bytes)", limit), requestID}
}

func plannedError(ft *fault.Fault, requestID string) *APIError {
	e := &APIError{ft.Status, ft.Code, ft.Message, requestID}
	if e.Status == 0 {
		e.Status = 500
	}
	if e.Code == "" {
		e.Code = "InternalServerError"
	}
	if e.Message == "" {
		e.Message = "an internal error has occurred. Please retry."
	}
	return e
}

func newRequestID(now time.Time) string {
	return fmt.Sprintf("1-%08x-%s-%s", now.Unix(), randomHex(4), randomHex(6))
}
