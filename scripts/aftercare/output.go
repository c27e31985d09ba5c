package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"aftercare/scripts/internal/cli"
	"aftercare/scripts/internal/screen"
	"aftercare/shared/assistant"
	"aftercare/shared/ledger"
	"aftercare/shared/mask"
)

// printedOutput is what a command printed on one instance.
type printedOutput struct {
	InstanceID string    `json:"instanceId"`
	FinishTime time.Time `json:"finishTime,omitzero"`
	Text       string    `json:"text"`
	// Dropped is how many bytes the service did not keep.
	Dropped int64 `json:"droppedBytes,omitempty"`
}

func newOutput(getenv func(string) string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "output [INSTANCE/]INVOCATION",
		Short: "Print what a command printed, with secrets masked",
		Example: `  aftercare output t-hz04lrgd5hyu0
  aftercare output i-bp67acfmxazb4p/t-hz04lrgd5hyu0 -o json`,
		Long: `The output is asked of Cloud Assistant by your own access key, and stored
nowhere. The service keeps 24 KB of it, for 30 days. What looks like a secret is
replaced by ` + mask.Mark + `: some secrets have no form by which they are known. Regular
expressions in ` + variableMask + `, with spaces between them, add more forms.

The beginning of the id is enough, as is that of the task that sent it. What
comes without its instance is looked for in the history of 24h.`,
		Args: cli.Args("INVOCATION"),
	}
	s := siteFlags(cmd, getenv)
	format := outputFlag(cmd)
	only := cmd.Flags().String("instance", "", "only what it printed on the instance with this `id`")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		instance, invocation := *only, args[0]
		if before, after, both := strings.Cut(args[0], "/"); both {
			instance, invocation = before, after
		}
		needs := ofECS
		if s.lacks(ofTables) == nil {
			needs |= ofTables
		}
		var found []assistant.Printed
		var masks mask.Mask
		end := waiting(cmd, "asking Cloud Assistant")
		err := s.connect(cmd.Context(), needs, func(ctx context.Context, c *connection) (err error) {
			masks = c.mask
			found, err = c.assistant.Outputs(ctx, instance, invocation)
			if err != nil || len(found) > 0 || c.ledger == nil {
				return err
			}
			on, whole, err := recordedInvocation(ctx, page{cmd: cmd}, c.ledger, instance, invocation)
			if err == nil && whole != "" && whole != invocation {
				found, err = c.assistant.Outputs(ctx, on, whole)
			}
			return err
		})
		end()
		switch {
		case err != nil:
			return err
		case len(found) == 0:
			return cli.NotFound("Cloud Assistant has no output of %s: it still runs, is older than 30 days, or never was", invocation)
		}
		var list []printedOutput
		for _, p := range found {
			list = append(list, printedOutput{p.InstanceID, p.Finished, masks.Text(p.Text), p.Dropped})
		}
		if format.json() {
			return printJSON(cmd.OutOrStdout(), list)
		}
		for _, p := range list {
			p.print(cmd, len(list) > 1)
		}
		return nil
	}
	return cmd
}

// recordedInvocation is the invocation whose id, or whose task's, begins with a text;
// empty if no record of the instance has it. Without an instance it is looked for in
// the history.
func recordedInvocation(ctx context.Context, p page, l *ledger.Ledger, instance, id string) (on, whole string, err error) {
	if instance == "" {
		if instance, id, err = p.locate(ctx, l, id, &since{}); err != nil {
			return "", "", err
		}
	}
	records, err := l.Find(ctx, instance, id)
	if err != nil {
		return "", "", err
	}
	var ids []string
	for _, e := range records.Executions {
		ids = append(ids, e.Event.InvokeID)
	}
	for _, t := range records.Tasks {
		ids = append(ids, t.InvokeID)
	}
	slices.Sort(ids)
	switch ids = slices.DeleteFunc(slices.Compact(ids), func(id string) bool { return id == "" }); len(ids) {
	case 0:
		return instance, "", nil
	case 1:
		return instance, ids[0], nil
	}
	return "", "", cli.Usage(fmt.Errorf("%s is the beginning of %d ids: %s", id, len(ids), strings.Join(ids, ", ")))
}

// print prints the text as it is, and what is known of it beside it.
func (p printedOutput) print(cmd *cobra.Command, several bool) {
	out, errOut := cmd.OutOrStdout(), cmd.ErrOrStderr()
	if several {
		fmt.Fprintf(out, "== %s, %s\n", screen.Plain(p.InstanceID), clockOf(cmd).moment(p.FinishTime))
	}
	_, _ = io.WriteString(out, p.Text)
	switch {
	case p.Text == "":
		fmt.Fprintf(errOut, "it printed nothing on %s\n", p.InstanceID)
	case !strings.HasSuffix(p.Text, "\n"):
		fmt.Fprintln(out)
	}
	if p.Dropped > 0 {
		fmt.Fprintf(errOut, "Cloud Assistant kept 24 KB of it: %d bytes more on %s are lost\n", p.Dropped, p.InstanceID)
	}
}
