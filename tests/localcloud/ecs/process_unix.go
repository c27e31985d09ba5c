//go:build unix

package ecs

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"syscall"
)

// ownGroup puts a command into a process group of its own.
func ownGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// killGroup kills the process group that pid leads.
func killGroup(pid int) { syscall.Kill(-pid, syscall.SIGKILL) }

// exitCode is what a shell would report: 128 and the signal for a killed
// process.
func exitCode(state *os.ProcessState) int64 {
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int64(status.Signal())
	}
	return int64(state.ExitCode())
}

// processStart is the start time of a process in clock ticks since the boot of
// the machine, which tells it from a later one with the same id. It is empty
// where there is no /proc.
func processStart(pid int) string {
	body, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	// The second field is the name in parentheses and may hold anything.
	fields := bytes.Fields(body[bytes.LastIndexByte(body, ')')+1:])
	if len(fields) < 20 {
		return ""
	}
	return string(fields[19])
}
