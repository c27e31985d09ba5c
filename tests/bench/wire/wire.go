// Package wire records the calls that pass between the functions and the local
// cloud: their names, tables, bytes and order. It forwards requests and answers
// unchanged, and understands only a call's name and table.
package wire

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
)

// Service is one of the services that the functions call.
type Service string

// The services.
const (
	Tablestore Service = "tablestore"
	ECS        Service = "ecs"
	Functions  Service = "functions"
)

// Call is one request and its answer.
type Call struct {
	Service Service
	// Name is the operation's name.
	Name string
	// Table is the table of a Tablestore call, without the common prefix.
	Table   string
	Request []byte

	Status int
	Header http.Header
	Answer []byte
}

// String is the call's name and table.
func (c Call) String() string { return strings.TrimSpace(c.Name + " " + c.Table) }

// tablePrefix begins the names of all tables.
const tablePrefix = "aftercare_"

// Identify finds the name and table of a call in its URL and body.
func Identify(s Service, at *url.URL, body []byte) Call {
	c := Call{Service: s, Request: body}
	switch s {
	case Tablestore:
		c.Name = strings.TrimPrefix(at.Path, "/")
		c.Table = table(body)
	case ECS:
		c.Name = at.Query().Get("Action")
	case Functions:
		c.Name = "InvokeFunction"
	}
	return c
}

// table finds the first table name in a message. In requests for rows it comes
// before everything else.
func table(body []byte) string {
	_, after, ok := bytes.Cut(body, []byte(tablePrefix))
	if !ok {
		return ""
	}
	end := bytes.IndexFunc(after, func(r rune) bool { return r < 'a' || r > 'z' })
	if end < 0 {
		end = len(after)
	}
	return string(after[:end])
}

// Recorder has a front before each service, and records the calls that pass. It
// is safe for concurrent use.
type Recorder struct {
	mu    sync.Mutex
	calls []*Call
	front []*http.Server
}

// Front listens on a loopback port, forwards requests to the service at target,
// a URL without a path, and returns its own URL.
func (r *Recorder) Front(s Service, target string) (string, error) {
	to, err := url.Parse(target)
	if err != nil {
		return "", fmt.Errorf("front of %s: %w", s, err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("front of %s: %w", s, err)
	}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) {
			p.SetURL(to)
			p.Out.Host = p.In.Host // which signatures cover
		},
		ModifyResponse: func(resp *http.Response) error {
			answer, err := io.ReadAll(resp.Body)
			if err != nil {
				return err
			}
			resp.Body = io.NopCloser(bytes.NewReader(answer))
			c := resp.Request.Context().Value(callKey{}).(*Call)
			r.mu.Lock()
			defer r.mu.Unlock()
			c.Status, c.Header, c.Answer = resp.StatusCode, resp.Header.Clone(), answer
			return nil
		},
		// A planned fault cuts the connection: so does the front.
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		req.Body = io.NopCloser(bytes.NewReader(body))
		proxy.ServeHTTP(w, req.WithContext(r.record(req, Identify(s, req.URL, body))))
	})}
	r.mu.Lock()
	r.front = append(r.front, server)
	r.mu.Unlock()
	go server.Serve(listener)
	return "http://" + listener.Addr().String(), nil
}

// callKey is the key of a request's call in its context, by which the answer
// finds it.
type callKey struct{}

// record records a call that has arrived, and returns a context that has it.
func (r *Recorder) record(req *http.Request, c Call) context.Context {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls = append(r.calls, &c)
	return context.WithValue(req.Context(), callKey{}, &c)
}

// Reset forgets all calls.
func (r *Recorder) Reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls = nil
}

// Calls returns the calls since the last Reset, in the order of arrival.
func (r *Recorder) Calls() []Call {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]Call, len(r.calls))
	for i, c := range r.calls {
		out[i] = *c
	}
	return out
}

// Close closes every front.
func (r *Recorder) Close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, server := range r.front {
		server.Close()
	}
}
