package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"aftercare/scripts/internal/cli"
	"aftercare/shared/mask"
	"aftercare/shared/yamlfile"
)

// fileFinding is what validate found, as printed for programs.
type fileFinding struct {
	File   string `json:"file"`
	Line   int    `json:"line"`
	Column int    `json:"column"`
	// Severity is mistake, warning or note.
	Severity string `json:"severity"`
	Message  string `json:"message"`
}

func newFlowsValidate() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "validate FILE...",
		Short: "Find every mistake in flows files",
		Long: `Each mistake is printed with its line, and the exit code is 1 if there are any.
What is probably not meant is a warning, which leaves the exit code at 0, unless
--strict makes it a mistake. What looks like a secret is masked. FILE - is the
standard input. Routes that steps name must be in alerts.yaml, if there is one.
With -o json, it prints a list with the file, line, column, severity and message
of each finding; its severity is mistake, warning or note.`,
		Example: `  aftercare flows validate functions/flows.yaml
  aftercare flows validate team/*.yaml --strict -o json
  git show HEAD:functions/flows.yaml | aftercare flows validate -`,
		Args: cli.Args("FILE..."),
	}
	alerts := alertsFlag(cmd)
	format := outputFlag(cmd)
	strict := cmd.Flags().Bool("strict", false, "a warning is a mistake")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		var unread error
		bad, list := false, []fileFinding{}
		for _, path := range args {
			src, found, err := inspectRouted(cmd, path, *alerts)
			if err != nil {
				unread = errors.Join(unread, err)
				continue
			}
			path = inputName(path)
			if *strict {
				found.Mistakes, found.Warnings = append(found.Mistakes, found.Warnings...), nil
			}
			bad = bad || len(found.Mistakes) > 0
			if format.json() {
				list = append(list, findings("mistake", found.Mistakes)...)
				list = append(list, findings("warning", found.Warnings)...)
				list = append(list, findings("note", found.Notes)...)
				continue
			}
			showFindings(cmd, path, src, found.Mistakes, "mistake")
			showFindings(cmd, path, src, found.Warnings, "warning")
			var notes strings.Builder
			for _, n := range found.Notes {
				fmt.Fprintf(&notes, "%s\n", n)
			}
			if len(found.Mistakes) == 0 {
				fmt.Fprintf(cmd.OutOrStdout(), "%s%s: %s, no mistakes\n", notes.String(), path, counted(len(found.Flows), "flow"))
			}
		}
		var err error
		if format.json() {
			err = printJSON(cmd.OutOrStdout(), list)
		}
		if err == nil {
			err = unread
		}
		if err == nil && bad {
			err = cli.Quiet(errors.New("there are mistakes"))
		}
		return err
	}
	return cmd
}

func findings(severity string, of yamlfile.Mistakes) (list []fileFinding) {
	for _, m := range of {
		list = append(list, fileFinding{m.File, m.Line, m.Column, severity, m.Text})
	}
	return list
}

// showFindings prints what was found in a file, and how many there are.
func showFindings(cmd *cobra.Command, path string, src []byte, list yamlfile.Mistakes, what string) {
	if len(list) > 0 {
		fmt.Fprintf(cmd.ErrOrStderr(), "%s\n%s: %s\n", excerpts(src, list, mask.Text), path, counted(len(list), what))
	}
}
