package ledger

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/event"
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
	indexFleet    = "aftercare_fleet"
	indexHistory  = "aftercare_history"
	indexTimeline = "aftercare_timeline"
)

var indexes = []index{
	{indexFleet, []string{colFleet}, []string{colSummary}},
	{indexHistory, []string{colHist, colAt}, []string{colBrief}},
	{indexTimeline, []string{colPartition, colAt}, nil},
}

// listShards spreads the instances, and the records of a month, over the key space.
const listShards = 16

// Brief is what the history says of a record.
type Brief struct {
	Name     string `json:"name,omitempty"`   // of the command or flow; of an act, what was done
	Result   string `json:"result,omitempty"` // a status, a state or a flow's result
	ExitCode *int64 `json:"exitCode,omitempty"`
	Code     string `json:"code,omitempty"` // of an error
	Why      string `json:"why,omitempty"`  // its beginning
	By       string `json:"by,omitempty"`   // who did it, in that person's own words
	TaskID   string `json:"taskId,omitempty"`
	// InvokeID is the execution that ended a task.
	InvokeID string `json:"invokeId,omitempty"`
	// EventID is the event that reported it.
	EventID string `json:"eventId,omitempty"`
	// Polled: no event reported this execution.
	Polled  bool  `json:"polled,omitempty"`
	StartMS int64 `json:"startMs,omitempty"`
	// AskedMS is when a person or a schedule started this flow run.
	AskedMS int64 `json:"askedMs,omitempty"`
}

// maxWhy bounds the text in a brief, in bytes; what is longer ends with ….
const maxWhy = 200

// EntryKind is a kind of the history's records.
type EntryKind string

// The kinds: what is under log/ in an instance's rows.
const (
	EntryExecution EntryKind = "exec"
	EntryTask      EntryKind = "task" // an ended one
	EntryRun       EntryKind = "flow" // an ended one
	EntryBoot      EntryKind = "boot"
	EntryAct       EntryKind = "act"
	EntryMessage   EntryKind = "message" // given up
)

// EntryKinds are all of them.
var EntryKinds = []EntryKind{EntryExecution, EntryTask, EntryRun, EntryBoot, EntryAct, EntryMessage}

// kindUnder is the kind of the records under a prefix such as "log/exec/".
func kindUnder(prefix string) EntryKind {
	return EntryKind(strings.Trim(strings.TrimPrefix(prefix, logFirst), "/"))
}

// bad reports whether a record is one that did not go well. Those of a kind that
// can go either way have parts of the history of their own, so that what failed is
// found without the rest.
func (k EntryKind) bad(b Brief) bool {
	good := b.Result == string(event.StatusSuccess) || b.Result == string(decide.TaskSucceeded)
	return k == EntryMessage || k.mixed() && !good
}

func (k EntryKind) mixed() bool { return k == EntryExecution || k == EntryTask || k == EntryRun }

// listed puts a record into the history and its instance's timeline, under the
// first of the times that is known. A time that lies in the future is wrong.
func listed(b *batch, prefix string, what Brief, received time.Time, times ...time.Time) []column {
	at := decide.Reported(cmp.Or(cmp.Or(times...), received), received)
	if len(what.Why) > maxWhy {
		what.Why = strings.ToValidUTF8(what.Why[:maxWhy], "") + "…"
	}
	kind := kindUnder(prefix)
	return []column{
		{colHist, histKey(kind, kind.bad(what), at, shard(b.instanceID, listShards))}, {colAt, at.UnixMilli()}, {colBrief, b.encode(what)},
	}
}

// histKey is "exec/2026-03/f" for executions that went well, and "exec!/2026-03/f"
// for the others.
func histKey(kind EntryKind, bad bool, month time.Time, shard int) string {
	if bad {
		kind += "!"
	}
	return fmt.Sprintf("%s/%s/%x", kind, month.UTC().Format("2006-01"), shard)
}

// listedExecution is listed for an execution.
func listedExecution(b *batch, e decide.Execution) []column {
	ev := e.Event
	return listed(b, logExec, Brief{
		Name: cmp.Or(e.Name, ev.CommandID), Result: string(ev.Status), ExitCode: ev.ExitCode,
		Code: ev.ErrorCode, Why: ev.ErrorDesc, TaskID: e.TaskID, EventID: ev.ID, Polled: e.Source == decide.SourcePoll,
		StartMS: millis(ev.StartTime),
	}, e.Received, ev.FinishTime, ev.StartTime, ev.Time)
}
