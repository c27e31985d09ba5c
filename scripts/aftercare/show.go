package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"aftercare/scripts/internal/cli"
	"aftercare/scripts/internal/screen"
	"aftercare/shared/decide"
	"aftercare/shared/engine"
	"aftercare/shared/ledger"
)

// newestRecords is how many records of an instance are printed without --since.
const newestRecords = 100

func newShow(getenv func(string) string) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "show ID",
		Aliases: []string{"instance"},
		Short:   "Show an instance's timeline, or one task, run, execution or event",
		Long: `ID is an instance, or INSTANCE/ID as lists print it; the beginning of an id is
enough. ECS is asked for the instance of an invocation, t-…. What else comes
without its instance, a task, a run or an event, is looked for in the history,
within --since. 'aftercare instance' is another name of this
command.`,
		Example: `  aftercare show i-bp67acfmxazb4p --since 1h
  aftercare show i-bp67acfmxazb4p/4a63377c
  aftercare show t-hz0jdfwd9f7k8n4`,
		Args: cli.Args("ID"),
	}
	s := siteFlags(cmd, getenv)
	format := outputFlag(cmd)
	from := sinceFlag(cmd, 0)
	from.text = ""
	cmd.Flags().Lookup("since").DefValue = fmt.Sprintf("the newest %d records; 24h to look for an id", newestRecords)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		page := page{cmd: cmd, clock: clockOf(cmd), json: format.json()}
		needs, asks := ofTables, strings.HasPrefix(args[0], "t-") && !strings.Contains(args[0], "/")
		if asks && s.lacks(ofECS) == nil {
			needs |= ofECS
		}
		return s.connect(cmd.Context(), needs, func(ctx context.Context, c *connection) error {
			l := c.ledger
			if asks {
				return page.invocation(ctx, c, args[0], from)
			}
			instanceID, id, whole := strings.Cut(args[0], "/")
			if whole {
				return page.one(ctx, l, instanceID, id)
			}
			state, err := l.Whole(ctx, args[0])
			if err != nil {
				return err
			}
			if state.Instance.Rev > 0 || strings.HasPrefix(args[0], "i-") {
				return page.instance(ctx, l, state, from.from)
			}
			return page.find(ctx, l, args[0], from)
		})
	}
	return cmd
}

// page prints what show is asked for.
type page struct {
	cmd   *cobra.Command
	clock clock
	json  bool
}

func (p page) say(format string, args ...any) { say(p.cmd.OutOrStdout(), format, args...) }

func (p page) table(t *screen.Table) { t.Print(p.cmd.OutOrStdout()) }

// instance shows an instance: what is open, and its timeline.
func (p page) instance(ctx context.Context, l *ledger.Ledger, state decide.State, since time.Time) error {
	most := newestRecords
	if !since.IsZero() {
		most = 0
	}
	records, older, err := l.Recent(ctx, state.Instance.ID, since, most)
	if err != nil {
		return err
	}
	v := newView(state, records, older)
	if state.Instance.Rev == 0 && v.Log.empty() && since.IsZero() {
		return cli.NotFound("nothing is known about %s: no event named it, and nothing was submitted for it", state.Instance.ID)
	}
	all, err := standing(ctx, l)
	if err != nil {
		return err
	}
	v.Stopped = holding(all, state)
	if p.json {
		return printJSON(p.cmd.OutOrStdout(), v)
	}
	p.say("%s: %s", screen.Plain(v.Instance.ID), v.Instance.state(p.clock))
	if what := v.Instance.what(p.clock); what != "" {
		screen.Say(p.cmd.OutOrStdout(), "  ", screen.Plain(what))
	}
	for _, t := range standingTables(v.Stopped, "Stopped", p.clock.moment) {
		p.table(t)
	}
	p.table(openTable(p.clock, state, v))
	timeline := timelineTable(p.clock, v, since)
	if len(timeline.Rows) == 0 {
		fmt.Fprintln(p.cmd.OutOrStdout(), "\nNothing happened in that time.")
	}
	p.table(timeline)
	if older {
		fmt.Fprintf(p.cmd.OutOrStdout(), "\nThese are the newest %d records. --since prints more.\n", newestRecords)
	}
	return nil
}

func (r records) empty() bool {
	return len(r.Executions)+len(r.Tasks)+len(r.FlowRuns)+len(r.Boots)+len(r.Acts)+len(r.Lost) == 0
}

// askTime bounds the question to ECS. The rest of --timeout is for the history.
const askTime = 10 * time.Second

// invocation shows an execution on the instance that ECS names. What ECS does not
// know or say is looked for in the history.
func (p page) invocation(ctx context.Context, c *connection, id string, from *since) error {
	errOut := p.cmd.ErrOrStderr()
	if c.assistant == nil {
		fmt.Fprintln(errOut, "ECS is not asked, because no region is set")
		return p.find(ctx, c.ledger, id, from)
	}
	asking, cancel := context.WithTimeout(ctx, askTime)
	on, err := c.assistant.InstancesOf(asking, id)
	cancel()
	switch {
	case err != nil && !errors.Is(err, engine.ErrInvalid): // then it does not know the id
		fmt.Fprintf(errOut, "ECS does not say where %s ran: %v\n", id, err)
	case len(on) == 0:
		fmt.Fprintf(errOut, "ECS does not know %s\n", id)
	case len(on) > 1:
		t := &screen.Table{Head: []string{"INSTANCE/ID"}, Whole: map[int]bool{0: true}}
		for _, instanceID := range on {
			t.Add(label(instanceID, id))
		}
		p.table(t)
		return cli.Usage(fmt.Errorf("ECS says that %s ran on %d instances: name one of these", id, len(on)))
	default:
		fmt.Fprintf(errOut, "ECS says that %s ran on %s\n", id, on[0])
		return p.one(ctx, c.ledger, on[0], id)
	}
	return p.find(ctx, c.ledger, id, from)
}

