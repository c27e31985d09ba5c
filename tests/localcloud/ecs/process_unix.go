//go:build unix

package ecs

import (
	"os/exec"
	"runtime"
	"syscall"
)

// lingers means that background processes outlive their script here, as on a
// real instance. The server needs a /proc to find them again.
const lingers = runtime.GOOS == "linux"

// ownGroup puts a command into a process group of its own.
func ownGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// killGroup kills the process group that pid leads.
func killGroup(pid int) { syscall.Kill(-pid, syscall.SIGKILL) }

func killProcess(pid int) { syscall.Kill(pid, syscall.SIGKILL) }
