package eventbridge

import (
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
)

// shownEvent is an event as QueryTracedEvents lists it.
type shownEvent struct {
	EventBusName, EventSource, EventType string
	EventID                              string `json:"EventId"`
	EventReceivedTime                    int64
}

// queryTracedEvents lists what a bus received from StartTime to EndTime.
func (s *Server) queryTracedEvents(p url.Values) (any, error) {
	s.mu.Lock()
	_, err := s.busNamed(p)
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	from, wrong := strconv.ParseInt(p.Get("StartTime"), 10, 64)
	to, wrongTo := strconv.ParseInt(p.Get("EndTime"), 10, 64)
	if wrong != nil || wrongTo != nil || from > to {
		return nil, failure("InvalidTimeRange", "StartTime and EndTime must be milliseconds, in this order")
	}
	fits := func(name, value string) bool { return p.Get(name) == "" || p.Get(name) == value }
	found, err := s.journal.received(func(t trace) bool {
		return fits("EventBusName", t.Bus) && from <= t.Received && t.Received <= to && fits("EventSource", t.Source) && fits("EventType", t.Type) &&
			(p.Get("MatchedRule") == "" || slices.Contains(t.Rules, p.Get("MatchedRule")))
	})
	if err != nil {
		return nil, err
	}
	var all []shownEvent
	for _, t := range found {
		all = append(all, shownEvent{t.Bus, t.Source, t.Type, t.ID, t.Received})
	}
	part, next, err := page(p, all)
	return struct {
		Events    []shownEvent
		NextToken string
		Total     int
	}{part, next, len(all)}, err
}

// queryEvent returns an event. The vendor describes queries by id for custom
// buses only. Source:
// https://help.aliyun.com/en/eventbridge/user-guide/event-query-overview
func (s *Server) queryEvent(p url.Values) (any, error) {
	bus := p.Get("EventBusName")
	if bus == DefaultBus && s.opt.NoQueryByID {
		return nil, failure("EventBusNotSupported", "events of the bus default cannot be queried by id")
	}
	events, _, err := s.journal.traced(bus, p.Get("EventId"))
	for _, t := range events {
		if source := p.Get("EventSource"); source == "" || source == t.Source {
			return json.RawMessage(t.event), nil
		}
	}
	if err == nil {
		err = failure("EventNotExisted", "the event bus %q received no event with the id %q", bus, p.Get("EventId"))
	}
	return nil, err
}

// queryEventTraces returns the steps of an event, in the order in which they
// happened.
func (s *Server) queryEventTraces(p url.Values) (any, error) {
	_, steps, err := s.journal.traced(p.Get("EventBusName"), p.Get("EventId"))
	return append([]step{}, steps...), err
}
