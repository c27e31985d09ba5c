package main

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"aftercare/shared/flow"
	"aftercare/shared/flowfile"
)

// completeFlows completes the names of the flows in the file that AFTERCARE_FLOWS
// names, or in that of the project.
func completeFlows(getenv func(string) string) cobra.CompletionFunc {
	return func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		path := cmp.Or(getenv("AFTERCARE_FLOWS"), filepath.Join("functions", "flows.yaml"))
		var names []string
		if src, err := os.ReadFile(path); err == nil {
			flows, _ := flowfile.ReadIn(folderOf(path), path, src) // a file with mistakes has no flows
			for _, f := range flows {
				names = append(names, f.Name)
			}
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}

// flowFlag is an error if the flag --flow has what no flow can be called.
func flowFlag(name string) error {
	if name != "" && !flow.ValidName(name) {
		return fmt.Errorf("--flow must be a flow's name, 1 to 63 of a-z, 0-9 and -, not %q", name)
	}
	return nil
}

// firstOnly completes the first argument, and no file for the others.
func firstOnly(first cobra.CompletionFunc) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return first(cmd, args, begun)
	}
}
