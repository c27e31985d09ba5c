package functioncompute

import (
	"fmt"
	"os"
	"path/filepath"

	"aftercare/tests/localcloud/datafile"
)

// restore makes the functions that calls to earlier servers made. One of the
// program with the same name comes first.
func (s *Server) restore() error {
	var path string
	if s.opt.Dir != "" {
		if err := os.MkdirAll(s.opt.Dir, 0o755); err != nil {
			return fmt.Errorf("make a folder for functions: %w", err)
		}
		path = filepath.Join(s.opt.Dir, "functions.db")
	}
	kept := map[string]*resource{}
	file, err := datafile.OpenValue(path, &kept)
	if err != nil {
		return fmt.Errorf("read the functions that calls made: %w", err)
	}
	s.file = file
	for name, r := range kept {
		if s.functions[name] != nil {
			continue
		}
		latest, err := s.compile(r.Config, r.Dir)
		if err != nil {
			return fmt.Errorf("make the function %s again: %w", name, err)
		}
		r.made = true
		d := newDeployed(*r, latest)
		for id, v := range r.Versions {
			if err := s.addVersion(d, id, v); err != nil {
				return fmt.Errorf("make version %s of the function %s again: %w", id, name, err)
			}
		}
		if err := s.restoreAsync(d); err != nil {
			return fmt.Errorf("set up the function %s again: %w", name, err)
		}
		s.functions[name] = d
	}
	return nil
}

// save keeps the functions that calls made; the caller holds mu.
func (s *Server) save() error {
	kept := map[string]*resource{}
	for name, d := range s.functions {
		if d.made {
			kept[name] = &d.resource
		}
	}
	return s.file.Save(kept)
}
