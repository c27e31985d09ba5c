package flow

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"aftercare/shared/suggest"
	"aftercare/shared/timetable"
)

// Set is the flows of one file. It is safe for concurrent use.
type Set struct {
	n int // how many flows there are
	// flows are made when they are first needed, and so is version.
	flows   func() []*compiledFlow
	version func() string
}

// compiledFlow is a flow whose parts are read when they are first needed.
type compiledFlow struct {
	head
	// definition reads what is not in the head.
	definition func() (Definition, error)

	once sync.Once
	when condition
	err  error // why the flow cannot start
}

// head is the part of a flow that decides whether it starts.
type head struct {
	Name      string              `json:"name"`
	On        []string            `json:"on"`
	Instances *Instances          `json:"instances,omitempty"`
	When      string              `json:"when,omitempty"`
	Inputs    map[string]Input    `json:"inputs,omitempty"`
	Schedule  *timetable.Schedule `json:"schedule,omitempty"`
	// CaptureEvent: clauses that read event.output come last.
	CaptureEvent bool `json:"captureEvent,omitempty"`
	// Asks are the fields of onDemand that the expressions of its steps contain.
	Asks []string `json:"asks,omitempty"`
}

// onDemand are the fields that are only kept if a flow uses them.
var onDemand = []string{"failedBefore", "failedRuns"}

func newHead(d Definition) head {
	h := head{Name: d.Name, On: d.On, Instances: d.Instances, When: d.When, Inputs: d.Inputs, Schedule: d.Schedule, CaptureEvent: d.CaptureEvent}
	texts := stepExpressions(d)
	for _, word := range onDemand {
		if slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(text, word) }) {
			h.Asks = append(h.Asks, word)
		}
	}
	return h
}

// stepExpressions lists the texts of a flow's steps that are or may contain
// expressions.
func stepExpressions(d Definition) []string {
	var texts []string
	for _, s := range slices.Concat(d.Steps, d.OnFailure, d.Finally) {
		texts = append(texts, s.When, s.Alert)
		if s.Run != nil {
			texts = slices.AppendSeq(texts, maps.Values(s.Run.Parameters))
		}
		if s.Invoke != nil {
			texts = slices.AppendSeq(texts, maps.Values(s.Invoke.Parameters))
		}
	}
	return texts
}

// scope is where its when stands.
func (h head) scope() Scope {
	return Scope{On: h.On, InFlow: true, Inputs: h.Inputs, Output: h.CaptureEvent}
}

// Outcome is how one flow reacts to one event.
type Outcome struct {
	Flow string
	// Matched: the flow's condition holds. Then Definition is set, otherwise
	// Reason.
	Matched bool
	// Reason says in one line why the flow does not start.
	Reason string
	// Values are those that the first clause that was false read; only Explain sets
	// them.
	Values []Value
	// Saw are the values of instance.* and event.failedBefore that its instances and
	// its condition read, as far as they were evaluated.
	Saw []Value
	// Wants: the rest depends on what the command of the event printed, which the
	// event does not say. [45]
	Wants bool
	// Failed: no clause was false, but the condition could not be evaluated for
	// this event.
	Failed     bool
	Definition *Definition
}

// NewSet returns the set of these flows. It does not check them: package
// flowfile does.
func NewSet(flows []Definition) *Set {
	version := func() string {
		stored, _ := Store(flows) // a loaded set has one
		return versionOf(stored)
	}
	return newSet(len(flows), version, func(i int) *compiledFlow {
		return &compiledFlow{head: newHead(flows[i]), definition: func() (Definition, error) { return flows[i], nil }}
	})
}

func newSet(n int, version func() string, flow func(i int) *compiledFlow) *Set {
	return &Set{n: n, version: sync.OnceValue(version), flows: sync.OnceValue(func() []*compiledFlow {
		list := make([]*compiledFlow, n)
		for i := range list {
			list[i] = flow(i)
		}
		return list
	})}
}

// Len returns how many flows there are; 0 for a nil set.
func (s *Set) Len() int {
	if s == nil {
		return 0
	}
	return s.n
}

// Version names the flows as a whole: the first 12 hex digits of the SHA-256 of their
// stored form. It is empty for a nil set. [73]
func (s *Set) Version() string {
	if s == nil {
		return ""
	}
	return s.version()
}

// Flows returns the flows' names in the order of the file.
func (s *Set) Flows() []string {
	names := make([]string, s.n)
	for i, f := range s.flows() {
		names[i] = f.Name
	}
	return names
}

// find returns a flow by its name; nil if there is no such flow, which missing says.
func (s *Set) find(name string) (f *compiledFlow, missing string) {
	for _, f := range s.flows() {
		if f.Name == name {
			return f, ""
		}
	}
	return nil, fmt.Sprintf("there is no flow %.60q%s", name, suggest.Hint(name, "the flows", s.Flows()))
}

// Definition returns a flow by its name.
func (s *Set) Definition(name string) (Definition, error) {
	f, missing := s.find(name)
	if f == nil {
		return Definition{}, errors.New(missing)
	}
	return f.definition()
}

