package access_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"aftercare/tests/localcloud/access"
)

// noted is a listen function that opens a free port of loopback, whatever it
// is asked for, and notes what that was.
type noted struct {
	mu    sync.Mutex
	asked []string
}

func (n *noted) open(network, address string) (net.Listener, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.asked = append(n.asked, address)
	return net.Listen(network, "127.0.0.1:0")
}

func TestOnlyAllowedAddressesAreOpened(t *testing.T) {
	for _, c := range []struct {
		address string
		remote  bool
		opened  string // what is opened; empty if nothing is
		refusal string
	}{
		{address: "", opened: "127.0.0.1:0"},
		{address: "127.0.0.1:8087", opened: "127.0.0.1:8087"},
		{address: "127.9.9.9:8087", opened: "127.9.9.9:8087"},
		{address: "localhost:8087", opened: "127.0.0.1:8087"},
		{address: "[::1]:8087", opened: "[::1]:8087"},
		{address: "0.0.0.0:8087", refusal: "not a loopback address"},
		{address: ":8087", refusal: "not a loopback address"},
		{address: "192.0.2.1:8087", refusal: "not a loopback address"},
		{address: "[::]:8087", refusal: "not a loopback address"},
		{address: "example.com:8087", refusal: "an IP address or localhost"},
		{address: "nonsense", refusal: "HOST:PORT"},
		{address: "0.0.0.0:8087", remote: true, opened: "0.0.0.0:8087"},
		{address: ":8087", remote: true, opened: ":8087"},
		{address: "192.0.2.1:8087", remote: true, opened: "192.0.2.1:8087"},
		{address: "example.com:8087", remote: true, refusal: "an IP address or localhost"},
	} {
		t.Run(fmt.Sprintf("%s remote %v", c.address, c.remote), func(t *testing.T) {
			var n noted
			s, err := access.Listen{Address: c.address, Remote: c.remote, Open: n.open}.Start("tablestore")
			if err == nil {
				defer s.Close()
			}
			if c.opened == "" {
				if err == nil || !strings.Contains(err.Error(), c.refusal) || len(n.asked) > 0 {
					t.Errorf("opened %q with error %v, want nothing and %q", n.asked, err, c.refusal)
				}
				return
			}
			if err != nil || len(n.asked) != 1 || n.asked[0] != c.opened {
				t.Errorf("opened %q with error %v, want %s", n.asked, err, c.opened)
			}
			n.asked = nil
			if s, err := (access.Listen{Address: c.address, Remote: c.remote, Open: n.open}).StartLocal("ecs"); c.remote && (err == nil || len(n.asked) > 0) {
				t.Errorf("what runs programs opened %q with error %v, want nothing", n.asked, err)
			} else if err == nil {
				s.Close()
			}
		})
	}
}

func TestATakenPortIsNamed(t *testing.T) {
	first, err := access.Listen{}.Start("tablestore")
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	_, err = access.Listen{Address: first.Address()}.Start("ecs")
	var refused *access.ListenError
	if !errors.As(err, &refused) || !refused.Taken() || refused.Service != "ecs" {
		t.Fatalf("got %#v, want that the port is taken", err)
	}
	if got, want := err.Error(), "ecs cannot listen on "+first.Address()+": another program listens there"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func get(t *testing.T, method, url string) (status int, body string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

// TestAKeptPortOutlivesItsServers sends a request while no server is there: it
// waits for the next one.
func TestAKeptPortOutlivesItsServers(t *testing.T) {
	var n noted
	l := access.Listen{Open: n.open}
	l.Keep()
	serve := func(answer string) *access.Server {
		s, err := l.Start("tablestore")
		if err != nil {
			t.Fatal(err)
		}
		s.Serve(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, answer) }))
		return s
	}
	s := serve("first")
	if _, got := get(t, "GET", s.URL()); got != "first" {
		t.Fatalf("got %q, want first", got)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	answer := make(chan string)
	conn, err := net.Dial("tcp", s.Address())
	if err != nil {
		t.Fatalf("between two servers: %v", err)
	}
	defer conn.Close()
	go func() {
		fmt.Fprintf(conn, "GET / HTTP/1.0\r\n\r\n")
		text, _ := io.ReadAll(conn)
		answer <- string(text)
	}()
	s = serve("second")
	if got := <-answer; !strings.HasSuffix(got, "second") {
		t.Errorf("got %q, want the second server's answer", got)
	}
	if len(n.asked) != 1 {
		t.Errorf("opened %q, want one port", n.asked)
	}
	if err := errors.Join(s.Close(), l.Release()); err != nil {
		t.Fatal(err)
	}
	if conn, err := net.Dial("tcp", s.Address()); err == nil {
		conn.Close()
		t.Error("the port is open after Release")
	}
}

func TestHealthAndResetAreTheServersOwn(t *testing.T) {
	resets := 0
	l := access.Listen{Reset: func(http.ResponseWriter, *http.Request) { resets++ }}
	s, err := l.Start("tablestore")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	s.Serve(http.NotFoundHandler())
	if status, body := get(t, "GET", s.URL()+"/health"); status != 200 || body != "{\"service\":\"tablestore\",\"status\":\"ok\"}\n" {
		t.Errorf("GET /health answers %d %q", status, body)
	}
	if status, _ := get(t, "POST", s.URL()+"/health"); status != 404 {
		t.Errorf("POST /health answers %d, want the service's own 404", status)
	}
	if status, _ := get(t, "POST", s.URL()+"/reset"); status != 200 || resets != 1 {
		t.Errorf("POST /reset answers %d after %d resets", status, resets)
	}
	if status, _ := get(t, "GET", s.URL()+"/reset"); status != 404 || resets != 1 {
		t.Errorf("GET /reset answers %d after %d resets, want 404 after 1", status, resets)
	}
}

// lines is a writer for several goroutines.
type lines chan string

func (l lines) Write(p []byte) (int, error) { l <- string(p); return len(p), nil }

func TestTheLogHasALineForEachRequest(t *testing.T) {
	log := make(lines, 10)
	s, err := access.Listen{Log: log}.Start("tablestore")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	s.Serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/api":
			*access.EntryOf(w) = access.Entry{Call: "PutRow", About: "a\nb c\x1b[2J", Code: "OTSConflict"}
		case "/cut":
			panic(http.ErrAbortHandler)
		}
		w.WriteHeader(http.StatusTeapot)
	}))
	get(t, "GET", s.URL()+"/health")
	for _, c := range []struct{ path, want string }{
		{"/other", "tablestore GET /other - 418 "},
		{"/api", "tablestore PutRow a_b_c?[2J OTSConflict "},
		{"/cut", "tablestore GET /cut - cut "},
	} {
		if res, err := http.Get(s.URL() + c.path); err == nil {
			res.Body.Close()
		}
		line := <-log
		if !strings.HasPrefix(line, c.want) || !strings.HasSuffix(line, " ms\n") {
			t.Errorf("%s is logged as %q, want %q and the time", c.path, line, c.want)
		}
	}
}
