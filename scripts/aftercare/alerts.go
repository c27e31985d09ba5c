package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"aftercare/scripts/internal/cli"
	"aftercare/shared/alertfile"
	"aftercare/shared/mask"
	"aftercare/shared/yamlfile"
)

// alertsFile is where the routes and channels of alerts are, seen from the top of
// the repository.
const alertsFile = "functions/alerts.yaml"

func newAlerts(getenv func(string) string) *cobra.Command {
	return cli.Group("alerts", "Check alerts.yaml and its channels, and see what was not told",
		newAlertsList(getenv), newAlertsTest(getenv), newAlertsValidate(), newAlertsExplain(), newAlertsSchema())
}

func newAlertsValidate() *cobra.Command {
	return &cobra.Command{
		Use:   "validate [FILE]",
		Short: "Find every mistake in a file of channels and routes",
		Long: `Each mistake is printed with its line, and the exit code is 1 if there are any.
What looks like a secret is masked. A channel, mute time or template that
nothing uses is a warning, which leaves the exit code at 0. No secret is read,
and nothing is sent. Without FILE, it looks at ` + alertsFile + `; - is the
standard input.`,
		Example: `  aftercare alerts validate
  aftercare alerts validate - <alerts.yaml`,
		Args: cli.Args("[FILE]"),
		RunE: func(cmd *cobra.Command, args []string) error {
			path := alertsFile
			if len(args) == 1 {
				path = args[0]
			}
			f, err := readAlerts(cmd, path)
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s: %s, no mistakes\n", path, alertsIn(f))
			return nil
		},
	}
}

func newAlertsSchema() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON schema of alerts.yaml, for editors",
		Long: `An editor that speaks to the YAML language server completes and checks a file
that begins with the line

  # yaml-language-server: $schema=alerts.schema.json`,
		Example: `  aftercare alerts schema >alerts.schema.json`,
		Args:    cli.Args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintln(cmd.OutOrStdout(), string(alertfile.Schema()))
			return err
		},
	}
}

// alertsIn is what a file of alerts holds, in words.
func alertsIn(f *alertfile.File) string {
	return counted(len(f.ChannelNames()), "channel") + ", " + counted(f.RouteCount, "route")
}

// readAlerts reads a file of alerts, - from the standard input. It prints its
// warnings. If the file has mistakes, it prints them and returns a quiet error.
func readAlerts(cmd *cobra.Command, path string) (*alertfile.File, error) {
	var src []byte
	var err error
	if path == "-" {
		src, err = io.ReadAll(cmd.InOrStdin())
	} else {
		src, err = os.ReadFile(path)
	}
	if err != nil {
		err = fmt.Errorf("read the alerts file: %w", err)
		if errors.Is(err, fs.ErrNotExist) && path == alertsFile {
			err = fmt.Errorf("%w; without it, alerts go to AFTERCARE_DINGTALK_URL and AFTERCARE_WEBHOOK_URL", err)
		}
		return nil, err
	}
	f, err := alertfile.Read(path, src)
	var mistakes yamlfile.Mistakes
	if errors.As(err, &mistakes) {
		fmt.Fprintf(cmd.ErrOrStderr(), "%s\n%s: %s\n", excerpts(src, mistakes, mask.Text), path, counted(len(mistakes), "mistake"))
		return nil, cli.Quiet(err)
	}
	if len(f.Warnings) > 0 {
		fmt.Fprintf(cmd.ErrOrStderr(), "%s\n%s: %s\n", excerpts(src, f.Warnings, mask.Text), path, counted(len(f.Warnings), "warning"))
	}
	return f, nil
}
