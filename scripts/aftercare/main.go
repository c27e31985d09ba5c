// Command aftercare is the operator's tool: it makes the tables, reads what
// Aftercare knows and has kept, checks, tries and compiles a flows file before
// it is deployed, and stops flows and lets them go on. It changes nothing in the
// cloud but by "tables create", "flows pause" and "flows resume", and sends no
// commands: for that there is the function submit-task.
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
	code := run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
