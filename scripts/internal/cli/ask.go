package cli

import (
	"bufio"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"aftercare/scripts/internal/screen"
)

// YesFlag adds the flag --yes, which answers the question of Ask.
func YesFlag(cmd *cobra.Command) *bool {
	return cmd.Flags().BoolP("yes", "y", false, "do it without asking")
}

// errDeclined says that the operator answered no.
var errDeclined = CodeError{Code: ExitRefused, Err: errors.New("nothing was done")}

// Ask says what will be done, and returns nil if the operator agrees. Without a
// terminal nobody can be asked, so that --yes is needed.
func Ask(cmd *cobra.Command, yes bool, what string) error {
	errOut := cmd.ErrOrStderr()
	if yes {
		screen.Say(errOut, "", what)
		return nil
	}
	if !screen.Terminal(cmd.InOrStdin()) {
		return Usage(fmt.Errorf("%s\nThere is no terminal to ask: add --yes to do it", what))
	}
	screen.Say(errOut, "", what)
	fmt.Fprint(errOut, "Go on? [y/N] ")
	answer, _ := bufio.NewReader(cmd.InOrStdin()).ReadString('\n')
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return nil
	}
	return errDeclined
}
