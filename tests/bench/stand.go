package main

import (
	"io"
	"net/http"
	"sync"
	"time"

	"aftercare/tests/bench/wire"
)

// stand replaces Tablestore, Cloud Assistant and a chat service for one
// process. It answers each call, after a fixed time, as the local cloud answered
// the same call of the same row. So every event costs the services the same,
// needs no preparation, and leaves the CPU to the measured process. It checks
// no signatures and keeps no state.
type stand struct {
	latency  time.Duration
	endpoint map[wire.Service]string

	mu      sync.Mutex
	answers map[string][]wire.Call
	given   map[string]int
	seen    []wire.Call
	bytes   int64
	unknown []string
}

// newStand opens a stand behind d.
func newStand(d *door, latency time.Duration) (*stand, error) {
	s := &stand{latency: latency, endpoint: map[wire.Service]string{}}
	for _, service := range []wire.Service{wire.Tablestore, wire.ECS} {
		at, err := d.listen(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.serve(service, w, r) }))
		if err != nil {
			return nil, err
		}
		s.endpoint[service] = "http://" + at
	}
	return s, nil
}

func key(c wire.Call) string { return string(c.Service) + " " + c.String() }

// answerWith sets the calls whose answers the stand gives from now on.
func (s *stand) answerWith(calls []wire.Call) {
	answers := map[string][]wire.Call{}
	for _, c := range calls {
		answers[key(c)] = append(answers[key(c)], c)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers = answers
}

// beginInvocation forgets the calls of the last invocation, and begins each
// list of answers again.
func (s *stand) beginInvocation() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.given, s.seen, s.bytes = map[string]int{}, nil, 0
}

// invocationCalls returns the calls of this invocation, and how many bytes
// they sent.
func (s *stand) invocationCalls() ([]wire.Call, int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seen, s.bytes
}

func (s *stand) serve(service wire.Service, w http.ResponseWriter, r *http.Request) {
	begun := time.Now()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	c := wire.Identify(service, r.URL, body)
	answer, ok := s.answer(c)
	time.Sleep(s.latency - time.Since(begun))
	if !ok {
		http.Error(w, "no answer is known", http.StatusNotImplemented)
		return
	}
	for _, name := range []string{"Content-Type", "X-Ots-Contentmd5", "X-Ots-Requestid"} {
		if v := answer.Header.Get(name); v != "" {
			w.Header().Set(name, v)
		}
	}
	w.WriteHeader(answer.Status)
	w.Write(answer.Answer)
}

// answer returns the next answer to a call, and false if none is known. It
// repeats the last one.
func (s *stand) answer(c wire.Call) (wire.Call, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bytes += int64(len(c.Request))
	c.Request = nil
	s.seen = append(s.seen, c)
	list := s.answers[key(c)]
	if len(list) == 0 {
		s.unknown = append(s.unknown, key(c))
		return wire.Call{}, false
	}
	n := min(s.given[key(c)], len(list)-1)
	s.given[key(c)]++
	return list[n], true
}
