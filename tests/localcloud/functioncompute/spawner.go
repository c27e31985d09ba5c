package functioncompute

import (
	"os/exec"
	"runtime"
)

// spawner starts all processes from one thread that lives as long as the
// server, because a process's death signal is bound to the thread that
// started it.
type spawner struct {
	starts chan start
	done   chan struct{}
}

type start struct {
	cmd    *exec.Cmd
	result chan error
}

func newSpawner() *spawner {
	sp := &spawner{starts: make(chan start), done: make(chan struct{})}
	go func() {
		defer close(sp.done)
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		for st := range sp.starts {
			st.result <- st.cmd.Start()
		}
	}()
	return sp
}

func (sp *spawner) start(cmd *exec.Cmd) error {
	st := start{cmd: cmd, result: make(chan error, 1)}
	sp.starts <- st
	return <-st.result
}

func (sp *spawner) close() {
	close(sp.starts)
	<-sp.done
}
