package functioncompute

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"
)

// deployed is a function with everything that belongs to it. Server.mu guards it.
type deployed struct {
	resource
	latest   *function
	versions map[string]*function // by version id
}

// resource is what the file of Options.Dir keeps of a function that a call made.
type resource struct {
	Name string
	// Config holds the members of the function as calls read them.
	Config   map[string]json.RawMessage
	Dir      string // with the code
	Created  string
	Modified string
	// LastVersion is the number of the last version that was published.
	LastVersion int
	Versions    map[string]version
	Aliases     map[string]alias

	made bool // by a call
}

// target says which code an invocation is for. An empty qualifier is LATEST.
type target struct{ name, qualifier string }

func newDeployed(r resource, latest *function) *deployed {
	if r.Versions == nil {
		r.Versions = map[string]version{}
	}
	if r.Aliases == nil {
		r.Aliases = map[string]alias{}
	}
	return &deployed{resource: r, latest: latest, versions: map[string]*function{}}
}

// all returns the latest code and all versions.
func (d *deployed) all() []*function {
	return append(slices.Collect(maps.Values(d.versions)), d.latest)
}

// resolve returns the code for an invocation, by chance if an alias splits them.
// The error is an *APIError.
func (s *Server) resolve(to target) (*function, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d, err := s.deployed(to.name)
	if err != nil {
		return nil, err
	}
	return d.code(to.qualifier, s.opt.Chance())
}

// deployed returns a function by name; the caller holds mu.
func (s *Server) deployed(name string) (*deployed, error) {
	if d := s.functions[name]; d != nil {
		return d, nil
	}
	return nil, &APIError{Status: 404, Code: "FunctionNotFound", Message: fmt.Sprintf("function '%s' does not exist.", name)}
}

// code returns the code of a qualifier.
func (d *deployed) code(of string, chance float64) (*function, error) {
	if of == "" || of == qualifier {
		return d.latest, nil
	}
	if a, ok := d.Aliases[of]; ok {
		of = a.draw(chance)
	} else if !isVersion(of) {
		return nil, aliasNotFound(d.Name, of)
	}
	if f := d.versions[of]; f != nil {
		return f, nil
	}
	return nil, versionNotFound(d.Name, of)
}

func versionNotFound(function, id string) *APIError {
	return &APIError{Status: 404, Code: "VersionNotFound", Message: fmt.Sprintf("version '%s' of function '%s' does not exist.", id, function)}
}

// settle puts other code in the place of old; invocations that run end on the
// old one. The caller holds mu.
func (s *Server) settle(old *function) {
	s.superseded = append(s.superseded, old)
	for _, in := range old.pool.supersede() {
		in.kill()
	}
}

// stamp is a time as the API writes it.
func (s *Server) stamp() string { return s.opt.Now().UTC().Format(time.RFC3339) }
