package main

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

func TestATableKeepsItsShapeWhateverTheNames(t *testing.T) {
	for want, names := range map[string][]string{
		"NAME  BOOTS\n": nil,
		"NAME    BOOTS\n升级    2\n\ufffd[31mx  2\n": {"升级", "\x1b[31mx"},
	} {
		var out strings.Builder
		cmd := &cobra.Command{}
		cmd.SetOut(&out)
		err := table(cmd, "NAME\tBOOTS", func(row func(...any)) {
			for _, name := range names {
				row(name, 2)
			}
		})
		if err != nil || out.String() != want {
			t.Errorf("got %q, %v; want %q", out.String(), err, want)
		}
	}
}
