package functioncompute

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// instance is one process of a function, with a runtime API of its own.
type instance struct {
	id  string
	f   *function
	cmd *exec.Cmd
	api *http.Server
	// used: it had an invocation. Only who has acquired the instance knows it.
	used bool
	// work holds at most one invocation, which waits for the next poll.
	work chan *invocation
	// exited is closed when the process has ended and been reaped.
	exited chan struct{}
	// idle ends the instance when nobody needs it; only the pool uses it.
	idle *time.Timer

	mu sync.Mutex
	// current is the invocation that the process works on.
	current *invocation
	gone    bool // the process id means nothing any more
	// key is the key of the next invocation; it is renewed in between.
	key issuedKey
}

// startInstance starts a process and its runtime API.
func (s *Server) startInstance(f *function) (*instance, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for the runtime API: %w", err)
	}
	in := &instance{
		id:     "c-" + randomHex(4) + "-" + randomHex(6),
		f:      f,
		work:   make(chan *invocation, 1),
		exited: make(chan struct{}),
	}
	if f.Role != "" {
		in.key = s.keys.renew(issuedKey{})
	}
	output := s.log.writer(f.Name + " " + in.id + ": ")
	in.cmd = exec.Command(in.f.binary)
	in.cmd.Dir = f.Dir
	in.cmd.Env = s.environment(f, in.id, listener.Addr().String(), in.key.Key)
	in.cmd.Stdout = output
	in.cmd.Stderr = output
	in.cmd.SysProcAttr = processAttributes()
	in.cmd.WaitDelay = time.Second
	if err := s.spawner.start(in.cmd); err != nil {
		_ = listener.Close()
		return nil, fmt.Errorf("start %s: %w", f.binary, err)
	}
	in.api = &http.Server{Handler: s.runtimeAPI(in)}
	reap := func() {
		// It does not matter how the process ended: to its invocation, every
		// end is an unexpected exit.
		_ = in.cmd.Wait()
		in.end()
		output.flush()
		f.pool.remove(in)
		_ = in.api.Close()
		close(in.exited)
	}
	if !s.spawn(func() { _ = in.api.Serve(listener) }) || !s.spawn(reap) {
		_ = listener.Close()
		in.kill()
		reap()
		return nil, errClosed
	}
	return in, nil
}

// signal sends sig to the process and everything that it started.
func (in *instance) signal(sig syscall.Signal) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if !in.gone {
		// The group may have just ended; then there is nothing to do.
		_ = syscall.Kill(-in.cmd.Process.Pid, sig)
	}
}

func (in *instance) freeze() { in.signal(syscall.SIGSTOP) }
func (in *instance) thaw()   { in.signal(syscall.SIGCONT) }
func (in *instance) kill()   { in.signal(syscall.SIGKILL) }

// end kills what the process left behind, and bars further signals.
func (in *instance) end() {
	in.mu.Lock()
	defer in.mu.Unlock()
	_ = syscall.Kill(-in.cmd.Process.Pid, syscall.SIGKILL)
	in.gone = true
}

// assign gives inv to an idle instance.
func (in *instance) assign(inv *invocation) {
	in.mu.Lock()
	in.current = inv
	in.mu.Unlock()
	in.work <- inv
}

// withdraw takes inv back if the process has not polled it yet.
func (in *instance) withdraw() bool {
	select {
	case <-in.work:
		return true
	default:
		return false
	}
}

// answered returns the invocation with this id, once: its answer has come.
func (in *instance) answered(id string) *invocation {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.current == nil || in.current.id != id {
		return nil
	}
	inv := in.current
	in.current = nil
	return inv
}

func randomHex(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}
