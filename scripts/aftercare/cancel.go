package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"aftercare/scripts/internal/cli"
	"aftercare/shared/decide"
	"aftercare/shared/ledger"
	"aftercare/shared/suggest"
)

// cancelFlags say which tasks are meant. One of task, key, label, run and all is set.
type cancelFlags struct {
	*targets
	task, key, label, run string
	all                   bool
	// unreached counts the instances to which submissions that fit have not been
	// submitted yet.
	unreached int
}

func newCancel(getenv func(string) string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "cancel [[INSTANCE/]TASK]",
		Short: "Cancel tasks that wait, and stop tasks that run",
		Example: `  aftercare cancel i-bp67acfmxazb4p/c2929f1f9b6e
  aftercare cancel --label release-42 --reason "it broke the first ones"
  aftercare cancel --run i-bp67acfmxazb4p/4a63377c
  aftercare cancel --all --instance i-bp67acfmxazb4p --dry-run`,
		Long: `What is meant is a task, the tasks of a submission, those with a label, a flow
run with its command, or all that wait; --instance alone means all that wait
there. It is listed, and each instance is asked once to cancel it. Without an
instance, it is looked for on the whole fleet. The beginning of an id is enough
if no other has it. Where a submission for several instances is still going on,
the exit code is 5: 'aftercare stop --label' holds what is still to come.`,
		Args: cli.Args("[TASK]"),
	}
	s := actSite(cmd, getenv)
	f := &cancelFlags{targets: targetFlags(cmd)}
	flags := cmd.Flags()
	flags.StringVar(&f.key, "dedupe-key", "", "tasks of the submission with this `text`")
	flags.StringVar(&f.label, "label", "", "tasks with this label, a `word`")
	flags.StringVar(&f.run, "run", "", "the flow run with this `id`, and its command")
	flags.BoolVar(&f.all, "all", false, "all tasks that wait; what runs, runs on")
	who := whoFlags(cmd)
	yes := cli.YesFlag(cmd)
	format := formatFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := f.choose(cmd, args); err != nil {
			return cli.Usage(err)
		}
		needs := ofTables | f.services()
		if !who.dryRun {
			needs |= ofFunctions
		}
		return s.connect(cmd.Context(), needs, func(ctx context.Context, c *connection) error {
			end := waiting(cmd, "looking for the tasks")
			found, err := f.find(ctx, c)
			end()
			if f.unreached > 0 {
				fmt.Fprintf(cmd.ErrOrStderr(), "A submission still has %s to reach. %s\n", counted(f.unreached, "instance"), f.brake())
			}
			switch {
			case err != nil:
				return err
			case who.dryRun:
				return listOpen(cmd, *format, found)
			}
			c.announce(cmd)
			if !machine(*format) {
				if err := listOpen(cmd, *format, found); err != nil {
					return err
				}
			}
			if err := cli.Ask(cmd, *yes, counting(found)+" will be cancelled, or stopped if under way."); err != nil {
				return err
			}
			var documents []map[string]any
			for i, o := range found {
				if i == 0 || o.InstanceID != found[i-1].InstanceID {
					documents = append(documents, map[string]any{"instanceId": o.InstanceID, "cancel": f.document(o)})
				}
			}
			err = c.actAll(ctx, cmd, *format, who, documents)
			if err == nil && f.unreached > 0 {
				err = cli.CodeError{Code: cli.ExitPartly, Err: fmt.Errorf("%s not reached yet", counted(f.unreached, "instance"))}
			}
			return err
		})
	}
	return cmd
}

// brake says what to do about what is still to come.
func (f *cancelFlags) brake() string {
	if f.label == "" {
		return "Cancel again when 'aftercare acts' lists it."
	}
	return "'aftercare stop --label " + f.label + "' holds it there: stop, and cancel again when 'aftercare acts' lists it."
}

// countUnreached counts the instances that submissions which fit have not reached: of
// these instances, or of all if the list is empty.
func (f *cancelFlags) countUnreached(ctx context.Context, l *ledger.Ledger, on []string) error {
	if f.key == "" && f.label == "" && !f.all {
		return nil
	}
	return l.EachLeft(ctx, func(m decide.Many) error {
		if !f.all && (f.key == "" || m.DedupeKey != f.key) && (f.label == "" || !slices.Contains(m.Labels, f.label)) {
			return nil
		}
		for _, id := range m.Left() {
			if len(on) == 0 || slices.Contains(on, id) {
				f.unreached++
			}
		}
		return nil
	})
}

// counting says how many flow runs and tasks were found.
func counting(found []open) string {
	runs := 0
	for _, o := range found {
		if o.TaskID == "" {
			runs++
		}
	}
	switch tasks := len(found) - runs; {
	case runs == 0:
		return counted(tasks, "task")
	case tasks == 0:
		return counted(runs, "flow run")
	default:
		return counted(runs, "flow run") + " and " + counted(tasks, "task")
	}
}

// choose reads the argument, and checks that one thing is meant that can be. An empty
// text may be a variable that was never set, and must not mean all.
func (f *cancelFlags) choose(cmd *cobra.Command, args []string) error {
	for _, id := range args {
		f.task = f.under(id)
	}
	f.run = f.under(f.run)
	given := cmd.Flags().Changed
	ways := len(args)
	for _, set := range []bool{given("dedupe-key"), given("label"), given("run"), f.all} {
		if set {
			ways++
		}
	}
	if ways == 0 && f.given() {
		f.all, ways = true, 1
	}
	switch {
	case ways != 1:
		return errors.New("say which tasks by one of TASK, --dedupe-key, --label, --run, --instance, and --all for all that wait")
	case len(args) > 0 && !derived.MatchString(f.task):
		return fmt.Errorf("TASK %q must be hex digits, as 'aftercare queue' prints them", f.task)
	case given("run") && !derived.MatchString(f.run):
		return fmt.Errorf("--run %q must be hex digits, as 'aftercare runs' prints them", f.run)
	case given("label") && !decide.ValidLabel(f.label):
		return fmt.Errorf("--label %q must have 1 to 64 letters, digits and . _ : / = -", f.label)
	case given("dedupe-key") && f.key == "":
		return errors.New("--dedupe-key must not be empty")
	}
	return nil
}

