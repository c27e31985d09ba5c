package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// shortened lists the waits that --fast shortens: flags of up and their values.
// Flags on the command line override them.
var shortened = []struct{ flag, value, what string }{
	{"boot-delay", "1s", "a boot, really 20 s"},
	{"abort-after", "10s", "the wait for an agent that is down, really 1m"},
	{"timer-scale", "0.05", "a minute between two sweeps becomes 3 s"},
	{"retry-scale", "0.05", "the waits between two deliveries of an event"},
	{"async-scale", "0.05", "the waits between two asynchronous invocations"},
	{"timeout", "10s", "the functions' timeouts, 60 s in s.yaml"},
	{"set", "AFTERCARE_CLAIM_GRACE=2s", "how long a claim outlives its invocation, really 1m"},
	{"set", "AFTERCARE_STOP_CHECK=1s", "how soon after a resume what was held goes, really up to 5m"},
	{"set", "AFTERCARE_ALERT_WAIT=1s", "how long alerts are gathered, really 30 s and more"},
	{"set", "AFTERCARE_ALERT_START=0s", "how late alerts are sent, really up to 20 s"},
	{"set", "AFTERCARE_WAKE_PRECISION=1s", "the precision of wake-ups, really 1m"},
}

// shorten sets the flags of shortened, and returns a line for people for each.
func shorten(flags *pflag.FlagSet) (lines []string, err error) {
	for _, s := range shortened {
		f := flags.Lookup(s.flag)
		if list, ok := f.Value.(pflag.SliceValue); ok {
			name, _, named := strings.Cut(s.value, "=")
			if slices.ContainsFunc(list.GetSlice(), func(have string) bool {
				return named && strings.HasPrefix(have, name+"=") || !named && !strings.Contains(have, "=")
			}) {
				continue
			}
			err = list.Append(s.value)
		} else if !f.Changed {
			err = f.Value.Set(s.value)
		} else {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("shorten %s: %w", s.flag, err)
		}
		lines = append(lines, fmt.Sprintf("--%s %s: %s", s.flag, s.value, s.what))
	}
	return lines, nil
}
