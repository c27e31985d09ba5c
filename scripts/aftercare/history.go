package main

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"aftercare/scripts/internal/cli"
	"aftercare/shared/decide"
	"aftercare/shared/event"
	"aftercare/shared/flow"
	"aftercare/shared/ledger"
)

// lookBack is how far back lists look without --since.
const lookBack = 24 * time.Hour

// statuses are how executions end. Error is a word of older services.
var statuses = []string{
	string(event.StatusSuccess), string(event.StatusFailed), string(event.StatusTimeout), string(event.StatusAborted), string(event.StatusInvalid),
	string(event.StatusCancelled), string(event.StatusTerminated), "Error",
}

// endStates are how tasks end.
var endStates = slices.DeleteFunc(slices.Clone(flow.StepStatuses), func(s string) bool { return s == flow.StepSkipped })

// results are how flow runs end.
var results = []string{flow.ResultSucceeded, flow.ResultFailed, flow.ResultTimedOut, flow.ResultRefused, flow.ResultDropped, flow.ResultDryRun, flow.ResultCancelled}

func newHistory(getenv func(string) string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "history",
		Short: "List what happened on all instances, the newest first",
		Long: `Ends of commands, flow runs, boots, what people did, and alerts that were given
up. Tasks are listed only if they ended without running; --kind task lists all.`,
		Example: `  aftercare history --failed
  aftercare history --since 7d --command backup --status Timeout
  aftercare history --instance i-bp67acfmxazb4p -o jsonl | jq .result`,
		Args: cli.Args(),
	}
	s, f, w := siteFlags(cmd, getenv), addListFlags(cmd), watchFlag(cmd)
	from := sinceFlag(cmd, lookBack)
	want := historyFilter(cmd)
	cmd.RunE = w.run(func(cmd *cobra.Command, _ []string) error {
		return printList(cmd, f, recordColumns, "Nothing of that kind happened "+from.words()+".", func(add func(record) error) error {
			return s.with(cmd.Context(), func(ctx context.Context, l *ledger.Ledger) error {
				return want.read(ctx, l, from.from, add)
			})
		})
	})
	return cmd
}

// kindFilter is a filter with the kind of the records.
type kindFilter struct {
	filter
	kind *string
}

// historyFilter adds the flags that say which records are wanted.
func historyFilter(cmd *cobra.Command) *kindFilter {
	var words []string
	for _, kind := range ledger.EntryKinds {
		words = append(words, kindWords[kind])
	}
	f := &kindFilter{kind: cli.Word(cmd, "kind", "", "", "only records of this `kind`: execution, task, run, boot, act or message", words...)}
	cmd.Flags().StringVar(&f.command, "command", "", "only commands and flows whose name contains this `text`")
	cmd.Flags().StringVar(&f.instance, "instance", "", "only on the instance with this `id`")
	cmd.Flags().BoolVar(&f.failed, "failed", false, "only what did not go well")
	status := cli.Word(cmd, "status", "", "", "only what ended with this `word`, such as Failed or expired", distinct(statuses, endStates, results, decide.ActOutcomes, []string{ledger.GivenUp})...)
	cmd.PreRun = func(*cobra.Command, []string) { f.status = *status }
	return f
}

// distinct are the words of some lists, each once in any case.
func distinct(lists ...[]string) (words []string) {
	for _, word := range slices.Concat(lists...) {
		if !slices.ContainsFunc(words, func(w string) bool { return strings.EqualFold(w, word) }) {
			words = append(words, word)
		}
	}
	return words
}

// read hands the records that are wanted to add, the newest first.
func (f *kindFilter) read(ctx context.Context, l *ledger.Ledger, from time.Time, add func(record) error) error {
	return l.History(ctx, f.query(from, kindOf(*f.kind)), func(e ledger.Entry) error {
		ran := e.Kind == ledger.EntryTask && e.InvokeID != ""
		if r := recordOf(e); f.takes(r) && (!ran || *f.kind != "") {
			return add(r)
		}
		return nil
	})
}

func newActs(getenv func(string) string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "acts",
		Short: "List what people did, the newest first, with who and why",
		Example: `  aftercare acts
  aftercare acts --since 7d`,
		Args: cli.Args(),
	}
	s, f, w := siteFlags(cmd, getenv), addListFlags(cmd), watchFlag(cmd)
	from := sinceFlag(cmd, 7*lookBack)
	columns := []column[record]{
		{"WHEN", func(r record) any { return r.At }, isWhole},
		{"WHAT", func(r record) any { return r.Name }, 0},
		{"OUTCOME", func(r record) any { return r.Result }, isState},
		{"BY", func(r record) any { return r.By }, 0},
		{"WHY", func(r record) any { return r.Why }, 0},
		{"INSTANCE", func(r record) any { return r.InstanceID }, isWide},
	}
	cmd.RunE = w.run(func(cmd *cobra.Command, _ []string) error {
		return printList(cmd, f, columns, "Nobody did anything "+from.words()+".", func(add func(record) error) error {
			return s.with(cmd.Context(), func(ctx context.Context, l *ledger.Ledger) error {
				return l.History(ctx, filter{}.query(from.from, []ledger.EntryKind{ledger.EntryAct}), func(e ledger.Entry) error {
					return add(recordOf(e))
				})
			})
		})
	})
	return cmd
}
