package access

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"
)

// Server answers the requests to one port.
type Server struct {
	listen   Listen
	service  string
	listener net.Listener
	http     *http.Server
	served   sync.WaitGroup
}

// Serve answers requests with a handler until Close, and GET /health itself.
func (s *Server) Serve(handler http.Handler) {
	s.http = &http.Server{Handler: s.front(handler), ReadHeaderTimeout: 30 * time.Second}
	s.served.Go(func() { _ = s.http.Serve(s.listener) })
}

// Close cuts every connection, which ends the contexts of the requests. It does
// not wait for their handlers.
func (s *Server) Close() error {
	var err error
	if s.http != nil {
		err = s.http.Close()
		s.served.Wait()
	}
	if closed := s.listener.Close(); !errors.Is(closed, net.ErrClosed) {
		err = errors.Join(err, closed)
	}
	return err
}

// Address returns the host and port at which this machine reaches the service.
func (s *Server) Address() string {
	host, port, _ := net.SplitHostPort(s.listener.Addr().String())
	if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}

// URL returns the base URL of the service, without a slash at the end.
func (s *Server) URL() string { return "http://" + s.Address() }

// front does what all services have in common.
func (s *Server) front(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/health" && (r.Method == http.MethodGet || r.Method == http.MethodHead) {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprintf(w, "{\"service\":%q,\"status\":\"ok\"}\n", s.service)
			return
		}
		handler := next
		if s.listen.Reset != nil && r.URL.Path == "/reset" && r.Method == http.MethodPost {
			handler = s.listen.Reset
		}
		if s.listen.Log == nil {
			handler.ServeHTTP(w, r)
			return
		}
		logged(s.listen.Log, s.service, handler, w, r)
	})
}
