package main

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"aftercare/scripts/internal/cli"
	"aftercare/shared/decide"
	"aftercare/shared/ledger"
)

// listed is an instance as the list of the fleet has it.
type listed struct {
	InstanceID string    `json:"instanceId"`
	State      string    `json:"state"`
	Since      time.Time `json:"since,omitzero"`
	Queued     int       `json:"queued"`
	ExpiresAt  time.Time `json:"expiresAt,omitzero"`
	Running    int       `json:"running"`
	Runs       int       `json:"runs"`
	Failing    int       `json:"failing"`
	DueAt      time.Time `json:"dueAt,omitzero"`
	Agent      string    `json:"agentVersion,omitempty"`
	OS         string    `json:"os,omitempty"`
	Zone       string    `json:"zone,omitempty"`
	Changed    time.Time `json:"changedAt,omitzero"`
}

var fleetColumns = []column[listed]{
	{"INSTANCE", func(i listed) any { return i.InstanceID }, isWhole},
	{"STATE", func(i listed) any { return i.State }, isState | isWhole},
	{"SINCE", func(i listed) any { return i.Since }, isWhole},
	{"QUEUED", func(i listed) any { return i.Queued }, isWhole},
	{"RUNNING", func(i listed) any { return i.Running + i.Runs }, isWhole},
	{"FAILING", func(i listed) any { return i.Failing }, isWhole},
	{"CHANGED", func(i listed) any { return i.Changed }, isWide},
	{"EXPIRES", func(i listed) any { return i.ExpiresAt }, isWide},
	{"AGENT", func(i listed) any { return i.Agent }, isWide},
	{"OS", func(i listed) any { return i.OS }, isWide},
	{"ZONE", func(i listed) any { return i.Zone }, isWide},
}

// readFleet reads the instances that are wanted, the last changed first.
func readFleet(ctx context.Context, l *ledger.Ledger, wanted func(listed) bool) (all []listed, err error) {
	at := func(ms int64) time.Time {
		if ms == 0 {
			return time.Time{}
		}
		return time.UnixMilli(ms).UTC()
	}
	err = l.Fleet(ctx, func(id string, s ledger.Summary) error {
		i := listed{
			InstanceID: id, State: string(s.Boot), Since: at(s.BootMS), Queued: s.Queued, ExpiresAt: at(s.ExpiryMS), Running: s.Running,
			Runs: s.Runs, Failing: s.Failing, DueAt: at(s.DueMS), Agent: s.Agent, OS: s.OS, Zone: s.Zone, Changed: at(s.Commit),
		}
		if wanted(i) {
			all = append(all, i)
		}
		return nil
	})
	slices.SortFunc(all, func(a, b listed) int {
		return cmp.Or(b.Changed.Compare(a.Changed), cmp.Compare(a.InstanceID, b.InstanceID))
	})
	return all, err
}

func newInstances(getenv func(string) string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "instances",
		Short: "List the instances, the last changed first",
		Long: `RUNNING counts commands and flow runs that are under way, FAILING the commands
whose last run failed and that a flow counts. ECS is asked which instances have
a tag.`,
		Example: `  aftercare instances --waiting
  aftercare instances --tag role=web
  aftercare instances --state unknown -o wide`,
		Args: cli.Args(),
	}
	s, f, w := siteFlags(cmd, getenv), addListFlags(cmd), watchFlag(cmd)
	state := cli.Word(cmd, "state", "", "", "only those in this `state`: bootable, waiting or unknown",
		string(decide.BootBootable), string(decide.BootWaiting), string(decide.BootUnknown))
	waiting := cmd.Flags().Bool("waiting", false, "only those where commands wait")
	failing := cmd.Flags().Bool("failing", false, "only those where a command's last run failed")
	tagged := &targets{}
	tagged.tagFlag(cmd)
	cmd.RunE = w.run(func(cmd *cobra.Command, _ []string) error {
		return printList(cmd, f, fleetColumns, "No event has reported such an instance.", func(add func(listed) error) error {
			return s.connect(cmd.Context(), ofTables|tagged.services(), func(ctx context.Context, c *connection) error {
				ids, err := tagged.find(ctx, c)
				if err != nil {
					return err
				}
				all, err := readFleet(ctx, c.ledger, func(i listed) bool {
					return (*state == "" || i.State == *state) && (!*waiting || i.Queued > 0) && (!*failing || i.Failing > 0) &&
						(!tagged.selects() || slices.Contains(ids, i.InstanceID))
				})
				if err != nil {
					return err
				}
				if _, err := f.stoppedNow(ctx, c.ledger); err != nil {
					return err
				}
				return eachOf(all, add)
			})
		})
	})
	return cmd
}

// eachOf adds each of a list, unless one is refused.
func eachOf[T any](list []T, add func(T) error) error {
	for _, v := range list {
		if err := add(v); err != nil {
			return err
		}
	}
	return nil
}

// openAtOnce is how many instances are read side by side.
const openAtOnce = 8

// openStates calls each with the state of instances, in their order, and reads no more
// of them than that takes.
func openStates(ctx context.Context, l *ledger.Ledger, all []listed, each func(decide.State) error) error {
	for some := range slices.Chunk(all, openAtOnce) {
		states, errs := make([]decide.State, len(some)), make([]error, len(some))
		var reading sync.WaitGroup
		for n, i := range some {
			reading.Go(func() { states[n], errs[n] = l.Whole(ctx, i.InstanceID) })
		}
		reading.Wait()
		if err := cmp.Or(cmp.Or(errs...), eachOf(states, each)); err != nil {
			return err
		}
	}
	return nil
}