// find shows what has an id in the history.
func (p page) find(ctx context.Context, l *ledger.Ledger, id string, from *since) error {
	instanceID, id, err := p.locate(ctx, l, id, from)
	if err != nil {
		return err
	}
	return p.one(ctx, l, instanceID, id)
}

// locate looks for an id in the history, and for its instance.
func (p page) locate(ctx context.Context, l *ledger.Ledger, id string, from *since) (instanceID, whole string, err error) {
	if from.from.IsZero() {
		*from = since{"24h", time.Now().Add(-lookBack)}
	}
	say(p.cmd.ErrOrStderr(), "looking for %s in the history %s", id, from.words())
	var found []record
	q := filter{}.query(from.from, []ledger.EntryKind{ledger.EntryExecution, ledger.EntryTask, ledger.EntryRun, ledger.EntryBoot})
	if !strings.HasPrefix(id, bootPrefix) { // which is in no row
		q.ID = id
	}
	err = l.History(ctx, q, func(e ledger.Entry) error {
		r := recordOf(e)
		for _, other := range []string{r.ID, r.TaskID, r.EventID} {
			if strings.HasPrefix(other, id) {
				if other == r.TaskID {
					r.ID = other
				}
				if other == id { // it is whole, so no other has it
					found = []record{r}
					return errEnough
				}
				found = append(found, r)
				break
			}
		}
		if len(found) > 50 {
			return errEnough
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return "", "", err
	}
	names := map[string]bool{}
	for _, r := range found {
		names[r.InstanceID+"/"+r.ID] = true
	}
	switch {
	case len(names) == 0:
		return "", "", cli.NotFound("no instance, and no task, run, execution or event of %s has the id %s. --since looks further back, and INSTANCE/ID needs no history",
			strings.TrimPrefix(from.words(), "within "), id)
	case len(names) > 1:
		t := &screen.Table{Head: []string{"WHEN", "INSTANCE/ID", "WHAT"}, Whole: map[int]bool{0: true, 1: true}}
		for _, r := range found {
			t.Add(p.clock.moment(r.At), r.label(), r.what())
		}
		p.table(t)
		return "", "", cli.Usage(fmt.Errorf("%s is the beginning of several ids: name one of these", id))
	}
	return found[0].InstanceID, found[0].ID, nil
}

// one shows a task, a run, an execution or an event of an instance.
func (p page) one(ctx context.Context, l *ledger.Ledger, instanceID, id string) error {
	state, err := l.Whole(ctx, instanceID)
	if err != nil {
		return err
	}
	records, err := l.Find(ctx, instanceID, id)
	if err == nil && len(records.Tasks)+len(records.Runs)+len(records.Executions) == 0 {
		// It may be an event or a boot: their ids are in the newest records.
		records, _, err = l.Recent(ctx, instanceID, time.Time{}, newestRecords)
	}
	if err != nil {
		return err
	}
	all, err := standing(ctx, l)
	if err != nil {
		return err
	}
	v := newView(state, records, false)
	v.Stopped = holding(all, state)
	is := func(have string) bool { return id != "" && strings.HasPrefix(have, id) }
	type match struct {
		id    string
		value any
		print func()
	}
	found := map[string]match{}
	for _, list := range [][]task{v.Queue, v.Tasks, v.Log.Tasks} {
		for _, t := range list {
			if is(t.ID) {
				found[t.ID] = match{t.ID, t, func() { p.task(v, state, t) }}
			}
		}
	}
	for _, list := range [][]flowRun{v.FlowRuns, v.Log.FlowRuns} {
		for _, r := range list {
			if is(r.ID) {
				found[r.ID] = match{r.ID, r, func() { p.run(instanceID, r) }}
			}
		}
	}
	for _, list := range [][]execution{v.Unmatched, v.Log.Executions} {
		for _, e := range list {
			if is(e.InvokeID) || is(e.EventID) {
				found[e.InvokeID+"/"+e.EventID] = match{e.InvokeID, e, func() { p.execution(e) }}
			}
		}
	}
	for _, b := range v.Log.Boots {
		if is(b.EventID) || bootPrefix+fmt.Sprint(b.Seq) == id {
			found["boot "+b.EventID] = match{b.EventID, b, func() { p.boot(instanceID, b) }}
		}
	}
	if len(found) == 0 {
		return cli.NotFound("%s has no task, run, execution or event with the id %s", instanceID, id)
	}
	if len(found) > 1 {
		var ids []string
		for _, m := range found {
			ids = append(ids, m.id)
		}
		return cli.Usage(fmt.Errorf("%s is the beginning of %d ids: %s", id, len(ids), strings.Join(ids, ", ")))
	}
	for _, m := range found {
		if p.json {
			return printJSON(p.cmd.OutOrStdout(), m.value)
		}
		m.print()
	}
	return nil
}
