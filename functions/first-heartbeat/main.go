// Command first-heartbeat is the function that marks instances bootable and releases what waits for them.
package main

import (
	"fmt"
	"os"

	"aftercare/shared/handler"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "first-heartbeat:", err)
		os.Exit(1)
	}
}

func run() error {
	f, err := handler.New("first-heartbeat", os.Environ(), os.Stdout)
	if err != nil {
		return err
	}
	handler.Start(f.FirstHeartbeat)
	return nil
}
