package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"aftercare/scripts/internal/cli"
	"aftercare/scripts/internal/screen"
	"aftercare/shared/ledger"
	"aftercare/shared/mask"
)

func newQuarantine(getenv func(string) string) *cobra.Command {
	return cli.Group("quarantine", "Look at payloads that could not be read", newQuarantineList(getenv), newQuarantineShow(getenv))
}

// quarantined is a payload's entry as printed for programs.
type quarantined struct {
	SHA256   string    `json:"sha256"`
	Size     int64     `json:"sizeBytes"`
	Reason   string    `json:"reason"`
	Function string    `json:"function"`
	At       time.Time `json:"at"`
}

var quarantineColumns = []column[quarantined]{
	{"LAST SEEN", func(q quarantined) any { return q.At }, isWhole},
	{"FUNCTION", func(q quarantined) any { return q.Function }, 0},
	{"BYTES", func(q quarantined) any { return q.Size }, isWhole},
	{"SHA256", func(q quarantined) any { return brief(q.SHA256) }, isWhole},
	{"REASON", func(q quarantined) any { return q.Reason }, 0},
	{"WHOLE SHA256", func(q quarantined) any { return q.SHA256 }, isWide},
}

func newQuarantineList(getenv func(string) string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the payloads of the last 30 days, the newest first",
		Example: `  aftercare quarantine list
  aftercare quarantine list -o wide --limit 0`,
		Args: cli.Args(),
	}
	s := siteFlags(cmd, getenv)
	f := addListFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return printList(cmd, f, quarantineColumns, "Nothing is in quarantine.", func(add func(quarantined) error) error {
			var all []quarantined
			err := s.with(cmd.Context(), func(ctx context.Context, l *ledger.Ledger) error {
				return l.EachQuarantined(ctx, func(q ledger.Quarantined) error {
					all = append(all, quarantined(q))
					return nil
				})
			})
			slices.SortFunc(all, func(a, b quarantined) int {
				return cmp.Or(b.At.Compare(a.At), strings.Compare(a.SHA256, b.SHA256))
			})
			for _, q := range all {
				if err == nil {
					err = add(q)
				}
			}
			return err
		})
	}
	return cmd
}

var digits = regexp.MustCompile(`^[0-9a-f]{6,64}$`)

func newQuarantineShow(getenv func(string) string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "show SHA256",
		Short: "Print one payload as it was received",
		Example: `  aftercare quarantine show 584a725a
  aftercare quarantine show 584a725a >payload.json`,
		Args: cli.Args("SHA256"),
	}
	cmd.Long = `The first six digits of its SHA256 are enough if no other payload has them. On a
terminal, control characters are shown as escapes such as \u001b, and secrets as
` + mask.Mark + `.`
	s := siteFlags(cmd, getenv)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		prefix := strings.ToLower(args[0])
		if !digits.MatchString(prefix) {
			return cli.Usage(errors.New("SHA256 must be 6 to 64 hex digits"))
		}
		var found []ledger.Quarantined
		var payload []byte
		out := screen.Raw(cmd.OutOrStdout())
		err := s.connect(cmd.Context(), ofTables, func(ctx context.Context, c *connection) error {
			l := c.ledger
			err := l.EachQuarantined(ctx, func(q ledger.Quarantined) error {
				if strings.HasPrefix(q.SHA256, prefix) {
					found = append(found, q)
				}
				return nil
			})
			if err == nil && len(found) == 1 {
				payload, err = l.QuarantinedPayload(ctx, found[0])
			}
			if _, person := out.(screen.Writer); person {
				payload = []byte(c.mask.Text(string(payload)))
			}
			return err
		})
		switch {
		case err != nil:
			return err
		case len(found) == 0:
			return cli.NotFound("no payload with the SHA256 %s is in quarantine", prefix)
		case len(found) > 1:
			return fmt.Errorf("%d payloads have a SHA256 that begins with %s: give more digits", len(found), prefix)
		}
		q := found[0]
		_, err = out.Write(payload)
		say(cmd.ErrOrStderr(), "%s: %s, %d bytes, last seen %s",
			screen.Plain(q.Function), screen.Plain(q.Reason), q.Size, clockOf(cmd).moment(q.At))
		return err
	}
	return cmd
}
