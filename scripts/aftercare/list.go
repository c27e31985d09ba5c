package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"aftercare/scripts/internal/cli"
	"aftercare/scripts/internal/screen"
)

// column is one column of a list. Each list has one table of them.
type column[T any] struct {
	head string
	// cell is a time, a text or a number.
	cell func(T) any
	kind columnKind
}

// columnKind says how a column is printed; kinds can be added up.
type columnKind int

const (
	isWide  columnKind = 1 << iota // only printed by -o wide
	isWhole                        // not cut on a narrow screen, such as an id
	isState                        // a state, which has a colour
)

// colours are those of states. They say nothing that the word does not.
var colours = map[string]screen.Colour{}

func init() {
	for colour, words := range map[screen.Colour][]string{
		screen.Green:  {"succeeded", "Success", "accepted", "queued", "releasing", "bootable", "live", "active", "recovered"},
		screen.Yellow: {"waiting", "unknown", "stopping", "duplicate", "cancelled", "expired", "held", "stopped", "Terminated"},
		screen.Red:    {"failed", "timed_out", "aborted", "invalid", "terminated", "refused", "quarantined", "Failed", "Timeout", "Aborted", "Invalid", "error", "failing", "given"},
	} {
		for _, word := range words {
			colours[word] = colour
		}
	}
}

// colourOf is the colour of a cell that begins with a state, such as "Failed 3" or
// "succeeded: every step ended".
func colourOf(cell string) screen.Colour {
	state, _, _ := strings.Cut(cell, " ")
	return colours[strings.TrimSuffix(state, ":")]
}

// listFlags are the flags of commands that print a list.
type listFlags struct {
	format *string
	limit  *int
	note   *string // for people, below the list; empty for none
}

// defaultLimit is how many rows a list has.
const defaultLimit = 50

// formatFlag adds the flag -o of a list.
func formatFlag(cmd *cobra.Command) *string {
	return cli.Word(cmd, "output", "o", "table", "the `form`: table, wide (all columns, uncut), json or jsonl", "table", "wide", "json", "jsonl")
}

// machine reports whether a list is printed for programs.
func machine(format string) bool { return format == "json" || format == "jsonl" }

// addListFlags adds -o and --limit.
func addListFlags(cmd *cobra.Command) listFlags {
	return listFlags{formatFlag(cmd), cmd.Flags().Int("limit", defaultLimit, "print at most this `number` of rows; 0 for all"), new(string)}
}

// list prints rows as they come: for people in screenfuls, for programs as JSON.
type list[T any] struct {
	out     io.Writer
	format  string
	clock   clock
	columns []column[T]
	table   screen.Table
	array   jsonList
	limit   int // 0 for none
	rows    int
	end     func() // of the progress
}

// screenful is how many rows of a table are printed at once.
const screenful = 50

// printList prints the rows that read adds, at most limit of them, or what it
// means that there are none. 0 is no limit.
func printList[T any](cmd *cobra.Command, f listFlags, columns []column[T], empty string, read func(add func(T) error) error) error {
	if *f.limit < 0 {
		return cli.Usage(errors.New("--limit must be 0 or more"))
	}
	l := &list[T]{
		out: cmd.OutOrStdout(), format: *f.format, clock: clockOf(cmd), limit: *f.limit, end: waiting(cmd, "reading"),
		columns: slices.DeleteFunc(slices.Clone(columns), func(c column[T]) bool { return c.kind&isWide != 0 && *f.format != "wide" }),
		table:   screen.Table{Whole: map[int]bool{}, Paint: map[int]func(string) screen.Colour{}},
	}
	if l.format == "wide" {
		l.out = screen.Wide(l.out)
	}
	l.array.w = l.out
	for i, c := range l.columns {
		l.table.Head = append(l.table.Head, c.head)
		l.table.Whole[i] = c.kind&isWhole != 0
		if c.kind&isState != 0 {
			l.table.Paint[i] = colourOf
		}
	}
	err := read(l.add)
	l.flush()
	more := errors.Is(err, errEnough)
	switch {
	case err != nil && !more:
		return err
	case l.format == "json":
		return l.array.end()
	case l.format == "jsonl":
		return nil
	case l.rows == 0:
		if _, err := fmt.Fprintln(l.out, empty); err != nil {
			return err
		}
	case more:
		fmt.Fprintf(cmd.ErrOrStderr(), "The list ends after %s; --limit 0 prints all.\n", counted(l.rows, "row"))
	}
	if *f.note != "" {
		fmt.Fprintln(cmd.ErrOrStderr(), *f.note)
	}
	return nil
}

// errEnough ends the reading of a list.
var errEnough = errors.New("enough rows")

// add adds a row, or returns errEnough.
func (l *list[T]) add(row T) error {
	if l.limit > 0 && l.rows == l.limit {
		return errEnough
	}
	l.rows++
	switch l.format {
	case "json":
		return l.array.add(row)
	case "jsonl":
		e := json.NewEncoder(l.out)
		e.SetEscapeHTML(false)
		return e.Encode(row)
	}
	var cells []string
	for _, c := range l.columns {
		cells = append(cells, l.cell(c.cell(row)))
	}
	l.table.Add(cells...)
	if l.rows%screenful == 0 {
		l.flush()
	}
	return nil
}

// flush ends the progress, and prints the rows that a table has gathered.
func (l *list[T]) flush() {
	if l.end != nil {
		l.end()
		l.end = nil
	}
	l.table.Print(l.out)
}

func (l *list[T]) cell(value any) string {
	switch v := value.(type) {
	case time.Time:
		return l.clock.moment(v)
	case string:
		return v
	case int:
		return strconv.Itoa(v)
	}
	return fmt.Sprint(value)
}
