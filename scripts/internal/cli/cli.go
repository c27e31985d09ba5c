// Package cli is what the command lines have in common: exit codes, how errors
// are printed, the check of arguments, and the version. It knows nothing of what
// the commands do.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
)

// The exit codes that all commands have.
const (
	ExitFailed = 1 // what was asked for did not succeed
	ExitUsage  = 2 // the command line is wrong
)

// UsageError is a mistake in the command line.
type UsageError struct{ error }

// Usage makes an error a UsageError.
func Usage(err error) error { return UsageError{err} }

func (e UsageError) Unwrap() error { return e.error }

// CodeError ends a command with an exit code of its own.
type CodeError struct {
	Code int
	Err  error
	// Quiet says that the error has been printed already.
	Quiet bool
}

func (e CodeError) Error() string { return e.Err.Error() }

func (e CodeError) Unwrap() error { return e.Err }

// Quiet makes an error that has been printed already.
func Quiet(err error) error { return CodeError{ExitFailed, err, true} }

// Run executes a command line and returns the exit code. hint says what can be
// done about an error, empty if nothing is known; it may be nil.
func Run(ctx context.Context, root *cobra.Command, args []string, errOut io.Writer, hint func(error) string) int {
	root.Args = Args()
	root.RunE = help
	root.SilenceUsage, root.SilenceErrors = true, true
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetHelpCommand(&cobra.Command{Hidden: true})
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return Usage(err) })
	root.Version = Version()
	root.SetVersionTemplate("{{.Name}} {{.Version}}\n")
	root.SetArgs(args)
	root.SetErr(errOut)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return 0
	}
	var usage UsageError
	code := CodeError{Code: ExitFailed}
	errors.As(err, &code)
	if !code.Quiet {
		fmt.Fprintf(errOut, "%s: %v\n", root.Name(), err)
	}
	if errors.As(err, &usage) {
		fmt.Fprintf(errOut, "Try '%s --help'.\n", cmd.CommandPath())
		return ExitUsage
	}
	if hint != nil && !code.Quiet {
		if text := hint(err); text != "" {
			fmt.Fprintln(errOut, text)
		}
	}
	return code.Code
}

func help(cmd *cobra.Command, _ []string) error { return cmd.Help() }

// Group is a command that only holds others.
func Group(use, short string, commands ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short, Args: Args(), RunE: help}
	cmd.AddCommand(commands...)
	return cmd
}

// Args wants one argument for each name; those of names in brackets, at the
// end, may be left out.
func Args(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		for i, name := range names {
			if required := !strings.HasPrefix(name, "["); required && (i >= len(args) || args[i] == "") {
				return Usage(fmt.Errorf("%s is missing", name))
			}
		}
		if len(args) <= len(names) {
			return nil
		}
		if extra := args[len(names)]; cmd.HasSubCommands() {
			return Usage(fmt.Errorf("%q is not a command", extra))
		} else {
			return Usage(fmt.Errorf("%q is one argument too many", extra))
		}
	}
}
