package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"aftercare/scripts/internal/cli"
	"aftercare/scripts/internal/flowgraph"
	"aftercare/shared/flow"
	"aftercare/shared/flowfile"
)

func newFlows(getenv func(string) string) *cobra.Command {
	return cli.Group("flows", "Check, test, compile and start flows",
		newFlowsValidate(), newFlowsTest(), newFlowsExplain(), newFlowsRun(getenv), newFlowsDiff(), newFlowsGraph(), newFlowsSchema(), newFlowsReference(),
		newFlowsCompile(), newFlowsBacktest(getenv))
}

func newFlowsSchema() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON schema of flows files, for editors",
		Long: `An editor that speaks to the YAML language server completes and checks a file
that begins with a line such as that of functions/flows.yaml:

  # yaml-language-server: $schema=flows.schema.json`,
		Example: `  aftercare flows schema >flows.schema.json
  aftercare flows schema --cases >cases.schema.json`,
		Args: cli.Args(),
	}
	cases := cmd.Flags().Bool("cases", false, "print the schema of files of cases, such as flows_test.yaml")
	calendar := cmd.Flags().Bool("calendar", false, "print the schema of calendars, which windows name")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		schema := flowfile.Schema
		if *cases {
			schema = flowfile.CaseSchema
		}
		if *calendar {
			schema = flowfile.CalendarSchema
		}
		_, err := fmt.Fprintln(cmd.OutOrStdout(), string(schema()))
		return err
	}
	return cmd
}

func newFlowsReference() *cobra.Command {
	return &cobra.Command{
		Use:     "reference",
		Short:   "Print every key, value, function and limit of flows, as Markdown",
		Example: `  aftercare flows reference`,
		Args:    cli.Args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprint(cmd.OutOrStdout(), flowfile.Reference())
			return err
		},
	}
}

func newFlowsGraph() *cobra.Command {
	return &cobra.Command{
		Use:   "graph FILE [FLOW]",
		Short: "Draw a flow as a Mermaid flowchart, or all of them as Markdown",
		Long: `Without FLOW, all flows of the file are drawn, as Markdown that GitHub and
GitLab show with pictures.`,
		Example: `  aftercare flows graph functions/flows.yaml restart-agent
  aftercare flows graph functions/flows.yaml >flows.md`,
		Args: cli.Args("FILE", "[FLOW]"),
		RunE: func(cmd *cobra.Command, args []string) error {
			flows, err := readFlows(cmd, args[0])
			if err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			if len(args) == 2 {
				d, err := flow.NewSet(flows).Definition(args[1])
				if err != nil {
					return cli.NotFound("%w", err)
				}
				fmt.Fprint(out, flowgraph.Draw(d))
				return nil
			}
			for i, d := range flows {
				if i > 0 {
					fmt.Fprintln(out)
				}
				fmt.Fprintf(out, "## %s\n\n```mermaid\n%s```\n", d.Name, flowgraph.Draw(d))
			}
			return nil
		},
	}
}

// readFlows reads a flows file, or what compile made of one. If it has mistakes,
// readFlows prints them and returns a quiet error.
func readFlows(cmd *cobra.Command, path string) ([]flow.Definition, error) {
	src, err := readInput(cmd, path)
	if err != nil {
		return nil, fmt.Errorf("read the flows: %w", err)
	}
	path = inputName(path)
	if !bytes.HasPrefix(src, []byte(`{"format":`)) {
		flows, err := flowfile.ReadIn(folderOf(path), path, src)
		if err != nil {
			return nil, showMistakes(cmd, path, src, err)
		}
		return flows, nil
	}
	set, err := flow.Load(src)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	flows := make([]flow.Definition, set.Len())
	for i, name := range set.Flows() {
		if flows[i], err = set.Definition(name); err != nil {
			return nil, fmt.Errorf("%s: flow %s: %w", path, name, err)
		}
	}
	return flows, nil
}

// folderOf is the folder of a file, where its calendars are; that of the standard
// input is the present one.
func folderOf(path string) fs.FS { return os.DirFS(filepath.Dir(path)) }

// counted is a number of things.
func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
