// Command sweep is the function that finishes what was left, once a minute.
package main

import (
	"fmt"
	"os"

	"aftercare/shared/handler"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "sweep:", err)
		os.Exit(1)
	}
}

func run() error {
	f, err := handler.New("sweep", os.Environ(), os.Stdout)
	if err != nil {
		return err
	}
	handler.Start(f.Sweep)
	return nil
}
