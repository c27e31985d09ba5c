package cli_test

import (
	"bytes"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"aftercare/scripts/internal/cli"
)

var errPlain = errors.New("the disk is full")

func program(fail error) *cobra.Command {
	root := &cobra.Command{Use: "program", Short: "Do things"}
	count := &cobra.Command{Use: "count", Args: cli.Args(), Run: func(*cobra.Command, []string) {}}
	count.Flags().Int("rows", 1, "how many")
	root.AddCommand(
		count,
		&cobra.Command{Use: "do WHAT", Args: cli.Args("WHAT", "[HOW]"), RunE: func(*cobra.Command, []string) error { return fail }},
		cli.Group("group", "Hold others", &cobra.Command{Use: "inner", Args: cli.Args(), Run: func(*cobra.Command, []string) {}}),
	)
	return root
}

func TestExitCodesAndWords(t *testing.T) {
	for _, c := range []struct {
		args string
		fail error
		code int
		says string // on standard error
	}{
		{"do it", nil, 0, ""},
		{"do it well", nil, 0, ""},
		{"do it", errPlain, 1, "program: the disk is full\nremove something\n"},
		{"do it", cli.Quiet(errPlain), 1, ""},
		{"do it", fmt.Errorf("write: %w", cli.CodeError{Code: 3, Err: errPlain}), 3, "program: write: the disk is full\nremove something\n"},
		{"do it", cli.Usage(errPlain), 2, "program: the disk is full\nTry 'program do --help'.\n"},
		{"do", nil, 2, "program: WHAT is missing\nTry 'program do --help'.\n"},
		{"do it very well", nil, 2, "program: \"well\" is one argument too many\nTry 'program do --help'.\n"},
		{"do --loud", nil, 2, "program: unknown flag: --loud\nTry 'program do --help'.\n"},
		{"fly", nil, 2, "program: \"fly\" is not a command\nTry 'program --help'.\n"},
		{"group fly", nil, 2, "program: \"fly\" is not a command\nTry 'program group --help'.\n"},
		{"group inner more", nil, 2, "program: \"more\" is one argument too many\nTry 'program group inner --help'.\n"},
		{"group", nil, 0, ""},
		{"completion pish", nil, 2, "program: \"pish\" is not a command, did you mean \"fish\"?\nTry 'program completion --help'.\n"},
		{"count --rows many", nil, 2, "program: --rows must be a whole number, not \"many\"\nTry 'program count --help'.\n"},
	} {
		t.Run(c.args, func(t *testing.T) {
			var says bytes.Buffer
			root := program(c.fail)
			root.SetOut(&bytes.Buffer{})
			code := cli.Run(t.Context(), root, strings.Fields(c.args), &says, func(err error) string {
				if errors.Is(err, errPlain) {
					return "remove something"
				}
				return ""
			})
			if code != c.code || says.String() != c.says {
				t.Errorf("got code %d and %q, want %d and %q", code, says.String(), c.code, c.says)
			}
		})
	}
}

func TestVersionNamesTheProgramAndThePlatform(t *testing.T) {
	var out, says bytes.Buffer
	root := program(nil)
	root.SetOut(&out)
	code := cli.Run(t.Context(), root, []string{"--version"}, &says, nil)
	end := fmt.Sprintf(" (%s, %s/%s)\n", runtime.Version(), runtime.GOOS, runtime.GOARCH)
	version, ok := strings.CutSuffix(out.String(), end)
	if code != 0 || says.Len() > 0 || !ok || len(version) <= len("program ") || !strings.HasPrefix(version, "program ") {
		t.Errorf("got code %d, %q and %q, want program, a version and %q", code, out.String(), says.String(), end)
	}
}
