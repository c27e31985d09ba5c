// Command task-completed is the function that records the ends of commands, runs follow-ups and alerts.
package main

import (
	"fmt"
	"os"

	"aftercare/shared/handler"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "task-completed:", err)
		os.Exit(1)
	}
}

func run() error {
	f, err := handler.New("task-completed", os.Environ(), os.Stdout)
	if err != nil {
		return err
	}
	handler.Start(f.TaskCompleted)
	return nil
}
