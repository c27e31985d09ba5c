package main

import (
	"os"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"aftercare/scripts/columns"
)

// TestEveryCommandHasAnExampleAndFitsTheScreen reads the help of each.
func TestEveryCommandHasAnExampleAndFitsTheScreen(t *testing.T) {
	var walk func(*cobra.Command)
	walk = func(cmd *cobra.Command) {
		for _, under := range cmd.Commands() {
			walk(under)
		}
		args := append(strings.Fields(cmd.CommandPath())[1:], "--help")
		out, errOut, code := played(t, os.Getenv, args...)
		if code != 0 || errOut != "" {
			t.Errorf("%q: exit code %d, %s", args, code, errOut)
		}
		if !strings.Contains(out, "\nExamples:\n  "+cmd.CommandPath()) {
			t.Errorf("%q has no example that begins with the command:\n%s", args, out)
		}
		for line := range strings.SplitSeq(out, "\n") {
			if columns.Of(line) > 80 {
				t.Errorf("%q has a line of %d columns: %s", args, columns.Of(line), line)
			}
		}
	}
	walk(newRoot(os.Getenv))
}
