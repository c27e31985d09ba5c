package ecs

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

const (
	// outputLimit is how much of a script's output is kept.
	outputLimit = 24 << 10
	// outputGrace is how long a process that left the group of its script can
	// hold the script's output open.
	outputGrace = time.Second
	// scriptPath is all that a script finds in PATH.
	scriptPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	// gate is run by sh in place of the script: it becomes the script when it
	// reads a line, and ends when the other end of the pipe closes without one.
	gate = `IFS= read -r line <&3 && exec "$0" "$@" 3<&-`
)

// job is a script that is ready to run.
type job struct {
	path    string // where the content is written
	content []byte
	dir     string
	home    string
	limit   time.Duration
}

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
	job job

	mu       sync.Mutex
	pid      int // while the process is there
	killed   bool
	timedOut bool
}

func newScript(j job) *script { return &script{job: j} }

// kill ends the script's process group, or keeps the script from starting.
func (sc *script) kill() {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	sc.killed = true
	if sc.pid != 0 {
		killGroup(sc.pid)
	}
}

// run starts the script and waits for its end. What is left of its process
// group then is killed. The script does not start before known, which is
// called with the id of its process, has returned without an error, and never
// starts if this program ends before that.
func (sc *script) run(known func(pid int) error) ending {
	if err := os.MkdirAll(filepath.Dir(sc.job.path), 0o755); err != nil {
		return ending{err: fmt.Errorf("make the folder of the script: %w", err)}
	}
	if err := os.WriteFile(sc.job.path, sc.job.content, 0o700); err != nil {
		return ending{err: fmt.Errorf("write the script: %w", err)}
	}
	defer os.Remove(sc.job.path)
	arguments, err := interpreter(sc.job.content)
	if err != nil {
		return ending{err: err}
	}
	reader, writer, err := os.Pipe()
	if err != nil {
		return ending{err: fmt.Errorf("make the pipe for the output: %w", err)}
	}
	defer reader.Close()
	waiting, release, err := os.Pipe()
	if err != nil {
		writer.Close()
		return ending{err: fmt.Errorf("make the pipe for the start: %w", err)}
	}
	defer release.Close()
	cmd := exec.Command("/bin/sh", append([]string{"-c", gate}, append(arguments, sc.job.path)...)...)
	cmd.ExtraFiles = []*os.File{waiting}
	cmd.Dir = sc.job.dir
	cmd.Env = []string{"HOME=" + sc.job.home, "PATH=" + scriptPath}
	cmd.Stdout, cmd.Stderr = writer, writer
	ownGroup(cmd)

	sc.mu.Lock()
	if sc.killed {
		sc.mu.Unlock()
		writer.Close()
		waiting.Close()
		return ending{}
	}
	err = cmd.Start()
	writer.Close()
	waiting.Close()
	if err != nil {
		sc.mu.Unlock()
		return ending{err: fmt.Errorf("start the interpreter: %w", err)}
	}
	sc.pid = cmd.Process.Pid
	sc.mu.Unlock()

	err = known(cmd.Process.Pid)
	timer := time.AfterFunc(sc.job.limit, sc.expire)
	defer timer.Stop()
	started := sc.open(release, err)
	kept := &output{}
	copied := make(chan struct{})
	go func() {
		defer close(copied)
		io.Copy(kept, reader)
	}()
	cmd.Wait() // its error says no more than the state

	sc.mu.Lock()
	killGroup(sc.pid)
	sc.pid = 0
	timedOut := sc.timedOut
	sc.mu.Unlock()
	select {
	case <-copied:
	case <-time.After(outputGrace):
		reader.Close()
		<-copied
	}
	text, dropped := kept.cut()
	return ending{started: started, exit: exitCode(cmd.ProcessState), timedOut: timedOut, output: text, dropped: dropped}
}

// open lets the waiting script start, unless it was killed or its process
// could not be made known, and reports whether it did.
func (sc *script) open(release *os.File, unknown error) bool {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	defer release.Close()
	if sc.killed || unknown != nil {
		return false
	}
	_, err := release.WriteString("\n")
	return err == nil
}

func (sc *script) expire() {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	if sc.pid != 0 && !sc.killed {
		sc.timedOut = true
		killGroup(sc.pid)
	}
}

// interpreter is what runs a script: the program of its first line, with at
// most one argument as the kernel does it, else sh. A program that is not at
// its place is looked for by its name.
func interpreter(content []byte) ([]string, error) {
	first, _, _ := bytes.Cut(content, []byte("\n"))
	line, ok := strings.CutPrefix(strings.TrimRight(string(first), " \t\r"), "#!")
	if !ok {
		return found("/bin/sh")
	}
	program, argument, _ := strings.Cut(strings.TrimSpace(line), " ")
	out, err := found(program)
	if argument = strings.TrimSpace(argument); err == nil && argument != "" {
		out = append(out, argument)
	}
	return out, err
}

func found(program string) ([]string, error) {
	candidates := []string{program}
	for _, folder := range filepath.SplitList(scriptPath) {
		candidates = append(candidates, filepath.Join(folder, filepath.Base(program)))
	}
	for _, candidate := range candidates {
		if info, err := os.Stat(candidate); err == nil && info.Mode().IsRegular() && filepath.IsAbs(candidate) {
			return []string{candidate}, nil
		}
	}
	return nil, fmt.Errorf("the interpreter %q is not there", program)
}

// output keeps the first and the last half of what may be kept.
type output struct {
	head, tail []byte
	total      int
}

func (o *output) Write(p []byte) (int, error) {
	const half = outputLimit / 2
	n := len(p)
	o.total += n
	if room := half - len(o.head); room > 0 {
		room = min(room, len(p))
		o.head = append(o.head, p[:room]...)
		p = p[room:]
	}
	o.tail = append(o.tail, p...)
	if len(o.tail) > 4*half {
		o.tail = append(o.tail[:0], o.tail[len(o.tail)-half:]...)
	}
	return n, nil
}

// cut returns what is kept, and how many bytes are missing in its middle.
func (o *output) cut() ([]byte, int) {
	tail := o.tail[max(0, len(o.tail)-outputLimit/2):]
	return append(o.head, tail...), o.total - len(o.head) - len(tail)
}
