package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"aftercare/scripts/internal/cli"
	"aftercare/shared/event"
)

// functionOf are the functions that take events of a kind.
var functionOf = map[event.Kind]string{
	event.KindTaskCompleted: functionPrefix + "task-completed", event.KindFirstHeartbeat: functionPrefix + "first-heartbeat",
	event.KindStateChange: functionPrefix + "instance-state",
}

func eventFunctions() []string { return slices.Collect(maps.Values(functionOf)) }

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
			l.ID = e.ID
			return l, errors.New("no function takes it: " + e.Reason)
		case event.Malformed:
			return l, errors.New("it is no event: " + e.Reason)
		}
		function := functionOf[env.Kind]
		if l.Function != "" && l.Function != function {
			return l, errors.New("it has events of several kinds: send those of each by themselves")
		}
		l.Function, l.ID = function, cmp.Or(l.ID, env.ID)
	}
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

func newRedriveDeadLetters(getenv func(string) string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "dead-letters [EVENT…]",
		Short: "Deliver again the events that EventBridge gave up",
		Example: `  aftercare redrive dead-letters --dry-run
  aftercare redrive dead-letters 1f3a0c2e --yes`,
		Long: redriveHelp + `
The events are those of a local cloud's file deadletters.jsonl, in which they
stay. The beginning of an event's id is enough; without one, all are sent.`,
	}
	s := newSender(cmd, getenv)
	file := cmd.Flags().String("file", "", "the `file` of dead letters (default $"+variableDeadLetters+")")
	cmd.RunE = func(cmd *cobra.Command, ids []string) error {
		return s.connect(cmd.Context(), s.needs(0), func(ctx context.Context, c *connection) error {
			path := cmp.Or(*file, c.get(variableDeadLetters))
			if path == "" {
				return cli.Usage(fmt.Errorf("the file of dead letters is missing%s: set --file or %s", c.where(), variableDeadLetters))
			}
			letters, err := readDeadLetters(path)
			if err == nil {
				letters, err = chosen(letters, ids)
			}
			if err != nil {
				return err
			}
			if len(letters) == 0 {
				return s.print(cmd, nil, "There are no dead letters.")
			}
			return s.send(ctx, cmd, c, letters, func(*letter) error { return nil })
		})
	}
	return cmd
}

// readDeadLetters reads the events of a file of dead letters, each once. A local
// cloud makes the file when it gives up the first.
func readDeadLetters(path string) (letters []letter, err error) {
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("read the dead letters: %w", err)
	}
	known := map[string]bool{}
	for n, line := range bytes.Split(bytes.TrimSpace(text), []byte("\n")) {
		var dead struct{ Event json.RawMessage }
		if len(line) == 0 {
			continue
		}
		if err := json.Unmarshal(line, &dead); err != nil {
			return nil, fmt.Errorf("%s:%d is no dead letter", path, n+1)
		}
		l, err := eventLetter(dead.Event)
		if err != nil {
			l.refused = err.Error()
		}
		if l.ID == "" {
			l.ID = fmt.Sprintf("line-%d", n+1)
		}
		if event := string(dead.Event); !known[event] {
			known[event] = true
			letters = append(letters, l)
		}
	}
	return letters, nil
}
