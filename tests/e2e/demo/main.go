// Command demo runs Aftercare's scenario on the local cloud, with the real
// function binaries, and checks the outcome. It prints a timeline and a table
// of its checks, and exits with 0 only if every check passed.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	bin := flag.String("localcloud", "bin/localcloud", "the local cloud's program")
	tool := flag.String("aftercare", "bin/aftercare", "the operator's program")
	dist := flag.String("dist", ".local/dist", "the folder with the functions' packages")
	project := flag.String("project", "s.yaml", "the deployment")
	flows := flag.String("flows", "functions/flows.yaml", "the shipped flows, which the demo's own are joined to")
	logs := flag.Bool("logs", false, "print the functions' logs as well")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	failed, err := run(ctx, *bin, *tool, *dist, *project, *flows, *logs)
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
	}
	if err != nil || failed > 0 {
		os.Exit(1)
	}
}

// run returns how many checks failed.
func run(ctx context.Context, bin, tool, dist, project, flows string, logs bool) (failed int, err error) {
	c, err := start(ctx, bin, tool, dist, project, flows)
	if err != nil {
		return 0, err
	}
	defer func() {
		if logs || err != nil {
			c.printLogs(os.Stdout)
		}
		if stopErr := c.stop(); err == nil && stopErr != nil {
			err = stopErr
		}
	}()
	fmt.Print(steps, "\n")
	s := newStory(c)
	if err := s.perform(ctx); err != nil {
		return 0, err
	}
	if err := s.printTimeline(ctx, os.Stdout); err != nil {
		return 0, err
	}
	if err := s.printDecisions(ctx, os.Stdout); err != nil {
		return 0, err
	}
	if err := s.printMessages(ctx, os.Stdout); err != nil {
		return 0, err
	}
	return s.printChecks(os.Stdout), nil
}
