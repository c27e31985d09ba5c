package main

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"aftercare/scripts/internal/cli"
	"aftercare/shared/decide"
	"aftercare/shared/flow"
	"aftercare/shared/ledger"
)

// underWay are the words for runs and tasks that have not ended.
const underWay = "under way"

// openRun is a flow run that has not ended, as a line of the history.
func openRun(instanceID string, r decide.FlowRun) record {
	v := newFlowRun(r)
	return record{
		At: r.CreatedAt, Kind: "run", InstanceID: instanceID, ID: r.ID, Name: r.Flow, Result: underWay, Why: waitsFor(v),
		StartedAt: r.StartedAt,
	}
}

// stepWaits says how a step of a run that has begun waits.
var stepWaits = map[string]string{
	string(flow.PendingCommand): "waits for its command",
	string(flow.PendingBackoff): "waits for its next attempt",
	string(flow.PendingWait):    "waits",
	string(flow.PendingBoot):    "waits for the next boot",
}

// waitsFor says what a run that has not ended waits for.
func waitsFor(r flowRun) string {
	step, after := "", ""
	if n := len(r.Steps); n > 0 && r.Steps[n-1].Status == "" {
		step = "step " + r.Steps[n-1].ID + " "
		if after = r.Steps[n-1].Reason; after != "" { // of its last attempt
			after = ", after " + after
		}
	}
	if r.Waits == "" {
		return step + "goes on at once"
	}
	return step + cmp.Or(stepWaits[r.Waits], "waits: "+r.Waits) + after
}

// openTask is a task that has not ended.
func openTask(instanceID string, t decide.Task) record {
	return record{
		At: t.SubmittedAt, Kind: "task", InstanceID: instanceID, ID: t.ID, Name: t.Name, Result: string(t.State), InvokeID: t.InvokeID,
	}
}

var workColumns = []column[record]{
	{"WHEN", func(r record) any { return r.At }, isWhole},
	{"INSTANCE/ID", func(r record) any { return r.label() }, isWhole},
	{"NAME", func(r record) any { return r.Name }, 0},
	{"RESULT", func(r record) any { return r.outcome() }, isState},
	{"TOOK", func(r record) any { return took(r) }, isWide},
	{"INVOCATION", func(r record) any { return r.InvokeID }, isWide},
	{"WHOLE ID", func(r record) any { return r.ID }, isWide},
}

// took is how long an ended record took.
func took(r record) string {
	if r.Result == underWay {
		return ""
	}
	return between(r.StartedAt, r.At)
}

func newRuns(getenv func(string) string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "runs",
		Short: "List flow runs under way, then the ended ones, the newest first",
		Long:  `WHEN is when a run ended, or was made if it is under way.`,
		Example: `  aftercare runs --flow restart-api --result failed
  aftercare runs --since 7d --result refused`,
		Args: cli.Args(),
	}
	want := filter{}
	s, f, w := siteFlags(cmd, getenv), addListFlags(cmd), watchFlag(cmd)
	from := sinceFlag(cmd, lookBack)
	cmd.Flags().StringVar(&want.flow, "flow", "", "only runs of the flow with this `name`")
	_ = cmd.RegisterFlagCompletionFunc("flow", completeFlows(getenv)) // it fails only for a flag that does not exist
	result := cli.Word(cmd, "result", "", "", "only runs with this `result`, such as failed, refused or 'under way'", append([]string{underWay}, results...)...)
	cmd.RunE = w.run(func(cmd *cobra.Command, _ []string) error {
		if err := flowFlag(want.flow); err != nil {
			return cli.Usage(err)
		}
		return printList(cmd, f, workColumns, "No such run is under way, and none ended "+from.words()+".", func(add func(record) error) error {
			return s.with(cmd.Context(), func(ctx context.Context, l *ledger.Ledger) error {
				if _, err := f.stoppedNow(ctx, l); err != nil {
					return err
				}
				if want.status = *result; want.status == "" || want.status == underWay {
					err := openWork(ctx, l, func(i listed) bool { return i.Runs > 0 }, want.takes, add, func(s decide.State) (list []record) {
						for _, r := range s.Runs {
							list = append(list, openRun(s.Instance.ID, r))
						}
						return list
					})
					if err != nil || want.status == underWay {
						return err
					}
				}
				some := false
				err := ended(ctx, l, want, ledger.EntryRun, from.from, func(r record) error {
					some = true
					return add(r)
				})
				if err != nil || some || want.flow == "" {
					return err
				}
				return flowMisspelt(ctx, l, want.flow, from)
			})
		})
	})
	return cmd
}

// flowMisspelt is an error if another flow ran whose name is near to one that did not.
func flowMisspelt(ctx context.Context, l *ledger.Ledger, name string, from *since) error {
	var ran []string
	err := ended(ctx, l, filter{}, ledger.EntryRun, from.from, func(r record) error {
		ran = append(ran, r.Name)
		return nil
	})
	if err != nil || slices.Contains(ran, name) {
		return err
	}
	if hint := near(name, ran); hint != "" {
		return cli.NotFound("no run of %s ended %s%s", name, from.words(), hint)
	}
	return nil
}

