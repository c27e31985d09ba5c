package functioncompute

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"time"
)

// createFunction makes a function, with its code in a zip file.
func (s *Server) createFunction(r request) (any, error) {
	var config map[string]json.RawMessage
	if err := r.read(&config); err != nil {
		return nil, err
	}
	var name string
	_ = json.Unmarshal(config["functionName"], &name) // compile refuses what is no text
	exists := &APIError{Status: 409, Code: "FunctionAlreadyExists", Message: fmt.Sprintf("function '%s' already exists.", name)}
	if s.codeOf(name) != nil {
		return nil, exists
	}
	code, err := s.unpack(name, config["code"])
	if err != nil {
		return nil, err
	}
	if err := s.checkLog(config); err != nil {
		return nil, err
	}
	config = withDefaults(withCode(config, code))
	latest, err := s.compile(config, code.dir)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.functions[name] != nil {
		return nil, exists
	}
	d := newDeployed(resource{Name: name, Config: config, Dir: code.dir, Created: s.stamp(), Modified: s.stamp(), made: true}, latest)
	d.fresh = time.Now().Add(s.opt.StateLag)
	s.functions[name] = d
	return d.shown(d.Config), s.save()
}

// checkLog refuses a function whose project or logstore is missing. Source of the words:
// the vendor's component for Serverless Devs, which waits at them.
func (s *Server) checkLog(config map[string]json.RawMessage) error {
	var to struct{ Project, Logstore string }
	if json.Unmarshal(config["logConfig"], &to) != nil || to.Project == "" || s.opt.CheckLog == nil {
		return nil
	}
	if err := s.opt.CheckLog(to.Project, to.Logstore); err != nil {
		return invalidArgument("code: 400, %v request id: %s", err, newRequestID(s.opt.Now()))
	}
	return nil
}

// withCode returns the members without the code, and with what is known of it.
func withCode(config map[string]json.RawMessage, code unpacked) map[string]json.RawMessage {
	out := maps.Clone(config)
	delete(out, "code")
	out["codeChecksum"], out["codeSize"] = encode(code.checksum), encode(code.size)
	return out
}

// updateFunction replaces the members that the call has, and the code if it has
// some.
func (s *Server) updateFunction(r request) (any, error) {
	var change map[string]json.RawMessage
	if err := r.read(&change); err != nil {
		return nil, err
	}
	if s.codeOf(r.function) == nil {
		_, err := s.resolve(target{name: r.function})
		return nil, err
	}
	var code unpacked
	if text, ok := change["code"]; ok {
		var err error
		if code, err = s.unpack(r.function, text); err != nil {
			return nil, err
		}
		change = withCode(change, code)
	}
	delete(change, "functionName")
	if err := s.checkLog(change); err != nil {
		return nil, err
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
	config, dir := maps.Clone(d.Config), d.Dir
	maps.Copy(config, change)
	if code.dir != "" {
		dir = code.dir
	}
	next, err := s.compile(config, dir)
	if err != nil {
		return nil, err
	}
	old := d.latest
	next.keep(old)
	d.latest, d.Config, d.Dir, d.Modified = next, config, dir, s.stamp()
	d.busy = time.Now().Add(s.opt.StateLag)
	s.settle(old)
	return d.shown(d.Config), s.save()
}

// keep takes over from older code what is not among a function's members.
func (f *function) keep(old *function) {
	f.Region, f.Account = old.Region, old.Account
	f.MaxInstances, f.pool.max = old.MaxInstances, old.MaxInstances
}

func (s *Server) getFunction(r request) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d, err := s.deployed(r.function)
	if err != nil {
		return nil, err
	}
	f, err := d.code(r.query.Get("qualifier"), 1)
	if err != nil {
		return nil, err
	}
	if f.version != "" {
		return d.shown(d.Versions[f.version].Config), nil
	}
	return d.shown(d.Config), nil
}

func (s *Server) listFunctions(r request) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return list(r, "functions", s.functions, func(d *deployed) any { return d.shown(d.Config) })
}

// deleteFunction deletes a function with its versions and aliases.
func (s *Server) deleteFunction(r request) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d, err := s.deployed(r.function)
	if err != nil {
		return nil, err
	}
	if len(d.Triggers) > 0 {
		return nil, invalidArgument("function '%s' has %d triggers: delete them first", d.Name, len(d.Triggers))
	}
	delete(s.functions, d.Name)
	for _, f := range d.all() {
		s.settle(f)
	}
	if err := s.save(); err != nil || !d.made {
		return nil, err
	}
	return nil, os.RemoveAll(filepath.Join(s.opt.Dir, d.Name))
}
