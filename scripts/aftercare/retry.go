package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"aftercare/scripts/internal/cli"
	"aftercare/shared/decide"
	"aftercare/shared/ledger"
)

func newRetry(getenv func(string) string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "retry [INSTANCE/]RUN | [INSTANCE/]TASK -f FILE",
		Short: "Run a flow run, or a submitted task, that ended again",
		Example: `  aftercare retry i-bp67acfmxazb4p/4a63377c --reason "the disk is mended"
  aftercare retry i-bp67acfmxazb4p/4a63377c --dry-run
  aftercare retry i-bp67acfmxazb4p/c2929f1f -f submission.json`,
		Long: `A flow run begins again from its first step, with the definition and the event
that its record keeps. A stop, a breaker or a limit of its flow refuses it. A
task's text is not kept: -f has the document that was submitted, which is
submitted again for the task's instance, under a new dedupe key. A step of a
flow is retried through its run.

The beginning of an id is enough. Without its instance it is looked for in the
history, within --since.`,
		Args: cli.Args("ID"),
	}
	s := actSite(cmd, getenv)
	file := cmd.Flags().StringP("file", "f", "", "the task's submission, a `file` with JSON; - for standard input")
	from := sinceFlag(cmd, lookBack)
	who := whoFlags(cmd)
	yes := cli.YesFlag(cmd)
	format := formatFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		instanceID, id, whole := strings.Cut(args[0], "/")
		if !whole {
			id = instanceID
		}
		if !derived.MatchString(id) {
			return cli.Usage(fmt.Errorf("the id %q must be hex digits, as 'aftercare runs' and 'aftercare tasks' print them", id))
		}
		needs := ofTables
		if !who.dryRun {
			needs |= ofFunctions
		}
		return s.connect(cmd.Context(), needs, func(ctx context.Context, c *connection) (err error) {
			page := page{cmd: cmd, clock: clockOf(cmd)}
			if !whole {
				if instanceID, id, err = page.locate(ctx, c.ledger, id, from); err != nil {
					return err
				}
			}
			ended, err := findEnded(ctx, c.ledger, instanceID, id)
			if err != nil {
				return err
			}
			document, err := ended.document(cmd, *file)
			if err != nil {
				return err
			}
			document["instanceId"] = instanceID
			switch {
			case machine(*format) && who.dryRun:
				return printJSON(cmd.OutOrStdout(), who.document(document))
			case !machine(*format):
				ended.print(page)
			}
			if who.dryRun {
				say(cmd.ErrOrStderr(), "%s", ended.again())
				return nil
			}
			c.announce(cmd)
			if err := cli.Ask(cmd, *yes, ended.again()); err != nil {
				return err
			}
			return c.actAll(ctx, cmd, *format, who, []map[string]any{document})
		})
	}
	return cmd
}

// past is a flow run or a task that ended. The other is nil.
type past struct {
	instanceID string
	run        *decide.FlowRun
	task       *decide.Task
}

// findEnded finds the run or the task of an instance whose id begins with a text.
// It is refused if it has not ended.
func findEnded(ctx context.Context, l *ledger.Ledger, instanceID, id string) (p past, err error) {
	state, err := l.Whole(ctx, instanceID)
	if err != nil {
		return p, err
	}
	for _, r := range state.Runs {
		if strings.HasPrefix(r.ID, id) {
			return p, cli.CodeError{Code: cli.ExitRefused, Err: fmt.Errorf("run %s of flow %s has not ended: 'aftercare cancel --run' ends it", label(instanceID, r.ID), r.Flow)}
		}
	}
	for _, t := range state.Tasks {
		if strings.HasPrefix(t.ID, id) {
			return p, cli.CodeError{Code: cli.ExitRefused, Err: fmt.Errorf("task %s has not ended, it is %s: 'aftercare cancel' ends it", label(instanceID, t.ID), t.State)}
		}
	}
	records, err := l.Find(ctx, instanceID, id)
	if err != nil {
		return p, err
	}
	switch n := len(records.Runs) + len(records.Tasks); {
	case n == 0:
		return p, cli.NotFound("%s has no flow run and no task with the id %s", instanceID, id)
	case n > 1:
		return p, cli.Usage(fmt.Errorf("%s is the beginning of %d ids: give more of it", id, n))
	case len(records.Runs) > 0:
		return past{instanceID: instanceID, run: &records.Runs[0]}, nil
	}
	return past{instanceID: instanceID, task: &records.Tasks[0]}, nil
}

// document is what retries it.
func (p past) document(cmd *cobra.Command, file string) (map[string]any, error) {
	if p.run != nil {
		if file != "" {
			return nil, cli.Usage(errors.New("--file is for a task: a flow run has its own definition"))
		}
		return map[string]any{"retry": map[string]any{"run": p.run.ID}}, nil
	}
	switch {
	case p.task.RunID != "":
		return nil, cli.CodeError{Code: cli.ExitRefused, Err: fmt.Errorf("task %s is of step %s of a flow run: retry the run, %s",
			brief(p.task.ID), p.task.Step, label(p.instanceID, p.task.RunID))}
	case file == "":
		return nil, cli.Usage(errors.New("--file is missing: a task's text is not kept, so give the document that was submitted"))
	}
	document, err := readSubmission(cmd, file)
	if err != nil {
		return nil, err
	}
	command, _ := document[string(p.task.Kind)].(map[string]any)
	name, of := "name", p.task.Name
	if p.task.Kind == decide.SendInvoke {
		name, of = "commandId", p.task.CommandID
	}
	if command[name] != of {
		return nil, cli.Usage(fmt.Errorf("%s is not the document of this task: its %s.%s must be %q", file, p.task.Kind, name, of))
	}
	delete(document, "instanceIds")
	return document, nil
}

// print shows what is retried.
func (p past) print(on page) {
	if p.run != nil {
		on.run(p.instanceID, newFlowRun(*p.run))
		return
	}
	v := view{}
	v.Instance.ID = p.instanceID
	on.task(v, decide.State{}, newTask(*p.task))
}

// again says what a retry does, and whether a script may run twice by it.
func (p past) again() string {
	if p.task != nil {
		text := fmt.Sprintf("%s is submitted again for %s.", p.task.Name, p.instanceID)
		if unsent := p.task.InvokeID == "" && (p.task.State == decide.TaskExpired || p.task.State == decide.TaskCancelled); unsent {
			return text + " It was never sent."
		}
		return text + " Its script may have run before, and so may run twice."
	}
	text := fmt.Sprintf("Flow %s runs again on %s, from its first step.", p.run.Flow, p.instanceID)
	var sent []string
	for _, s := range p.run.Steps {
		if len(s.Tasks) > 0 {
			sent = append(sent, s.ID)
		}
	}
	if len(sent) == 0 {
		return text + " None of its commands was sent before."
	}
	return text + " The scripts of these steps may have run before, and so may run twice: " + strings.Join(sent, ", ") + "."
}
