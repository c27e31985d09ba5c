package eventbridge

import (
	"cmp"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"time"
)

// shownRule is a rule as calls read it.
type shownRule struct {
	RuleARN string
	RuleSpec
}

func (s *Server) show(r *rule) shownRule {
	return shownRule{s.ruleARN(r.bus, r.name), r.visible().spec.shown()}
}

func (s *Server) createRule(p url.Values) (any, error) {
	spec := RuleSpec{
		Bus: p.Get("EventBusName"), Name: p.Get("RuleName"), Pattern: p.Get("FilterPattern"), Description: p.Get("Description"),
		Status: cmp.Or(p.Get("Status"), statusEnabled), Created: s.opt.Now().UnixMilli(), Targets: []TargetSpec{},
	}
	if err := cmp.Or(checkName(spec.Name), checkStatus(spec.Status)); err != nil {
		return nil, err
	}
	// Targets is the older name.
	if text := cmp.Or(p.Get("EventTargets"), p.Get("Targets")); text != "" {
		list, err := readTargets("EventTargets", text)
		if err != nil {
			return nil, err
		}
		for _, raw := range list {
			t, err := readTarget(raw)
			if err != nil {
				return nil, failure("InvalidTarget", "%v", err)
			}
			spec.Targets = append(spec.Targets, t)
		}
	}
	st, err := s.compile(spec, nil)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.busNamed(p); err != nil {
		return nil, err
	}
	if err := s.addMade(st); err != nil {
		return nil, err
	}
	return map[string]string{"RuleARN": s.ruleARN(spec.Bus, spec.Name)}, nil
}

func checkStatus(status string) error {
	if status != statusEnabled && status != statusDisabled {
		return failure("InvalidStatus", "Status must be ENABLE or DISABLE, not %q", status)
	}
	return nil
}

// readTargets reads an array that is one parameter.
func readTargets(name, text string) ([]json.RawMessage, error) {
	var list []json.RawMessage
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		return nil, failure("InvalidTarget", "%s must be one JSON array: %v", name, err)
	}
	return list, nil
}

func (s *Server) keepRule(r *rule) error {
	return s.journal.keep(keptRules, r.bus+"/"+r.name, keptRule{r.now.spec, r.origin})
}

// change gives a rule another state, which calls and events see after the lag;
// the caller holds mu.
func (s *Server) change(r *rule, spec RuleSpec) error {
	st, err := s.compile(spec, r.now.targets)
	switch {
	case s.closed:
		return errClosed
	case err != nil:
		return err
	}
	was, old := r.visible(), r.now
	r.now = st
	if err := s.keepRule(r); err != nil {
		r.now = old
		return err
	}
	r.was, r.until = was, time.Now().Add(s.opt.Lag)
	s.work.Go(func() {
		if s.pause(s.opt.Lag) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.unpark(r.bus, r.name) // their target may have been replaced
		}
	})
	return nil
}

func (s *Server) updateRule(p url.Values) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.ruleNamed(p)
	if err != nil {
		return nil, err
	}
	spec := r.now.spec
	spec.Pattern = cmp.Or(p.Get("FilterPattern"), spec.Pattern)
	spec.Status = cmp.Or(p.Get("Status"), spec.Status)
	if p.Has("Description") {
		spec.Description = p.Get("Description")
	}
	if err := checkStatus(spec.Status); err != nil {
		return nil, err
	}
	return true, s.change(r, spec)
}

// status returns the action that sets a rule's status.
func status(to string) action {
	return func(s *Server, p url.Values) (any, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		r, err := s.ruleNamed(p)
		if err != nil {
			return nil, err
		}
		spec := r.now.spec
		spec.Status = to
		return true, s.change(r, spec)
	}
}

func (s *Server) getRule(p url.Values) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.ruleNamed(p)
	if err != nil {
		return nil, err
	}
	return s.show(r), nil
}

func (s *Server) listRules(p url.Values) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.busNamed(p)
	if err != nil {
		return nil, err
	}
	var all []shownRule
	for _, r := range b.rules {
		if strings.HasPrefix(r.name, p.Get("RuleNamePrefix")) {
			all = append(all, s.show(r))
		}
	}
	slices.SortFunc(all, func(a, b shownRule) int { return cmp.Compare(a.Name, b.Name) })
	part, next, err := page(p, all)
	return struct {
		Rules     []shownRule
		NextToken string
		Total     int
	}{part, next, len(all)}, err
}

func (s *Server) deleteRule(p url.Values) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.ruleNamed(p)
	if err != nil {
		return nil, err
	}
	return true, s.removeRule(r)
}