func newTasks(getenv func(string) string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "tasks",
		Short: "List tasks under way, then the ended ones, the newest first",
		Long: `WHEN is when a task ended, or was submitted if it has not. 'aftercare queue'
lists those that wait.`,
		Example: `  aftercare tasks --status expired --since 7d
  aftercare tasks --command backup`,
		Args: cli.Args(),
	}
	want := filter{}
	s, f, w := siteFlags(cmd, getenv), addListFlags(cmd), watchFlag(cmd)
	from := sinceFlag(cmd, lookBack)
	cmd.Flags().StringVar(&want.command, "command", "", "only commands whose name contains this `text`")
	status := cli.Word(cmd, "status", "", "", "only tasks with this `state`", distinct([]string{string(decide.TaskReleasing), string(decide.TaskRunning)}, endStates, statuses)...)
	cmd.RunE = w.run(func(cmd *cobra.Command, _ []string) error {
		return printList(cmd, f, workColumns, "No such task is under way, and none ended "+from.words()+".", func(add func(record) error) error {
			return s.with(cmd.Context(), func(ctx context.Context, l *ledger.Ledger) error {
				if _, err := f.stoppedNow(ctx, l); err != nil {
					return err
				}
				want.status = *status
				live := want.status == string(decide.TaskReleasing) || want.status == string(decide.TaskRunning)
				if live || want.status == "" {
					err := openWork(ctx, l, func(i listed) bool { return i.Running > 0 }, want.takes, add, func(s decide.State) (list []record) {
						for _, t := range s.Tasks {
							if t.State != decide.TaskQueued {
								list = append(list, openTask(s.Instance.ID, t))
							}
						}
						return list
					})
					if err != nil || live {
						return err
					}
				}
				return ended(ctx, l, want, ledger.EntryTask, from.from, add)
			})
		})
	})
	return cmd
}

// openWork adds the work that is under way on instances, the newest of each first.
func openWork(ctx context.Context, l *ledger.Ledger, on func(listed) bool, takes func(record) bool, add func(record) error, of func(decide.State) []record) error {
	all, err := readFleet(ctx, l, on)
	if err != nil {
		return err
	}
	return openStates(ctx, l, all, func(s decide.State) error {
		list := of(s)
		newest(list, func(r record) (time.Time, string) { return r.At, r.ID })
		return eachOf(slices.DeleteFunc(list, func(r record) bool { return !takes(r) }), add)
	})
}

// ended adds the ended work of a kind.
func ended(ctx context.Context, l *ledger.Ledger, want filter, kind ledger.EntryKind, from time.Time, add func(record) error) error {
	return l.History(ctx, want.query(from, []ledger.EntryKind{kind}), func(e ledger.Entry) error {
		if r := recordOf(e); want.takes(r) {
			return add(r)
		}
		return nil
	})
}

// waitingTask is a queued task.
type waitingTask struct {
	InstanceID string `json:"instanceId"`
	task
	WaitsFor string `json:"waitsFor"`
}

func newQueue(getenv func(string) string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "queue",
		Short: "List the commands that wait for their instances, and what for",
		Long: `The instances that changed last come first, each with its commands in the order
of sending.`,
		Example: `  aftercare queue
  aftercare queue --limit 0 -o json`,
		Args: cli.Args(),
	}
	s, f, w := siteFlags(cmd, getenv), addListFlags(cmd), watchFlag(cmd)
	columns := []column[waitingTask]{
		{"SUBMITTED", func(t waitingTask) any { return t.SubmittedAt }, isWhole},
		{"INSTANCE/ID", func(t waitingTask) any { return label(t.InstanceID, t.ID) }, isWhole},
		{"COMMAND", func(t waitingTask) any { return t.Name }, 0},
		{"WAITS FOR", func(t waitingTask) any { return t.WaitsFor }, 0},
		{"PRIORITY", func(t waitingTask) any { return t.Priority }, isWide},
		{"EXPIRES", func(t waitingTask) any { return t.ExpiresAt }, isWide},
		{"WHOLE ID", func(t waitingTask) any { return t.ID }, isWide},
	}
	cmd.RunE = w.run(func(cmd *cobra.Command, _ []string) error {
		return printList(cmd, f, columns, "No command waits.", func(add func(waitingTask) error) error {
			return s.with(cmd.Context(), func(ctx context.Context, l *ledger.Ledger) error {
				all, err := readFleet(ctx, l, func(i listed) bool { return i.Queued > 0 })
				if err != nil {
					return err
				}
				stopped, err := f.stoppedNow(ctx, l)
				if err != nil {
					return err
				}
				stops := stopped.Control()
				return openStates(ctx, l, all, func(s decide.State) error {
					return eachOf(queueOf(s), func(t task) error {
						return add(waitingTask{s.Instance.ID, t, taskWaits(clockOf(cmd), stops, s, t)})
					})
				})
			})
		})
	})
	return cmd
}

// queueOf are the queued tasks in the order of their release.
func queueOf(s decide.State) []task {
	list := []task{}
	for _, t := range s.Tasks {
		if t.State == decide.TaskQueued {
			list = append(list, newTask(t))
		}
	}
	slices.SortFunc(list, func(a, b task) int {
		return cmp.Or(b.Priority-a.Priority, a.SubmittedAt.Compare(b.SubmittedAt), cmp.Compare(a.ID, b.ID))
	})
	return list
}

// taskWaits says what a queued task waits for.
func taskWaits(c clock, stops decide.Control, s decide.State, t task) string {
	i, queued := s.Instance, s.Tasks[t.ID]
	stop := stops.Holding(s, queued)
	switch {
	case stop != nil:
		return "a resume of " + stop.Scope.String()
	case queued.NotBefore.After(c.now):
		return "its time, " + c.moment(queued.NotBefore)
	case i.Boot == decide.BootWaiting:
		return "its agent, which was not up"
	case i.Boot != decide.BootBootable:
		return "its agent, whose state is not known"
	case i.HeldUntil.After(c.now):
		return "the service (" + string(i.HeldBy) + ")"
	}
	return "its turn"
}
