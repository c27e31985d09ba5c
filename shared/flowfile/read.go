package flowfile

import (
	"aftercare/shared/flow"
	"aftercare/shared/yamlfile"
)

// Read reads a file of flows. The definitions are complete: defaults of the file
// and of the format are filled in. The error is
// yamlfile.Mistakes, in which filename names the file; with an error there are no definitions.
func Read(filename string, src []byte) ([]flow.Definition, error) {
	var f file
	read, found := flows.Read(filename, src, &f)
	if read == nil {
		return nil, found.Err()
	}
	r := &reader{Reader: read, checker: NewChecker()}
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
	// borrower is the flow for which a default is being checked, see
	// expressionMistakes.
	borrower string
	// wrongDefaults are the fields of the defaults' run that are wrong.
	wrongDefaults map[string]bool
}
