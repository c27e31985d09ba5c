package flowfile

import (
	"reflect"

	"aftercare/shared/flow"
)

// Read reads a file of flows. The definitions are complete: defaults of the file
// and of the format are filled in. The error is Mistakes, in which filename
// names the file; with an error there are no definitions.
func Read(filename string, src []byte) ([]flow.Definition, error) {
	found := &report{file: filename}
	s := parse(found, src, "flows")
	if s == nil {
		return nil, found.err()
	}
	r := &reader{source: s, keys: map[reflect.Type][]key{}, values: map[string]value{}, meant: map[string]bool{}, checker: NewChecker()}
	var f file
	r.object(s.root, "", "a flows file", "begin with version: 1 and flows:", reflect.ValueOf(&f).Elem())
	if r.visits > maxVisits {
		return nil, found.err()
	}
	flows := r.complete(&f)
	r.check(&f, flows)
	if err := found.err(); err != nil {
		return nil, err
	}
	return f.Flows, nil
}
