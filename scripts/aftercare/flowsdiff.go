package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"aftercare/scripts/internal/cli"
	"aftercare/scripts/internal/flowdiff"
	"aftercare/scripts/internal/screen"
	"aftercare/shared/flow"
)

// comparedFile is one of two files of flows.
type comparedFile struct {
	File    string `json:"file"`
	Version string `json:"version"`
	Flows   int    `json:"flows"`
}

func newFlowsDiff() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "diff OLD NEW",
		Short: "Compare two flows files, flow by flow",
		Long: `Each file is one that people write, or what compile made of one; - is the
standard input. Flows that go live come first, then those that stop. The exit
code is 6 if a flow differs.`,
		Example: `  aftercare flows diff dist/sweep/flows.compiled functions/flows.yaml
  git show HEAD:flows.yaml | aftercare flows diff - flows.yaml`,
		Args: cli.Args("OLD", "NEW"),
	}
	format := outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		files, flows, err := readCompared(cmd, args)
		if err != nil {
			return err
		}
		differ := flowdiff.Compare(flows[0], flows[1])
		if format.json() {
			err = printJSON(cmd.OutOrStdout(), struct {
				Old   comparedFile    `json:"old"`
				New   comparedFile    `json:"new"`
				Flows []flowdiff.Flow `json:"flows"`
			}{files[0], files[1], append([]flowdiff.Flow{}, differ...)})
		} else {
			printDiff(cmd, files, differ)
		}
		if err == nil && len(differ) > 0 {
			err = cli.CodeError{Code: cli.ExitDiffers, Err: fmt.Errorf("%s differ", counted(len(differ), "flow")), Quiet: true}
		}
		return err
	}
	return cmd
}

func printDiff(cmd *cobra.Command, files []comparedFile, differ []flowdiff.Flow) {
	out := cmd.OutOrStdout()
	for i, before := range []string{"old: ", "new: "} {
		say(out, before+"%s, %s, version %s", files[i].File, counted(files[i].Flows, "flow"), files[i].Version)
	}
	for _, f := range differ {
		title := f.Flow + ": " + f.What
		switch {
		case f.GoesLive:
			title += ". IT GOES LIVE: from now on it sends commands and alerts"
		case f.Stops:
			title += ". IT STOPS: from now on it sends nothing"
		}
		fmt.Fprintln(out)
		say(out, "%s", title)
		for _, c := range f.Changes {
			screen.Say(out, "  ", screen.Plain(c.String()))
		}
	}
	switch {
	case len(differ) > 0:
	case files[0].Version == files[1].Version:
		say(out, "The flows are the same.")
	default:
		say(out, "Each flow is the same. Only their order differs.")
	}
}

// readCompared reads files that are compared.
func readCompared(cmd *cobra.Command, paths []string) (files []comparedFile, flows [][]flow.Definition, err error) {
	for _, path := range paths {
		list, err := readFlows(cmd, path)
		if err != nil {
			return nil, nil, err
		}
		files, flows = append(files, comparedFile{inputName(path), flow.NewSet(list).Version(), len(list)}), append(flows, list)
	}
	return files, flows, nil
}
