package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"aftercare/scripts/internal/cli"
)

func newInvoke() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "invoke FUNCTION FILE",
		Short: "Invoke a function with the content of a file, or of - for standard input",
		Long: `invoke calls a function and waits for its answer, which it prints. The exit
code is 1 if the function returned an error, and 4 if its answer says that an
input was quarantined: the function kept it, but could not read it.`,
		Example: `  localcloud invoke aftercare-submit-task task.json
  echo '{}' | localcloud invoke aftercare-sweep -`,
		Args: cli.Args("FUNCTION", "FILE"),
	}
	data := dataFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := client(*data)
		if err != nil {
			return err
		}
		var payload []byte
		if args[1] == "-" {
			payload, err = io.ReadAll(cmd.InOrStdin())
		} else {
			payload, err = os.ReadFile(args[1])
		}
		if err != nil {
			return fmt.Errorf("read the payload: %w", err)
		}
		res, err := c.Invoke(cmd.Context(), args[0], payload)
		if err != nil {
			return reach(*data, err)
		}
		fmt.Fprintln(cmd.OutOrStdout(), res.Body)
		if res.FunctionError != "" {
			return errors.New("the function returned an error, in request " + res.RequestID)
		}
		return quarantined(res.Body)
	}
	return cmd
}

// quarantined returns an error for an outcome of Aftercare with a quarantined
// input. The answer of another function is not an outcome, and not an error.
func quarantined(body string) error {
	var outcome struct {
		Items []struct{ Result, Reason string }
	}
	_ = json.Unmarshal([]byte(body), &outcome) // see above
	for _, item := range outcome.Items {
		if item.Result == "quarantined" {
			return cli.CodeError{Code: cli.ExitRefused, Err: errors.New("quarantined: " + item.Reason)}
		}
	}
	return nil
}
