package flow

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"aftercare/shared/script"

	"github.com/expr-lang/expr/vm"
)

// Set is the compiled flows of one file. It is safe for concurrent use.
type Set struct {
	flows []*compiledFlow
}

// Outcome is what one flow makes of one event.
type Outcome struct {
	Flow string
	// Matched: the flow starts. Run is set then, and else Reason.
	Matched bool
	// Reason says in one line why the flow does not start.
	Reason string
	// Failed: the reason is not that the condition was false, but that it or a
	// parameter could not be evaluated for this event, or that a script with
	// its parameters is beyond a limit.
	Failed bool
	Run    *Plan
}

// Plan is what a run of a flow will do, with everything that the event tells
// filled in. It is stored with the run, which ends by it even if the file is
// edited meanwhile.
type Plan struct {
	Flow  string `json:"flow"`
	Steps []Step `json:"steps"`
}

// Step is one step of a plan. Steps run in order, each when the one before
// succeeded.
type Step struct {
	ID  string `json:"id"`
	Run Run    `json:"run"`
}

// Run is a command for Cloud Assistant.
type Run struct {
	// Name is the command's name, without Aftercare's marker.
	Name string `json:"name"`
	// Type is RunShellScript, RunBatScript or RunPowerShellScript.
	Type string `json:"type"`
	// Content is the script without its parameters; see Script.
	Content string `json:"content"`
	// Timeout is a number of whole seconds, from 10 s to 24 h.
	Timeout    time.Duration `json:"timeout"`
	WorkingDir string        `json:"workingDir,omitempty"`
	Username   string        `json:"username,omitempty"`
	// Parameters reach the script as environment variables.
	Parameters map[string]string `json:"parameters,omitempty"`
}

// Script returns the text to send: the content with its parameters, within
// the limits of Cloud Assistant. See script.WithParameters.
func (r Run) Script() (string, error) {
	return script.WithParameters(r.Type, r.Content, r.Parameters)
}

type compiledFlow struct {
	name  string
	on    kinds
	when  *condition // nil: always
	steps []compiledStep
}

type condition struct {
	text    string
	program *vm.Program
}

type compiledStep struct {
	id string
	// run is the command without its parameters.
	run        Run
	parameters []compiledParameter
}

type compiledParameter struct {
	name  string
	value template
}

// Len returns how many flows there are.
func (s *Set) Len() int { return len(s.flows) }

// Flows returns the flows' names in the order of the file.
func (s *Set) Flows() []string {
	names := make([]string, len(s.flows))
	for i, f := range s.flows {
		names[i] = f.name
	}
	return names
}

// Match asks every flow that is for the event's kind whether it starts, and
// returns their answers in the order of the file. It depends on nothing but
// the set and the event. A flow whose expressions cannot be evaluated for this
// event does not match, and says why.
func (s *Set) Match(ev Event) []Outcome {
	kind := kindOf(ev.Kind)
	var outcomes []Outcome
	var env map[string]any
	for _, f := range s.flows {
		if kind == 0 || f.on&kind == 0 {
			continue
		}
		if env == nil {
			env = environment(&ev)
		}
		outcomes = append(outcomes, f.match(env))
	}
	return outcomes
}

func (f *compiledFlow) match(env map[string]any) Outcome {
	outcome := Outcome{Flow: f.name}
	if f.when != nil {
		value, err := run(f.when.program, env)
		if err != nil {
			outcome.Failed, outcome.Reason = true, "when could not be evaluated: "+err.Error()
			return outcome
		}
		if value != true {
			outcome.Reason = "when was false: " + f.when.text
			return outcome
		}
	}
	plan := &Plan{Flow: f.name, Steps: make([]Step, 0, len(f.steps))}
	for _, step := range f.steps {
		filled, err := step.fill(env)
		if err != nil {
			outcome.Failed, outcome.Reason = true, fmt.Sprintf("step %s: %s", step.id, err)
			return outcome
		}
		plan.Steps = append(plan.Steps, filled)
	}
	outcome.Matched, outcome.Run = true, plan
	return outcome
}

func (s compiledStep) fill(env map[string]any) (Step, error) {
	step := Step{ID: s.id, Run: s.run}
	if len(s.parameters) > 0 {
		step.Run.Parameters = make(map[string]string, len(s.parameters))
	}
	for _, p := range s.parameters {
		value, err := p.value.evaluate(env)
		if err != nil {
			return Step{}, fmt.Errorf("parameter %s: %w", p.name, err)
		}
		step.Run.Parameters[p.name] = value
	}
	if _, err := step.Run.Script(); err != nil {
		return Step{}, err
	}
	return step, nil
}

// oneLine is a condition as it stands in a Reason.
func oneLine(text string) string {
	return shorten(strings.Join(strings.Fields(text), " "), 500)
}

// Compile compiles a flows file. The name stands in faults and is not opened.
// The error, if any, is a Faults with everything that is wrong with the file.
func Compile(filename string, src []byte) (*Set, error) {
	r := &report{file: filename}
	var flows []*compiledFlow
	if s := parse(r, src); s != nil {
		flows = (&flowCompiler{s, newExpressions()}).file()
	}
	if err := r.err(); err != nil {
		return nil, err
	}
	return &Set{flows: slices.Clip(flows)}, nil
}
