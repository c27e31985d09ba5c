// Package cli is what the command lines have in common: exit codes, how errors
// are printed, help, completion, the check of arguments and flags, questions,
// and the version. It knows nothing of what the commands do.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"aftercare/shared/suggest"
)

// The exit codes that all commands have. 0 means that what was asked was done.
const (
	ExitFailed   = 1 // any other error
	ExitUsage    = 2 // the command line is wrong
	ExitNotFound = 3 // what was named does not exist
	ExitRefused  = 4 // it was understood, and is not done
	ExitPartly   = 5 // a part of it was done
	ExitDiffers  = 6 // a plan would change something
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

// NotFound makes an error of something that does not exist.
func NotFound(format string, args ...any) error {
	return CodeError{Code: ExitNotFound, Err: fmt.Errorf(format, args...)}
}

// Run executes a command line and returns the exit code. hint says what can be
// done about an error, empty if nothing is known; it may be nil.
func Run(ctx context.Context, root *cobra.Command, args []string, errOut io.Writer, hint func(error) string) int {
	root.Args = Args()
	root.RunE = help
	root.SilenceUsage, root.SilenceErrors = true, true
	root.SetHelpCommand(newHelp())
	root.InitDefaultCompletionCmd(args...)
	if made, _, err := root.Find([]string{"completion"}); err == nil && made != root {
		made.Args, made.RunE = Args(), help
		made.Example = "  source <(" + root.Name() + " completion bash)"
	}
	root.SetHelpTemplate(helpTemplate)
	root.SetUsageTemplate(helpTemplate)
	root.SetFlagErrorFunc(flagError)
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

// helpTemplate leads with the examples.
const helpTemplate = `{{.Short}}.
{{with .Example}}
Examples:
{{.}}
{{end}}
Usage:
  {{if .HasAvailableSubCommands}}{{.CommandPath}} COMMAND{{if ne .Use .Name}}
  {{.UseLine}}{{end}}{{else}}{{.UseLine}}{{end}}
{{with .Long}}
{{. | trimTrailingWhitespaces}}
{{end}}{{if .HasAvailableSubCommands}}
Commands:{{range .Commands}}{{if or .IsAvailableCommand (eq .Name "help")}}
  {{rpad .Name .NamePadding}}  {{.Short}}{{end}}{{end}}
{{end}}{{if .HasAvailableLocalFlags}}
Flags:
{{.LocalFlags.FlagUsagesWrapped 80 | trimTrailingWhitespaces}}
{{end}}{{if .HasAvailableInheritedFlags}}
Flags of all commands:
{{.InheritedFlags.FlagUsagesWrapped 80 | trimTrailingWhitespaces}}
{{end}}`

func help(cmd *cobra.Command, _ []string) error { return cmd.Help() }

func newHelp() *cobra.Command {
	return &cobra.Command{
		Use:               "help [COMMAND]",
		Short:             "Explain a command",
		ValidArgsFunction: completeCommands,
		RunE: func(cmd *cobra.Command, args []string) error {
			about, rest, err := cmd.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return unknownCommand(about, rest[0])
			}
			about.InitDefaultHelpFlag()
			return about.Help()
		},
	}
}

func completeCommands(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	under, _, err := cmd.Root().Find(args)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return commands(under), cobra.ShellCompDirectiveNoFileComp
}

// commands are the names of a command's own commands.
func commands(cmd *cobra.Command) (names []string) {
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			names = append(names, c.Name())
		}
	}
	return names
}

func unknownCommand(cmd *cobra.Command, name string) error {
	return Usage(fmt.Errorf("%q is not a command%s", name, meant(name, commands(cmd))))
}

// meant is a hint at the candidate that is nearest to a word; empty if none is.
func meant(word string, candidates []string) string {
	if nearest := suggest.Nearest(word, candidates); nearest != "" {
		return suggest.DidYouMean(nearest)
	}
	return ""
}

// flagError names the flag that an unknown one is nearest to.
func flagError(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	var invalid *pflag.InvalidValueError
	var number *strconv.NumError
	if errors.As(err, &invalid) && errors.As(err, &number) {
		return Usage(fmt.Errorf("--%s must be a whole number, not %q", invalid.GetFlag().Name, invalid.GetValue()))
	}
	if !errors.As(err, &unknown) {
		return Usage(err)
	}
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	hint := ""
	if nearest := suggest.Nearest(unknown.GetSpecifiedName(), names); nearest != "" {
		hint = suggest.DidYouMean("--" + nearest)
	}
	return Usage(fmt.Errorf("%w%s", err, hint))
}

// Group is a command that only holds others. Its examples are the first of each.
func Group(use, short string, commands ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short, Args: Args(), RunE: help}
	cmd.AddCommand(commands...)
	var examples []string
	for _, c := range commands {
		if first, _, _ := strings.Cut(c.Example, "\n"); first != "" {
			examples = append(examples, first)
		}
	}
	cmd.Example = strings.Join(examples, "\n")
	return cmd
}

// Args wants one argument for each name; those of names in brackets, at the
// end, may be left out. A last name that ends with ... takes any more.
func Args(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		for i, name := range names {
			if required := !strings.HasPrefix(name, "["); required && (i >= len(args) || args[i] == "") {
				return Usage(fmt.Errorf("%s is missing", strings.TrimSuffix(name, "...")))
			}
		}
		if len(args) <= len(names) || len(names) > 0 && strings.HasSuffix(strings.TrimSuffix(names[len(names)-1], "]"), "...") {
			return nil
		}
		if extra := args[len(names)]; cmd.HasSubCommands() {
			return unknownCommand(cmd, extra)
		} else {
			return Usage(fmt.Errorf("%q is one argument too many", extra))
		}
	}
}
