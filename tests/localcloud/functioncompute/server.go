// Package functioncompute runs real, built function binaries the way Alibaba
// Cloud Function Compute (FC) 3.0 runs functions of the go1 runtime: it starts
// an instance process when one is needed, hands invocations to it over the
// runtime API that fc-runtime-go-sdk polls, freezes the process between
// invocations, kills it at the timeout, fires timers, and queues and retries
// asynchronous invocations.
//
// The API is the real one of version 2023-03-30: InvokeFunction, and the control
// plane of functions (control.go). Functions that calls make are kept in
// Options.Dir; those of the program are ordinary functions, too, but what calls
// change in them ends with the server. A request that carries an Authorization
// header must be signed with ACS3-HMAC-SHA256 by a known key, and
// is checked by the verifier that the local ECS also uses (package access).
// A request without one is accepted, because the server listens on loopback
// only, unless Options.RequireSignature is set.
//
// Limits lists what it does not imitate.
package functioncompute

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"aftercare/tests/localcloud/access"
	"aftercare/tests/localcloud/datafile"
	"aftercare/tests/localcloud/fault"
)

// Options say how a Server runs. The zero value of each field is usable.
type Options struct {
	// Listen is where the API listens: on loopback only, for it runs programs.
	Listen access.Listen
	// Functions are the functions that exist from the start, by unique names.
	Functions []Function
	// Dir is a folder for the functions that calls make; without one they cannot
	// make any.
	Dir string
	// Region and Account are those of functions that calls make; "cn-hangzhou"
	// and "1234567890123456" if empty.
	Region, Account string
	// Override holds variables over each function's own. Calls do not see them.
	Override map[string]string
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
	// Rules makes the rules of event triggers; without it there are none.
	Rules Rules
	// CheckLog says whether the project or the logstore is missing to which a
	// function logs, before a call makes or changes the function. It may be nil.
	CheckLog func(project, logstore string) error
	// StateLag is how long a function that a call made or changed is Pending or
	// InProgress; zero means not at all. Meanwhile no call changes or publishes it.
	StateLag time.Duration
	// Chance draws between 0 and 1 for aliases that split their invocations;
	// random if nil.
	Chance func() float64
	// Faults plans failures of the API's calls.
	Faults *fault.Set
	// OnInvoked is called when an invocation has ended. It may be nil.
	OnInvoked func(Invoked)
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
	// Override has it. Empty means none.
	EndpointIn string
}

// Server is a running local Function Compute. It is safe for concurrent use.
type Server struct {
	opt      Options
	keys     *issuer
	verifier *access.Verifier // nil if nobody's signature is checked
	spawner  *spawner
	log      *lineLog

	http *access.Server

	stop   chan struct{} // closed by Close
	queued atomic.Int64  // asynchronous invocations
	fileMu sync.Mutex    // one destination line at a time
	// work counts the goroutines that Close waits for.
	work sync.WaitGroup
	mu   sync.Mutex
	// closed and the adding to work change under mu, which guards what follows.
	closed     bool
	functions  map[string]*deployed
	superseded []*function // whose last invocations may run
	file       *datafile.Value
}

var errClosed = errors.New("function compute is closed")

// Start checks the functions, listens, and starts their timers.
func Start(opt Options) (*Server, error) {
	opt.fill()
	s := &Server{
		opt:       opt,
		functions: make(map[string]*deployed),
		keys:      newIssuer(opt.Keys, opt.Now, opt.KeyLifetime),
		log:       &lineLog{w: opt.Log},
		stop:      make(chan struct{}),
		file:      &datafile.Value{},
	}
	if opt.Keys != nil {
		s.verifier = access.NewVerifier(opt.Keys, opt.Now)
	}
	for i, f := range opt.Functions {
		checked, err := newFunction(f)
		if err != nil {
			return nil, fmt.Errorf("function %q: %w", f.Name, err)
		}
		if _, twice := s.functions[f.Name]; twice {
			return nil, fmt.Errorf("function %q is declared twice", f.Name)
		}
		s.functions[f.Name] = newDeployed(resource{
			Name: f.Name, Config: configOf(checked), Dir: checked.Dir, Created: s.stamp(), Modified: s.stamp(),
			Triggers: s.triggersOf(checked), Aliases: s.aliasesOf(checked),
		}, checked)
		s.functions[f.Name].order = i
		s.asyncOf(s.functions[f.Name])
	}
	for _, d := range s.functions {
		if err := s.checkDestinations(d.latest); err != nil {
			return nil, fmt.Errorf("function %q: %w", d.Name, err)
		}
	}
	if err := s.restore(); err != nil {
		return nil, errors.Join(err, s.file.Close())
	}
	var err error
	if s.http, err = opt.Listen.StartLocal("functioncompute"); err != nil {
		return nil, errors.Join(err, s.file.Close())
	}
	s.spawner = newSpawner()
	s.http.Serve(s.http.RefusePages(s.api()))
	if err := s.startTimers(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// startTimers lets the timers of all functions fire.
func (s *Server) startTimers() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range s.functions {
		for _, t := range d.Triggers {
			if t.Kind != kindTimer {
				continue
			}
			checked, fires, err := t.timer()
			if err != nil {
				return fmt.Errorf("function %q: timer %q: %w", d.Name, t.Name, err)
			}
			if fires {
				s.startTimer(d, checked, t.Qualifier)
			}
		}
	}
	return nil
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
	all := s.superseded
	for _, d := range s.functions {
		all = append(all, d.all()...)
	}
	s.mu.Unlock()
	err := s.http.Close()
	for _, f := range all {
		for _, in := range f.pool.close() {
			in.kill()
		}
	}
	s.work.Wait()
	s.spawner.close()
	return errors.Join(err, s.file.Close())
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
	o.Region, o.Account = cmp.Or(o.Region, "cn-hangzhou"), cmp.Or(o.Account, "1234567890123456")
	if o.Chance == nil {
		o.Chance = rand.Float64
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
