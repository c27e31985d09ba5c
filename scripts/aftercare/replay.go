package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"aftercare/scripts/internal/cli"
	"aftercare/shared/event"
)

// functionOf are the functions that take events of a kind.
var functionOf = map[event.Kind]string{
	event.KindTaskCompleted: functionPrefix + "task-completed", event.KindFirstHeartbeat: functionPrefix + "first-heartbeat",
	event.KindStateChange: functionPrefix + "instance-state", event.KindSubmit: submitFunction,
}

func takesEvents(function string) bool {
	return slices.Contains(slices.Collect(maps.Values(functionOf)), function)
}

// eventLetter is the letter of an event, or of several of one kind.
func eventLetter(payload []byte) (l letter, err error) {
	l.payload = payload
	for _, e := range event.Parse(payload) {
		var env event.Envelope
		switch e := e.(type) {
		case event.TaskCompleted:
			env = e.Envelope
		case event.FirstHeartbeat:
			env = e.Envelope
		case event.InstanceStateChange:
			env = e.Envelope
		case event.Ignored:
			if l.ID = e.ID; e.Kind != event.KindSubmit {
				return l, errors.New("no function takes it: " + e.Reason)
			}
			env = e.Envelope
		case event.Malformed:
			return l, errors.New("it is no event: " + e.Reason)
		}
		function := functionOf[env.Kind]
		switch {
		case l.Function == submitFunction:
			return l, errors.New("it has several events, and one is a submission: send it by itself")
		case l.Function != "" && l.Function != function:
			return l, errors.New("it has events of several kinds: send those of each by themselves")
		}
		l.Function, l.ID = function, cmp.Or(l.ID, env.ID)
	}
	l.refused = unsafe(l.Function, payload)
	return l, nil
}

func newReplay(getenv func(string) string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "replay FILE",
		Short: "Send an event to its function again",
		Example: `  aftercare replay event.json --dry-run
  aftercare quarantine show 584a725a | aftercare replay - --yes`,
		Long: `FILE is a CloudEvent as it was delivered, or an array of some of one kind, or
CloudMonitor's form of one; - is standard input. Its kind says which function
gets it. An event that was handled before is a duplicate, and changes nothing.`,
		Args: cli.Args("FILE"),
	}
	s := newSender(cmd, getenv)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		payload, err := readInput(cmd, args[0])
		if err != nil {
			return fmt.Errorf("read the event: %w", err)
		}
		l, err := eventLetter(payload)
		if err != nil {
			return cli.CodeError{Code: cli.ExitRefused, Err: fmt.Errorf("%s: %w", inputName(args[0]), err)}
		}
		return s.connect(cmd.Context(), s.needs(0), func(ctx context.Context, c *connection) error {
			return s.send(ctx, cmd, c, []letter{l}, func(*letter) error { return nil })
		})
	}
	return cmd
}
