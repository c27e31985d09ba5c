// Command dead-letters is the function that keeps what could not be delivered.
package main

import (
	"fmt"
	"os"

	"aftercare/shared/handler"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "dead-letters:", err)
		os.Exit(1)
	}
}

func run() error {
	h, err := handler.NewDeadLetters("dead-letters", os.Environ(), os.Stdout)
	if err != nil {
		return err
	}
	handler.Start(h)
	return nil
}
