package eventbridge

import (
	"context"
	"fmt"
	"regexp"
)

// Target gets the payload of one delivery. After an error of any kind, the
// server repeats the delivery. ctx ends with the attempt's time, or the server.
type Target func(ctx context.Context, payload []byte) error

// Rule delivers the events of one bus that match a pattern to one target.
type Rule struct {
	// Name is unique on its bus.
	Name string
	// Bus is DefaultBus if empty.
	Bus string
	// Pattern is a JSON object in the pattern language.
	Pattern string
	Target  Target
	// Retry is BackoffRetry if empty.
	Retry RetryStrategy
	// Transform makes the payload from the event.
	Transform Transform
}

// rule is a checked Rule.
type rule struct {
	Rule
	pattern *Pattern
	payload func(event []byte) ([]byte, error)
	slots   chan struct{} // one for each delivery that may run
}

var (
	busName  = regexp.MustCompile(`^[A-Za-z0-9-]{1,127}$`)
	ruleName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,127}$`)
)

// AddRule makes a rule. It refuses a bad pattern or transform with a message
// that says what is wrong. It continues the deliveries that an earlier server
// did not finish for a rule of this name.
func (s *Server) AddRule(r Rule) error {
	if r.Bus == "" {
		r.Bus = DefaultBus
	}
	if r.Retry == "" {
		r.Retry = BackoffRetry
	}
	checked := &rule{Rule: r, slots: make(chan struct{}, s.opt.Concurrency)}
	var err error
	switch {
	case !ruleName.MatchString(r.Name):
		return fmt.Errorf("rule %q: name must be 1 to 127 letters, digits, - and _", r.Name)
	case r.Target == nil:
		return fmt.Errorf("rule %s: target is missing", r.Name)
	case !r.Retry.known():
		return fmt.Errorf("rule %s: retry strategy %q is not BACKOFF_RETRY or EXPONENTIAL_DECAY_RETRY", r.Name, r.Retry)
	}
	if checked.pattern, err = CompilePattern(r.Pattern); err != nil {
		return fmt.Errorf("rule %s: %w", r.Name, err)
	}
	if checked.payload, err = r.Transform.compile(); err != nil {
		return fmt.Errorf("rule %s: %w", r.Name, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	rules, ok := s.buses[r.Bus]
	switch {
	case s.closed:
		return errClosed
	case !ok:
		return fmt.Errorf("rule %s: bus %q does not exist", r.Name, r.Bus)
	case s.ruleOf(r.Bus, r.Name) != nil:
		return fmt.Errorf("rule %s: name is taken on bus %s", r.Name, r.Bus)
	case len(rules) == maxRules:
		return fmt.Errorf("rule %s: bus %s has %d rules already", r.Name, r.Bus, maxRules)
	}
	s.buses[r.Bus] = append(rules, checked)
	for _, t := range s.tasks {
		if t.Bus == r.Bus && t.Rule == r.Name {
			s.launch(t, checked)
		}
	}
	return nil
}
