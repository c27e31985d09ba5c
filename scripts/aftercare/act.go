package main

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/spf13/cobra"

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

// actFlags adds the flags of what people do: who, why, and only as a try.
func actFlags(cmd *cobra.Command, by, reason *string, dryRun *bool) {
	flags := cmd.Flags()
	flags.StringVar(by, "by", "", "the `name` of the person who does it (default the operating system's user)")
	flags.StringVar(reason, "reason", "", "why, in `words` for people")
	flags.BoolVar(dryRun, "dry-run", false, "print what would be done, and do nothing")
}
