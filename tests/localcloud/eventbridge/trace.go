package eventbridge

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"go.etcd.io/bbolt"
)

// The buckets of traces: what is asked for of events, and the events themselves,
// both by number, their numbers by bus and id, and what happened to them by number
// and step.
var (
	traces      = []byte("traces")
	traceEvents = []byte("traceevents")
	traceIDs    = []byte("traceids")
	traceSteps  = []byte("tracesteps")
)

// trace is an event that a bus received.
type trace struct {
	Bus, ID, Source, Type string
	Received              int64 // milliseconds
	Rules                 []string
	event                 []byte
}

// The steps of a trace. Source:
// https://www.alibabacloud.com/help/en/eventbridge/developer-reference/api-eventbridge-2020-04-01-queryeventtraces
const (
	stepPut    = "PutEvent"    // a bus received the event
	stepFilter = "FilterEvent" // a rule matched it
	stepPush   = "PushEvent"   // it was sent to a target
)

// step is one step of a trace, as calls read it. Times are milliseconds.
type step struct {
	Action           string
	ActionTime       int64
	EventBusName     string
	EventID          string `json:"EventId"`
	EventSource      string
	ReceivedTime     int64  `json:",omitempty"`
	RuleName         string `json:",omitempty"`
	RuleMatchingTime string `json:",omitempty"`
	Endpoint         string `json:",omitempty"`
	NotifyTime       int64  `json:",omitempty"`
	NotifyLatency    string `json:",omitempty"`
	NotifyStatus     string `json:",omitempty"`
}

// newTrace returns the trace of an event that bus receives now.
func (s *Server) newTrace(bus string, e event, raw []byte) trace {
	t := trace{Bus: bus, Received: s.opt.Now().UnixMilli(), event: raw}
	t.ID, _, _ = e.text("id")
	t.Source, _, _ = e.text("source")
	t.Type, _, _ = e.text("type")
	return t
}

func (t trace) step(action string, at int64) step {
	return step{Action: action, ActionTime: at, EventBusName: t.Bus, EventID: t.ID, EventSource: t.Source}
}

// steps returns the steps of an event until its deliveries begin.
func (t trace) steps() []step {
	put := t.step(stepPut, t.Received)
	put.ReceivedTime = t.Received
	out := []step{put}
	for _, rule := range t.Rules {
		filter := t.step(stepFilter, t.Received)
		filter.RuleName, filter.RuleMatchingTime = rule, strconv.FormatInt(t.Received, 10)
		out = append(out, filter)
	}
	return out
}

// maxStatus bounds the error in a NotifyStatus, in bytes.
const maxStatus = 256

// pushed returns the step of one attempt, which began at begin and ended with
// err.
func (s *Server) pushed(t *task, to *target, begin time.Time, err error) step {
	var head struct{ ID, Source string }
	_ = json.Unmarshal(t.Event, &head) // it was read when the event came
	at := s.opt.Now().UnixMilli()
	out := trace{Bus: t.Bus, ID: head.ID, Source: head.Source}.step(stepPush, at)
	out.RuleName, out.Endpoint, out.NotifyTime = t.Rule, to.spec.Endpoint, at
	out.NotifyLatency, out.NotifyStatus = strconv.FormatInt(time.Since(begin).Milliseconds(), 10), "[200]Ok"
	if err != nil {
		text := err.Error()
		out.NotifyStatus = "[500]" + text[:min(len(text), maxStatus)]
	}
	return out
}

// addTrace writes an event, and returns its number.
func addTrace(tx *bbolt.Tx, t trace) (uint64, error) {
	b := tx.Bucket(traces)
	n, err := b.NextSequence()
	if err != nil {
		return 0, err
	}
	value, err := json.Marshal(t)
	if err != nil {
		return 0, err
	}
	if err := errors.Join(b.Put(number(n), value), tx.Bucket(traceEvents).Put(number(n), t.event)); err != nil {
		return 0, err
	}
	return n, tx.Bucket(traceIDs).Put(append(idPrefix(t.Bus, t.ID), number(n)...), nil)
}

// idPrefix is how the keys of an event's numbers begin: an id may come twice.
func idPrefix(bus, id string) []byte { return []byte(bus + "\x00" + id + "\x00") }

// addStep writes a step of the event with a number.
func addStep(tx *bbolt.Tx, event uint64, st step) error {
	b := tx.Bucket(traceSteps)
	n, err := b.NextSequence()
	if err != nil {
		return err
	}
	value, err := json.Marshal(st)
	if err != nil {
		return err
	}
	return b.Put(slices.Concat(number(event), number(n)), value)
}

// received returns the events that fit, in the order in which they came.
func (j *journal) received(fits func(trace) bool) ([]trace, error) {
	var out []trace
	err := j.db.View(func(tx *bbolt.Tx) error {
		return tx.Bucket(traces).ForEach(func(_, value []byte) error {
			var t trace
			if err := json.Unmarshal(value, &t); err != nil {
				return err
			}
			if fits(t) {
				out = append(out, t)
			}
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("read traces: %w", err)
	}
	return out, nil
}

// traced returns the events of an id on a bus, and all their steps.
func (j *journal) traced(bus, id string) (events []trace, steps []step, err error) {
	err = j.db.View(func(tx *bbolt.Tx) error {
		prefix := idPrefix(bus, id)
		ids := tx.Bucket(traceIDs).Cursor()
		for k, _ := ids.Seek(prefix); bytes.HasPrefix(k, prefix); k, _ = ids.Next() {
			n := k[len(prefix):]
			if len(n) != 8 {
				continue // of another id, with a zero in it
			}
			var t trace
			if err := json.Unmarshal(tx.Bucket(traces).Get(n), &t); err != nil {
				return err
			}
			t.event = bytes.Clone(tx.Bucket(traceEvents).Get(n))
			events = append(events, t)
			c := tx.Bucket(traceSteps).Cursor()
			for k, value := c.Seek(n); bytes.HasPrefix(k, n); k, value = c.Next() {
				var st step
				if err := json.Unmarshal(value, &st); err != nil {
					return err
				}
				steps = append(steps, st)
			}
		}
		return nil
	})
	if err != nil {
		return nil, nil, fmt.Errorf("read traces: %w", err)
	}
	return events, steps, nil
}
