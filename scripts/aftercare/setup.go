package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"aftercare/scripts/internal/cli"
	"aftercare/scripts/observe"
	"aftercare/shared/engine"
	"aftercare/shared/ledger"
	"aftercare/shared/openapi"
	"aftercare/shared/setup"
	"aftercare/shared/transport"
)

func newSetup(getenv func(string) string) *cobra.Command {
	return cli.Group("setup", "Set up a deployment in an account, step by step",
		newSetupEnvironment(getenv), newSetupCheck(getenv), newSetupPolicies(getenv), newSetupRoles(getenv), newSetupTables(getenv), newSetupLogs(getenv), newSetupFunctions(getenv),
		newSetupSmoke(getenv), newSetupShow(getenv), newSetupDestroy(getenv))
}

// carryOut prints what a plan would change, or changes it. Command is what makes the
// changes.
func (c *connection) carryOut(ctx context.Context, cmd *cobra.Command, plan setup.Plan, only bool, command string) error {
	end := waiting(cmd, "asking the services")
	defer end()
	var found setup.Found
	var err error
	if only {
		found, err = plan(ctx)
		for _, change := range found.Changes {
			point(cmd, "would", change.What)
		}
	} else {
		c.announce(cmd)
		found, err = setup.Apply(ctx, plan, transport.Backoff{}, func(change setup.Change) { point(cmd, "done:", change.What) })
	}
	for _, note := range found.Notes {
		point(cmd, "note:", note)
	}
	switch {
	case errors.As(err, new(*setup.LagError)):
		return cli.CodeError{Code: cli.ExitPartly, Err: err}
	case err != nil:
		return err
	case len(found.Changes) == 0:
		fmt.Fprintln(cmd.OutOrStdout(), "nothing to change")
	case only:
		return differs(len(found.Changes), command)
	}
	return nil
}

func newSetupPolicies(getenv func(string) string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "policies [NAME...]",
		Short: "Print the RAM policies of the functions and of people",
		Long: `Each function has a policy of its own, and a role with it. The other policies
are for operators, for who submits commands, and for who deploys: deployer, and
deployer-with-ram for one who also makes the roles. With --filled the names are
those of the environment, in place of <placeholders>.`,
		Example: `  aftercare setup policies operator --filled --env prod
  aftercare setup policies --write scripts/ram`,
		Args: cli.Args("[NAME...]"),
	}
	name := environmentFlag(cmd, getenv)
	folder := cmd.Flags().String("write", "", "write each into a file NAME.json of this `folder`")
	filled := cmd.Flags().Bool("filled", false, "with the environment's names")
	all := setup.Policies()
	var names []string
	for name := range all {
		names = append(names, name)
	}
	slices.Sort(names)
	cmd.ValidArgs = names
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		var fill setup.Names
		if *filled {
			e, err := openEnvironment(*name, getenv)
			if err != nil {
				return cli.Usage(err)
			}
			fill = e.names()
		}
		for _, arg := range args {
			if _, known := all[arg]; !known {
				return cli.Usage(fmt.Errorf("%q is not a policy%s: they are %s", arg, near(arg, names), strings.Join(names, ", ")))
			}
		}
		for _, name := range names {
			if len(args) > 0 && !slices.Contains(args, name) {
				continue
			}
			text := all[name].With(fill).String()
			if *folder != "" {
				if err := os.WriteFile(filepath.Join(*folder, name+".json"), []byte(text), 0o644); err != nil {
					return fmt.Errorf("write a policy: %w", err)
				}
				continue
			}
			if len(args) != 1 {
				text = "// " + name + "\n" + text
			}
			if _, err := io.WriteString(cmd.OutOrStdout(), text); err != nil {
				return err
			}
		}
		return nil
	}
	return cmd
}

