package main

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"aftercare/scripts/internal/cli"
	"aftercare/shared/engine"
	"aftercare/shared/openapi"
)

func TestExitCodesTellMistakesFromFailures(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		want int
	}{
		"what succeeds":             {[]string{"settings"}, 0},
		"what fails":                {[]string{"flows", "validate", "testdata/missing.yaml"}, cli.ExitFailed},
		"a file with mistakes":      {[]string{"flows", "validate", "testdata/flows.txtar"}, cli.ExitFailed},
		"an unknown command":        {[]string{"unknown"}, cli.ExitUsage},
		"an unknown flag":           {[]string{"settings", "--loud"}, cli.ExitUsage},
		"an argument that misses":   {[]string{"instance"}, cli.ExitUsage},
		"an environment that lacks": {[]string{"instance", "i-1"}, cli.ExitUsage},
	} {
		t.Run(name, func(t *testing.T) {
			got := run(t.Context(), c.args, func(string) string { return "" }, nil, io.Discard, io.Discard)
			if got != c.want {
				t.Errorf("exit code %d, want %d", got, c.want)
			}
		})
	}
}

func TestAHintSaysWhatCanBeDone(t *testing.T) {
	for _, c := range []struct {
		err  error
		want []string
	}{
		{engine.ErrDenied, []string{"access key", "scripts/ram/operator.json", "deployer.json"}},
		{engine.ErrUnavailable, []string{"endpoint"}},
		{openapi.NotSent("GetRole", "x"), []string{"refuses the call", "request id"}},
		// A row that cannot be read is the same kind of error as a missing table.
		{engine.ErrInvalid, []string{"names a row", "'aftercare resume' of what", "instance's name", "aftercare tables create"}},
	} {
		got := hint(fmt.Errorf("load: %w", c.err))
		for _, want := range c.want {
			if !strings.Contains(got, want) {
				t.Errorf("%v: the hint is %q, want it to name %s", c.err, got, want)
			}
		}
	}
	if got := hint(io.EOF); got != "" {
		t.Errorf("the hint for what nothing is known about is %q, want none", got)
	}
}
