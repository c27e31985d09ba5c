package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"aftercare/scripts/internal/cli"
	"aftercare/scripts/observe"
	"aftercare/shared/engine"
	"aftercare/shared/ledger"
	"aftercare/shared/openapi"
	"aftercare/shared/setup"
)

func newSetupShow(getenv func(string) string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "show",
		Short: "Print what stands of a deployment, and what differs",
		Long: `It compares roles and policies, tables, the log project, the functions and the
rules with what 'aftercare setup', 's deploy' and 'aftercare subscribe' make.
What your key may not read is said to be unknown. It changes nothing. The exit
code is 1 if something is missing or differs.`,
		Example: `  aftercare setup show --env prod
  aftercare setup show --env prod -o json`,
		Args: cli.Args(),
	}
	s, format := actSite(cmd, getenv), outputFlag(cmd)
	ttl := ttlFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		life, err := ttl()
		if err != nil {
			return err
		}
		return s.connect(cmd.Context(), ofTables|ofFunctions|ofRAM|ofLogs|ofEvents, func(ctx context.Context, c *connection) error {
			d := &doctor{cmd: cmd, clock: clockOf(cmd)}
			if format.json() {
				d.list = &jsonList{w: cmd.OutOrStdout()}
			}
			return d.end(errors.Join(
				d.check("roles", func() []finding {
					return stands(ctx, c.roles.Roles(setup.Functions, c.names), counted(len(setup.Functions), "role")+" with their policies", "setup roles")
				}),
				d.check("tables", func() []finding { return tablesFound(ctx, c.ledger, life) }),
				d.check("logs", func() []finding {
					return stands(ctx, c.logs.Logs(c.names, 30, observe.Documents()),
						fmt.Sprintf("project %s, logstore %s and %s", c.names.Project, c.names.Logstore, counted(len(observe.Documents()), "document")), "setup logs")
				}),
				d.check("functions", func() []finding { return deployedFound(ctx, c) }),
				d.check("rules", func() []finding { return rulesFound(ctx, c, nil) }),
			))
		})
	}
	return cmd
}

// stands is what a plan finds; all is what there is if it finds nothing.
func stands(ctx context.Context, plan setup.Plan, all, command string) (findings []finding) {
	found, err := plan(ctx)
	switch {
	case errors.Is(err, engine.ErrDenied) && !openapi.KeyRefused(err):
		return []finding{unsure(err.Error(), "Your key may not read it.")}
	case err != nil:
		return broken(err)
	}
	for _, change := range found.Changes {
		findings = append(findings, wrong("to do: "+change.What, ""))
	}
	if findings != nil {
		findings[len(findings)-1].Do = "'aftercare " + command + "' does it."
	} else {
		findings = append(findings, well(all))
	}
	for _, note := range found.Notes {
		findings = append(findings, well(note))
	}
	return findings
}

// deployedFound is what stands of the functions and their triggers.
func deployedFound(ctx context.Context, c *connection) (findings []finding) {
	all, missing, err := c.deployed.Functions(ctx, setup.Functions, c.names)
	switch {
	case errors.Is(err, engine.ErrDenied) && !openapi.KeyRefused(err):
		return []finding{unsure(err.Error(), "Your key may not read it.")}
	case err != nil:
		return broken(err)
	}
	for _, f := range all {
		by := "invocations"
		for i, t := range f.Triggers {
			if i == 0 {
				by = ""
			}
			by += fmt.Sprintf(" %s (%s, %s)", t.TriggerName, t.TriggerType, cmp.Or(t.Qualifier, "LATEST"))
		}
		if len(f.Wrong) == 0 {
			findings = append(findings, well(f.Name+", started by "+strings.TrimSpace(by)))
			continue
		}
		findings = append(findings, wrong(f.Name+": "+strings.Join(f.Wrong, "; "), "Deploy it again ('s deploy')."))
	}
	for _, name := range missing {
		findings = append(findings, wrong("the function "+name+" is missing", "'s deploy' makes it."))
	}
	return findings
}

func newSetupDestroy(getenv func(string) string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "destroy",
		Short: "Remove roles, policies and logs, and the tables if told",
		Long: `Remove the functions ('s remove') and the rules ('aftercare subscribe remove')
first: a function without its role fails. The tables, with all that was
recorded, are removed only with --tables. With --roles-exist, the roles that an
administrator made stay, and so do the policies of people.

The exit code of --plan is 6 if something would be removed.`,
		Example: `  aftercare setup destroy --env dev --plan
  aftercare setup destroy --env dev --tables --yes`,
		Args: cli.Args(),
	}
	s, plan, yes := actSite(cmd, getenv), planFlag(cmd), cli.YesFlag(cmd)
	tables := cmd.Flags().Bool("tables", false, "remove the tables, too, with all that was recorded")
	exist := cmd.Flags().Bool("roles-exist", false, "leave the roles")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		needs := ofLogs | ofFunctions
		if *tables {
			needs |= ofTables
		}
		if !*exist {
			needs |= ofRAM
		}
		return s.connect(cmd.Context(), needs, func(ctx context.Context, c *connection) error {
			all := []setup.Plan{c.logs.WithoutLogs(c.names.Project)}
			if !*exist {
				all = append(all, c.roles.WithoutRoles(setup.Functions))
			}
			if *tables {
				all = append(all, withoutTables(c.ledger))
			}
			removal := setup.Join(all...)
			if *plan {
				return c.carryOut(ctx, cmd, setup.Join(c.functionsThere, removal), true, "setup destroy")
			}
			found, err := removal(ctx)
			switch {
			case err != nil:
				return err
			case len(found.Changes) == 0:
				fmt.Fprintln(cmd.OutOrStdout(), "nothing to remove")
				return nil
			}
			var words []string
			if all, _, err := c.deployed.Functions(ctx, setup.Functions, c.names); err == nil && len(all) > 0 {
				words = append(words, counted(len(all), "function")+" are still there, and fail without their roles: 's remove' removes them.")
			}
			for _, change := range found.Changes {
				words = append(words, "  "+change.What)
			}
			if err := cli.Ask(cmd, *yes, "Of "+c.environment.String()+":\n"+strings.Join(words, "\n")); err != nil {
				return err
			}
			return c.carryOut(ctx, cmd, removal, false, "setup destroy")
		})
	}
	return cmd
}

// functionsThere is a plan that names the functions, which 's remove' takes away.
func (c *connection) functionsThere(ctx context.Context) (found setup.Found, err error) {
	all, _, err := c.deployed.Functions(ctx, setup.Functions, c.names)
	for _, f := range all {
		found.Changes = append(found.Changes, setup.NewChange("remove the function "+f.Name+" (by 's remove')", nil))
	}
	return found, err
}

// withoutTables plans that the tables are gone.
func withoutTables(l *ledger.Ledger) setup.Plan {
	return func(ctx context.Context) (setup.Found, error) {
		names, err := l.Tables(ctx)
		if err != nil || len(names) == 0 {
			return setup.Found{}, err
		}
		return setup.Found{Changes: []setup.Change{setup.NewChange("remove the tables "+strings.Join(names, ", ")+", with all that was recorded", func(ctx context.Context) error {
			return l.RemoveTables(ctx)
		})}}, nil
	}
}
