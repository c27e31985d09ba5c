package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"time"
	"unsafe"
)

// cpuTime returns the CPU time that all threads of a process have used so far,
// in user and kernel mode.
func cpuTime(pid int) (time.Duration, error) {
	// The clock of another process, as clock_getcpuclockid(3) makes its id:
	// to the nanosecond, where /proc/pid/stat counts hundredths of a second.
	clock := uintptr(^pid)<<3 | 2
	var t syscall.Timespec
	if _, _, errno := syscall.Syscall(syscall.SYS_CLOCK_GETTIME, clock, uintptr(unsafe.Pointer(&t)), 0); errno != 0 {
		return 0, fmt.Errorf("read the CPU clock of process %d: %w", pid, errno)
	}
	return time.Duration(t.Nano()), nil
}

// residentKB returns the resident memory of a process in KB: all of it, and the
// part that no file backs.
func residentKB(pid int) (all, own int, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, 0, err
	}
	field := func(name string) int {
		_, after, _ := bytes.Cut(text, []byte("\n"+name+":"))
		words := bytes.Fields(after[:min(len(after), 40)])
		if len(words) == 0 {
			return 0
		}
		n, _ := strconv.Atoi(string(words[0]))
		return n
	}
	return field("VmRSS"), field("RssAnon"), nil
}

// load returns the machine's load averages, as the kernel prints them.
func load() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	return string(bytes.Join(bytes.Fields(text)[:3], []byte(" ")))
}
