package ledger

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/engine"
)

// The columns of the indexes. A row is in an index if it has the columns that the
// index begins with.
const (
	colFleet   = "fleet"   // a shard of instances
	colSummary = "summary" // of an instance, in JSON
	colHist    = "hist"    // kind, month and shard of a record
	colAt      = "at"      // when it happened, in ms since 1970
	colBrief   = "brief"   // of a record, in JSON
)

// index is a global secondary index of the instances' table. Tablestore keeps it,
// milliseconds behind the rows, and completes its key by the table's.
type index struct {
	name    string
	key     []string
	columns []string
}

const (
	indexHistory  = "aftercare_history"
	indexTimeline = "aftercare_timeline"
)

var indexes = []index{
	{"aftercare_fleet", []string{colFleet}, []string{colSummary}},
	{indexHistory, []string{colHist, colAt}, []string{colBrief}},
	{indexTimeline, []string{colPartition, colAt}, nil},
}

// listShards spreads the instances, and the records of a month, over the key space.
const listShards = 16

// summary is what the list of the fleet says of an instance.
type summary struct {
	Boot decide.BootState `json:"boot"`
	// Queued and Running count tasks, Runs the open flow runs, and Failing the
	// commands whose last run failed.
	Queued  int `json:"queued,omitempty"`
	Running int `json:"running,omitempty"`
	Runs    int `json:"runs,omitempty"`
	Failing int `json:"failing,omitempty"`
}

// fleetColumns puts the row of an instance into the list of the fleet, once an
// event or ECS reported the instance: anybody may submit a task for any id. A
// deleted instance leaves the list.
func fleetColumns(b *batch, c engine.Commit) []column {
	if !c.Changes.Instance.Seen || c.Changes.Instance.Gone() {
		return nil
	}
	i := c.Changes.Instance
	s := summary{Boot: i.Boot, Queued: i.Waiting, Runs: len(c.Next.Runs)}
	for _, t := range c.Next.Tasks {
		if t.State != decide.TaskQueued {
			s.Running++
		}
	}
	for _, f := range c.Next.Failing {
		if f.Count > 0 {
			s.Failing++
		}
	}
	return []column{{colFleet, fmt.Sprintf("%x", shard(c.InstanceID, listShards))}, {colSummary, b.encode(s)}}
}

// brief is what the history says of a record.
type brief struct {
	Name     string `json:"name,omitempty"` // of the command or flow
	Result   string `json:"result,omitempty"`
	ExitCode *int64 `json:"exitCode,omitempty"`
	Code     string `json:"code,omitempty"` // of an error
	Why      string `json:"why,omitempty"`  // its beginning
	By       string `json:"by,omitempty"`   // who did it, in that person's own words
	TaskID   string `json:"taskId,omitempty"`
	StartMS  int64  `json:"startMs,omitempty"`
}

// maxWhy bounds the text in a brief, in bytes.
const maxWhy = 200

// listed puts a record into the history and its instance's timeline, under the
// first of the times that is known. A time that lies in the future is wrong.
func listed(b *batch, prefix string, what brief, received time.Time, times ...time.Time) []column {
	at := decide.Reported(cmp.Or(cmp.Or(times...), received), received)
	if len(what.Why) > maxWhy {
		what.Why = strings.ToValidUTF8(what.Why[:maxWhy], "")
	}
	return []column{
		{colHist, histKey(prefix, at, shard(b.instanceID, listShards))}, {colAt, at.UnixMilli()}, {colBrief, b.encode(what)},
	}
}

// histKey is "exec/2026-03/f" for records under log/exec/.
func histKey(prefix string, month time.Time, shard int) string {
	return fmt.Sprintf("%s%s/%x", strings.TrimPrefix(prefix, logFirst), month.UTC().Format("2006-01"), shard)
}

// listedExecution is listed for an execution.
func listedExecution(b *batch, e decide.Execution) []column {
	ev := e.Event
	return listed(b, logExec, brief{
		Name: cmp.Or(e.Name, ev.CommandID), Result: string(ev.Status), ExitCode: ev.ExitCode,
		Code: ev.ErrorCode, Why: ev.ErrorDesc, TaskID: e.TaskID, StartMS: millis(ev.StartTime),
	}, e.Received, ev.FinishTime, ev.StartTime, ev.Time)
}
