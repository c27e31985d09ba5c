package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"aftercare/scripts/internal/cli"
	"aftercare/scripts/internal/screen"
	"aftercare/shared/alert"
	"aftercare/shared/alertfile"
	"aftercare/shared/alerting"
	"aftercare/shared/transport"
)

func newAlertsTest(getenv func(string) string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "test",
		Short: "Send a sample to a channel, and say what it refuses",
		Long: `The function alerts sends it: it has the channels' secrets, and the vendors see
its address. It says which of keyword, sign, address or limit the channel
refused. The sample has the severity info, so that it calls nobody; in PagerDuty
and Alertmanager it is over at once. It counts for the channel's limit.

--local sends it from here, with the file's secrets from the environment.`,
		Example: `  aftercare alerts test --channel ops
  OPS_URL=… aftercare alerts test --channel ops --local`,
		Args: cli.Args(),
	}
	s := actSite(cmd, getenv)
	format := outputFlag(cmd)
	channel := cmd.Flags().String("channel", "", "the `name` of the channel in alerts.yaml")
	local := cmd.Flags().Bool("local", false, "send it from here, and not by the function")
	path := cmd.Flags().String("file", alertsFile, "with --local, the `file` with the channels")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if *channel == "" {
			return cli.Usage(errors.New("--channel is missing: name a channel of alerts.yaml"))
		}
		if cmd.Flags().Changed("file") && !*local {
			return cli.Usage(errors.New("--file needs --local: the function has a file of its own"))
		}
		report := func(t alerting.Tested) error {
			if len(t.Channels) > 0 || t.Kind == "" {
				return noChannel(*channel, t.Channels)
			}
			return printTested(cmd, t, format.json())
		}
		if *local {
			f, err := localChannels(cmd, *path, getenv)
			if err != nil {
				return err
			}
			if !slices.Contains(f.ChannelNames(), *channel) {
				return noChannel(*channel, f.ChannelNames())
			}
			return s.testLocally(cmd, f, *channel, report)
		}
		return s.connect(cmd.Context(), ofFunctions, func(ctx context.Context, c *connection) error {
			c.announce(cmd)
			item, err := c.ask(ctx, cmd, alerting.Request{Test: *channel})
			if err != nil {
				return err
			}
			var t alerting.Tested
			if err := json.Unmarshal(item.Detail, &t); err != nil {
				return cmp.Or(refusal(item), err)
			}
			return report(t)
		})
	}
	return cmd
}

// localChannels reads the file of alerts; if it is not there, the variables say which
// channels there are, as in the function.
func localChannels(cmd *cobra.Command, path string, getenv func(string) string) (*alertfile.File, error) {
	if _, err := os.Stat(path); os.IsNotExist(err) && !cmd.Flags().Changed("file") {
		return alertfile.FromEnv(getenv), nil
	}
	return readAlerts(cmd, path)
}

// testLocally sends the sample from here.
func (s *site) testLocally(cmd *cobra.Command, f *alertfile.File, name string, report func(alerting.Tested) error) error {
	ch, err := f.Channel(name, s.getenv, os.ReadFile)
	if err != nil {
		return cli.Usage(fmt.Errorf("the channel's settings, from the environment of this shell:\n%w", err))
	}
	templates, err := alert.NewTemplates(f.Templates)
	if err != nil {
		return err
	}
	send := func(ctx context.Context, keys transport.Credentials) error {
		pool := transport.NewPool(time.Now)
		defer pool.CloseIdleConnections()
		c, err := alert.NewClient(ch, alert.Setup{Carrier: pool, Templates: templates, Credentials: keys})
		if err != nil {
			return cli.Usage(err)
		}
		end := waiting(cmd, "sending")
		t := alerting.Test(ctx, ch, c, time.Now())
		end()
		return report(t)
	}
	if ch.Kind != alert.EventBridge { // no other signs with an access key
		return send(cmd.Context(), transport.NewCredentials("none", "none", ""))
	}
	return s.connect(cmd.Context(), 0, func(ctx context.Context, c *connection) error { return send(ctx, c.keys) })
}

func noChannel(name string, there []string) error {
	if len(there) == 0 {
		return cli.NotFound("there is no channel %q: alerts go nowhere", name)
	}
	hint := ": there are " + strings.Join(there, ", ")
	if meant := near(name, there); meant != "" {
		hint = meant + hint
	}
	return cli.NotFound("there is no channel %q%s", name, hint)
}

// partHelp says what to look at when a part was refused.
var partHelp = map[alert.Part]string{
	alert.PartKeyword: "Set the channel's keyword to a word that the robot asks for.",
	alert.PartSign:    "Compare the channel's secret with the vendor's, and set the sender's clock.",
	alert.PartAddress: "Compare the channel's url and the token in it with the vendor's, and whether\nthe vendor takes messages only from some addresses.",
	alert.PartLimit:   "Wait; if that is often so, set the channel's perMinute, or send it fewer alerts.",
}

// printTested says what became of a sample.
func printTested(cmd *cobra.Command, t alerting.Tested, asJSON bool) error {
	w := cmd.OutOrStdout()
	if asJSON {
		if err := printJSON(w, t); err != nil {
			return err
		}
	}
	name := screen.Plain(t.Channel)
	if t.Confirmed {
		if !asJSON {
			say(w, "%s (%s) took the sample", name, t.Kind)
		}
		return nil
	}
	what := "nothing in particular"
	if t.Failed != "" {
		what = string(t.Failed)
	}
	text := fmt.Sprintf("%s (%s) refused: %s. Why: %s", name, t.Kind, what, screen.Plain(t.Why))
	if !t.RetryAt.IsZero() {
		text += "\nIt takes messages again at " + clockOf(cmd).moment(t.RetryAt) + "."
	}
	if help := partHelp[t.Failed]; help != "" {
		text += "\n" + help
	}
	return cli.CodeError{Code: cli.ExitRefused, Err: errors.New(text)}
}
