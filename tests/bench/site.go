package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os/exec"
	"sync"
	"time"

	"aftercare/tests/bench/wire"
	"aftercare/tests/localcloud/access"
	"aftercare/tests/localcloud/tablestore"
)

// benchKey signs every call of the measured processes.
var benchKey = access.Key{ID: "STS.bench", Secret: "bench-secret-key-of-thirty-chars", Token: "bench-security-token"}

// site is a deployment whose services keep state: the local Tablestore in this
// process, with a time added to each call, and the stand-in for ECS.
// Its functions are real processes.
type site struct {
	door
	programs
	*cloud
	endpoint  map[wire.Service]string
	latency   time.Duration
	tables    *tablestore.Server
	processes []*process

	// onTable gets every call of Tablestore; it may be nil.
	onTable  func(wire.Call)
	counting sync.Mutex
	count    map[string]int // of Tablestore calls, by name and table
	read     int64          // bytes
	// malformed says that a payload went to quarantine.
	malformed bool
}

// newSite starts a site, and has the operator's tool create its tables.
func (r *results) newSite(latency time.Duration, c *cloud) (*site, error) {
	s := &site{programs: r.programs, cloud: c, latency: latency, endpoint: map[wire.Service]string{}, count: map[string]int{}}
	var err error
	if s.tables, err = tablestore.Start(tablestore.Options{Keys: access.NewKeys(benchKey)}); err != nil {
		return nil, err
	}
	for service, h := range map[wire.Service]http.Handler{
		wire.Tablestore: http.HandlerFunc(s.table), wire.ECS: c,
	} {
		at, err := s.listen(h)
		if err != nil {
			return nil, errors.Join(err, s.end())
		}
		s.endpoint[service] = "http://" + at
	}
	if _, err := s.operate("tables", "create"); err != nil {
		return nil, errors.Join(err, s.end())
	}
	return s, nil
}

// end ends the site with its processes. It is an error if a function could not
// read what the benchmark sent.
func (s *site) end() error {
	for _, p := range s.processes {
		p.end()
	}
	s.close()
	err := s.tables.Close()
	if s.malformed {
		err = errors.Join(err, errors.New("a payload of the benchmark went to quarantine"))
	}
	return err
}

// table answers a call of Tablestore, late, and counts it.
func (s *site) table(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	time.Sleep(s.latency)
	out := &measured{ResponseWriter: w}
	s.tables.Handler().ServeHTTP(out, r)
	c := wire.Identify(wire.Tablestore, r.URL, body)
	s.counting.Lock()
	defer s.counting.Unlock()
	s.count[c.String()]++
	s.read += out.bytes
	s.malformed = s.malformed || c.Table == "quarantine" && c.Name == "PutRow"
	if s.onTable != nil {
		s.onTable(c)
	}
}

// measured counts what is written through it.
type measured struct {
	http.ResponseWriter
	bytes int64
}

func (m *measured) Write(b []byte) (int, error) {
	m.bytes += int64(len(b))
	return m.ResponseWriter.Write(b)
}

// beginCount forgets the calls so far.
func (s *site) beginCount() {
	s.counting.Lock()
	defer s.counting.Unlock()
	s.count, s.read = map[string]int{}, 0
}

// calls returns how many calls of Tablestore there were since beginCount, and
// which; read is how many bytes they returned.
func (s *site) calls() (all int, by map[string]int, read int64) {
	s.counting.Lock()
	defer s.counting.Unlock()
	for _, n := range s.count {
		all += n
	}
	return all, maps.Clone(s.count), s.read
}

// operate runs the operator's tool, and returns what it printed.
func (s *site) operate(args ...string) ([]byte, error) {
	cmd := exec.Command(s.binary(operator), args...)
	cmd.Env = []string{
		"AFTERCARE_TABLESTORE_ENDPOINT=" + s.endpoint[wire.Tablestore], "AFTERCARE_TABLESTORE_INSTANCE=bench",
		"ALIBABA_CLOUD_ACCESS_KEY_ID=" + benchKey.ID, "ALIBABA_CLOUD_ACCESS_KEY_SECRET=" + benchKey.Secret,
		"ALIBABA_CLOUD_SECURITY_TOKEN=" + benchKey.Token,
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("aftercare %v: %w\n%s", args, err, &stderr)
	}
	return out, nil
}

// pool is some processes of one function, each for one invocation at a time.
type pool struct {
	name    string
	size    int
	timeout time.Duration
	free    chan *process
}

// pool starts n processes of a function with its own timeout. The settings
// follow, as in an environment.
func (s *site) pool(function string, n int, timeout time.Duration, settings ...string) (*pool, error) {
	out := &pool{name: function, size: n, timeout: timeout, free: make(chan *process, n)}
	for range n {
		p := newProcess()
		if err := p.launch(s.binary(function), append(s.settings(rowFlows, s.endpoint), settings...)); err != nil {
			return nil, p.closeIf(err)
		}
		s.processes = append(s.processes, p)
		out.free <- p
	}
	return out, nil
}

// call has a free process handle a payload.
func (p *pool) call(payload []byte) (answered, error) {
	at := <-p.free
	defer func() { p.free <- at }()
	return at.invoke(p.name, payload, p.timeout)
}

// callAll has the processes handle all payloads, as many at once as there are
// processes. It returns how long each took, and how many the function answered
// with an error; any other error ends it.
func (p *pool) callAll(payloads [][]byte) (took []time.Duration, failed int, err error) {
	ctx, stop := context.WithCancelCause(context.Background())
	defer stop(nil)
	var mu sync.Mutex
	var working sync.WaitGroup
	next := make(chan []byte)
	for range p.size {
		working.Go(func() {
			for payload := range next {
				a, err := p.call(payload)
				mu.Lock()
				took = append(took, a.took)
				if err != nil {
					failed++
				}
				mu.Unlock()
				if err != nil && !errors.Is(err, errFailed) {
					stop(err)
				}
			}
		})
	}
	for _, payload := range payloads {
		if ctx.Err() != nil {
			break
		}
		next <- payload
	}
	close(next)
	working.Wait()
	return took, failed, context.Cause(ctx)
}

// mustAll is callAll for preparations, in which nothing may fail.
func (p *pool) mustAll(payloads [][]byte) error {
	_, failed, err := p.callAll(payloads)
	if err == nil && failed > 0 {
		err = fmt.Errorf("prepare: %s failed %d of %d times", p.name, failed, len(payloads))
	}
	return err
}
