package cli_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"aftercare/scripts/internal/cli"
)

// TestADestructiveActNeedsAYes: here is no terminal to ask.
func TestADestructiveActNeedsAYes(t *testing.T) {
	for _, c := range []struct {
		args string
		code int
		says string
	}{
		{"drop", 2, "program: 3 tasks will be cancelled\nThere is no terminal to ask: add --yes to do it\nTry 'program drop --help'.\n"},
		{"drop --yes", 0, "3 tasks will be cancelled\n"},
	} {
		var says bytes.Buffer
		root := &cobra.Command{Use: "program", Short: "Do things"}
		drop := &cobra.Command{Use: "drop", Args: cli.Args()}
		yes := cli.YesFlag(drop)
		done := false
		drop.RunE = func(cmd *cobra.Command, _ []string) error {
			err := cli.Ask(cmd, *yes, "3 tasks will be cancelled")
			done = err == nil
			return err
		}
		root.AddCommand(drop)
		root.SetIn(strings.NewReader("y\n"))
		code := cli.Run(t.Context(), root, strings.Fields(c.args), &says, nil)
		if code != c.code || says.String() != c.says || done != (code == 0) {
			t.Errorf("%s: code %d, done %v and %q, want %d and %q", c.args, code, done, says.String(), c.code, c.says)
		}
	}
}

func TestANearWordIsSuggestedAndAnyCaseTaken(t *testing.T) {
	for args, want := range map[string]string{
		"":                 "any",
		"--result failed":  "Failed",
		"--result Faild":   `invalid argument "Faild" for "--result" flag: "Faild" is not one of its words, did you mean "Failed"?`,
		"--result nothing": `invalid argument "nothing" for "--result" flag: "nothing" is not one of its words: they are Failed, Success`,
		"--reslut Failed":  `unknown flag: --reslut, did you mean "--result"?`,
		"--zzz":            "unknown flag: --zzz",
	} {
		var says bytes.Buffer
		root := &cobra.Command{Use: "program", Short: "Do things"}
		list := &cobra.Command{Use: "list", Args: cli.Args()}
		result := cli.Word(list, "result", "", "any", "only this `word`", "Failed", "Success")
		got := ""
		list.RunE = func(*cobra.Command, []string) error { got = *result; return nil }
		root.AddCommand(list)
		if cli.Run(t.Context(), root, append([]string{"list"}, strings.Fields(args)...), &says, nil) != 0 {
			got, _, _ = strings.Cut(strings.TrimPrefix(says.String(), "program: "), "\n")
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", args, got, want)
		}
	}
}
