package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"aftercare/scripts/internal/cli"
	"aftercare/shared/decide"
	"aftercare/shared/engine"
	"aftercare/shared/handler"
	"aftercare/shared/invoke"
	"aftercare/shared/transport"
)

// submitFunction carries out every act. It knows a document that it got before by
// its dedupeKey.
const submitFunction = "aftercare-submit-task"

// actTime is how long an act may take: the function's timeout, and some more.
const actTime = 90 * time.Second

// maxTries is how often a document is sent.
const maxTries = 3

// act sends a document with a dedupeKey, again if its outcome is not known.
func (c *connection) act(ctx context.Context, document []byte) (handler.Outcome, error) {
	backoff := transport.Backoff{First: 500 * time.Millisecond, Most: 5 * time.Second}
	var out handler.Outcome
	for n := 1; ; n++ {
		answer, err := c.functions.Invoke(ctx, submitFunction, document)
		if err == nil && json.Unmarshal(answer, &out) != nil {
			return out, errors.New("the answer of " + submitFunction + " cannot be read")
		}
		var failed *invoke.FunctionError
		again := errors.As(err, &failed) || errors.Is(err, engine.ErrUnknownOutcome) || errors.Is(err, engine.ErrThrottled) || errors.Is(err, engine.ErrUnavailable)
		if !again || n == maxTries || ctx.Err() != nil {
			return out, err
		}
		backoff.Pause(ctx, n)
	}
}

// acted is what became of an act on one instance.
type acted struct {
	InstanceID string `json:"instanceId,omitempty"`
	// Result is the function's, or the outcome of its answer.
	Result string `json:"result"`
	TaskID string `json:"taskId,omitempty"`
	Why    string `json:"why,omitempty"`
	failed bool
}

var actedColumns = []column[acted]{
	{"INSTANCE", func(a acted) any { return a.InstanceID }, isWhole},
	{"RESULT", func(a acted) any { return a.Result }, isState},
	{"TASK", func(a acted) any { return a.TaskID }, 0},
	{"WHY", func(a acted) any { return a.Why }, 0},
}

// outcomeNotFound is the outcome of a cancel for a task that does not exist.
const outcomeNotFound = "not_found"

func newActed(item handler.Item) acted {
	a := acted{InstanceID: item.InstanceID, Result: item.Result, Why: item.Reason}
	a.failed = item.Result == handler.ResultRefused || item.Result == handler.ResultQuarantined
	if answer := item.Answer; answer != nil {
		a.TaskID, a.Why = answer.TaskID, cmp.Or(answer.Reason, a.Why)
		if item.Result == handler.ResultAccepted {
			a.Result = answer.Outcome
		}
		a.failed = a.failed || answer.Outcome == outcomeNotFound || answer.Outcome == decide.Refused
	}
	return a
}

// report prints what became of an act, and returns an error unless all of it was
// done.
func report(cmd *cobra.Command, format string, all []acted) error {
	if len(all) == 1 && all[0].Result == handler.ResultQuarantined {
		return cli.CodeError{Code: cli.ExitRefused, Err: fmt.Errorf("refused, because it has mistakes:\n  %s", strings.ReplaceAll(all[0].Why, "\n", "\n  "))}
	}
	none := 0
	err := printList(cmd, listFlags{&format, &none}, actedColumns, "nothing was done", func(add func(acted) error) error {
		for _, a := range all {
			if err := add(a); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	failed, missing := 0, 0
	for _, a := range all {
		if a.failed {
			failed++
		}
		if a.Result == outcomeNotFound {
			missing++
		}
	}
	switch {
	case failed == 0:
		return nil
	case failed < len(all):
		return cli.CodeError{Code: cli.ExitPartly, Err: fmt.Errorf("%d of %s not done", failed, counted(len(all), "act"))}
	case missing == failed:
		return cli.NotFound("no such task waits or runs")
	}
	return cli.CodeError{Code: cli.ExitRefused, Err: errors.New("refused")}
}
