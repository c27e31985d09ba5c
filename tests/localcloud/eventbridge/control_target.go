package eventbridge

import (
	"encoding/json"
	"net/url"
	"slices"
)

// entries is the outcome of a call for several targets, with those that it
// refused: Success says nothing of them.
type entries struct {
	ErrorEntriesCount int
	ErrorEntries      []errorEntry
}

type errorEntry struct{ EntryID, ErrorCode, ErrorMessage string }

func (e errorEntry) MarshalJSON() ([]byte, error) {
	return json.Marshal(map[string]string{"EntryId": e.EntryID, "ErrorCode": e.ErrorCode, "ErrorMessage": e.ErrorMessage})
}

func (e *entries) add(id string, err error) {
	refused := asError(err)
	e.ErrorEntries = append(e.ErrorEntries, errorEntry{id, refused.Code, refused.Message})
	e.ErrorEntriesCount++
}

// putTargets adds targets, or replaces those with the same Id.
func (s *Server) putTargets(p url.Values) (any, error) {
	list, err := readTargets("Targets", p.Get("Targets"))
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.ruleNamed(p)
	if err != nil {
		return nil, err
	}
	spec := r.now.spec
	spec.Targets = slices.Clone(spec.Targets)
	out := entries{ErrorEntries: []errorEntry{}}
	seen := map[string]bool{}
	for _, raw := range list {
		t, err := readTarget(raw)
		if err != nil {
			out.add(t.ID, failure("InvalidTarget", "%v", err))
			continue
		}
		if seen[t.ID] {
			out.add(t.ID, failure(codeTwice, "the call has two targets with the Id %q", t.ID))
			continue
		}
		seen[t.ID] = true
		at := slices.IndexFunc(spec.Targets, func(have TargetSpec) bool { return have.ID == t.ID })
		if _, err := s.compileTarget(t, r.now.target(t.ID)); err != nil {
			out.add(t.ID, err)
		} else if at >= 0 {
			spec.Targets[at] = t
		} else if len(spec.Targets) == maxTargets {
			out.add(t.ID, failure("EventTargetCountExceeded", "a rule has at most %d targets", maxTargets))
		} else {
			spec.Targets = append(spec.Targets, t)
		}
	}
	return out, s.change(r, spec)
}

func (s *Server) listTargets(p url.Values) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.ruleNamed(p)
	if err != nil {
		return nil, err
	}
	all := s.show(r).Targets
	if arn := p.Get("Arn"); arn != "" {
		all = slices.DeleteFunc(all, func(t TargetSpec) bool { return t.Endpoint != arn })
	}
	part, next, err := page(p, all)
	return struct {
		Targets   []TargetSpec
		NextToken string
		Total     int
	}{part, next, len(all)}, err
}

func (s *Server) deleteTargets(p url.Values) (any, error) {
	var ids []string
	if err := json.Unmarshal([]byte(p.Get("TargetIds")), &ids); err != nil {
		return nil, failure("InvalidTargetIds", "TargetIds must be one JSON array of texts: %v", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.ruleNamed(p)
	if err != nil {
		return nil, err
	}
	spec := r.now.spec
	out := entries{ErrorEntries: []errorEntry{}}
	for _, id := range ids {
		if r.now.target(id) == nil {
			out.add(id, failure("EventTargetNotExisted", "the rule has no target with the Id %q", id))
		}
	}
	spec.Targets = slices.DeleteFunc(slices.Clone(spec.Targets), func(t TargetSpec) bool { return slices.Contains(ids, t.ID) })
	return out, s.change(r, spec)
}
