package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"

	"github.com/spf13/cobra"

	"aftercare/scripts/internal/cli"
	"aftercare/scripts/internal/screen"
	"aftercare/shared/flow"
	"aftercare/shared/flowfile"
)

// tested is the result of the cases, as printed for programs.
type tested struct {
	Passed int          `json:"passed"`
	Failed int          `json:"failed"`
	Cases  []testedCase `json:"cases"`
}

type testedCase struct {
	File   string `json:"file"`
	Line   int    `json:"line"`
	Name   string `json:"name"`
	Passed bool   `json:"passed"`
	// Differences lists in words what differs from what the case expects.
	Differences []string `json:"differences"`
}

func newFlowsTest() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "test FILE",
		Short: "Test a flows file with the cases beside it",
		Long: `The cases are those of every *_test.yaml in its folder. A case is an event, how
commands end, and what must follow. Nothing is sent: the code of the functions
decides, as if every flow were live. The exit code is 1 if a case fails.`,
		Example: `  aftercare flows test functions/flows.yaml`,
		Args:    cli.Args("FILE"),
	}
	format := outputFlag(cmd)
	only := cmd.Flags().String("run", "", "only cases whose name matches this `regexp`")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		wanted, err := regexp.Compile(*only)
		if err != nil {
			return cli.Usage(fmt.Errorf("--run must be a regular expression: %w", err))
		}
		flows, err := readFlows(cmd, args[0])
		if err != nil {
			return err
		}
		cases, err := readCases(cmd, filepath.Dir(args[0]))
		if err != nil {
			return err
		}
		result := try(flows, cases, wanted)
		if len(result.Cases) == 0 {
			return fmt.Errorf("no case's name matches %q", *only)
		}
		if format.json() {
			err = printJSON(cmd.OutOrStdout(), result)
		} else {
			result.print(cmd.OutOrStdout())
		}
		if err == nil && result.Failed > 0 {
			err = cli.Quiet(fmt.Errorf("%d cases failed", result.Failed))
		}
		return err
	}
	return cmd
}

// readCases reads the cases of a folder.
func readCases(cmd *cobra.Command, folder string) (cases []flowfile.Case, err error) {
	files, err := os.ReadDir(folder)
	if err != nil {
		return nil, fmt.Errorf("look for cases: %w", err)
	}
	for _, f := range files {
		if ok, _ := filepath.Match("*_test.yaml", f.Name()); !ok || f.IsDir() {
			continue
		}
		path := filepath.Join(folder, f.Name())
		src, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("read cases: %w", err)
		}
		list, err := flowfile.ReadCases(path, src)
		if err != nil {
			return nil, showMistakes(cmd, path, src, err)
		}
		cases = append(cases, list...)
	}
	if len(cases) == 0 {
		return nil, fmt.Errorf("there are no cases in %s: write some into a file whose name ends with _test.yaml", folder)
	}
	return cases, nil
}

func try(flows []flow.Definition, cases []flowfile.Case, wanted *regexp.Regexp) tested {
	result := tested{Cases: []testedCase{}}
	for _, c := range cases {
		if !wanted.MatchString(c.Name) {
			continue
		}
		differences := append([]string{}, c.Run(flows)...)
		if len(differences) == 0 {
			result.Passed++
		} else {
			result.Failed++
		}
		result.Cases = append(result.Cases, testedCase{c.File, c.Line, c.Name, len(differences) == 0, differences})
	}
	return result
}

func (t tested) print(w io.Writer) {
	for _, c := range t.Cases {
		if c.Passed {
			fmt.Fprintf(w, "ok    %s\n", screen.Plain(c.Name))
			continue
		}
		fmt.Fprintf(w, "FAIL  %s (%s:%d)\n", screen.Plain(c.Name), c.File, c.Line)
		for _, d := range c.Differences {
			fmt.Fprintf(w, "        %s\n", screen.Plain(d))
		}
	}
	fmt.Fprintf(w, "%d passed, %d failed\n", t.Passed, t.Failed)
}
