package access

import (
	"net"
	"net/http"
)

// RefusePages answers requests of web pages with 403, and hands on all others.
func (s *Server) RefusePages(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.FromPage(r) {
			http.Error(w, "this service of the local cloud is not for web pages", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// FromPage reports whether a request may come from a web page in a browser on
// this machine: it names an origin, or a host that is not a loopback address
// and so could be rebound to one. The host does not count for a service that
// other machines may reach, because they use other names. Services that accept
// unsigned requests refuse it.
func (s *Server) FromPage(r *http.Request) bool {
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	ip := net.ParseIP(host)
	local := host == "localhost" || ip != nil && ip.IsLoopback()
	return r.Header.Get("Origin") != "" || !local && (s.listen.local || !s.listen.Remote)
}
