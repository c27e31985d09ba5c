package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"
)

// watch is the flag --watch.
type watch struct{ on *bool }

// watchEvery is the time between two readings.
const watchEvery = 5 * time.Second

func watchFlag(cmd *cobra.Command) watch {
	return watch{cmd.Flags().Bool("watch", false, "print it again every "+watchEvery.String()+", until Ctrl-C")}
}

// run prints once, or again and again.
func (w watch) run(do func(*cobra.Command, []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		for {
			err := do(cmd, args)
			if !*w.on || err != nil && cmd.Context().Err() == nil {
				return err
			}
			if !sleep(cmd.Context(), watchEvery) {
				return nil
			}
			fmt.Fprintf(cmd.OutOrStdout(), "\n%s\n", clockOf(cmd).moment(time.Now()))
		}
	}
}

// sleep waits, and reports whether there is time left.
func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
