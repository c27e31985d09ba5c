// Package fault plans failures of calls to the local cloud's services. It knows
// no protocol: a service asks for each call whether a fault strikes it, and
// applies that fault before or after the call's effect.
package fault

import (
	"fmt"
	"net/http"
	"sync"
)

// Mode says whether a fault strikes before or after a call's effect, and what
// the client sees.
type Mode string

// The modes. "Before" means that the call has no effect, "after" that it has.
const (
	ErrorBefore Mode = "error-before" // the answer is an error
	ErrorAfter  Mode = "error-after"
	CutBefore   Mode = "cut-before" // the connection breaks without an answer
	CutAfter    Mode = "cut-after"
	HangBefore  Mode = "hang-before" // no answer until the client gives up
	HangAfter   Mode = "hang-after"
)

// Modes lists every mode.
var Modes = []Mode{ErrorBefore, ErrorAfter, CutBefore, CutAfter, HangBefore, HangAfter}

// Valid reports whether m is one of Modes.
func (m Mode) Valid() bool {
	for _, known := range Modes {
		if m == known {
			return true
		}
	}
	return false
}

// Fault is one planned failure.
type Fault struct {
	// Call is the name of the API call that fails, for example
	// "BatchWriteRow" or "RunCommand"; empty means any call of any service.
	Call string `json:"call,omitempty"`
	// Nth is the first matching call to fail, counted from now: 1, and 0 as
	// well, is the next one.
	Nth int `json:"nth,omitempty"`
	// Times is how many matching calls in a row fail; 0 means 1, and a
	// negative number all until Clear.
	Times int  `json:"times,omitempty"`
	Mode  Mode `json:"mode"`
	// Status, Code and Message are what ErrorBefore and ErrorAfter answer.
	// With Status 0 the service answers with its own "unavailable" error.
	Status  int    `json:"status,omitempty"`
	Code    string `json:"code,omitempty"`
	Message string `json:"message,omitempty"`
	// Header goes with a webhook's answer, for example Retry-After. The answers
	// of the APIs have none to choose.
	Header map[string]string `json:"header,omitempty"`
	// OnStrike is called once for each call that fails, after its effect for
	// the After modes. It may be nil.
	OnStrike func() `json:"-"`

	set *Set
}

// String describes the fault in the output of tests.
func (f Fault) String() string {
	call := f.Call
	if call == "" {
		call = "any call"
	}
	return fmt.Sprintf("%s #%d %s", call, max(f.Nth, 1), f.Mode)
}

// Set holds the planned faults of one or more services, and counts their calls.
// The zero value and a nil *Set have no faults. It is safe for concurrent use.
type Set struct {
	mu      sync.Mutex
	planned []*planned
	calls   map[string]int
	struck  int
	leaving map[string]func() // by the address of an impatient client's connection
}

type planned struct {
	Fault
	seen int
}

// Add plans a fault. It panics on an unknown mode, which is a mistake in the
// calling test.
func (s *Set) Add(f Fault) {
	if !f.Mode.Valid() {
		panic(fmt.Sprintf("fault: unknown mode %q", f.Mode))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f.set = s
	f.Nth = max(f.Nth, 1)
	if f.Times == 0 {
		f.Times = 1
	}
	s.planned = append(s.planned, &planned{Fault: f})
}

// Clear drops every planned fault, and keeps the counts.
func (s *Set) Clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.planned = nil
}

// Struck returns how many calls have failed because of this set.
func (s *Set) Struck() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.struck
}

// Calls returns how many times each call was made, by name, including failed
// ones.
func (s *Set) Calls() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make(map[string]int, len(s.calls))
	for name, n := range s.calls {
		out[name] = n
	}
	return out
}

// ResetCalls sets the counts of calls to zero.
func (s *Set) ResetCalls() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = nil
}

// Next counts a call, and returns the fault that strikes it, or nil. A service
// calls it exactly once for each call that passed authentication.
func (s *Set) Next(call string) *Fault {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.calls == nil {
		s.calls = make(map[string]int)
	}
	s.calls[call]++
	var hit *Fault
	for _, p := range s.planned {
		if p.Call != "" && p.Call != call {
			continue
		}
		p.seen++
		if hit == nil && p.seen >= p.Nth && (p.Times < 0 || p.seen < p.Nth+p.Times) {
			hit = &p.Fault
		}
	}
	if hit != nil {
		s.struck++
	}
	return hit
}

// Before applies f before a call's effect. It reports whether the call ends here,
// without effect. fail writes the service's error answer for f.
func (f *Fault) Before(r *http.Request, fail func(*Fault)) bool {
	if f == nil {
		return false
	}
	switch f.Mode {
	case ErrorBefore, CutBefore, HangBefore:
		f.strike(r, fail)
		return true
	}
	return false
}

// After applies f after a call's effect. It reports whether the call ends here:
// then its real answer must not be written.
func (f *Fault) After(r *http.Request, fail func(*Fault)) bool {
	if f == nil {
		return false
	}
	switch f.Mode {
	case ErrorAfter, CutAfter, HangAfter:
		f.strike(r, fail)
		return true
	}
	return false
}

func (f *Fault) strike(r *http.Request, fail func(*Fault)) {
	if f.OnStrike != nil {
		f.OnStrike()
	}
	switch f.Mode {
	case ErrorBefore, ErrorAfter:
		fail(f)
	case HangBefore, HangAfter:
		f.set.leave(r.RemoteAddr)
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	case CutBefore, CutAfter:
		panic(http.ErrAbortHandler)
	}
}
