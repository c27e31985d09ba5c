// Command alerts is the function that brings alerts from the inbox to people, once a
// minute.
package main

import (
	"fmt"
	"os"

	"aftercare/shared/alerting"
	"aftercare/shared/handler"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "alerts:", err)
		os.Exit(1)
	}
}

func run() error {
	h, err := alerting.New("alerts", os.Environ(), os.Stdout)
	if err != nil {
		return err
	}
	handler.Start(h)
	return nil
}