// Timed is a flow on schedule.
type Timed struct {
	Flow      string
	Schedule  timetable.Schedule
	Instances *Instances
}

// Timed lists the flows on schedule.
func (s *Set) Timed() (list []Timed) {
	if s.Len() == 0 {
		return nil
	}
	for _, f := range s.flows() {
		if f.Schedule != nil && f.Instances != nil && slices.Contains(f.On, Scheduled) {
			list = append(list, Timed{f.Name, *f.Schedule, f.Instances})
		}
	}
	return list
}

// Unstartable says why no event of this kind can start a flow with these inputs;
// empty if one can. [59]
func (s *Set) Unstartable(name, kind string, inputs map[string]string) string {
	if s.Len() == 0 {
		return fmt.Sprintf("there is no flow %.60q: these functions have none", name)
	}
	switch f, missing := s.find(name); {
	case f == nil:
		return missing
	case !slices.Contains(f.On, kind):
		return fmt.Sprintf("flow %s is not on %s: its on is %s", name, kind, strings.Join(f.On, " and "))
	default:
		return WrongInputs(f.Inputs, inputs)
	}
}

// Runbook returns a flow's runbook; empty if there is none, or no such flow.
func (s *Set) Runbook(name string) string {
	if s == nil {
		return ""
	}
	d, _ := s.Definition(name)
	return d.Runbook
}

// Mentions reports whether an expression of a flow names this word: failedBefore
// and failedRuns are only kept if a flow uses them.
func (s *Set) Mentions(word string) bool {
	return s != nil && slices.ContainsFunc(s.flows(), func(f *compiledFlow) bool {
		return strings.Contains(f.When, word) || slices.Contains(f.Asks, word)
	})
}

// Match evaluates the condition of every flow for the event's kind, and returns
// the outcomes in the order of the file. Depth is how many flows led to the
// event. It depends on nothing but the set and its arguments.
func (s *Set) Match(ev Event, in Instance, depth int) []Outcome { return s.match(ev, in, depth, false) }

// Explain is Match with the values of the names in false clauses.
func (s *Set) Explain(ev Event, in Instance, depth int) []Outcome {
	return s.match(ev, in, depth, true)
}

func (s *Set) match(ev Event, in Instance, depth int, explain bool) []Outcome {
	if s == nil {
		return nil
	}
	outcomes := make([]Outcome, 0, s.n)
	var env map[string]any
	for _, f := range s.flows() {
		if !slices.Contains(f.On, ev.Kind) || ev.Flow != "" && ev.Flow != f.Name {
			continue
		}
		why, saw := f.Instances.WhyNot(in)
		if why == "" && ev.Kind == Manual {
			why = WrongInputs(f.Inputs, ev.Inputs)
		}
		if why != "" {
			outcomes = append(outcomes, Outcome{Flow: f.Name, Reason: why, Saw: saw})
			continue
		}
		if env == nil {
			env = environment(&ev, in, about{depth: depth, attempt: 1})
		}
		if delete(env, "inputs"); len(f.Inputs) > 0 {
			env["inputs"] = inputValues(f.Inputs, ev.Inputs)
		}
		o := f.ask(&ev, env, explain)
		if saw != nil {
			o.Saw = append(saw, o.Saw...)
		}
		outcomes = append(outcomes, o)
	}
	return outcomes
}

func (f *compiledFlow) ask(ev *Event, env map[string]any, explain bool) Outcome {
	o := Outcome{Flow: f.Name}
	f.once.Do(func() { f.when, f.err = f.head.compile() })
	if f.err != nil {
		o.Failed, o.Reason = true, f.err.Error()
		return o
	}
	early := f.when
	if f.CaptureEvent {
		early = f.when.early()
	}
	clause, err := early.holds(env)
	ready := !f.CaptureEvent || clause != nil || err != nil // nothing needs the output
	if !ready && ev.Captured && ev.OutputError == "" {
		ready, early = true, f.when
		clause, err = f.when.holds(env)
	}
	o.Saw = early.saw(clause, env)
	switch late := f.when[len(early):]; {
	case !ready && ev.Captured:
		o.Failed, o.Reason = true, "what the command printed could not be fetched: "+ev.OutputError
		return o
	case !ready && len(late) > 0:
		o.Wants, o.Reason = true, "it "+dependsOn([]string{starting})+": "+late[0].text
		return o
	case err != nil:
		o.Failed, o.Reason = true, "when could not be evaluated: "+condition{*clause}.said(env)+": "+err.Error()
		return o
	case clause != nil:
		o.Reason = "when was false: " + clause.text
		if explain {
			o.Values = valuesOf(clause.names, env)
		}
		return o
	}
	d, err := f.definition()
	if err != nil {
		o.Failed, o.Reason = true, err.Error()
		return o
	}
	o.Matched, o.Wants, o.Definition = true, !ready, &d
	return o
}

func (h head) compile() (condition, error) {
	c, mistakes := compileCondition(h.When, h.scope())
	if len(mistakes) > 0 {
		return nil, errors.New("when cannot be compiled: " + mistakes[0].Text)
	}
	return c, nil
}
