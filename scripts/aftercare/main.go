// Command aftercare is the operator's tool: it creates the tables, reads
// Aftercare's state and records, checks, tests and compiles a flows file before
// it is deployed. Only "tables create" changes anything in the cloud by itself: all
// else that acts asks the function submit-task.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// A second signal ends the process at once.
	context.AfterFunc(ctx, stop)
	code := run(ctx, os.Args[1:], os.Getenv, os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
