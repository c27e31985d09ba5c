package fault

import (
	"context"
	"net/http"
	"net/http/httptrace"
)

// Impatient returns a transport for a client of s's services. It gives up on a
// request as soon as a fault of s lets that request hang. So a test of hanging
// calls needs no short time limit, which other calls would exceed on a busy
// machine.
func (s *Set) Impatient(next http.RoundTripper) http.RoundTripper { return impatient{s, next} }

type impatient struct {
	set  *Set
	next http.RoundTripper
}

func (i impatient) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx, leave := context.WithCancel(r.Context())
	// A connection has one request at a time, so the last one is the one that hangs.
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(c httptrace.GotConnInfo) {
		i.set.mu.Lock()
		defer i.set.mu.Unlock()
		if i.set.leaving == nil {
			i.set.leaving = map[string]func(){}
		}
		i.set.leaving[c.Conn.LocalAddr().String()] = leave
	}})
	resp, err := i.next.RoundTrip(r.WithContext(ctx))
	if err != nil {
		leave()
	}
	return resp, err // whose body may not have been read, so the context lives on
}

// leave makes an impatient client give up on the request on this connection.
func (s *Set) leave(address string) {
	s.mu.Lock()
	leave := s.leaving[address]
	s.mu.Unlock()
	if leave != nil {
		leave()
	}
}
