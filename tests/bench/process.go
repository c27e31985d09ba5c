package main

import (
	"bytes"
	"errors"
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

// process is one function process and the runtime API that it polls. Only one
// invocation runs at a time, as on Function Compute.
type process struct {
	// stand has its services, if they are its own.
	*stand
	door   door
	cmd    *exec.Cmd
	stderr bytes.Buffer
	exited chan struct{}

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
	took   time.Duration // from the hand-over to the arrival of the answer
	failed bool
	body   []byte
}

// environment returns a process's variables, given its services' endpoints.
type environment func(endpoint map[wire.Service]string) []string

// start starts a process with a stand of its own.
func start(binary string, latency time.Duration, env environment) (*process, error) {
	p := newProcess()
	var err error
	if p.stand, err = newStand(&p.door, latency); err == nil {
		err = p.launch(binary, env(p.endpoint))
	}
	return p, p.closeIf(err)
}

func newProcess() *process {
	return &process{
		exited: make(chan struct{}), polled: make(chan time.Time, 1),
		work: make(chan invocation), done: make(chan answered, 1),
	}
}

// launch starts the process in an environment that names its services.
func (p *process) launch(binary string, environ []string) error {
	api, err := p.door.listen(p.runtimeAPI())
	if err != nil {
		return err
	}
	p.cmd = exec.Command(binary)
	p.cmd.Env = append(environ, "FC_RUNTIME_API="+api)
	p.cmd.Stderr = &p.stderr
	p.started = time.Now()
	if err := p.cmd.Start(); err != nil {
		return err
	}
	go func() {
		p.cmd.Wait()
		close(p.exited)
	}()
	return nil
}

func (p *process) closeIf(err error) error {
	if err != nil {
		p.door.close()
	}
	return err
}

// end kills the process.
func (p *process) end() {
	p.cmd.Process.Kill()
	<-p.exited
	p.door.close()
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
			p.done <- answered{at: at, failed: failed, body: body}
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

// errFailed is the error of an invocation that the function answered with an
// error.
var errFailed = errors.New("failed")

// invoke runs one invocation, and returns the answer. The time that it took is
// set also if the function answered with an error.
func (p *process) invoke(name string, payload []byte, timeout time.Duration) (answered, error) {
	if p.stand != nil {
		p.beginInvocation()
	}
	p.count++
	inv := invocation{id: fmt.Sprintf("%d-%d", p.cmd.Process.Pid, p.count), name: name, payload: payload, timeout: timeout}
	late := time.NewTimer(patience + timeout)
	defer late.Stop()
	select {
	case p.work <- inv:
	case <-p.exited:
		return answered{}, fmt.Errorf("%s ended: %s", p.cmd.Path, &p.stderr)
	case <-late.C:
		return answered{}, fmt.Errorf("%s does not poll", p.cmd.Path)
	}
	handed := time.Now()
	select {
	case a := <-p.done:
		a.took = a.at.Sub(handed)
		if a.failed {
			return a, fmt.Errorf("%s %w at %s: %s%s", p.cmd.Path, errFailed, name, a.body, p.unanswered())
		}
		return a, nil
	case <-p.exited:
		return answered{}, fmt.Errorf("%s ended: %s", p.cmd.Path, &p.stderr)
	case <-late.C:
		return answered{}, fmt.Errorf("%s did not answer", p.cmd.Path)
	}
}

// unanswered names the calls for which the stand had no answer.
func (p *process) unanswered() string {
	if p.stand == nil || len(p.unknown) == 0 {
		return ""
	}
	return fmt.Sprintf(" (calls without an answer: %v)", p.unknown)
}
