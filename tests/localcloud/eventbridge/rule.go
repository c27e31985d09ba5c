package eventbridge

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"
)

// Target gets the payload of one delivery. After an error of any kind, the
// server repeats the delivery. ctx ends with the attempt's time, or the server.
type Target func(ctx context.Context, payload []byte) error

// Rule delivers the events of one bus that match a pattern to its targets.
type Rule struct {
	// Name is unique on its bus.
	Name string
	// Bus is DefaultBus if empty.
	Bus string
	// Pattern is a JSON object in the pattern language.
	Pattern string

	// Target is a target in Go; calls see it with the id and type
	// localcloud.program. It may be nil if there are Targets.
	Target Target
	// Retry is Target's strategy, BackoffRetry if empty.
	Retry RetryStrategy
	// Transform makes Target's payload from the event.
	Transform Transform

	// Targets are others, as the API knows them.
	Targets []TargetSpec
}

// rule is a rule with its state. Server.mu guards it.
type rule struct {
	bus, name string
	now       *state
	// was is shown and obeyed instead of now until the time given.
	was   *state
	until time.Time
	// origin is the spec that the program gave, as JSON; empty for a rule made
	// by a call.
	origin string
	slots  chan struct{} // one for each delivery that may run
}

// state is a checked RuleSpec. It does not change.
type state struct {
	spec    RuleSpec
	pattern *Pattern
	targets []*target
}

// visible is the state that calls see and events obey.
func (r *rule) visible() *state {
	if r.was != nil && time.Now().Before(r.until) {
		return r.was
	}
	return r.now
}

func (st *state) target(id string) *target {
	i := slices.IndexFunc(st.targets, func(t *target) bool { return t.spec.ID == id })
	if i < 0 {
		return nil
	}
	return st.targets[i]
}

