package flowfile

import (
	"fmt"
	"io/fs"
	"time"

	"aftercare/shared/flow"
	"aftercare/shared/timetable"
	"aftercare/shared/yamlfile"
)

// Inspection is what a file of flows holds, and what was found in it.
type Inspection struct {
	// Flows are complete: defaults of the file and of the format are filled in. There
	// are none if there are mistakes.
	Flows              []flow.Definition
	Mistakes, Warnings yamlfile.Mistakes
	// Notes say what was not checked.
	Notes yamlfile.Mistakes
}

// Read reads a file of flows. The error is yamlfile.Mistakes, in which filename
// names the file; with an error there are no definitions.
func Read(filename string, src []byte) ([]flow.Definition, error) {
	return ReadIn(nil, filename, src)
}

// ReadIn is Read with the folder of the file, where its calendars are.
func ReadIn(folder fs.FS, filename string, src []byte) ([]flow.Definition, error) {
	found := Inspect(folder, filename, src, nil, time.Time{})
	if len(found.Mistakes) > 0 {
		return nil, found.Mistakes
	}
	return found.Flows, nil
}

// Inspect reads a file of flows, and finds all that is or may be wrong with it. Its
// calendars are in the folder; nil if there is none. With the names of the routes of
// alerts.yaml, steps that ask for another one are mistakes; nil allows any. [86] Now is
// only for notes on what has passed.
func Inspect(folder fs.FS, filename string, src []byte, routes []string, now time.Time) Inspection {
	var f file
	var out Inspection
	read, found := flows.Read(filename, src, &f)
	if read != nil {
		r := &reader{Reader: read, checker: NewChecker(), routes: routes, beside: folder, calendars: map[string]*timetable.Calendar{}, now: now, filename: filename}
		r.check(&f, r.complete(&f))
		if len(r.unchecked) > 0 {
			first, text := r.unchecked[0], "the syntax of this script is not checked: only that of sh and bash is"
			if more := len(r.unchecked) - 1; more > 0 {
				text += fmt.Sprintf("; nor is that of %d more", more)
			}
			r.note(first, text)
		}
		out.Notes = r.notes
	}
	out.Mistakes, _ = found.Err().(yamlfile.Mistakes)
	out.Warnings = found.Warnings()
	if len(out.Mistakes) == 0 {
		out.Flows = f.Flows
	}
	return out
}

// reader checks what a file holds.
type reader struct {
	*yamlfile.Reader
	checker Checker
	// routes are the names that a step's route may be; nil for any.
	routes []string
	// beside is the folder of the file; nil if its calendars cannot be read. calendars
	// are those that were read, nil for one with mistakes.
	beside    fs.FS
	calendars map[string]*timetable.Calendar
	// borrower is the flow for which a default is being checked, see
	// expressionMistakes.
	borrower string
	// wrongDefaults are the fields of the defaults' run that are wrong.
	wrongDefaults map[string]bool
	// unchecked are the places of scripts whose syntax is not checked.
	unchecked []yamlfile.Position
	// notes say what was not checked, and what is older than now.
	notes    yamlfile.Mistakes
	now      time.Time
	filename string
}

func (r *reader) note(at yamlfile.Position, text string) {
	r.notes = append(r.notes, yamlfile.Mistake{File: r.filename, Line: at.Line, Column: at.Column, Text: text})
}
