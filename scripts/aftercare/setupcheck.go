package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"time"

	"github.com/spf13/cobra"

	"aftercare/scripts/internal/cli"
	"aftercare/shared/alertfile"
	"aftercare/shared/flow"
	"aftercare/shared/flowfile"
	"aftercare/shared/transport"
)

func newSetupCheck(getenv func(string) string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Check what a deployment needs before anything is deployed",
		Long: `It checks the environment's names, that there is an access key, the files of
flows and alerts, and the cases of the flows. It asks no service (but for the
key of a role), changes nothing, and prints at once all that is missing or
wrong.`,
		Example: `  aftercare setup check --env prod`,
		Args:    cli.Args(),
	}
	name := environmentFlag(cmd, getenv)
	format := outputFlag(cmd)
	file := cmd.Flags().String("flows", flowsFile, "check this `file`")
	alerts := cmd.Flags().String("alerts", alertsFile, "check this `file`; without the flag, only if it exists")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		e, err := openEnvironment(*name, getenv)
		if err != nil {
			return cli.Usage(err)
		}
		d := &doctor{cmd: cmd, clock: clockOf(cmd)}
		if format.json() {
			d.list = &jsonList{w: cmd.OutOrStdout()}
		}
		var flows []flow.Definition
		err = errors.Join(
			d.check("names", func() []finding { return namesFound(e) }),
			d.check("key", func() []finding { return keyFound(cmd.Context(), e, getenv) }),
			d.file("flows", *file, true, func(src []byte) (_ string, err error) {
				flows, err = flowfile.ReadIn(folderOf(*file), *file, src)
				return counted(len(flows), "flow"), err
			}),
		)
		if err == nil && flows != nil {
			err = d.check("cases", func() []finding { return casesFound(cmd, *file, flows) })
		}
		if err == nil {
			var channels *alertfile.File
			err = d.file("alerts", *alerts, cmd.Flags().Changed("alerts"), func(src []byte) (_ string, err error) {
				if channels, err = alertfile.Read(*alerts, src); err != nil {
					return "", err
				}
				return alertsIn(channels), nil
			})
			if err == nil && channels != nil {
				err = d.check("channels", func() []finding { return channelsFound(channels, getenv) })
			}
		}
		return d.end(err)
	}
	return cmd
}

// end ends the list, and is an error if a check found something wrong.
func (d *doctor) end(err error) error {
	if err == nil && d.list != nil {
		err = d.list.end()
	}
	if err == nil && d.wrong > 0 {
		err = fmt.Errorf("%d of %s found something wrong", d.wrong, counted(d.all, "check"))
	}
	return err
}

// namesFound names every variable that is missing.
func namesFound(e environment) (found []finding) {
	for _, v := range append(named, deploymentVariable{variableDeadLettersTo, "what gets dead letters"}) {
		if e.get(v.name) == "" {
			found = append(found, wrong(v.missing()+e.where(), ""))
		}
	}
	if found != nil {
		found[len(found)-1].Do = "'aftercare setup environment " + cmp.Or(e.name, "NAME") + "' writes them into a file, from the shell's variables."
		return found
	}
	return []finding{well("for " + e.String() + ": Tablestore instance " + e.get(variableInstance) + ", log project " + e.get(variableProject))}
}

func keyFound(ctx context.Context, e environment, getenv func(string) string) []finding {
	pool := transport.NewPool(time.Now)
	defer pool.CloseIdleConnections()
	found, err := keySource(e, getenv, pool).Find(ctx)
	if err != nil {
		return []finding{wrong(err.Error(), "")}
	}
	return []finding{well("of " + found.From)}
}

// channelsFound looks for what the channels refer to, in the shell that deploys. Files
// are those of the function's package, and not looked for.
func channelsFound(f *alertfile.File, getenv func(string) string) (found []finding) {
	packed := func(string) ([]byte, error) { return []byte("https://in.the.package"), nil }
	_, err := f.Channels(getenv, packed)
	for _, err := range each(err) {
		found = append(found, wrong(err.Error(), "Set it where you deploy, and pass it to the function alerts in s.yaml."))
	}
	if found == nil {
		found = append(found, well("the variables of "+counted(len(f.ChannelNames()), "channel")+" are set"))
	}
	return found
}

// casesFound plays the cases beside a file of flows.
func casesFound(cmd *cobra.Command, file string, flows []flow.Definition) []finding {
	folder := filepath.Dir(file)
	if list, _ := filepath.Glob(filepath.Join(folder, "*_test.yaml")); list == nil {
		return []finding{well("there are none in " + folder)}
	}
	cases, err := readCases(cmd, folder)
	if err != nil {
		return []finding{wrong(err.Error(), "")}
	}
	result := try(flows, cases, regexp.MustCompile(""))
	if result.Failed > 0 {
		return []finding{wrong(fmt.Sprintf("%d of %s failed", result.Failed, counted(len(cases), "case")), "'aftercare flows test "+file+"' shows them.")}
	}
	return []finding{well(counted(result.Passed, "case") + " passed")}
}
