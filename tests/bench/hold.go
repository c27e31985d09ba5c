package main

import (
	"os"
	"syscall"
	"time"
)

// hold leaves a process only so much CPU time in each period, as a control
// group does: it stops the process once that is used. It lets go of the process
// when the returned function is called.
func hold(p *os.Process, cpu, period time.Duration) (release func()) {
	over, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		defer p.Signal(syscall.SIGCONT)
		look := time.NewTicker(time.Millisecond)
		defer look.Stop()
		begun, stopped := time.Now(), false
		before, err := cpuTime(p.Pid)
		for err == nil {
			select {
			case <-over:
				return
			case now := <-look.C:
				var used time.Duration
				used, err = cpuTime(p.Pid)
				switch {
				case now.Sub(begun) >= period:
					begun, before, stopped = now, used, false
					err = p.Signal(syscall.SIGCONT)
				case !stopped && used-before >= cpu:
					stopped = true
					err = p.Signal(syscall.SIGSTOP)
				}
			}
		}
	}()
	return func() {
		close(over)
		<-ended
	}
}
