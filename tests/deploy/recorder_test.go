package deploy_test

import (
	"bytes"
	"cmp"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
)

// recorder is a front before the services that notes which actions a function calls,
// on which tables and functions.
type recorder struct {
	mu   sync.Mutex
	on   bool
	seen map[grant]bool
}

func (c *recorder) front(t *testing.T, service, backend string) string {
	target, err := url.Parse(backend)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.ErrorHandler = func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) }
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		switch service {
		case "ots":
			for _, table := range tables(body) {
				c.note("ots:"+strings.TrimPrefix(r.URL.Path, "/"), table)
			}
		case "fc":
			_, name, _ := strings.Cut(r.URL.Path, "/functions/")
			c.note("fc:"+r.Header.Get("x-acs-action"), strings.TrimSuffix(name, "/invocations"))
		default:
			c.note(service+":"+cmp.Or(r.Header.Get("x-acs-action"), r.URL.Query().Get("Action")), "")
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// tableNames lists the tables, without their prefix, and listNames the lists that
// are read.
var (
	tableNames = []string{"instances", "wakeups", "shared", "quarantine", "alerts", "probe"}
	listNames  = []string{"fleet", "history", "timeline"}
)

// tables finds the tables in the protobuf of a request to Tablestore; without any,
// the lists.
func tables(body []byte) (names []string) {
	for _, among := range [][]string{tableNames, listNames} {
		for _, name := range among {
			if bytes.Contains(body, []byte("aftercare_"+name)) {
				names = append(names, name)
			}
		}
		if len(names) > 0 {
			break
		}
	}
	return names
}

func (c *recorder) note(action, table string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.on {
		c.seen[grant{action, table}] = true
	}
}

func (c *recorder) record(on bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.on = on
}
