package functioncompute

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
)

// version is the code and the members that a function had when it was published.
type version struct {
	Description string
	Created     string
	Config      map[string]json.RawMessage
	Dir         string
}

// isVersion reports whether a qualifier is that of a version: an alias begins with
// no digit.
func isVersion(qualifier string) bool { return qualifier[0] >= '0' && qualifier[0] <= '9' }

// publishVersion keeps the latest code, whether it changed since the last time or
// not.
func (s *Server) publishVersion(r request) (any, error) {
	var in struct{ Description string }
	if len(r.body) > 0 {
		if err := r.read(&in); err != nil {
			return nil, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	d, err := s.deployed(r.function)
	if err != nil {
		return nil, err
	}
	if err := d.ready(); err != nil {
		return nil, err
	}
	v := version{Description: in.Description, Created: s.stamp(), Config: d.Config, Dir: d.Dir}
	if !d.made { // whoever built the code may build it again
		if v.Dir, err = s.newCodeDir(d.Name); err == nil {
			err = os.CopyFS(v.Dir, os.DirFS(d.Dir))
		}
		if err != nil {
			return nil, err
		}
	}
	id := strconv.Itoa(d.LastVersion + 1)
	if err := s.addVersion(d, id, v); err != nil {
		return nil, err
	}
	d.LastVersion++
	d.Versions[id] = v
	return shownVersion(id, v), s.save()
}

// addVersion makes the code of a version; the caller holds mu.
func (s *Server) addVersion(d *deployed, id string, v version) error {
	f, err := s.compile(v.Config, v.Dir)
	if err != nil {
		return err
	}
	f.keep(d.latest)
	f.version = id
	d.versions[id] = f
	return nil
}

func shownVersion(id string, v version) map[string]string {
	return map[string]string{"versionId": id, "description": v.Description, "createdTime": v.Created, "lastModifiedTime": v.Created}
}

// listVersions lists versions, the newest first unless direction is FORWARD.
func (s *Server) listVersions(r request) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d, err := s.deployed(r.function)
	if err != nil {
		return nil, err
	}
	// Names of equal length have the order of their numbers, or the reverse.
	all := map[string]any{}
	for id, v := range d.Versions {
		n, _ := strconv.Atoi(id)
		if r.query.Get("direction") != "FORWARD" {
			n = maxVersions - n
		}
		all[fmt.Sprintf("%09d", n)] = shownVersion(id, v)
	}
	return list(r, "versions", all, func(v any) any { return v })
}

// maxVersions is more than a function ever has.
const maxVersions = 999_999_999

func (s *Server) deleteVersion(r request) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d, err := s.deployed(r.function)
	if err != nil {
		return nil, err
	}
	id := r.PathValue("version")
	if _, ok := d.Versions[id]; !ok {
		return nil, versionNotFound(d.Name, id)
	}
	for name, a := range d.Aliases {
		if _, also := a.AdditionalVersionWeight[id]; also || a.VersionID == id {
			return nil, invalidArgument("version '%s' is in use by alias '%s'", id, name)
		}
	}
	s.settle(d.versions[id])
	delete(d.versions, id)
	delete(d.Versions, id)
	return nil, s.save()
}

// alias is a name for one version, or for two that share its invocations.
type alias struct {
	Name        string `json:"aliasName"`
	VersionID   string `json:"versionId"`
	Description string `json:"description"`
	// AdditionalVersionWeight holds the part of the invocations, from 0 to 1,
	// that go to another version.
	AdditionalVersionWeight map[string]float64 `json:"additionalVersionWeight"`
	Created                 string             `json:"createdTime"`
	Modified                string             `json:"lastModifiedTime"`
}

// aliasesOf returns the aliases of a function that the program gave.
func (s *Server) aliasesOf(f *function) map[string]alias {
	out := map[string]alias{}
	for _, name := range f.Aliases {
		if name != "" && name != qualifier && !isVersion(name) {
			out[name] = alias{Name: name, VersionID: qualifier, Created: s.stamp(), Modified: s.stamp()}
		}
	}
	return out
}

