package functioncompute

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"
)

// deployed is a function with everything that belongs to it. Server.mu guards it.
type deployed struct {
	resource
	latest   *function
	versions map[string]*function     // by version id
	stops    map[string]chan struct{} // end the timers that run, by trigger
	async    map[string]asyncConfig   // by qualifier
	order    int                      // in which the program gave its functions
	// fresh and busy are when the function becomes Active, and its change
	// Successful.
	fresh, busy time.Time
}

// resource is what the file of Options.Dir keeps of a function that a call made.
type resource struct {
	Name string
	// Config holds the members of the function as calls read them.
	Config   map[string]json.RawMessage
	Dir      string // with the code
	Created  string
	Modified string
	Triggers map[string]trigger
	// LastVersion is the number of the last version that was published.
	LastVersion int
	Versions    map[string]version
	Aliases     map[string]alias
	// Settings are what is set for a qualifier, by kind and qualifier.
	Settings map[string]map[string]setting

	made bool // by a call
}

// target says which code an invocation is for. An empty qualifier is LATEST.
type target struct{ name, qualifier string }

func newDeployed(r resource, latest *function) *deployed {
	if r.Triggers == nil {
		r.Triggers = map[string]trigger{}
	}
	if r.Versions == nil {
		r.Versions = map[string]version{}
	}
	if r.Aliases == nil {
		r.Aliases = map[string]alias{}
	}
	if r.Settings == nil {
		r.Settings = map[string]map[string]setting{}
	}
	return &deployed{resource: r, latest: latest, order: math.MaxInt, versions: map[string]*function{}, stops: map[string]chan struct{}{}, async: map[string]asyncConfig{}}
}

// Info is a function, for people.
type Info struct {
	Name           string
	Timeout        time.Duration
	Instances      int // processes, busy and idle
	Timers, Events []string
}

// Functions returns every function, those of the program first and in its order.
func (s *Server) Functions() []Info {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Info
	for _, d := range slices.SortedFunc(maps.Values(s.functions), func(a, b *deployed) int {
		return cmp.Or(cmp.Compare(a.order, b.order), cmp.Compare(a.Name, b.Name))
	}) {
		info := Info{Name: d.Name, Timeout: d.latest.Timeout}
		for _, f := range d.all() {
			info.Instances += f.pool.size()
		}
		for _, name := range slices.Sorted(maps.Keys(d.Triggers)) {
			if d.Triggers[name].Kind == kindTimer {
				info.Timers = append(info.Timers, name)
			} else {
				info.Events = append(info.Events, name)
			}
		}
		out = append(out, info)
	}
	return out
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
	if a, ok := d.Aliases[of]; ok {
		of = a.draw(chance)
	}
	f := d.versions[of]
	switch {
	case of == "" || of == qualifier:
		return d.latest, nil
	case f == nil && !isVersion(of):
		return nil, aliasNotFound(d.Name, of)
	case f == nil:
		return nil, versionNotFound(d.Name, of)
	}
	return f, nil
}

func versionNotFound(function, id string) *APIError {
	return &APIError{Status: 404, Code: "VersionNotFound", Message: fmt.Sprintf("version '%s' of function '%s' does not exist.", id, function)}
}

// ready refuses a call for a function that another call is still making or
// changing. Source of the code:
// https://www.alibabacloud.com/help/en/functioncompute/error-codes
func (d *deployed) ready() error {
	if now := time.Now(); now.Before(d.fresh) || now.Before(d.busy) {
		return &APIError{Status: 409, Code: "ConcurrentUpdateError", Message: fmt.Sprintf("function '%s' is being made or updated: update one after another.", d.Name)}
	}
	return nil
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
