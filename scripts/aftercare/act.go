package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
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

// actSite adds the flags that say where a command acts.
func actSite(cmd *cobra.Command, getenv func(string) string) *site {
	s := siteFlags(cmd, getenv)
	s.timeout, cmd.Flags().Lookup("timeout").DefValue = actTime, actTime.String()
	return s
}

// maxTries is how often a document is sent.
const maxTries = 3

// act sends a document with a dedupeKey.
func (c *connection) act(ctx context.Context, document []byte) (handler.Outcome, error) {
	return c.call(ctx, submitFunction, document)
}

// call invokes a function with a payload that it may get twice, again if its outcome
// is not known.
func (c *connection) call(ctx context.Context, function string, payload []byte) (handler.Outcome, error) {
	backoff := transport.Backoff{First: 500 * time.Millisecond, Most: 5 * time.Second}
	var out handler.Outcome
	for n := 1; ; n++ {
		answer, err := c.functions.Invoke(ctx, function, payload)
		if err == nil && json.Unmarshal(answer, &out) != nil {
			return out, errors.New("the answer of " + function + " cannot be read")
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
	// RunID is the flow run that a retry made.
	RunID  string `json:"runId,omitempty"`
	Why    string `json:"why,omitempty"`
	failed bool
}

// id is the task's or the run's, or empty.
func (a acted) id() string { return cmp.Or(a.TaskID, a.RunID) }

var actedColumns = []column[acted]{
	{"INSTANCE/ID", func(a acted) any { return label(a.InstanceID, a.id()) }, isWhole},
	{"RESULT", func(a acted) any { return a.Result }, isState},
	{"WHY", func(a acted) any { return a.Why }, 0},
	{"WHOLE ID", func(a acted) any { return a.id() }, isWide},
}

// outcomeNotFound is the outcome of a cancel for a task that does not exist.
const outcomeNotFound = "not_found"

// actedOf is what became of the tasks of one item, or of the item.
func actedOf(item handler.Item) (all []acted) {
	a := acted{InstanceID: item.InstanceID, Result: item.Result, Why: item.Reason}
	a.failed = slices.Contains([]string{handler.ResultRefused, handler.ResultQuarantined, handler.ResultPending}, item.Result)
	answer := item.Answer
	if answer == nil {
		return []acted{a}
	}
	a.TaskID, a.RunID, a.Why = answer.TaskID, answer.RunID, cmp.Or(answer.Reason, a.Why)
	if item.Result == handler.ResultAccepted {
		a.Result = answer.Outcome
	}
	a.failed = a.failed || answer.Outcome == outcomeNotFound || answer.Outcome == decide.Refused
	for _, t := range answer.Tasks {
		all = append(all, acted{InstanceID: item.InstanceID, Result: t.Outcome, TaskID: t.TaskID})
	}
	if len(all) == 0 {
		return []acted{a}
	}
	return all
}

// who acts, and why.
type who struct {
	by, reason string
	dryRun     bool
}

func whoFlags(cmd *cobra.Command) *who {
	w := &who{}
	actFlags(cmd, &w.by, &w.reason, &w.dryRun)
	return w
}

// author is who acts.
func (w *who) author() string { return cmp.Or(strings.TrimSpace(w.by), systemUser()) }

// document adds to a document who acts, why, and a dedupeKey of its own.
func (w *who) document(of map[string]any) map[string]any {
	of["dedupeKey"] = "by-hand/" + rand.Text()
	of["submittedBy"] = w.author()
	if reason := strings.TrimSpace(w.reason); reason != "" {
		of["reason"] = reason
	}
	return of
}

// actAll sends documents of one instance each, some of them side by side, and
// reports what became of them. A cancel that could not end all its tasks is
// repeated.
func (c *connection) actAll(ctx context.Context, cmd *cobra.Command, format string, w *who, documents []map[string]any) error {
	results, errs := make([][]acted, len(documents)), make([]error, len(documents))
	end := waiting(cmd, "asking "+submitFunction)
	engine.SideBySide(len(documents), func(i int) {
		for left := 1; left > 0 && errs[i] == nil; {
			left = 0
			text, err := json.Marshal(w.document(documents[i]))
			if err != nil {
				errs[i] = err
				return
			}
			var out handler.Outcome
			if out, errs[i] = c.act(ctx, text); errs[i] != nil {
				results[i] = append(results[i], acted{InstanceID: documents[i]["instanceId"].(string), Result: "error", Why: errs[i].Error(), failed: true})
			}
			for _, item := range out.Items {
				results[i] = append(results[i], actedOf(item)...)
				if item.Answer != nil {
					left += item.Answer.Left
				}
			}
		}
	})
	end()
	if failed := errors.Join(errs...); failed != nil && !slices.Contains(errs, nil) {
		return failed
	}
	return report(cmd, format, slices.Concat(results...))
}

// report prints what became of an act, and returns an error unless all of it was
// done.
func report(cmd *cobra.Command, format string, all []acted) error {
	if len(all) == 1 && all[0].Result == handler.ResultQuarantined {
		return cli.CodeError{Code: cli.ExitRefused, Err: fmt.Errorf("refused, because it has mistakes:\n  %s", strings.ReplaceAll(all[0].Why, "\n", "\n  "))}
	}
	none := 0
	err := printList(cmd, listFlags{&format, &none, new(string)}, actedColumns, "nothing was done", func(add func(acted) error) error { return eachOf(all, add) })
	if err != nil {
		return err
	}
	failed, missing, pending := 0, 0, 0
	for _, a := range all {
		if a.failed {
			failed++
		}
		switch a.Result {
		case outcomeNotFound:
			missing++
		case handler.ResultPending:
			pending++
		}
	}
	switch {
	case failed == 0:
		return nil
	case failed < len(all) || pending > 0:
		return cli.CodeError{Code: cli.ExitPartly, Err: fmt.Errorf("%d of %s not done", failed, counted(len(all), "act"))}
	case missing == failed:
		return cli.NotFound("no such task waits or runs")
	}
	refused := errors.New("refused")
	if why := all[0].Why; len(all) == 1 && why != "" {
		refused = fmt.Errorf("refused: %s", why) // whole, and not cut as in the table
	}
	return cli.CodeError{Code: cli.ExitRefused, Err: refused}
}
