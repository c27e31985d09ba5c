package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"aftercare/scripts/internal/cli"
	"aftercare/shared/flow"
)

func newFlowsCompile() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "compile FILE -o OUT",
		Short: "Write a flows file in the form that the functions read",
		Long: `The file must have no mistakes, as for validate. OUT is replaced as a whole, or
stays as it is.`,
		Example: `  aftercare flows compile functions/flows.yaml -o dist/sweep/flows.compiled`,
		Args:    cli.Args("FILE"),
	}
	to := cmd.Flags().StringP("output", "o", "", "the `file` to write, such as dist/sweep/flows.compiled")
	alerts := alertsFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if *to == "" {
			return cli.Usage(errors.New("-o is missing: name the file to write"))
		}
		src, found, err := inspectRouted(cmd, args[0], *alerts)
		if err != nil {
			return err
		}
		if len(found.Mistakes) > 0 {
			return showMistakes(cmd, inputName(args[0]), src, found.Mistakes)
		}
		flows := found.Flows
		stored, err := flow.Store(flows)
		if err != nil {
			return err
		}
		if err := replace(*to, stored); err != nil {
			return fmt.Errorf("write the compiled flows: %w", err)
		}
		fmt.Fprintf(cmd.OutOrStdout(), "%s: %s, version %s, %d bytes\n", *to, counted(len(flows), "flow"), flow.NewSet(flows).Version(), len(stored))
		return nil
	}
	return cmd
}

// replace replaces a file as a whole or not at all.
func replace(path string, content []byte) error {
	draft, err := os.CreateTemp(filepath.Dir(path), ".aftercare-*")
	if err != nil {
		return err
	}
	_, err = draft.Write(content)
	err = errors.Join(err, draft.Chmod(0o644), draft.Sync(), draft.Close())
	if err == nil {
		err = os.Rename(draft.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(draft.Name()))
	}
	return nil
}
