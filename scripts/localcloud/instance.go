package main

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"aftercare/scripts/internal/cli"
	"aftercare/scripts/internal/screen"
	"aftercare/tests/localcloud/cloud"
)

// newInstanceCommands are the commands about ECS instances.
func newInstanceCommands() []*cobra.Command {
	return []*cobra.Command{
		newCreate(),
		newStep("boot", "Start a stopped instance", "booting", (*cloud.Client).Boot, "start"),
		newStep("reboot", "Stop a running instance and start it again", "rebooting", (*cloud.Client).Reboot),
		newStep("stop", "Stop a running instance", "stopped", (*cloud.Client).Stop),
		newStep("delete", "Delete a stopped instance", "deleted", (*cloud.Client).Delete),
		newInstances(),
		newRuns(),
	}
}

func newCreate() *cobra.Command {
	var spec cloud.Instance
	cmd := &cobra.Command{
		Use:     "create INSTANCE",
		Short:   "Make a stopped instance",
		Example: "  localcloud create i-web-1 --tag role=web",
		Args:    cli.Args("INSTANCE"),
	}
	data := dataFlag(cmd)
	cmd.Flags().StringVar(&spec.Name, "name", "", "the instance's `name` (default: its id)")
	cmd.Flags().StringVar(&spec.OSType, "os", "linux", "linux or windows")
	cmd.Flags().Int64Var(&spec.WindowsExit, "windows-exit", 0, "the `exit code` of Windows commands that cannot run here")
	cmd.Flags().BoolVar(&spec.OldAgent, "old-agent", false, "its agent is too old to send a first heartbeat")
	cmd.Flags().StringVar(&spec.ResourceGroup, "resource-group", "", "the `id` of its resource group (default: none)")
	cmd.Flags().StringToStringVar(&spec.Tags, "tag", nil, "a tag `KEY=VALUE` of the instance; may be repeated")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := client(*data)
		if err != nil {
			return err
		}
		spec.ID = args[0]
		if err := c.CreateInstance(cmd.Context(), spec); err != nil {
			return reach(*data, err)
		}
		fmt.Fprintf(cmd.OutOrStdout(), "%s: created\n", spec.ID)
		return nil
	}
	return cmd
}

func newStep(name, short, done string, step func(*cloud.Client, context.Context, string) error, aliases ...string) *cobra.Command {
	cmd := &cobra.Command{
		Use:     name + " INSTANCE",
		Aliases: aliases,
		Short:   short,
		Example: "  localcloud " + name + " i-web-1",
		Args:    cli.Args("INSTANCE"),
	}
	data := dataFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := client(*data)
		if err != nil {
			return err
		}
		if err := step(c, cmd.Context(), args[0]); err != nil {
			return reach(*data, err)
		}
		fmt.Fprintf(cmd.OutOrStdout(), "%s: %s\n", args[0], done)
		return nil
	}
	return cmd
}

func newInstances() *cobra.Command {
	cmd := &cobra.Command{Use: "instances", Short: "List the instances", Args: cli.Args()}
	data := dataFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := client(*data)
		if err != nil {
			return err
		}
		list, err := c.Instances(cmd.Context())
		if err != nil {
			return reach(*data, err)
		}
		return table(cmd, "INSTANCE\tNAME\tOS\tSTATE\tAGENT\tBOOTS", func(row func(...any)) {
			for _, i := range list {
				agent := "down"
				if i.AgentUp {
					agent = "up"
				}
				row(i.ID, i.Name, i.OSType, i.State, agent, i.Boots)
			}
		})
	}
	return cmd
}

func newRuns() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "runs INSTANCE",
		Short:   "List the commands that really started on an instance",
		Example: "  localcloud runs i-web-1",
		Args:    cli.Args("INSTANCE"),
	}
	data := dataFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := client(*data)
		if err != nil {
			return err
		}
		list, err := c.Runs(cmd.Context(), args[0])
		if err != nil {
			return reach(*data, err)
		}
		return table(cmd, "INVOCATION\tSTARTED\tTOOK\tEXIT\tCOMMAND", func(row func(...any)) {
			for _, r := range list {
				took, exit := "running", "-"
				if !r.End.IsZero() {
					took = r.End.Sub(r.Start).Round(time.Millisecond).String()
				}
				if r.ExitCode != nil {
					exit = fmt.Sprint(*r.ExitCode)
				}
				row(r.InvokeID, r.Start.UTC().Format(time.RFC3339), took, exit, cmp.Or(r.Name, "-"))
			}
		})
	}
	return cmd
}

// table prints rows in columns below a heading.
func table(cmd *cobra.Command, heading string, rows func(row func(cells ...any))) error {
	t := &screen.Table{Head: strings.Split(heading, "\t")}
	rows(func(cells ...any) {
		row := make([]string, len(cells))
		for i, cell := range cells {
			row[i] = fmt.Sprint(cell)
		}
		t.Add(row...)
	})
	if len(t.Rows) == 0 {
		fmt.Fprintln(cmd.OutOrStdout(), strings.Join(t.Head, "  "))
	}
	t.Print(cmd.OutOrStdout())
	return nil
}
