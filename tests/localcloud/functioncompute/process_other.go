//go:build unix && !linux

package functioncompute

import (
	"os"
	"syscall"
)

// processAttributes put an instance into a process group of its own. Only
// Linux can kill it when the server itself is killed.
func processAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}

// maxResident returns the greatest resident memory of an ended process, in bytes.
func maxResident(state *os.ProcessState) int64 {
	if usage, ok := state.SysUsage().(*syscall.Rusage); ok {
		return int64(usage.Maxrss)
	}
	return 0
}