var (
	busName  = regexp.MustCompile(`^[A-Za-z0-9-]{1,127}$`)
	ruleName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,127}$`)
)

// compile checks a spec. Targets that are as in before stay the same ones. The
// error is an *Error if a call is to blame.
func (s *Server) compile(spec RuleSpec, before []*target) (*state, error) {
	st := &state{spec: spec}
	var err error
	if st.pattern, err = CompilePattern(spec.Pattern); err != nil {
		return nil, failure("InvalidEventPattern", "rule %s: %v", spec.Name, err)
	}
	if len(spec.Targets) > maxTargets {
		return nil, failure("EventTargetCountExceeded", "rule %s: it has %d targets, more than %d", spec.Name, len(spec.Targets), maxTargets)
	}
	for _, want := range spec.Targets {
		if st.target(want.ID) != nil {
			return nil, failure(codeTwice, "rule %s: two targets have the Id %q", spec.Name, want.ID)
		}
		var have *target
		for _, old := range before {
			if old.spec.ID == want.ID {
				have = old
			}
		}
		if have == nil || !same(have.spec, want) {
			if have, err = s.compileTarget(want, have); err != nil {
				return nil, err
			}
		}
		st.targets = append(st.targets, have)
	}
	return st, nil
}

func same(a, b TargetSpec) bool {
	x, _ := json.Marshal(a)
	y, _ := json.Marshal(b)
	return string(x) == string(y)
}

// AddRule makes a rule. It refuses a bad pattern or transform with a message
// that says what is wrong. What calls of an earlier server changed in the same
// rule still holds. It continues the deliveries that an earlier server did not
// finish for a rule of this name.
func (s *Server) AddRule(r Rule) error {
	if r.Bus == "" {
		r.Bus = DefaultBus
	}
	spec := RuleSpec{Bus: r.Bus, Name: r.Name, Pattern: r.Pattern, Status: statusEnabled, Targets: slices.Clone(r.Targets)}
	var program []*target
	var err error
	switch {
	case !ruleName.MatchString(r.Name):
		return fmt.Errorf("rule %q: name must be 1 to 127 letters, digits, - and _", r.Name)
	case r.Target != nil:
		p := &target{
			spec:    TargetSpec{ID: typeProgram, Type: typeProgram, PushRetryStrategy: r.Retry, ErrorsTolerance: tolerateAll},
			deliver: r.Target,
		}
		if r.Retry != "" && !r.Retry.known() {
			return fmt.Errorf("rule %s: retry strategy %q is not BACKOFF_RETRY or EXPONENTIAL_DECAY_RETRY", r.Name, r.Retry)
		}
		if p.payload, err = r.Transform.compile(); err != nil {
			return fmt.Errorf("rule %s: %w", r.Name, err)
		}
		program = []*target{p}
		spec.Targets = append(spec.Targets, p.spec)
	case len(r.Targets) == 0:
		return fmt.Errorf("rule %s: target is missing", r.Name)
	}
	origin, err := json.Marshal(spec)
	if err != nil {
		return fmt.Errorf("rule %s: %w", r.Name, err)
	}
	spec.Created = s.opt.Now().UnixMilli()
	if k := s.kept[r.Bus+"/"+r.Name]; k.Origin == string(origin) {
		spec = k.Spec
	}
	st, err := s.compile(spec, program)
	if err == nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		err = s.insert(st, string(origin))
	}
	if refused := (*Error)(nil); errors.As(err, &refused) {
		return errors.New(refused.Message) // there is no call that could read its code
	}
	return err
}

// insert adds a checked rule, and continues its deliveries; the caller holds mu.
func (s *Server) insert(st *state, origin string) error {
	bus, name := st.spec.Bus, st.spec.Name
	on := s.buses[bus]
	switch {
	case s.closed:
		return errClosed
	case on == nil:
		return failure(codeNoBus, "rule %s: bus %q does not exist", name, bus)
	case s.ruleOf(bus, name) != nil:
		return failure(CodeRuleExists, "rule %s: name is taken on bus %s", name, bus)
	case len(on.rules) == maxRules:
		return failure("EventRuleCountExceeded", "rule %s: bus %s has %d rules already", name, bus, maxRules)
	}
	r := &rule{bus: bus, name: name, now: st, origin: origin, slots: make(chan struct{}, s.opt.Concurrency)}
	on.rules = append(on.rules, r)
	s.unpark(bus, name)
	return nil
}

// PutRule makes a rule as a call would, or, with replace, changes the one that
// exists. The error is an *Error, EventRuleExisted if the name is taken.
func (s *Server) PutRule(spec RuleSpec, replace bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.ruleOf(spec.Bus, spec.Name); r != nil && replace {
		spec.Created, spec.Description = r.now.spec.Created, r.now.spec.Description
		return s.change(r, spec)
	}
	spec.Created = s.opt.Now().UnixMilli()
	st, err := s.compile(spec, nil)
	if err != nil {
		return err
	}
	return s.addMade(st)
}

// addMade adds a rule that a call makes; the caller holds mu.
func (s *Server) addMade(st *state) error {
	if err := s.insert(st, ""); err != nil {
		return err
	}
	return s.keepRule(s.ruleOf(st.spec.Bus, st.spec.Name))
}

// DeleteRule deletes a rule as a call would, if it exists.
func (s *Server) DeleteRule(bus, name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.ruleOf(bus, name); r != nil {
		return s.removeRule(r)
	}
	return nil
}

// removeRule removes a rule. Its deliveries end when they are tried again. The
// caller holds mu.
func (s *Server) removeRule(r *rule) error {
	if err := s.journal.keep(keptRules, r.bus+"/"+r.name, nil); err != nil {
		return err
	}
	b := s.buses[r.bus]
	b.rules = slices.DeleteFunc(b.rules, func(other *rule) bool { return other == r })
	s.unpark(r.bus, r.name)
	return nil
}

// Rules returns every rule, in the order of buses and names.
func (s *Server) Rules() []RuleSpec {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []RuleSpec
	for _, b := range s.buses {
		for _, r := range b.rules {
			out = append(out, r.visible().spec)
		}
	}
	slices.SortFunc(out, func(a, b RuleSpec) int {
		return cmp.Or(cmp.Compare(a.Bus, b.Bus), cmp.Compare(a.Name, b.Name))
	})
	return out
}