func newSetupRoles(getenv func(string) string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "roles",
		Short: "Make the functions' roles and policies, or print them",
		Long: `Each function gets a role aftercare-FUNCTION with a policy of the same name.
What differs is changed back; policies that others gave a role are named and
left. It needs the policy deployer-with-ram. Who has it can give a function any
right, and so take it: where that is too much, an administrator runs what
--print prints, and --roles-exist then only checks what your key may read.

The exit code of --plan is 6 if something would change.`,
		Example: `  aftercare setup roles --env prod --plan
  aftercare setup roles --env prod
  aftercare setup roles --env prod --print >roles.sh`,
		Args: cli.Args(),
	}
	s, plan := actSite(cmd, getenv), planFlag(cmd)
	printed := cmd.Flags().Bool("print", false, "print commands that make them, and make nothing")
	exist := cmd.Flags().Bool("roles-exist", false, "make none, and check what may be read")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if *printed {
			e, err := openEnvironment(*s.name, getenv)
			if err != nil {
				return cli.Usage(err)
			}
			if mistakes, _ := s.places(e, ofRAM); len(mistakes) > 0 {
				return cli.Usage(errors.Join(mistakes...))
			}
			_, err = io.WriteString(cmd.OutOrStdout(), setup.Print(setup.Functions, e.names()))
			return err
		}
		return s.connect(cmd.Context(), ofRAM, func(ctx context.Context, c *connection) error {
			if *exist {
				return c.checkRoles(ctx, cmd)
			}
			return c.carryOut(ctx, cmd, c.roles.Roles(setup.Functions, c.names), *plan, "setup roles")
		})
	}
	return cmd
}

// checkRoles says how the roles that an administrator made differ, as far as they may
// be read. Only one that is missing is an error.
func (c *connection) checkRoles(ctx context.Context, cmd *cobra.Command) error {
	missing, read := 0, 0
	for _, f := range setup.Functions {
		found, err := c.roles.Roles([]string{f}, c.names)(ctx)
		switch {
		case errors.Is(err, engine.ErrDenied) && !openapi.KeyRefused(err):
			point(cmd, "note:", "your key may not read the role "+setup.Name(f)+", so it is not checked")
			continue
		case err != nil:
			return err
		}
		read++
		for _, change := range found.Changes {
			if change.New {
				missing++
			}
			point(cmd, "an administrator should", change.What)
		}
		for _, note := range found.Notes {
			point(cmd, "note:", note)
		}
	}
	if missing > 0 {
		return errors.New("roles or policies are missing: 'aftercare setup roles --print' prints what an\nadministrator runs")
	}
	if read == 0 {
		fmt.Fprintln(cmd.OutOrStdout(), "no role could be read, so it is not known whether they are there")
		return nil
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%d of %s could be read, and none of these is missing\n", read, counted(len(setup.Functions), "role"))
	return nil
}

func newSetupTables(getenv func(string) string) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "tables",
		Short:   "Create the tables and lists that are missing",
		Long:    `It is 'aftercare tables create', with --plan.`,
		Example: `  aftercare setup tables --env prod --plan`,
		Args:    cli.Args(),
	}
	s, ttl, plan := actSite(cmd, getenv), ttlFlag(cmd), planFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		life, err := ttl()
		if err != nil {
			return err
		}
		return s.with(cmd.Context(), func(ctx context.Context, l *ledger.Ledger) error {
			if !*plan {
				return createTables(ctx, cmd.OutOrStdout(), l, life)
			}
			changes := 0
			for _, err := range each(l.CheckTables(ctx, life)) {
				if !ledger.IsMissing(err) && !errors.As(err, new(ledger.OlderTables)) {
					return err
				}
				changes++
				point(cmd, "would change:", err.Error())
			}
			if changes > 0 {
				return differs(changes, "setup tables")
			}
			fmt.Fprintln(cmd.OutOrStdout(), "nothing to change")
			return nil
		})
	}
	return cmd
}

// each are the errors that an error joins.
func each(err error) []error {
	if several, ok := err.(interface{ Unwrap() []error }); ok {
		return slices.DeleteFunc(several.Unwrap(), func(err error) bool { return err == nil })
	}
	if err == nil {
		return nil
	}
	return []error{err}
}

func newSetupLogs(getenv func(string) string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "logs",
		Short: "Make the log project with its dashboards and alert rules",
		Long: `The index, dashboards and alert rules are those of scripts/observe. What exists
is changed only where these differ; what others added to the index stays, and so
does an alert rule that is turned off.

The exit code of --plan is 6 if something would change.`,
		Example: `  aftercare setup logs --env prod --plan
  aftercare setup logs --env prod --log-days 90`,
		Args: cli.Args(),
	}
	s, plan := actSite(cmd, getenv), planFlag(cmd)
	days := cmd.Flags().Int("log-days", 30, "how many `days` a new logstore keeps lines")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if *days < 1 || *days > 3650 {
			return cli.Usage(errors.New("--log-days must be from 1 to 3650"))
		}
		return s.connect(cmd.Context(), ofLogs, func(ctx context.Context, c *connection) error {
			return c.carryOut(ctx, cmd, c.logs.Logs(c.names, *days, observe.Documents()), *plan, "setup logs")
		})
	}
	return cmd
}
