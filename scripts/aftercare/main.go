// Command aftercare is the operator's tool: it creates the tables, shows
// Aftercare's state and records and what commands printed, checks, tests and
// compiles a flows file before it is deployed, and submits, cancels,
// stops and resumes. It sends no command itself: the function submit-task does.
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
