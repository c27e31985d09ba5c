package main

import (
	"context"
	"errors"
	"fmt"
	"os/user"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"aftercare/scripts/internal/cli"
	"aftercare/scripts/internal/screen"
	"aftercare/shared/decide"
	"aftercare/shared/flow"
	"aftercare/shared/ledger"
)

// maxWords is the most characters of a reason or a name: every function reads
// them before it starts a flow.
const maxWords = 500

func newFlowsPause(getenv func(string) string) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "pause [FLOW]",
		Short:   "Pause a flow until it is resumed, or all flows without FLOW",
		Example: `  aftercare flows pause collect-logs --reason "the disks are full"`,
		Args:    cli.Args("[FLOW]"),
	}
	cmd.ValidArgsFunction = completeFlows(getenv)
	s := siteFlags(cmd, getenv)
	reason := cmd.Flags().String("reason", "", "why, in `words` for people who find it paused")
	by := cmd.Flags().String("by", "", "the `name` of the person who pauses it (default the operating system's user)")
	cmd.Long += `

A paused flow starts no run, and its runs take no further step. Commands that
were already sent keep running. FLOW need not be in any flows file. Pausing a
paused flow again replaces who paused it and why.`
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		p := decide.Pause{By: strings.TrimSpace(*by), Reason: strings.TrimSpace(*reason), At: time.Now().UTC()}
		if !cmd.Flags().Changed("by") {
			p.By = systemUser()
		}
		var err error
		if p.Flow, err = flowOf(args); err != nil {
			return err
		}
		switch {
		case p.By == "":
			return cli.Usage(errors.New("--by must not be empty"))
		case utf8.RuneCountInString(p.By) > maxWords, utf8.RuneCountInString(p.Reason) > maxWords:
			return cli.Usage(fmt.Errorf("--by and --reason must have at most %d characters", maxWords))
		}
		return s.with(cmd.Context(), func(ctx context.Context, l *ledger.Ledger) error {
			// An unreadable row must not prevent a pause.
			before, unread := l.Control(ctx)
			if err := l.Pause(ctx, p); err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			fmt.Fprintf(out, "paused %s at %s\n", named(p.Flow), words(p))
			if old, ok := before.Pauses[p.Flow]; ok {
				fmt.Fprintf(out, "it was paused already, since %s\n", words(old))
			}
			if unread != nil {
				return unread
			}
			now, err := readPaused(ctx, l)
			if err == nil {
				now.print(out, "Paused now")
			}
			return err
		})
	}
	return cmd
}

func newFlowsResume(getenv func(string) string) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "resume [FLOW]",
		Short:   "Resume a flow, or all flows without FLOW",
		Example: `  aftercare flows resume collect-logs`,
		Args:    cli.Args("[FLOW]"),
	}
	cmd.ValidArgsFunction = completeFlows(getenv)
	s := siteFlags(cmd, getenv)
	cmd.Long += `

With FLOW, its pause ends and its breaker closes. Without FLOW, only the pause
of all flows ends: pauses and breakers of single flows stay, and are listed.`
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		flow, err := flowOf(args)
		if err != nil {
			return err
		}
		return s.with(cmd.Context(), func(ctx context.Context, l *ledger.Ledger) error {
			out := cmd.OutOrStdout()
			gone, err := l.Resume(ctx, flow)
			if p, ok := gone.Pauses[flow]; ok {
				fmt.Fprintf(out, "resumed %s, paused since %s\n", named(flow), words(p))
			}
			if b, ok := gone.Breakers[flow]; ok {
				fmt.Fprintf(out, "closed the breaker of %s, open since %s: %s\n", named(flow), screen.Plain(moment(b.OpenedAt)), failures(b))
			}
			switch {
			case err != nil:
				return err
			case len(gone.Pauses)+len(gone.Breakers) > 0:
			case flow == decide.AllFlows:
				fmt.Fprintln(out, "there was no pause of all flows")
			default:
				fmt.Fprintf(out, "%s had no pause of its own\n", flow)
			}
			still, err := readPaused(ctx, l)
			if err != nil {
				return err
			}
			if flow != decide.AllFlows && still.all() {
				fmt.Fprintf(out, "%s stays paused with all flows\n", flow)
			}
			still.print(out, "Still paused")
			return nil
		})
	}
	return cmd
}

func named(flow string) string {
	if flow == decide.AllFlows {
		return "all flows"
	}
	return flow
}

// words says since when, by whom and why a flow is paused.
func words(p decide.Pause) string {
	return fmt.Sprintf("%s by %s: %s", screen.Plain(moment(p.At)), screen.Plain(p.By), screen.Plain(p.Reason))
}

// flowOf returns the flow that the arguments name; all flows without arguments.
// An empty argument is refused: it may be a variable that was never set.
func flowOf(args []string) (string, error) {
	switch {
	case len(args) == 0:
		return decide.AllFlows, nil
	case !flow.ValidName(args[0]):
		return "", cli.Usage(fmt.Errorf("FLOW must be a flow's name, 1 to 63 of a-z, 0-9 and -, not %q; leave it out for all flows", args[0]))
	}
	return args[0], nil
}

// systemUser is the name of the user who runs this process; empty if unknown.
func systemUser() string {
	u, err := user.Current()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(u.Username)
}
