// Command aftercare is the operator's tool: it creates the tables, reads
// Aftercare's state and records, checks, tests and compiles a flows file before
// it is deployed, and pauses and resumes flows. Only "tables create", "flows
// pause" and "flows resume" change anything in the cloud. It sends no commands:
// the function submit-task does.
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
