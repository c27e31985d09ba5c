package functioncompute

import (
	"os"
	"syscall"
)

// processAttributes put an instance into a process group of its own, and let
// the kernel kill it when the thread that started it ends: a frozen process
// could not notice that its server is gone.
func processAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// maxResident returns the greatest resident memory of an ended process, in bytes.
func maxResident(state *os.ProcessState) int64 {
	if usage, ok := state.SysUsage().(*syscall.Rusage); ok {
		return usage.Maxrss << 10
	}
	return 0
}
