package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"aftercare/scripts/internal/cli"
	"aftercare/shared/decide"
	"aftercare/shared/ledger"
)

// cancelFlags say which tasks are meant: those that fit all of them.
type cancelFlags struct {
	*targets
	task, key, label, run string
	waiting               bool
	by, reason            string
	dryRun                bool
}

func newCancel(getenv func(string) string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "cancel [[INSTANCE/]TASK]",
		Short: "Cancel tasks that wait, and stop tasks that run",
		Example: `  aftercare cancel i-bp67acfmxazb4p/c2929f1f9b6e
  aftercare cancel --label release-42 --reason "it broke the first ones"
  aftercare cancel --instance i-bp67acfmxazb4p --waiting --dry-run`,
		Long: `The tasks that fit all that is given are listed, and each is cancelled on its
instance. Without an instance, they are looked for in the list of the fleet,
which lacks instances that no event and no answer of ECS has named yet. The
beginning of a task's id is enough if no other task has it.`,
		Args: cli.Args("[TASK]"),
	}
	s := siteFlags(cmd, getenv)
	s.timeout, cmd.Flags().Lookup("timeout").DefValue = actTime, actTime.String()
	f := &cancelFlags{targets: targetFlags(cmd)}
	flags := cmd.Flags()
	flags.StringVar(&f.key, "dedupe-key", "", "tasks of the submission with this `text`")
	flags.StringVar(&f.label, "label", "", "tasks with this label, a `word`")
	flags.StringVar(&f.run, "run", "", "tasks of the flow run with this `id`")
	flags.BoolVar(&f.waiting, "waiting", false, "only tasks that wait; alone, all that wait")
	actFlags(cmd, &f.by, &f.reason, &f.dryRun)
	yes := cli.YesFlag(cmd)
	format := formatFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			f.task = args[0]
			if before, after, both := strings.Cut(args[0], "/"); both {
				f.ids, f.task = []string{before}, after
			}
		}
		if f.task+f.key+f.label+f.run == "" && !f.waiting && !f.given() {
			return cli.Usage(errors.New("say which tasks: TASK, --dedupe-key, --label, --run, --instance, or --waiting for all that wait"))
		}
		f.by = cmp.Or(f.by, systemUser())
		needs := ofTables | f.services()
		if !f.dryRun {
			needs |= ofFunctions
		}
		return s.connect(cmd.Context(), needs, func(ctx context.Context, c *connection) error {
			end := waiting(cmd, "looking for the tasks")
			found, err := f.tasks(ctx, c)
			end()
			switch {
			case err != nil:
				return err
			case len(found) == 0:
				return cli.NotFound("no such task waits or runs")
			case f.dryRun:
				return f.list(cmd, *format, found)
			}
			c.announce(cmd)
			if err := f.list(cmd, "table", found); err != nil {
				return err
			}
			if err := cli.Ask(cmd, *yes, counted(len(found), "task")+" will be cancelled, or stopped if under way."); err != nil {
				return err
			}
			return f.send(ctx, cmd, c, *format, found)
		})
	}
	return cmd
}

// open is a task that waits or is under way.
type open struct {
	InstanceID  string    `json:"instanceId"`
	TaskID      string    `json:"taskId"`
	Name        string    `json:"name"`
	State       string    `json:"state"`
	SubmittedAt time.Time `json:"submittedAt"`
	By          string    `json:"submittedBy,omitempty"`
	Labels      []string  `json:"labels,omitempty"`
	RunID       string    `json:"runId,omitempty"`
}

var openColumns = []column[open]{
	{"INSTANCE", func(o open) any { return o.InstanceID }, isWhole},
	{"TASK", func(o open) any { return o.TaskID }, 0},
	{"COMMAND", func(o open) any { return o.Name }, 0},
	{"STATE", func(o open) any { return o.State }, isWhole},
	{"SUBMITTED", func(o open) any { return o.SubmittedAt }, isWide},
	{"BY", func(o open) any { return o.By }, isWide},
	{"LABELS", func(o open) any { return strings.Join(o.Labels, " ") }, 0},
}

func (f *cancelFlags) list(cmd *cobra.Command, format string, found []open) error {
	none := 0
	return printList(cmd, listFlags{&format, &none}, openColumns, "", func(add func(open) error) error {
		for _, o := range found {
			if err := add(o); err != nil {
				return err
			}
		}
		return nil
	})
}

// tasks finds the tasks that fit, by instance and id.
func (f *cancelFlags) tasks(ctx context.Context, c *connection) (found []open, err error) {
	var ids []string
	if f.given() {
		ids, err = f.find(ctx, c)
	} else {
		err = c.ledger.Fleet(ctx, func(id string, s ledger.Summary) error {
			if s.Queued+s.Running > 0 {
				ids = append(ids, id)
			}
			return nil
		})
	}
	if err != nil {
		return nil, err
	}
	for _, id := range slices.Sorted(slices.Values(ids)) {
		state, err := c.ledger.Whole(ctx, id)
		if err != nil {
			return nil, err
		}
		for _, key := range slices.Sorted(maps.Keys(state.Tasks)) {
			if t := state.Tasks[key]; f.fits(t) {
				found = append(found, open{id, t.ID, t.Name, string(t.State), t.SubmittedAt, t.By, t.Labels, t.RunID})
			}
		}
	}
	if f.task != "" && len(found) > 1 {
		return nil, cli.Usage(fmt.Errorf("%d tasks have an id that begins with %s: give more of it", len(found), f.task))
	}
	return found, nil
}

func (f *cancelFlags) fits(t decide.Task) bool {
	return strings.HasPrefix(t.ID, f.task) &&
		(f.key == "" || t.Cause == decide.Key("submission", "dedupeKey", f.key)) &&
		(f.label == "" || slices.Contains(t.Labels, f.label)) &&
		(f.run == "" || t.RunID == f.run) &&
		(!f.waiting || t.State == decide.TaskQueued)
}

// send cancels one task after another.
func (f *cancelFlags) send(ctx context.Context, cmd *cobra.Command, c *connection, format string, found []open) error {
	var all []acted
	key := "by-hand/" + rand.Text()
	end := waiting(cmd, "asking "+submitFunction)
	for _, o := range found {
		document := map[string]any{
			"instanceId": o.InstanceID, "dedupeKey": key + "/" + o.TaskID, "cancel": map[string]string{"taskId": o.TaskID}, "submittedBy": f.by,
		}
		if f.reason != "" {
			document["reason"] = f.reason
		}
		text, err := json.Marshal(document)
		if err != nil {
			return err
		}
		out, err := c.act(ctx, text)
		if err != nil {
			end()
			return errors.Join(err, report(cmd, format, all))
		}
		for _, item := range out.Items {
			all = append(all, newActed(item))
		}
	}
	end()
	return report(cmd, format, all)
}