// draw returns the version of one invocation.
func (a alias) draw(chance float64) string {
	for _, id := range slices.Sorted(maps.Keys(a.AdditionalVersionWeight)) {
		if weight := a.AdditionalVersionWeight[id]; chance < weight {
			return id
		} else {
			chance -= weight
		}
	}
	return a.VersionID
}

// check refuses an alias that names no version, or shares its invocations wrongly.
func (a alias) check(d *deployed) error {
	if !namePattern.MatchString(a.Name) || a.Name == qualifier {
		return invalidArgument("aliasName '%s' must be letters, digits, _ and -, and start with a letter or _", a.Name)
	}
	if _, ok := d.Versions[a.VersionID]; !ok {
		return versionNotFound(d.Name, a.VersionID)
	}
	if len(a.AdditionalVersionWeight) > 1 {
		return invalidArgument("additionalVersionWeight takes one version beside versionId")
	}
	for id, weight := range a.AdditionalVersionWeight {
		if id == a.VersionID {
			return &APIError{Status: 400, Code: "AdditionalVersionContainsMajorVersion", Message: "additionalVersionWeight must not contain versionId"}
		}
		if _, ok := d.Versions[id]; !ok {
			return versionNotFound(d.Name, id)
		}
		if weight < 0 || weight > 1 {
			return invalidArgument("the weight of version '%s' must be from 0 to 1", id)
		}
	}
	return nil
}

func (s *Server) createAlias(r request) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d, err := s.deployed(r.function)
	if err != nil {
		return nil, err
	}
	a := alias{}
	if err := r.read(&a); err != nil {
		return nil, err
	}
	a.Created, a.Modified = s.stamp(), s.stamp()
	if err := a.check(d); err != nil {
		return nil, err
	}
	if _, taken := d.Aliases[a.Name]; taken {
		return nil, &APIError{Status: 409, Code: "AliasAlreadyExists", Message: fmt.Sprintf("alias '%s' of function '%s' already exists.", a.Name, d.Name)}
	}
	d.Aliases[a.Name] = a
	return a, s.save()
}

// alias returns the alias that a call names; the caller holds mu.
func (s *Server) alias(r request) (*deployed, alias, error) {
	d, err := s.deployed(r.function)
	if err != nil {
		return nil, alias{}, err
	}
	a, ok := d.Aliases[r.PathValue("alias")]
	if !ok {
		return nil, a, aliasNotFound(d.Name, r.PathValue("alias"))
	}
	return d, a, nil
}

func aliasNotFound(function, name string) *APIError {
	return &APIError{Status: 404, Code: "AliasNotFound", Message: fmt.Sprintf("alias '%s' of function '%s' does not exist.", name, function)}
}

// updateAlias replaces what the call has; weights that are null are cleared.
func (s *Server) updateAlias(r request) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d, a, err := s.alias(r)
	if err != nil {
		return nil, err
	}
	name := a.Name
	var has map[string]json.RawMessage
	if err := r.read(&has); err != nil {
		return nil, err
	}
	if _, replaced := has["additionalVersionWeight"]; replaced {
		a.AdditionalVersionWeight = nil // not merged
	}
	if err := r.read(&a); err != nil {
		return nil, err
	}
	a.Name, a.Modified = name, s.stamp()
	if err := a.check(d); err != nil {
		return nil, err
	}
	d.Aliases[name] = a
	return a, s.save()
}

func (s *Server) getAlias(r request) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, a, err := s.alias(r)
	return a, err
}

func (s *Server) listAliases(r request) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d, err := s.deployed(r.function)
	if err != nil {
		return nil, err
	}
	return list(r, "aliases", d.Aliases, func(a alias) any { return a })
}

func (s *Server) deleteAlias(r request) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d, a, err := s.alias(r)
	if err != nil {
		return nil, err
	}
	delete(d.Aliases, a.Name)
	return nil, s.save()
}
