package eventbridge

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"aftercare/tests/localcloud/access"
	"aftercare/tests/localcloud/fault"
)

// DefaultBus carries service events only.
const DefaultBus = "default"

// The limits of buses and rules. Source:
// https://www.alibabacloud.com/help/en/eventbridge/product-overview/limits
const (
	maxBuses   = 50 // custom ones
	maxRules   = 50 // on one bus
	maxTargets = 5  // of one rule
)

// Options say how a Server runs. The zero value of each field is usable.
type Options struct {
	// Listen is where the HTTP surface listens. New does not listen.
	Listen access.Listen
	// Buses are the names of the custom buses.
	Buses []string
	// Rules are the rules that exist from the start.
	Rules []Rule
	// Region and Account are stamped on events; "cn-hangzhou" and
	// "1234567890123456" if empty.
	Region  string
	Account string
	// Invoke invokes a function. Without it, rules cannot have functions as
	// targets.
	Invoke func(context.Context, Invocation) error
	// Lag is how long the server still shows and obeys what a call changed in a
	// rule that exists, 100 ms if zero and nothing if negative.
	Lag time.Duration
	// NoQueryByID makes QueryEvent refuse the bus default.
	NoQueryByID bool
	// Keys are the access keys that may sign calls of the vendor's APIs; if
	// nil, the server refuses such calls.
	Keys *access.Keys
	// Path is a bbolt file that keeps accepted events until they are
	// delivered, their traces, and what calls make and change, so that all
	// survive the death of the process (not of the machine: it is not synced).
	// Without one they are in a file that ends with the server.
	Path string
	// DeadLetter is a file that gets a JSON line for each event whose
	// deliveries all failed, unless the target's dead-letter queue is a bus.
	// Without a file such events are dropped.
	DeadLetter string
	// Now is the clock of stamps and dead letters; time.Now if nil.
	Now func() time.Time
	// Scale multiplies the waits between attempts: 0.001 makes them a
	// thousand times shorter. Zero means 1.
	Scale float64
	// Chance draws between 0 and 1 for BackoffRetry; random if nil.
	Chance func() float64
	// Duplicate is how often each event is delivered to each target, for
	// tests of their idempotence; zero means once.
	Duplicate int
	// Delay holds each delivery back before its first attempt, for tests of
	// late and reordered events. It may be nil.
	Delay func(Delivery) time.Duration
	// Concurrency is how many deliveries of one rule run at a time, 10 if
	// zero.
	Concurrency int
	// DeliveryTimeout bounds one attempt, five minutes if zero.
	DeliveryTimeout time.Duration
	// Faults plans failures of PutEvents over HTTP.
	Faults *fault.Set
}

// Server is a running local EventBridge. It is safe for concurrent use.
type Server struct {
	opt      Options
	verifier *access.Verifier
	journal  *journal
	letters  *letters

	http *access.Server // nil if New made the server
	// kept are the rules that calls to earlier servers made or changed, by bus/name.
	kept map[string]keptRule

	// life ends when the server closes.
	life context.Context
	end  context.CancelFunc
	work sync.WaitGroup

	mu      sync.Mutex
	closed  bool
	buses   map[string]*bus
	tasks   map[uint64]*task // accepted and not finished
	last    uint64           // the number of the last task
	holds   []*Held
	changed chan struct{} // closed and replaced when tasks or holds change
}

var errClosed = errors.New("eventbridge is closed")

