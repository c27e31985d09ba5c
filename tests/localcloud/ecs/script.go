package ecs

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"time"
)

const (
	// outputLimit is how much of a script's output is kept, and outputHead how
	// much of that comes from its beginning.
	outputLimit = 24 << 10
	outputHead  = 6000
	// outputGrace is how long a process that outlives its script can hold the
	// script's output open.
	outputGrace = time.Second
	// scriptPath is the PATH of scripts.
	scriptPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	// gate is run by sh in place of the command: it becomes the command when it
	// reads a line, and ends when the other end of the pipe closes without one.
	gate = `IFS= read -r line <&3 && exec "$@" 3<&-`
)

// ending is how a script ended.
type ending struct {
	started  bool
	exit     int64
	timedOut bool
	output   []byte
	dropped  int
	err      error // why it could not be run
}

// script is a job and its process.
type script struct {
	job  job
	left chan struct{} // closed when nobody waits for the script's end any more
	gone chan struct{} // closed when the process is gone, or never was there

	mu       sync.Mutex
	pid      int // while the process is there
	killed   bool
	started  bool
	timedOut bool
}

func newScript(j job) *script {
	return &script{job: j, left: make(chan struct{}), gone: make(chan struct{})}
}

// stop ends the script as its TerminationMode says, or keeps it from starting.
func (sc *script) stop() {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	sc.killed = true
	sc.terminate()
}

func (sc *script) terminate() {
	switch {
	case sc.pid == 0:
	case sc.job.tree:
		killGroup(sc.pid)
	default:
		killProcess(sc.pid)
	}
}

// end ends the script and its process group, or keeps it from starting.
func (sc *script) end() {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	sc.killed = true
	if sc.pid != 0 {
		killProcess(sc.pid)
		killGroup(sc.pid)
	}
}

// abandon leaves a started script running, and makes run return. It is called
// once.
func (sc *script) abandon() {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	sc.killed = true // if it has not started yet
	if sc.started {
		close(sc.left)
	}
}

// run starts the script and waits for its end. The script starts only after the
// guard knows its process group, and never if this program ends before.
func (sc *script) run(g *guard) ending {
	argv, clean, err := sc.job.save()
	if err != nil {
		close(sc.gone)
		return ending{err: err}
	}
	reader, writer, err := os.Pipe()
	if err != nil {
		close(sc.gone)
		return ending{err: fmt.Errorf("make the pipe for the output: %w", err)}
	}
	defer reader.Close()
	cmd, release, err := sc.launch(argv, writer)
	writer.Close()
	if cmd == nil {
		close(sc.gone)
		clean()
		return ending{err: err}
	}

	pid := cmd.Process.Pid
	err = g.begin(pid)
	timer := time.AfterFunc(sc.job.limit, sc.expire)
	defer timer.Stop()
	started := sc.open(release, err)
	kept := &output{}
	copied := make(chan struct{})
	go func() {
		defer close(copied)
		io.Copy(kept, reader)
	}()
	go func() {
		defer close(sc.gone)
		cmd.Wait() // its error says no more than the state
		sc.reap()
		if err == nil {
			g.end(pid)
		}
	}()
	end := ending{started: started, err: err}
	select {
	case <-sc.left:
		reader.Close()
	case <-sc.gone:
		clean()
		end.exit = int64(cmd.ProcessState.ExitCode())
		select {
		case <-copied:
		case <-time.After(outputGrace):
			reader.Close()
		}
	}
	<-copied
	end.output, end.dropped = kept.cut()
	sc.mu.Lock()
	defer sc.mu.Unlock()
	end.timedOut = sc.timedOut
	return end
}

// launch starts the process that waits at the gate; writing a line to the file
// opens it. If the script was stopped before, it returns no process, and perhaps
// no error.
func (sc *script) launch(argv []string, out *os.File) (*exec.Cmd, *os.File, error) {
	waiting, release, err := os.Pipe()
	if err != nil {
		return nil, nil, fmt.Errorf("make the pipe for the start: %w", err)
	}
	defer waiting.Close()
	cmd := exec.Command("/bin/sh", append([]string{"-c", gate, "sh"}, argv...)...)
	cmd.ExtraFiles = []*os.File{waiting}
	cmd.Dir = sc.job.dir
	cmd.Env = []string{"HOME=" + sc.job.home, "PATH=" + scriptPath, sc.job.mark}
	cmd.Stdout, cmd.Stderr = out, out
	ownGroup(cmd)
	sc.mu.Lock()
	defer sc.mu.Unlock()
	if !sc.killed {
		if err = cmd.Start(); err == nil {
			sc.pid = cmd.Process.Pid
			return cmd, release, nil
		}
		err = fmt.Errorf("start the command: %w", err)
	}
	release.Close()
	return nil, nil, err
}

// open lets the waiting script start, and reports whether it did. It does not if
// the script was stopped or the guard does not know its process group.
func (sc *script) open(release *os.File, unknown error) bool {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	defer release.Close()
	if sc.killed || unknown != nil {
		return false
	}
	_, err := release.WriteString("\n")
	sc.started = err == nil
	return sc.started
}

// reap forgets the process, which has ended.
func (sc *script) reap() {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	if !lingers {
		killGroup(sc.pid)
	}
	sc.pid = 0
}

func (sc *script) expire() {
	if sc.job.held != nil {
		<-sc.job.held
	}
	sc.mu.Lock()
	defer sc.mu.Unlock()
	if sc.pid != 0 && !sc.killed {
		sc.timedOut = true
		sc.terminate()
	}
}

// output keeps the beginning and the end of what a script prints.
type output struct {
	head, tail []byte
	total      int
}

func (o *output) Write(p []byte) (int, error) {
	n := len(p)
	o.total += n
	if room := outputHead - len(o.head); room > 0 {
		room = min(room, len(p))
		o.head = append(o.head, p[:room]...)
		p = p[room:]
	}
	o.tail = append(o.tail, p...)
	if len(o.tail) > 2*outputLimit {
		o.tail = append(o.tail[:0], o.tail[len(o.tail)-outputLimit:]...)
	}
	return n, nil
}

// cut returns the kept output, and how many bytes its middle lacks.
func (o *output) cut() ([]byte, int) {
	tail := o.tail[max(0, len(o.tail)-(outputLimit-outputHead)):]
	return append(o.head, tail...), o.total - len(o.head) - len(tail)
}
