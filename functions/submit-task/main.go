// Command submit-task is the function that takes commands for instances, now or once they have booted.
package main

import (
	"fmt"
	"os"

	"aftercare/shared/handler"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "submit-task:", err)
		os.Exit(1)
	}
}

func run() error {
	f, err := handler.New("submit-task", os.Environ(), os.Stdout)
	if err != nil {
		return err
	}
	handler.Start(f.SubmitTask)
	return nil
}
