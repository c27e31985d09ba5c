package ledger

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/engine"
)

// Summary is what the list of the fleet says of an instance. It must stay small:
// each list of instances reads all of them. Times are in milliseconds since 1970, 0
// if unknown.
type Summary struct {
	Boot   decide.BootState `json:"boot"`
	BootMS int64            `json:"bootMs,omitempty"` // since when
	// Queued and Running count tasks. ExpiryMS is when the first queued one expires.
	Queued   int   `json:"queued,omitempty"`
	ExpiryMS int64 `json:"expiryMs,omitempty"`
	Running  int   `json:"running,omitempty"`
	// Runs counts the open flow runs, Failing the commands whose last run failed.
	Runs    int `json:"runs,omitempty"`
	Failing int `json:"failing,omitempty"`
	// DueMS is the first time at which a running task's end is asked for, or a run
	// times out. Long after it, nobody looks after them.
	DueMS  int64  `json:"dueMs,omitempty"`
	Agent  string `json:"agent,omitempty"`
	OS     string `json:"os,omitempty"`
	Zone   string `json:"zone,omitempty"`
	Commit int64  `json:"at"` // the newest commit of its live rows
}

// fleetColumns puts the row of an instance into the list of the fleet, once an
// event or ECS reported the instance, or while work is open on it: anybody may
// submit a task for any id, and what is open must be found to be cancelled. A
// deleted instance leaves the list.
func fleetColumns(b *batch, c engine.Commit) []column {
	i := c.Changes.Instance
	open := i.Waiting + len(c.Next.Tasks) + len(c.Next.Runs)
	if !i.Seen && open == 0 || i.Gone() {
		return nil
	}
	s := Summary{
		Boot: i.Boot, BootMS: millis(i.BootSince), Queued: i.Waiting, ExpiryMS: millis(i.WaitingUntil),
		Runs: len(c.Next.Runs), Agent: i.AgentVersion, OS: i.OS, Zone: i.Zone, Commit: millis(c.At),
	}
	due := func(t time.Time) {
		if ms := millis(t); ms > 0 && (s.DueMS == 0 || ms < s.DueMS) {
			s.DueMS = ms
		}
	}
	for _, t := range c.Next.Tasks {
		if t.State != decide.TaskQueued {
			s.Running++
			due(t.Deadline)
		}
	}
	for _, r := range c.Next.Runs {
		due(r.Due())
	}
	for _, f := range c.Next.Failing {
		if f.Count > 0 {
			s.Failing++
		}
	}
	return []column{{colFleet, fmt.Sprintf("%x", shard(c.InstanceID, listShards))}, {colSummary, b.encode(s)}}
}

// Fleet calls each with every instance of the list of the fleet, in no order, and
// reads the shards side by side.
func (l *Ledger) Fleet(ctx context.Context, each func(instanceID string, s Summary) error) error {
	var shards []*cursor
	for n := range listShards {
		of := column{colFleet, fmt.Sprintf("%x", n)}
		shards = append(shards, &cursor{span: span{
			table: indexFleet,
			from:  keyOf(of, column{colPartition, first}, column{colRow, first}), to: keyOf(of, column{colPartition, last}, column{colRow, last}),
		}})
	}
	for {
		if err := l.fill(ctx, "read the fleet", shards); err != nil {
			return err
		}
		read := 0
		for _, c := range shards {
			for _, row := range c.rows {
				var s Summary
				_ = json.Unmarshal([]byte(columnText(row, colSummary)), &s) // only people read it
				_, id, _ := strings.Cut(keyText(row, 1), ":")
				if err := each(id, s); err != nil {
					return err
				}
			}
			read += len(c.rows)
			c.rows = nil
		}
		if read == 0 {
			return nil
		}
	}
}
