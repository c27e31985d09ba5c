// Command instance-state is the function that records when instances stop, start and end.
package main

import (
	"fmt"
	"os"

	"aftercare/shared/handler"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "instance-state:", err)
		os.Exit(1)
	}
}

func run() error {
	f, err := handler.New("instance-state", os.Environ(), os.Stdout)
	if err != nil {
		return err
	}
	handler.Start(f.StateChange)
	return nil
}
