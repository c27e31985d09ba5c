package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"testing"
	"time"
)

func TestAHeldProcessIsStoppedAndRunsAgain(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("reading another process's CPU clock needs Linux")
	}
	cmd := exec.Command("/bin/sh", "-c", "while :; do :; done")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	stopped := func() bool {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", cmd.Process.Pid))
		if err != nil {
			t.Fatal(err)
		}
		_, state, _ := bytes.Cut(stat, []byte(") "))
		return state[0] == 'T'
	}
	release := hold(cmd.Process, 5*time.Millisecond, 50*time.Millisecond)
	for range 3 {
		for _, want := range []bool{true, false} {
			for stopped() != want {
				time.Sleep(time.Millisecond)
			}
		}
	}
	for !stopped() {
		time.Sleep(time.Millisecond)
	}
	release()
	if stopped() {
		t.Error("the process is stopped, though it was released")
	}
}
