package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"aftercare/scripts/internal/cli"
	"aftercare/shared/engine"
	"aftercare/shared/event"
	"aftercare/shared/handler"
)

// functionPrefix is before a function's own name.
const functionPrefix = "aftercare-"

// letter is a payload that goes to a function.
type letter struct {
	ID       string `json:"id"`
	Function string `json:"function"`
	// Result is what became of it; empty before.
	Result string `json:"result,omitempty"`
	Why    string `json:"why,omitempty"`
	// Removed: it is no longer in quarantine.
	Removed bool `json:"removed,omitempty"`

	payload []byte
	// refused is why it is not sent.
	refused string
	failed  bool
}

var letterColumns = []column[letter]{
	{"ID", func(l letter) any { return brief(l.ID) }, isWhole},
	{"FUNCTION", func(l letter) any { return strings.TrimPrefix(l.Function, functionPrefix) }, isWhole},
	{"RESULT", func(l letter) any { return l.Result }, isState},
	{"WHY", func(l letter) any { return l.Why }, 0},
	{"WHOLE ID", func(l letter) any { return l.ID }, isWide},
}

// sender is what the commands that send letters have in common.
type sender struct {
	*site
	format *string
	yes    *bool
	dryRun *bool
}

func newSender(cmd *cobra.Command, getenv func(string) string) sender {
	return sender{actSite(cmd, getenv), formatFlag(cmd), cli.YesFlag(cmd), cmd.Flags().Bool("dry-run", false, "print what would be sent, and send nothing")}
}

// send asks, and sends each of the letters. Handled is called with each that was
// handled.
func (s sender) send(ctx context.Context, cmd *cobra.Command, c *connection, letters []letter, handled func(*letter) error) error {
	if *s.dryRun {
		for i := range letters {
			l := &letters[i]
			if l.Result, l.Why = "would be sent", l.refused; l.refused != "" {
				l.Result = handler.ResultRefused
			}
		}
		return s.print(cmd, letters, "")
	}
	c.announce(cmd)
	n := 0
	for _, l := range letters {
		if l.refused == "" {
			n++
		}
	}
	what := fmt.Sprintf("%s will be sent to the functions. What they handled before changes nothing.", counted(n, "payload"))
	if n > 0 {
		if err := cli.Ask(cmd, *s.yes, what); err != nil {
			return err
		}
	}
	errs := make([]error, len(letters))
	end := waiting(cmd, "sending")
	engine.SideBySide(len(letters), func(i int) {
		l := &letters[i]
		if errs[i] = l.sent(ctx, c); errs[i] == nil && !l.failed {
			errs[i] = handled(l)
		}
		if errs[i] != nil {
			l.Result, l.Why, l.failed = "error", errs[i].Error(), true
		}
	})
	end()
	if err := errors.Join(errs...); err != nil && !slices.Contains(errs, nil) {
		return err
	}
	if err := s.print(cmd, letters, ""); err != nil {
		return err
	}
	failed := 0
	for _, l := range letters {
		if l.failed {
			failed++
		}
	}
	switch {
	case failed == 0:
		return nil
	case failed < len(letters):
		return cli.CodeError{Code: cli.ExitPartly, Err: fmt.Errorf("%d of %s not handled", failed, counted(len(letters), "payload"))}
	}
	return cli.CodeError{Code: cli.ExitRefused, Err: errors.New("not handled")}
}

func (s sender) print(cmd *cobra.Command, letters []letter, empty string) error {
	none := 0
	return printList(cmd, listFlags{s.format, &none, new(string)}, letterColumns, empty, func(add func(letter) error) error { return eachOf(letters, add) })
}

// sent sends a letter, and notes what became of its inputs.
func (l *letter) sent(ctx context.Context, c *connection) error {
	if l.refused != "" {
		l.Result, l.Why, l.failed = handler.ResultRefused, l.refused, true
		return nil
	}
	out, err := c.call(ctx, l.Function, l.payload)
	if err != nil {
		return err
	}
	results, more := map[string]int{}, out.More
	for _, item := range out.Items {
		results[item.Result]++
		why := item.Reason
		if item.Answer != nil {
			why = item.Answer.Reason
		}
		if len(out.Items) > 1 && why != "" {
			why = cmp.Or(item.InstanceID, item.Result) + ": " + why
		}
		if why != "" {
			l.Why = strings.TrimPrefix(l.Why+"; "+why, "; ")
		}
	}
	for result, n := range more {
		results[result] += n
	}
	l.failed = len(results) == 0 || results[handler.ResultQuarantined]+results[handler.ResultRefused] > 0
	if len(out.Items) == 1 {
		l.Result = out.Items[0].Result
		return nil
	}
	for _, result := range sortedKeys(results) {
		l.Result = strings.TrimPrefix(fmt.Sprintf("%s, %d %s", l.Result, results[result], result), ", ")
	}
	return nil
}

// chosen are the letters whose ids begin with one of some texts; all without one.
func chosen(letters []letter, ids []string) (some []letter, err error) {
	for _, id := range ids {
		var found []letter
		for _, l := range letters {
			if strings.HasPrefix(l.ID, strings.ToLower(id)) || strings.HasPrefix(l.ID, id) {
				found = append(found, l)
			}
		}
		switch {
		case id == "" || len(found) > 1 && found[0].ID != id:
			return nil, cli.Usage(fmt.Errorf("%q is the beginning of %d ids: give more of it", id, len(found)))
		case len(found) == 0:
			return nil, cli.NotFound("nothing with the id %s is there", id)
		}
		some = append(some, found[0])
	}
	if len(ids) == 0 {
		return letters, nil
	}
	return some, nil
}

// needs are the services that a command needs beside others.
func (s sender) needs(others service) service {
	if *s.dryRun {
		return others
	}
	return others | ofFunctions
}

// unsafe says why a payload must not be sent again; empty if it may.
func unsafe(function string, payload []byte) string {
	var submission struct{ DedupeKey string }
	_ = json.Unmarshal(payload, &submission) // then it has no dedupeKey
	switch {
	case !takesEvents(function):
		return "no such function takes events"
	case function != submitFunction:
		return ""
	case submission.DedupeKey == "" && submitted(payload) == "":
		return "it has no dedupeKey, so it could run twice"
	}
	return ""
}

// submitted is the id of an event that has a submission, by which the function knows
// it again; empty without one.
func submitted(payload []byte) string {
	if e, ok := event.Parse(payload)[0].(event.Ignored); ok && e.Kind == event.KindSubmit {
		return e.ID
	}
	return ""
}
