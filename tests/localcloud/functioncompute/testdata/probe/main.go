// Command probe is a function that does what its payload says, so that tests
// can see how its instances are treated.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"

	"github.com/aliyun/fc-runtime-go-sdk/fc"
	"github.com/aliyun/fc-runtime-go-sdk/fccontext"
)

type request struct {
	Do string
	// File is the file that the actions block, linger, append and abandon use.
	File string
	// Succeed is the retry count at which the action flaky succeeds.
	Succeed int
}

type seen struct {
	Pid      int
	Env      []string
	Dir      string
	Deadline time.Time
	Context  *fccontext.FcContext
}

func main() {
	if os.Getenv("PROBE_START") == "exit" {
		os.Exit(1)
	}
	if os.Getenv("PROBE_START") == "hang" {
		time.Sleep(time.Hour)
	}
	fc.Start(handle)
}

func handle(ctx context.Context, payload []byte) (any, error) {
	var r request
	if err := json.Unmarshal(payload, &r); err != nil {
		return nil, err
	}
	info, _ := fccontext.FromContext(ctx)
	switch r.Do {
	case "crash":
		os.Exit(3)
	case "fail":
		return nil, errors.New("refused on purpose")
	case "panic":
		panic("broken on purpose")
	case "block":
		for {
			if _, err := os.Stat(r.File); err == nil {
				return "unblocked", nil
			}
			time.Sleep(5 * time.Millisecond)
		}
	case "flaky":
		if info.RetryCount < r.Succeed {
			return nil, fmt.Errorf("try %d fails", info.RetryCount)
		}
	case "linger":
		go func() {
			for {
				appendByte(r.File)
				time.Sleep(5 * time.Millisecond)
			}
		}()
	case "child", "abandon":
		cmd := exec.Command("sleep", "1000")
		if err := cmd.Start(); err != nil {
			return nil, err
		}
		if r.Do == "child" {
			return cmd.Process.Pid, nil
		}
		_ = record(r.File, fmt.Append(nil, os.Getpid(), cmd.Process.Pid))
		select {}
	case "append":
		appendByte(r.File)
	case "print":
		fmt.Println("one line")
		fmt.Fprintln(os.Stderr, "another line")
	case "echo":
		return json.RawMessage(payload), nil
	}
	if r.Do == "" && os.Getenv("PROBE_RECORD") != "" {
		return nil, record(os.Getenv("PROBE_RECORD"), payload)
	}
	deadline, _ := ctx.Deadline()
	dir, _ := os.Getwd()
	return seen{os.Getpid(), os.Environ(), dir, deadline, info}, nil
}

func appendByte(path string) {
	_ = record(path, nil)
}

func record(path string, line []byte) error {
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = file.Write(append(line, '\n'))
	return err
}
