package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/spf13/cobra"

	"aftercare/scripts/internal/cli"
	"aftercare/shared/event"
	"aftercare/shared/ledger"
)

const redriveHelp = `Each goes to the function that it was for, which knows what it handled before:
that is a duplicate, and changes nothing. What became of each is printed.`

const sentOnce = `
The beginning of a SHA256 is enough; without one, all are tried. A submission
without a dedupeKey is not sent: it could run twice.`

func newRedrive(getenv func(string) string) *cobra.Command {
	cmd := cli.Group("redrive", "Send back to the functions what was lost", newRedriveQuarantine(getenv), newRedriveDeadLetters(getenv))
	cmd.Use = "redrive FILE"
	cmd.Example += "\n  aftercare redrive messages.jsonl --dry-run"
	cmd.Long = redriveHelp + `
FILE holds messages, one after another or in an array: events, a local cloud's
deadletters.jsonl, or messages of a queue, whose bodies may be base64. They stay
in it. - is standard input.`
	unknown := cmd.Args
	cmd.Args = cli.Args("[FILE]")
	s := newSender(cmd, getenv)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return cmd.Help()
		}
		messages, err := readInput(cmd, args[0])
		if errors.Is(err, fs.ErrNotExist) && !strings.ContainsAny(args[0], "./") {
			return unknown(cmd, args)
		}
		if err != nil {
			return fmt.Errorf("read the messages: %w", err)
		}
		letters := lettersIn(messages)
		if len(letters) == 0 {
			return s.print(cmd, nil, inputName(args[0])+" holds no messages.")
		}
		return s.connect(cmd.Context(), s.needs(0), func(ctx context.Context, c *connection) error {
			return s.send(ctx, cmd, c, letters, func(*letter) error { return nil })
		})
	}
	return cmd
}

// lettersIn are the letters of messages, each once. A message is a JSON value, or, where
// not all are JSON, a line.
func lettersIn(messages []byte) (letters []letter) {
	known := map[string]bool{}
	for i, message := range split(messages) {
		for _, dead := range event.Letters(message) {
			l, function := readable(dead.Payload)
			if function == "" && dead.Function != "" {
				l.Function = dead.Function
				l.refused = unsafe(l.Function, l.payload)
			}
			l.ID = cmp.Or(dead.ID, l.ID, fmt.Sprintf("message-%d", i+1))
			if !known[string(l.payload)] {
				known[string(l.payload)] = true
				letters = append(letters, l)
			}
		}
	}
	return letters
}

// split takes messages apart: JSON values, or else lines.
func split(messages []byte) (all [][]byte) {
	values := json.NewDecoder(bytes.NewReader(messages))
	for values.More() {
		var value json.RawMessage
		if values.Decode(&value) != nil {
			all = nil
			break
		}
		all = append(all, value)
	}
	if all != nil {
		return all
	}
	for line := range bytes.Lines(messages) {
		if line = bytes.TrimSpace(line); len(line) > 0 {
			all = append(all, line)
		}
	}
	return all
}

// readable is the letter of a payload, and the function that takes it by its kind;
// empty if no function does, which the letter says.
func readable(payload []byte) (l letter, function string) {
	l, err := eventLetter(payload)
	if err != nil {
		l.refused, l.Function = err.Error(), ""
	}
	return l, l.Function
}

func newRedriveQuarantine(getenv func(string) string) *cobra.Command {
	return redriveKept(getenv, false, &cobra.Command{
		Use:   "quarantine [SHA256…]",
		Short: "Try payloads in quarantine again, after an upgrade",
		Example: `  aftercare redrive quarantine --dry-run
  aftercare redrive quarantine 584a725a
  aftercare redrive quarantine --yes -o jsonl`,
		Long: redriveHelp + `
What is handled leaves the quarantine. What still cannot be read stays. Dead
letters have a command of their own.` + sentOnce,
	}, "Nothing to try again is in quarantine.")
}

func newRedriveDeadLetters(getenv func(string) string) *cobra.Command {
	return redriveKept(getenv, true, &cobra.Command{
		Use:   "dead-letters [SHA256…]",
		Short: "Deliver again what could not be delivered",
		Example: `  aftercare redrive dead-letters --dry-run
  aftercare redrive dead-letters 584a725a --yes`,
		Long: redriveHelp + `
What is handled leaves the quarantine, where the function dead-letters keeps
such events. Those without an event that a function takes stay.` + sentOnce,
	}, "There are no dead letters.")
}

// redriveKept completes a command that sends what is in quarantine: the dead letters,
// or all else.
func redriveKept(getenv func(string) string, dead bool, cmd *cobra.Command, empty string) *cobra.Command {
	s := newSender(cmd, getenv)
	cmd.RunE = func(cmd *cobra.Command, ids []string) error {
		return s.connect(cmd.Context(), s.needs(ofTables), func(ctx context.Context, c *connection) error {
			entries, letters, err := kept(ctx, c, dead)
			if err == nil {
				letters, err = chosen(letters, ids)
			}
			if err != nil {
				return err
			}
			if len(letters) == 0 {
				return s.print(cmd, nil, empty)
			}
			for i, l := range letters {
				payload, err := c.ledger.QuarantinedPayload(ctx, entries[l.ID])
				if err != nil {
					return err
				}
				letters[i] = keptLetter(entries[l.ID], payload, dead)
			}
			return s.send(ctx, cmd, c, letters, func(l *letter) error {
				l.Removed = true
				return c.ledger.Unquarantine(ctx, entries[l.ID])
			})
		})
	}
	return cmd
}

// kept lists the dead letters in quarantine, or all else, by their ids.
func kept(ctx context.Context, c *connection, dead bool) (entries map[string]ledger.Quarantined, letters []letter, err error) {
	entries = map[string]ledger.Quarantined{}
	err = c.ledger.EachQuarantined(ctx, func(q ledger.Quarantined) error {
		if isDeadLetter(q) != dead {
			return nil
		}
		entries[q.SHA256] = q
		letters = append(letters, letter{ID: q.SHA256})
		return nil
	})
	return entries, letters, err
}

// keptLetter is the letter of a payload that was in quarantine. A dead letter goes to the
// function of its kind, or else to the one that it was for.
func keptLetter(q ledger.Quarantined, payload []byte, dead bool) letter {
	l, function := readable(payload)
	if named := functionPrefix + q.Function; !dead || function == "" && takesEvents(named) {
		l = letter{Function: named, payload: payload}
		l.refused = unsafe(named, payload)
	}
	l.ID = q.SHA256
	return l
}