// New makes a server without an HTTP surface. With a Path, it continues the
// deliveries that an earlier server did not finish.
func New(opt Options) (*Server, error) {
	opt.fill()
	s := &Server{
		opt:      opt,
		verifier: access.NewVerifier(opt.Keys, opt.Now),
		letters:  &letters{path: opt.DeadLetter},
		buses:    map[string]*bus{DefaultBus: {created: opt.Now().UnixMilli()}},
		tasks:    make(map[uint64]*task),
		changed:  make(chan struct{}),
	}
	s.life, s.end = context.WithCancel(context.Background())
	for _, name := range opt.Buses {
		if _, twice := s.buses[name]; twice || !busName.MatchString(name) {
			return nil, fmt.Errorf("bus %q: name is taken, or not 1 to 127 letters, digits and -", name)
		}
		s.buses[name] = &bus{created: opt.Now().UnixMilli()}
	}
	var err error
	if s.journal, err = openJournal(opt.Path); err != nil {
		return nil, err
	}
	if err := errors.Join(s.resume(), s.recall()); err != nil {
		return nil, errors.Join(err, s.journal.close())
	}
	for _, r := range opt.Rules {
		if err := s.AddRule(r); err != nil {
			return nil, errors.Join(err, s.Close())
		}
	}
	if err := s.restore(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Start makes a server and listens.
func Start(opt Options) (*Server, error) {
	port, err := opt.Listen.Start("eventbridge")
	if err != nil {
		return nil, err
	}
	s, err := New(opt)
	if err != nil {
		return nil, errors.Join(err, port.Close())
	}
	s.http = port
	port.Serve(port.RefusePages(s.Handler()))
	return s, nil
}

// Endpoint returns the base URL of the HTTP surface; empty for a server that
// does not listen.
func (s *Server) Endpoint() string {
	if s.http == nil {
		return ""
	}
	return s.http.URL()
}

// Close ends every attempt and returns when all goroutines of the server have
// ended. Undelivered events stay in the file of Options.Path.
func (s *Server) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	s.mu.Unlock()
	s.end()
	var err error
	if s.http != nil {
		err = s.http.Close()
	}
	s.work.Wait()
	return errors.Join(err, s.journal.close())
}

// SetDuplicate changes Options.Duplicate for the events that come from now
// on.
func (s *Server) SetDuplicate(times int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opt.Duplicate = max(times, 1)
}

// PutServiceEvent accepts the event of a service on the default bus. It leaves
// EventBridge's attributes that the event already has. The event is stored when
// it returns. The error is an *Error if the event is invalid.
func (s *Server) PutServiceEvent(raw []byte) error {
	e, err := parseEvent(raw)
	if err != nil {
		return err
	}
	e.stamp(DefaultBus, s, true)
	return s.accept(DefaultBus, e)
}

// PutEvent accepts a custom event on a custom bus. The error is an *Error if the
// event is invalid or the bus does not accept it.
func (s *Server) PutEvent(bus string, raw []byte) error {
	if err := s.checkBus(bus); err != nil {
		return err
	}
	e, err := parseEvent(raw)
	if err != nil {
		return err
	}
	if err := e.checkCustom(); err != nil {
		return err
	}
	e.stamp(bus, s, false)
	return s.accept(bus, e)
}

// checkBus refuses buses that do not accept custom events.
func (s *Server) checkBus(bus string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case bus == DefaultBus:
		return &Error{403, "EventBusNotAllowed", "the bus default takes events of Alibaba Cloud services only: put custom events on a custom bus"}
	case bus == "":
		return notFound(codeNoBus, "no event bus is named: set the extension aliyuneventbusname")
	case s.buses[bus] == nil:
		return notFound(codeNoBus, "the event bus %q does not exist", bus)
	}
	return nil
}

// Pending returns how many deliveries are accepted and not finished, held ones
// included.
func (s *Server) Pending() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.tasks)
}

// WaitIdle returns when only deliveries are left that are held or blocked or
// whose rule does not exist, or when ctx ends.
func (s *Server) WaitIdle(ctx context.Context) error {
	for {
		s.mu.Lock()
		changed := s.changed
		busy := 0
		for _, t := range s.tasks {
			if t.running {
				busy++
			}
		}
		s.mu.Unlock()
		if busy == 0 {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("wait for %d deliveries: %w", busy, ctx.Err())
		}
	}
}

// signal wakes WaitIdle; the caller holds mu.
func (s *Server) signal() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// bus is an event bus; Server.mu guards it.
type bus struct {
	description string
	created     int64 // milliseconds
	rules       []*rule
}

// ruleOf returns a rule, or nil; the caller holds mu.
func (s *Server) ruleOf(bus, name string) *rule {
	on := s.buses[bus]
	if on == nil {
		return nil
	}
	i := slices.IndexFunc(on.rules, func(r *rule) bool { return r.name == name })
	if i < 0 {
		return nil
	}
	return on.rules[i]
}

func (o *Options) fill() {
	o.Region = cmp.Or(o.Region, "cn-hangzhou")
	o.Account = cmp.Or(o.Account, "1234567890123456")
	if o.Keys == nil {
		o.Keys = access.NewKeys()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Lag == 0 {
		o.Lag = 100 * time.Millisecond
	}
	if o.Scale == 0 {
		o.Scale = 1
	}
	if o.Chance == nil {
		o.Chance = rand.Float64
	}
	if o.Concurrency == 0 {
		o.Concurrency = 10
	}
	if o.DeliveryTimeout == 0 {
		o.DeliveryTimeout = 5 * time.Minute
	}
	o.Duplicate = max(o.Duplicate, 1)
}
