package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"strconv"
	"sync/atomic"
	"time"

	"aftercare/tests/bench/wire"
	"aftercare/tests/rig"
)

// patience is how long to wait for a process's poll and answer.
const patience = 20 * time.Second

// process is one function process, the runtime API that it polls, and the
// services that it calls. Only one invocation runs at a time, as on Function
// Compute.
type process struct {
	*stand
	cmd    *exec.Cmd
	stderr bytes.Buffer
	exited chan struct{}
	dialed atomic.Int64

	started time.Time
	polled  chan time.Time
	work    chan invocation
	done    chan answered
	count   int64
}

type invocation struct {
	id, name string
	payload  []byte
	timeout  time.Duration
}

type answered struct {
	at     time.Time
	failed bool
	body   []byte
}

// environment returns a process's variables, given its services' endpoints.
type environment func(endpoint map[wire.Service]string) []string

func start(binary string, latency time.Duration, env environment) (*process, error) {
	p := &process{
		exited: make(chan struct{}), polled: make(chan time.Time, 1),
		work: make(chan invocation), done: make(chan answered, 1),
	}
	var err error
	if p.stand, err = newStand(latency, &p.dialed); err != nil {
		return nil, err
	}
	api, err := p.listen(p.runtimeAPI())
	if err != nil {
		p.stand.close()
		return nil, err
	}
	p.cmd = exec.Command(binary)
	p.cmd.Env = append(env(p.endpoint), "FC_RUNTIME_API="+api)
	p.cmd.Stderr = &p.stderr
	p.started = time.Now()
	if err := p.cmd.Start(); err != nil {
		p.stand.close()
		return nil, err
	}
	go func() {
		p.cmd.Wait()
		close(p.exited)
	}()
	return p, nil
}

// end kills the process.
func (p *process) end() {
	p.cmd.Process.Kill()
	<-p.exited
	p.stand.close()
}

// runtimeAPI is the API that the FC SDK polls. A poll waits for the next
// invocation.
func (p *process) runtimeAPI() http.Handler {
	const base = "/2020-11-11/runtime/invocation/"
	mux := http.NewServeMux()
	var first atomic.Bool
	var current atomic.Pointer[invocation]
	mux.HandleFunc("GET "+base+"next", func(w http.ResponseWriter, r *http.Request) {
		if first.CompareAndSwap(false, true) {
			p.polled <- time.Now()
		}
		select {
		case inv := <-p.work:
			h := w.Header()
			h.Set("x-fc-request-id", inv.id)
			h.Set("x-fc-function-deadline", strconv.FormatInt(time.Now().Add(inv.timeout).UnixMilli(), 10))
			h.Set("x-fc-function-timeout", strconv.Itoa(int(inv.timeout/time.Second)))
			h.Set("x-fc-function-type", "0")
			h.Set("x-fc-function-name", inv.name)
			h.Set("x-fc-function-handler", "bench")
			h.Set("x-fc-function-memory", "512")
			h.Set("x-fc-region", rig.Region)
			h.Set("x-fc-account-id", rig.Account)
			h.Set("x-fc-access-key-id", "STS.bench")
			h.Set("x-fc-access-key-secret", "bench-secret-key-of-thirty-chars")
			h.Set("x-fc-security-token", "bench-security-token")
			h.Set("Content-Type", "application/octet-stream")
			current.Store(&inv)
			w.Write(inv.payload)
		case <-r.Context().Done():
		}
	})
	answer := func(failed bool) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			at := time.Now()
			body, err := io.ReadAll(r.Body)
			inv := current.Load()
			if err != nil || inv == nil || inv.id != r.PathValue("id") {
				http.Error(w, "no such invocation", http.StatusNotFound)
				return
			}
			w.WriteHeader(http.StatusOK)
			p.done <- answered{at, failed, body}
		}
	}
	mux.HandleFunc("POST "+base+"{id}/response", answer(false))
	mux.HandleFunc("POST "+base+"{id}/error", answer(true))
	return mux
}

// firstPoll waits until the process polls, and returns the time since its start.
func (p *process) firstPoll() (time.Duration, error) {
	select {
	case at := <-p.polled:
		return at.Sub(p.started), nil
	case <-p.exited:
		return 0, fmt.Errorf("%s ended: %s", p.cmd.Path, &p.stderr)
	case <-time.After(patience):
		return 0, fmt.Errorf("%s did not poll", p.cmd.Path)
	}
}

// invoke runs one invocation, and returns the time from its hand-over to the
// arrival of its answer.
func (p *process) invoke(name string, payload []byte, timeout time.Duration) (time.Duration, error) {
	p.beginInvocation()
	p.count++
	inv := invocation{id: fmt.Sprintf("request-%d", p.count), name: name, payload: payload, timeout: timeout}
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case p.work <- inv:
	case <-p.exited:
		return 0, fmt.Errorf("%s ended: %s", p.cmd.Path, &p.stderr)
	case <-late.C:
		return 0, fmt.Errorf("%s does not poll", p.cmd.Path)
	}
	handed := time.Now()
	select {
	case a := <-p.done:
		if a.failed {
			return 0, fmt.Errorf("%s failed at %s: %s (calls without an answer: %v)", p.cmd.Path, name, a.body, p.unknown)
		}
		return a.at.Sub(handed), nil
	case <-p.exited:
		return 0, fmt.Errorf("%s ended: %s", p.cmd.Path, &p.stderr)
	case <-late.C:
		return 0, fmt.Errorf("%s did not answer", p.cmd.Path)
	}
}
