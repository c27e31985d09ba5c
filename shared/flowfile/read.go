package flowfile

import (
	"aftercare/shared/flow"
	"aftercare/shared/yamlfile"
)

// Read reads a file of flows. The definitions are complete: defaults of the file
// and of the format are filled in. The error is
// yamlfile.Mistakes, in which filename names the file; with an error there are no definitions.
func Read(filename string, src []byte) ([]flow.Definition, error) {
	return ReadWith(filename, src, nil)
}

// ReadWith is Read that also knows the names of the routes of alerts.yaml, and finds
// steps that ask for another one. [86]
func ReadWith(filename string, src []byte, routes []string) ([]flow.Definition, error) {
	var f file
	read, found := flows.Read(filename, src, &f)
	if read == nil {
		return nil, found.Err()
	}
	r := &reader{Reader: read, checker: NewChecker(), routes: routes}
	r.check(&f, r.complete(&f))
	if err := found.Err(); err != nil {
		return nil, err
	}
	return f.Flows, nil
}

// reader checks what a file holds.
type reader struct {
	*yamlfile.Reader
	checker *flow.Checker
	// routes are the names that a step's route may be; nil for any.
	routes []string
	// borrower is the flow for which a default is being checked, see
	// expressionMistakes.
	borrower string
	// wrongDefaults are the fields of the defaults' run that are wrong.
	wrongDefaults map[string]bool
}
