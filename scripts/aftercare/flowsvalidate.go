package main

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"aftercare/scripts/internal/cli"
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
		bad, all := false, []fileFinding{}
		for _, path := range args {
			src, found, err := inspectRouted(cmd, path, *alerts)
			if err != nil {
				unread = errors.Join(unread, err)
				continue
			}
			if *strict {
				found.Mistakes, found.Warnings = append(found.Mistakes, found.Warnings...), nil
			}
			add := func(severity string, list yamlfile.Mistakes) {
				for _, m := range list {
					all = append(all, fileFinding{m.File, m.Line, m.Column, severity, m.Text})
				}
				if severity != "note" && !format.json() {
					showFindings(cmd, inputName(path), src, list, severity)
				}
			}
			add("mistake", found.Mistakes)
			add("warning", found.Warnings)
			add("note", found.Notes)
			if len(found.Mistakes) > 0 {
				bad = true
			} else if !format.json() {
				for _, n := range found.Notes {
					fmt.Fprintln(cmd.OutOrStdout(), n)
				}
				fmt.Fprintf(cmd.OutOrStdout(), "%s: %s, no mistakes\n", inputName(path), counted(len(found.Flows), "flow"))
			}
		}
		var err error
		if format.json() {
			err = printJSON(cmd.OutOrStdout(), all)
		}
		switch {
		case err != nil || unread != nil:
			return cmp.Or(err, unread)
		case bad:
			return cli.Quiet(errors.New("there are mistakes"))
		}
		return nil
	}
	return cmd
}
