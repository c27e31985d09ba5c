package main

import (
	"io"
	"testing"
)

func TestExitCodesTellMistakesFromFailures(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		want int
	}{
		"what succeeds":             {[]string{"settings"}, 0},
		"what fails":                {[]string{"flows", "validate", "testdata/missing.yaml"}, exitFault},
		"a file with faults":        {[]string{"flows", "validate", "testdata/flows.txtar"}, exitFault},
		"an unknown command":        {[]string{"unknown"}, exitUsage},
		"an unknown flag":           {[]string{"settings", "--loud"}, exitUsage},
		"an argument that misses":   {[]string{"instance"}, exitUsage},
		"an environment that lacks": {[]string{"instance", "i-1"}, exitUsage},
	} {
		t.Run(name, func(t *testing.T) {
			got := run(t.Context(), c.args, func(string) string { return "" }, io.Discard, io.Discard)
			if got != c.want {
				t.Errorf("exit code %d, want %d", got, c.want)
			}
		})
	}
}
