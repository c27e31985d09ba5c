package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"aftercare/scripts/internal/cli"
	"aftercare/shared/decide"
	"aftercare/shared/handler"
)

// sweepFunction does what is due. A timer invokes it each minute.
const sweepFunction = functionPrefix + "sweep"

func newSweep(getenv func(string) string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "sweep",
		Short: "Do now what is due, as the timer does each minute",
		Example: `  aftercare sweep
  aftercare sweep --env prod -o json`,
		Long: `The function aftercare-sweep looks at each instance that is due, sends what
waits, and asks for ends and boots that no event reported. It is safe beside the
timer's sweep. The exit code is 5 if something was left, which the next sweep
does.`,
		Args: cli.Args(),
	}
	s, format := actSite(cmd, getenv), outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return s.connect(cmd.Context(), ofFunctions, func(ctx context.Context, c *connection) error {
			c.announce(cmd)
			end := waiting(cmd, "asking "+sweepFunction)
			out, err := c.call(ctx, sweepFunction, []byte("{}"))
			end()
			switch {
			case err != nil:
				return err
			case len(out.Items) != 1 || out.Items[0].Complete == nil:
				return errors.New(sweepFunction + " gave an answer that this tool does not understand")
			}
			swept := out.Items[0]
			if format.json() {
				err = printJSON(cmd.OutOrStdout(), swept)
			} else {
				_, err = fmt.Fprintln(cmd.OutOrStdout(), sweptWords(swept))
			}
			if err == nil && !*swept.Complete {
				err = cli.CodeError{Code: cli.ExitPartly, Err: errors.New("not complete: the next sweep does the rest")}
			}
			return err
		})
	}
	return cmd
}

// repairWords say what was repaired, by kind.
var repairWords = map[decide.Repair]string{
	decide.RepairEnd:  "%s that no event reported",
	decide.RepairBoot: "%s that no heartbeat reported",
	decide.RepairSend: "%s that a function left unfinished",
}

// sweptWords say what a sweep did, a line for each thing.
func sweptWords(s handler.Item) string {
	lines := []string{"swept: looked at " + counted(s.Woken, "instance")}
	if *s.Complete && s.Woken == 0 {
		lines[0] = "swept: nothing was due"
	}
	for _, kind := range sortedKeys(s.Repairs) {
		// A newer function may know more kinds.
		lines = append(lines, "repaired: "+fmt.Sprintf(cmp.Or(repairWords[kind], "%s"), counted(s.Repairs[kind], string(kind))))
	}
	if s.Failed > 0 {
		lines = append(lines, "failed: "+counted(s.Failed, "instance")+"; the log of "+sweepFunction+" says why")
	}
	if s.Waiting > 0 {
		lines = append(lines, "waiting for room to send: "+counted(s.Waiting, "instance"))
	}
	if *s.Complete {
		lines = append(lines, "complete: all that was due is done")
	}
	return strings.Join(lines, "\n")
}
