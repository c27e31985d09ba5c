package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"aftercare/scripts/internal/cli"
	"aftercare/shared/handler"
)

func newSettings() *cobra.Command {
	return &cobra.Command{
		Use:     "settings",
		Short:   "Print the functions' settings as a Markdown table",
		Example: `  aftercare settings`,
		Args:    cli.Args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return printSettings(cmd.OutOrStdout())
		},
	}
}

func printSettings(w io.Writer) error {
	var b strings.Builder
	b.WriteString("| variable | what it is | unit | range | default | secret |\n| --- | --- | --- | --- | --- | --- |\n")
	for _, v := range handler.Variables() {
		initial, secret := "", ""
		switch {
		case v.Required:
			initial = "required"
		case v.Default != "":
			initial = "`" + v.Default + "`"
		}
		if v.Secret {
			secret = "yes"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s | %s |\n", v.Name, cell(v.Doc), cell(v.Unit), cell(v.Range), cell(initial), secret)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// cell is a text within a Markdown table.
func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }
