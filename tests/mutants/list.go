package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
)

// mutant is one change of one file.
type mutant struct {
	file string // with slashes, from the module's root
	what string // what the change would do
	// tests are the folders of the packages whose tests may notice, in the
	// order in which they run.
	tests []string
	// old and new are whole lines.
	old, new string

	from    string // the list's name and line
	line    int    // of the file, where the change is
	mutated []byte // the whole file
}

func (m mutant) place() string { return fmt.Sprintf("%s:%d", m.file, m.line) }

// readLists reads the lists, applies the mutants that are selected, and returns
// them. The error names each mutant that is malformed or does not match.
func readLists(root string, selected *regexp.Regexp) ([]mutant, error) {
	names, err := filepath.Glob(filepath.Join(root, "tests", "mutants", "*.txt"))
	if err != nil {
		return nil, err
	}
	var mutants []mutant
	var errs []error
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		list, err := parse(filepath.Base(name), string(text))
		errs = append(errs, err)
		for _, m := range list {
			if !selected.MatchString(m.file + ": " + m.what) {
				continue
			}
			if err := m.apply(root); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", m.from, err))
			}
			mutants = append(mutants, m)
		}
	}
	return mutants, errors.Join(errs...)
}

var heading = regexp.MustCompile(`^([\w./-]+\.go): (.+)$`)

// parse reads one list.
func parse(name, text string) ([]mutant, error) {
	var mutants []mutant
	var errs []error
	n := 0
	wrong := func(what string) { errs = append(errs, fmt.Errorf("%s:%d: %s", name, n, what)) }
	for line := range strings.Lines(text) {
		n++
		if line == "\n" || line[0] == '#' {
			continue
		}
		if h := heading.FindStringSubmatch(strings.TrimSuffix(line, "\n")); h != nil {
			mutants = append(mutants, mutant{file: h[1], what: h[2], tests: []string{path.Dir(h[1])}, from: fmt.Sprintf("%s:%d", name, n)})
			continue
		}
		if len(mutants) == 0 {
			wrong("the list must begin with a file and what its mutant would do")
			continue
		}
		m := &mutants[len(mutants)-1]
		packages, isTests := strings.CutPrefix(line, "tests: ")
		switch {
		case isTests:
			m.tests = strings.Fields(packages)
		case line[0] == ' ':
			m.old += line[1:]
			m.new += line[1:]
		case line[0] == '-':
			m.old += line[1:]
		case line[0] == '+':
			m.new += line[1:]
		default:
			wrong("a line must be a heading, tests, or begin with a blank, -, + or #")
		}
	}
	for _, m := range mutants {
		if m.old == m.new || m.old == "" {
			errs = append(errs, fmt.Errorf("%s: nothing is changed", m.from))
		}
	}
	return mutants, errors.Join(errs...)
}

// apply makes the mutated file.
func (m *mutant) apply(root string) error {
	source, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(m.file)))
	if err != nil {
		return err
	}
	// A line end in front, so that every line has one on both sides.
	source = append([]byte("\n"), source...)
	old := []byte("\n" + m.old)
	if n := bytes.Count(source, old); n != 1 {
		return fmt.Errorf("its old text is %d times in %s, and must be there once", n, m.file)
	}
	at := bytes.Index(source, old)
	m.mutated = append(append(bytes.Clone(source[1:at+1]), m.new...), source[at+len(old):]...)
	m.line = 1 + bytes.Count(source[1:at+1], []byte("\n"))
	for i := 0; i < min(len(m.old), len(m.new)) && m.old[i] == m.new[i]; i++ {
		if m.old[i] == '\n' {
			m.line++ // context comes before the change
		}
	}
	return nil
}
