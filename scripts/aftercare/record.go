package main

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/flow"
	"aftercare/shared/ledger"
)

// record is a line of the history, as it is printed for programs.
type record struct {
	At         time.Time `json:"at"`
	Kind       string    `json:"kind"`
	InstanceID string    `json:"instanceId,omitempty"`
	ID         string    `json:"id"`
	Name       string    `json:"name,omitempty"`
	Result     string    `json:"result,omitempty"`
	ExitCode   *int64    `json:"exitCode,omitempty"`
	ErrorCode  string    `json:"errorCode,omitempty"`
	Why        string    `json:"why,omitempty"`
	By         string    `json:"by,omitempty"`
	TaskID     string    `json:"taskId,omitempty"`
	InvokeID   string    `json:"invokeId,omitempty"`
	EventID    string    `json:"eventId,omitempty"`
	StartedAt  time.Time `json:"startedAt,omitzero"`
}

// kindWords are the words for the kinds of records.
var kindWords = map[ledger.EntryKind]string{
	ledger.EntryExecution: "execution", ledger.EntryTask: "task", ledger.EntryRun: "run", ledger.EntryBoot: "boot",
	ledger.EntryAct: "act", ledger.EntryMessage: "message",
}

// kindOf is the kind that a word names.
func kindOf(word string) []ledger.EntryKind {
	for kind, known := range kindWords {
		if word == known {
			return []ledger.EntryKind{kind}
		}
	}
	return nil
}

// bootPrefix is before the number of a boot, which names it.
const bootPrefix = "boot-"

func recordOf(e ledger.Entry) record {
	r := record{
		At: e.At, Kind: kindWords[e.Kind], InstanceID: e.InstanceID, ID: e.ID, Name: e.Name, Result: e.Result, ExitCode: e.ExitCode,
		ErrorCode: e.Code, Why: e.Why, By: e.By, TaskID: e.TaskID, InvokeID: e.InvokeID, EventID: e.EventID, StartedAt: e.Started(),
	}
	if r.InstanceID == decide.ActsID {
		r.InstanceID = ""
	}
	if e.Kind == ledger.EntryBoot {
		r.ID = bootPrefix + strings.TrimLeft(r.ID, "0")
	}
	return r
}

// label is how people name a record: INSTANCE/ID, with the beginning of a long
// id. That is enough to show it.
func (r record) label() string { return label(r.InstanceID, r.ID) }

func label(instanceID, id string) string {
	switch {
	case instanceID == "":
		return "-"
	case id == "" || strings.Contains(id, "/"): // an act or a message
		return instanceID
	}
	return instanceID + "/" + brief(id)
}

// wholeID is the form of a derived id and of a SHA-256.
var wholeID = regexp.MustCompile(`^([0-9a-f]{32}){1,2}$`)

// brief is the beginning of a derived id or a SHA-256.
func brief(id string) string {
	if wholeID.MatchString(id) {
		return id[:8]
	}
	return id
}

// what says what a record is about.
func (r record) what() string {
	switch r.Kind {
	case "run":
		return "flow " + r.Name
	case "boot":
		return "boot " + strings.TrimPrefix(r.ID, bootPrefix)
	case "message":
		return "alert"
	}
	return cmp.Or(r.Name, r.Kind)
}

// outcome is a record's result, with what explains it.
func (r record) outcome() string {
	out := r.Result
	if exit := code(r.Result, r.ExitCode); exit != "" && exit != "0" {
		out += " " + exit
	}
	if r.By != "" {
		out += " by " + r.By
	}
	why := r.Why
	switch {
	case r.ErrorCode == "ExitCodeNonzero" && r.ExitCode != nil:
		why = "" // the result says so
	case r.Kind == "task":
		why = errorOf(r.ErrorCode, task{Reason: why}.besides())
	case r.Kind == "execution":
		why = errorOf(r.ErrorCode, r.Why)
	}
	switch {
	case why == "":
		return out
	case r.Kind == "boot":
		return "agent " + why
	}
	return strings.TrimPrefix(withReason(out, why), ": ")
}

// recordColumns are those of a list of records of all kinds.
var recordColumns = []column[record]{
	{"WHEN", func(r record) any { return r.At }, isWhole},
	{"INSTANCE/ID", func(r record) any { return r.label() }, isWhole},
	{"KIND", func(r record) any { return r.Kind }, isWide},
	{"WHAT", func(r record) any { return r.what() }, 0},
	{"RESULT", func(r record) any { return r.outcome() }, isState},
	{"TOOK", func(r record) any { return between(r.StartedAt, r.At) }, isWide},
	{"WHOLE ID", func(r record) any { return r.ID }, isWide},
	{"EVENT", func(r record) any { return r.EventID }, isWide},
}

// filter says which records are wanted.
type filter struct {
	command, status, instance, flow string
	failed                          bool
}

// takes reports whether a record is wanted.
func (f filter) takes(r record) bool {
	return !(f.failed && r.Result == flow.ResultDryRun) && (f.command == "" || strings.Contains(strings.ToLower(r.Name), strings.ToLower(f.command))) &&
		(f.status == "" || r.is(f.status)) &&
		(f.flow == "" || r.Kind == "run" && r.Name == f.flow)
}

// is reports whether a record has this result. That of an act may count several.
func (r record) is(status string) bool {
	if r.Kind == "act" {
		return slices.Contains(strings.Fields(r.Result), status)
	}
	return plainStatus(r.Result) == plainStatus(status)
}

// plainStatus is a status in the words of tasks and flow runs.
func plainStatus(word string) string {
	switch word = strings.ToLower(word); word {
	case "success":
		return "succeeded"
	case "timeout":
		return "timed_out"
	}
	return word
}

// query is what of the history holds all wanted records. The clocks of the functions
// may be ahead of this machine's.
func (f filter) query(from time.Time, kinds []ledger.EntryKind) ledger.Query {
	return ledger.Query{
		From: from, Before: time.Now().Add(decide.MaxAhead), InstanceID: f.instance, Kinds: kinds,
		Bad: f.failed || f.status != "" && plainStatus(f.status) != "succeeded" && !slices.Contains(decide.ActOutcomes, f.status),
	}
}
