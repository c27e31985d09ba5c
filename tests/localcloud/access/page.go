package access

import (
	"net"
	"net/http"
)

// FromPage reports whether a request may come from a web page in a browser on
// this machine: it names an origin, or was made for a host name that is not a
// loopback address (and so can be rebound to one). Services that start
// commands without a signature refuse it.
func FromPage(r *http.Request) bool {
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	ip := net.ParseIP(host)
	return r.Header.Get("Origin") != "" || host != "localhost" && (ip == nil || !ip.IsLoopback())
}

// RefusePages answers requests of web pages with 403, and hands on all others.
func RefusePages(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if FromPage(r) {
			http.Error(w, "this service of the local cloud is not for web pages", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}
