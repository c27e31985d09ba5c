package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"aftercare/scripts/internal/cli"
	"aftercare/shared/decide"
	"aftercare/shared/event"
	"aftercare/shared/handler"
	"aftercare/shared/ledger"
	"aftercare/shared/transport"
)

// smokeTime is how long a smoke test may take: a command of a second, an event's way,
// and a sweep that finds what no event reported.
const smokeTime = 5 * time.Minute

func newSetupSmoke(getenv func(string) string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "smoke --instance ID",
		Short: "Run a harmless command on an instance, and follow it",
		Long: `It submits "echo aftercare" for an instance that takes commands, and waits until
its end is recorded. That tries the functions, their roles, the tables, Cloud
Assistant and the rules. It says what came when, and whether an event reported
the end, or a sweep had to ask for it: then a rule does not deliver. The exit
code is 5 in that case.`,
		Example: `  aftercare setup smoke --env prod --instance i-bp67acfmxazb4p`,
		Args:    cli.Args(),
	}
	s := actSite(cmd, getenv)
	s.timeout, cmd.Flags().Lookup("timeout").DefValue = smokeTime, "5m0s"
	instance := cmd.Flags().String("instance", "", "the `id` of the instance")
	kind := cli.Word(cmd, "type", "", "RunShellScript", "the `kind` of script: RunShellScript, RunBatScript or RunPowerShellScript", "RunShellScript", "RunBatScript", "RunPowerShellScript")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if *instance == "" {
			return cli.Usage(errors.New("--instance is missing: name one that runs, and has Cloud Assistant"))
		}
		return s.connect(cmd.Context(), ofTables|ofFunctions, func(ctx context.Context, c *connection) error {
			c.announce(cmd)
			t := &smoke{connection: c, cmd: cmd, instance: *instance, begin: time.Now()}
			task, err := t.submit(ctx, *kind)
			if err == nil {
				err = t.follow(ctx, task)
			}
			return err
		})
	}
	return cmd
}

// smoke is a test that is under way.
type smoke struct {
	*connection
	cmd      *cobra.Command
	instance string
	begin    time.Time
}

// say prints what happened, and when.
func (t *smoke) say(format string, args ...any) {
	point(t.cmd, fmt.Sprintf("%.1fs", time.Since(t.begin).Seconds()), fmt.Sprintf(format, args...))
}

// submit submits the command, and returns its task's id.
func (t *smoke) submit(ctx context.Context, kind string) (string, error) {
	document, err := json.Marshal(map[string]any{
		"dedupeKey": "smoke-test/" + rand.Text(), "submittedBy": systemUser(), "reason": "a smoke test", "instanceId": t.instance,
		"expiresIn": "10m",
		"run":       map[string]any{"name": "aftercare-smoke-test", "type": kind, "content": "echo aftercare", "timeout": "1m"},
	})
	if err != nil {
		return "", err
	}
	out, err := t.act(ctx, document)
	switch {
	case err != nil:
		return "", err
	case len(out.Items) != 1:
		return "", errors.New(submitFunction + " gave an answer that this tool does not understand")
	}
	item := actedOf(out.Items[0])[0]
	if out.Items[0].Result != handler.ResultAccepted || item.TaskID == "" {
		return "", cli.CodeError{Code: cli.ExitRefused, Err: fmt.Errorf("%s did not take the command: %s %s", submitFunction, item.Result, item.Why)}
	}
	t.say("%s took it as task %s: %s", submitFunction, item.TaskID[:8], item.Result)
	if item.Result == string(decide.TaskQueued) {
		t.say("it waits, because the instance is not known to take commands: a sweep asks Cloud Assistant")
	}
	return item.TaskID, nil
}

// follow waits until the task's end is recorded.
func (t *smoke) follow(ctx context.Context, task string) error {
	look := transport.Backoff{First: 200 * time.Millisecond, Most: 3 * time.Second, Random: func(most time.Duration) time.Duration { return most }}
	end := waiting(t.cmd, "waiting for the end of the command")
	defer end()
	for n := 1; ; n++ {
		records, err := t.ledger.Find(ctx, t.instance, task)
		if err != nil && ctx.Err() == nil {
			return err
		}
		if len(records.Tasks) > 0 {
			return t.ended(ctx, records.Tasks[0])
		}
		if look.Pause(ctx, n); ctx.Err() != nil {
			return fmt.Errorf("no end was recorded within %s. 'aftercare show %s' says what is known; 'aftercare doctor' looks for what is wrong", t.since(), t.instance)
		}
	}
}

func (t *smoke) since() time.Duration { return time.Since(t.begin).Round(time.Second) }

// ended says how the task ended, and how that was learned.
func (t *smoke) ended(ctx context.Context, task decide.Task) error {
	var execution decide.Execution
	if task.InvokeID != "" {
		records, err := t.ledger.Find(ctx, t.instance, task.InvokeID)
		if err != nil {
			return err
		}
		execution = lastOf(records)
	}
	t.say("its record is there: %s", task.State)
	switch {
	case task.State != decide.TaskSucceeded:
		return fmt.Errorf("the command ended as %s: 'aftercare why %s' explains it", task.State, label(t.instance, task.ID))
	case execution.Source == decide.SourcePoll:
		return cli.CodeError{Code: cli.ExitPartly, Err: errors.New("no event reported its end, a sweep had to ask for it: 'aftercare subscribe --plan' compares the rules")}
	}
	if e := execution.Event; !e.Time.IsZero() {
		t.say("an event reported it %s after the command ended", execution.Received.Sub(finished(e)).Round(100*time.Millisecond))
	}
	fmt.Fprintln(t.cmd.OutOrStdout(), "the smoke test passed")
	return nil
}

func lastOf(r ledger.Records) (last decide.Execution) {
	for _, e := range r.Executions {
		last = e
	}
	return last
}

// finished is when a command ended; when that was reported, if it does not say.
func finished(e event.TaskCompleted) time.Time {
	if e.FinishTime.IsZero() {
		return e.Time
	}
	return e.FinishTime
}