// derived is the form of a derived id, or its beginning.
var derived = regexp.MustCompile(`^[0-9a-f]{1,32}$`)

// under returns an id without its instance, which becomes the target.
func (f *cancelFlags) under(id string) string {
	instanceID, rest, both := strings.Cut(id, "/")
	if !both {
		return id
	}
	f.ids = []string{instanceID}
	return rest
}

// document is the document's cancel.
func (f *cancelFlags) document(found open) map[string]any {
	switch {
	case f.task != "":
		return map[string]any{"taskId": found.TaskID}
	case f.run != "":
		return map[string]any{"run": found.RunID}
	case f.key != "":
		return map[string]any{"dedupeKey": f.key}
	case f.label != "":
		return map[string]any{"label": f.label}
	}
	return map[string]any{"all": true}
}

// open is a task, or a flow run, that waits or is under way.
type open struct {
	InstanceID  string    `json:"instanceId"`
	TaskID      string    `json:"taskId,omitempty"`
	Name        string    `json:"name"`
	State       string    `json:"state"`
	SubmittedAt time.Time `json:"submittedAt"`
	By          string    `json:"submittedBy,omitempty"`
	Labels      []string  `json:"labels,omitempty"`
	RunID       string    `json:"runId,omitempty"`
}

// id is the task's, or the run's.
func (o open) id() string { return cmp.Or(o.TaskID, o.RunID) }

var openColumns = []column[open]{
	{"INSTANCE/ID", func(o open) any { return label(o.InstanceID, o.id()) }, isWhole},
	{"COMMAND", func(o open) any { return o.Name }, 0},
	{"STATE", func(o open) any { return o.State }, isWhole},
	{"SUBMITTED", func(o open) any { return o.SubmittedAt }, isWide},
	{"BY", func(o open) any { return o.By }, isWide},
	{"LABELS", func(o open) any { return strings.Join(o.Labels, " ") }, 0},
	{"WHOLE ID", func(o open) any { return o.id() }, isWide},
}

func listOpen(cmd *cobra.Command, format string, found []open) error {
	none := 0
	return printList(cmd, listFlags{&format, &none, new(string)}, openColumns, "", func(add func(open) error) error { return eachOf(found, add) })
}

// find finds what fits, by instance and id. It is an error if nothing does.
func (f *cancelFlags) find(ctx context.Context, c *connection) (found []open, err error) {
	var on []listed
	var ids []string
	if f.given() {
		if ids, err = f.targets.find(ctx, c); err != nil {
			return nil, err
		}
		for _, id := range ids {
			on = append(on, listed{InstanceID: id})
		}
	} else if on, err = readFleet(ctx, c.ledger, func(i listed) bool { return i.Queued+i.Running+i.Runs > 0 }); err != nil {
		return nil, err
	}
	if err := f.countUnreached(ctx, c.ledger, ids); err != nil {
		return nil, err
	}
	labels := map[string]bool{}
	err = openStates(ctx, c.ledger, on, func(s decide.State) error {
		for _, r := range s.Runs {
			if f.run != "" && strings.HasPrefix(r.ID, f.run) {
				found = append(found, open{InstanceID: s.Instance.ID, Name: "flow " + r.Flow, State: underWay, SubmittedAt: r.CreatedAt, RunID: r.ID})
			}
		}
		for _, t := range s.Tasks {
			for _, l := range t.Labels {
				labels[l] = true
			}
			if f.fits(s, t) {
				found = append(found, open{s.Instance.ID, t.ID, t.Name, string(t.State), t.SubmittedAt, t.By, t.Labels, t.RunID})
			}
		}
		return nil
	})
	slices.SortFunc(found, func(a, b open) int {
		return cmp.Or(cmp.Compare(a.InstanceID, b.InstanceID), cmp.Compare(a.TaskID, b.TaskID))
	})
	named := map[string]bool{}
	for _, o := range found {
		if f.task != "" {
			named[o.TaskID] = true
		} else if f.run != "" {
			named[o.RunID] = true
		}
	}
	switch {
	case err != nil:
		return nil, err
	case len(found) == 0 && f.label != "":
		hint := ""
		if near := suggest.Nearest(f.label, slices.Sorted(maps.Keys(labels))); near != "" {
			hint = suggest.DidYouMean(near)
		}
		return nil, cli.NotFound("no task with the label %s waits or runs%s", f.label, hint)
	case len(found) == 0 && f.all:
		return nil, cli.NotFound("no task waits")
	case len(found) == 0:
		return nil, cli.NotFound("no such task waits or runs")
	case len(named) > 1:
		return nil, cli.Usage(fmt.Errorf("%s is the beginning of %d ids: give more of it", f.task+f.run, len(named)))
	}
	return found, nil
}

func (f *cancelFlags) fits(s decide.State, t decide.Task) bool {
	switch {
	case f.task != "":
		return strings.HasPrefix(t.ID, f.task)
	case f.run != "":
		return strings.HasPrefix(t.RunID, f.run)
	case f.key != "":
		return t.Cause == decide.Key("submission", "dedupeKey", f.key)
	case f.label != "":
		return slices.Contains(t.Labels, f.label)
	}
	return t.State == decide.TaskQueued || t.State == decide.TaskReleasing && s.Sends[t.SendKey].FirstSent.IsZero()
}
