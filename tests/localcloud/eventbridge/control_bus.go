package eventbridge

import (
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// givenName is a name that calls may give to a bus or a rule. Source:
// https://www.alibabacloud.com/help/en/eventbridge/product-overview/limits
var givenName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9-]{0,126}$`)

func checkName(name string) error {
	if !givenName.MatchString(name) || strings.HasPrefix(name, "eventbridge-reserved-") {
		return failure("InvalidName", "the name %q is not 1 to 127 letters, digits and -, of which the first is no -, or begins with eventbridge-reserved-", name)
	}
	return nil
}

func (s *Server) createBus(p url.Values) (any, error) {
	name := p.Get("EventBusName")
	if err := checkName(name); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.buses[name] != nil:
		return nil, failure("EventBusExisted", "the event bus %q exists already", name)
	case len(s.buses) > maxBuses: // the default one does not count
		return nil, failure("EventBusCountExceeded", "there are %d custom event buses already", maxBuses)
	}
	b := &bus{description: p.Get("Description"), created: s.opt.Now().UnixMilli()}
	if err := s.journal.keep(keptBuses, name, keptBus{b.description, b.created}); err != nil {
		return nil, err
	}
	s.buses[name] = b
	return map[string]string{"EventBusARN": s.busARN(name)}, nil
}

// shownBus is a bus as calls read it.
type shownBus struct {
	EventBusARN, EventBusName, Description string
	CreateTimestamp                        int64
}

func (s *Server) getBus(p url.Values) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.busNamed(p)
	if err != nil {
		return nil, err
	}
	name := p.Get("EventBusName")
	return shownBus{s.busARN(name), name, b.description, b.created}, nil
}

func (s *Server) listBuses(p url.Values) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []shownBus
	for _, name := range slices.Sorted(maps.Keys(s.buses)) {
		if strings.HasPrefix(name, p.Get("NamePrefix")) {
			all = append(all, shownBus{s.busARN(name), name, s.buses[name].description, s.buses[name].created})
		}
	}
	part, next, err := page(p, all)
	return struct {
		EventBuses []shownBus
		NextToken  string
		Total      int
	}{part, next, len(all)}, err
}

func (s *Server) deleteBus(p url.Values) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.busNamed(p)
	name := p.Get("EventBusName")
	switch {
	case err != nil:
		return nil, err
	case name == DefaultBus:
		return nil, failure("EventBusNotAllowed", "the event bus default cannot be deleted")
	case len(b.rules) > 0:
		return nil, failure("EventBusNotEmpty", "the event bus %q has %d rules: delete them first", name, len(b.rules))
	}
	if err := s.journal.keep(keptBuses, name, nil); err != nil {
		return nil, err
	}
	delete(s.buses, name)
	return true, nil
}
