// Package functioncompute runs real, built function binaries the way Alibaba
// Cloud Function Compute (FC) 3.0 runs functions of the go1 runtime: it starts
// an instance process when one is needed, hands invocations to it over the
// runtime API that fc-runtime-go-sdk polls, freezes the process between
// invocations, kills it at the timeout, fires timers, and queues and retries
// asynchronous invocations.
//
// The API is the real one of version 2023-03-30, reduced to InvokeFunction:
// POST /2023-03-30/functions/{name}/invocations. A request that carries an
// Authorization header must be signed with ACS3-HMAC-SHA256 by a known key, and
// is checked by the verifier that the local ECS also uses (package access).
// A request without one is accepted, because the server listens on loopback
// only, unless Options.RequireSignature is set.
//
// Limits lists what it does not imitate.
package functioncompute

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"aftercare/tests/localcloud/access"
	"aftercare/tests/localcloud/fault"
)

// Options say how a Server runs. The zero value of each field is usable.
type Options struct {
	// Listen is where the API listens: on loopback only, for it runs programs.
	Listen access.Listen
	// Functions are the functions that exist, by unique names.
	Functions []Function
	// Keys gets a temporary key for each instance of a function that has a
	// role, and holds the keys that may sign requests. If it is nil, nobody
	// knows the functions' keys and signatures are not checked.
	Keys *access.Keys
	// KeyLifetime is how long a temporary key is accepted, an hour if zero.
	// An invocation gets a new key after half of the last one's lifetime.
	KeyLifetime time.Duration
	// RequireSignature refuses requests without an Authorization header.
	RequireSignature bool
	// Now is the clock of timers' payloads, signatures and keys; time.Now if
	// nil. Deadlines always follow the machine's clock, as processes do.
	Now func() time.Time
	// Faults plans failures of the call InvokeFunction.
	Faults *fault.Set
	// Log gets every line that the functions print, prefixed with the names
	// of function and instance; nothing is logged if nil.
	Log io.Writer
	// IdleAfter is how long an idle instance is kept, five minutes if zero,
	// for ever if negative.
	IdleAfter time.Duration
	// NoFreeze leaves instances running between invocations.
	NoFreeze bool
	// StartTimeout bounds the time from a process's start to its first poll,
	// ten seconds if zero.
	StartTimeout time.Duration
	// AsyncScale multiplies the delays and the greatest age of asynchronous
	// invocations: 0.001 makes them a thousand times shorter. Zero means 1.
	AsyncScale float64
	// TimerScale multiplies the time between two firings of a timer: with
	// 1.0/60 a timer of one minute fires each second. Zero means 1.
	TimerScale float64
	// Path is the PATH of the functions, "/usr/local/bin:/usr/bin:/bin" if
	// empty.
	Path string
	// Home is the HOME of the functions, "/tmp" if empty.
	Home string
	// EndpointIn is the variable in which a function finds the API's address, unless
	// it has a value of its own there. Empty means none.
	EndpointIn string
}

// Server is a running local Function Compute. It is safe for concurrent use.
type Server struct {
	opt       Options
	functions map[string]*function
	keys      *issuer
	verifier  *access.Verifier // nil if nobody's signature is checked
	spawner   *spawner
	log       *lineLog

	http *access.Server

	stop   chan struct{} // closed by Close
	queued atomic.Int64  // asynchronous invocations
	fileMu sync.Mutex    // one destination line at a time
	// work counts the goroutines that Close waits for.
	work sync.WaitGroup
	mu   sync.Mutex
	// closed and the adding to work change under mu.
	closed bool
}

var errClosed = errors.New("function compute is closed")

// Start checks the functions, listens, and starts their timers.
func Start(opt Options) (*Server, error) {
	opt.fill()
	s := &Server{
		opt:       opt,
		functions: make(map[string]*function),
		keys:      newIssuer(opt.Keys, opt.Now, opt.KeyLifetime),
		log:       &lineLog{w: opt.Log},
		stop:      make(chan struct{}),
	}
	if opt.Keys != nil {
		s.verifier = access.NewVerifier(opt.Keys, opt.Now)
	}
	for _, f := range opt.Functions {
		checked, err := newFunction(f)
		if err != nil {
			return nil, fmt.Errorf("function %q: %w", f.Name, err)
		}
		if _, twice := s.functions[f.Name]; twice {
			return nil, fmt.Errorf("function %q is declared twice", f.Name)
		}
		s.functions[f.Name] = checked
	}
	for _, f := range s.functions {
		if err := s.checkDestinations(f); err != nil {
			return nil, fmt.Errorf("function %q: %w", f.Name, err)
		}
	}
	var err error
	if s.http, err = opt.Listen.StartLocal("functioncompute"); err != nil {
		return nil, err
	}
	s.tellEndpoint()
	s.spawner = newSpawner()
	s.http.Serve(s.http.RefusePages(s.api()))
	for _, f := range s.functions {
		for _, t := range f.timers {
			s.spawn(func() { s.runTimer(f, t) })
		}
	}
	return s, nil
}

// tellEndpoint gives the functions the API's address.
func (s *Server) tellEndpoint() {
	name := s.opt.EndpointIn
	if name == "" {
		return
	}
	for _, f := range s.functions {
		if _, own := f.Env[name]; !own {
			f.Env = maps.Clone(f.Env)
			if f.Env == nil {
				f.Env = map[string]string{}
			}
			f.Env[name] = s.Endpoint()
		}
	}
}

// Endpoint is the base URL of the API, without a slash at the end.
func (s *Server) Endpoint() string { return s.http.URL() }

// Close kills every instance, drops what is queued, and returns when all
// processes and goroutines of the server have ended.
func (s *Server) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	close(s.stop)
	s.mu.Unlock()
	err := s.http.Close()
	for _, f := range s.functions {
		for _, in := range f.pool.close() {
			in.kill()
		}
	}
	s.work.Wait()
	s.spawner.close()
	return err
}

// spawn runs f in a goroutine that Close waits for; after Close it does
// nothing and reports false.
func (s *Server) spawn(f func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.work.Go(f)
	return true
}

func (o *Options) fill() {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = io.Discard
	}
	if o.KeyLifetime == 0 {
		o.KeyLifetime = time.Hour
	}
	if o.IdleAfter == 0 {
		o.IdleAfter = 5 * time.Minute
	}
	if o.StartTimeout == 0 {
		o.StartTimeout = 10 * time.Second
	}
	if o.AsyncScale == 0 {
		o.AsyncScale = 1
	}
	if o.TimerScale == 0 {
		o.TimerScale = 1
	}
	if o.Path == "" {
		o.Path = "/usr/local/bin:/usr/bin:/bin"
	}
	if o.Home == "" {
		o.Home = "/tmp"
	}
}
