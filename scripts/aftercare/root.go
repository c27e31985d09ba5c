package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"aftercare/scripts/internal/cli"
	"aftercare/scripts/internal/screen"
	"aftercare/shared/engine"
	"aftercare/shared/ledger"
	"aftercare/shared/openapi"
)

// run executes a command line and returns the exit code.
func run(ctx context.Context, args []string, getenv func(string) string, in io.Reader, out, errOut io.Writer) int {
	// The output contains texts that others wrote.
	out = screen.NewWriter(out).With(screen.LookOf(out, getenv))
	errOut = screen.NewWriter(errOut).With(screen.LookOf(errOut, getenv))
	root := newRoot(getenv)
	root.SetIn(in)
	root.SetOut(out)
	return cli.Run(ctx, root, args, errOut, hint)
}

// hint says what to do about an error of the ledger.
func hint(err error) string {
	var slow slowError
	switch {
	case errors.As(err, &slow):
		return fmt.Sprintf("There was no whole answer within %s. Check the endpoint, and that it can be reached from\nhere; --timeout %s gives it more time.", slow.after, 4*slow.after)
	case ledger.IsMissing(err): // it says what to do
		return ""
	case errors.Is(err, engine.ErrDenied):
		return "Check the access key, the clock, and that the key's policy allows the call\n(scripts/ram/operator.json; to deploy, deployer.json and deployer-with-ram.json)."
	case errors.Is(err, engine.ErrUnavailable):
		return "Check the endpoint, and that it can be reached from here."
	case errors.Is(err, engine.ErrInvalid) && errors.As(err, new(*openapi.Error)):
		return "The service refuses the call: its code and message say why, and its support knows the request id."
	case errors.Is(err, engine.ErrInvalid):
		return `If it names a row, a newer version or another program wrote that row: use that version's tool.
'aftercare resume' of what the row names removes it, whatever it holds. Otherwise check the
Tablestore instance's name, and that its tables exist ('aftercare tables create').`
	}
	return ""
}

func newRoot(getenv func(string) string) *cobra.Command {
	root := &cobra.Command{
		Use:   "aftercare",
		Short: "Operate Aftercare: see what it does, and steer it",
		Long: `The flag --env says where a command works. Without it, the variables of the
shell do, such as those of the local cloud: ". .local/env".`,
		Example: `  aftercare now --env prod
  aftercare show i-bp67acfmxazb4p --since 1h
  aftercare output i-bp67acfmxazb4p/t-hz04lrgd5hyu0
  aftercare submit --tag role=web --run 'df -h'
  aftercare history --failed
  aftercare flows validate functions/flows.yaml
  aftercare stop --flow collect-logs --reason "the disks are full"`,
	}
	root.PersistentFlags().Bool(utcFlag, false, "print times in UTC instead of the local zone")
	root.AddCommand(newNow(getenv), newTables(getenv), newShow(getenv), newInstances(getenv), newQueue(getenv), newRuns(getenv), newTasks(getenv),
		newHistory(getenv), newActs(getenv), newWhy(getenv), newTail(getenv), newQuarantine(getenv), newSettings(), newFlows(getenv), newAlerts(getenv),
		newOutput(getenv), newSubmit(getenv), newCancel(getenv), newRetry(getenv), newRedrive(getenv), newReplay(getenv), newBackfill(getenv), newStop(getenv),
		newResume(getenv), newStopped(getenv), newSilence(getenv), newSweep(getenv), newDoctor(getenv), newSubscribe(getenv), newSetup(getenv))
	return root
}
