package flow

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"aftercare/shared/command"
)

// environment is what the expressions of the run's present step see.
func (r *Run) environment(m Moment) map[string]any {
	attempt := max(r.Pending.Attempt, 1)
	env := environment(&r.Event, m.Instance, about{depth: r.Depth, attempt: attempt, startedAt: r.StartedAt})
	env["inputs"] = inputValues(r.Definition.Inputs, r.Event.Inputs)
	steps := map[string]any{}
	for _, id := range r.before() {
		steps[id] = StepRecord{Status: StepSkipped}.values()
	}
	for _, rec := range r.Steps {
		if rec.Status != "" {
			steps[rec.ID] = rec.values()
		}
	}
	env["steps"] = steps
	m.guess.see(r.list()[r.Index].ID, attempt, env, steps)
	return env
}

// before lists the steps that stand before the present one. [15]
func (r *Run) before() []string {
	var ids []string
	add := func(steps []Step) {
		for _, s := range steps {
			ids = append(ids, s.ID)
		}
	}
	if r.Section != SectionSteps {
		add(r.Definition.Steps)
	}
	if r.Section == SectionFinally {
		add(r.Definition.OnFailure)
	}
	list := r.list()
	add(list[:min(r.Index, len(list))])
	return ids
}

func (r *Run) scope() Scope {
	return Scope{On: r.Definition.On, Steps: r.before(), Inputs: r.Definition.Inputs, Output: r.Definition.CaptureEvent}
}

// condition is the step's when, and what it sees.
func (r *Run) condition(s Step, m Moment) (condition, map[string]any, error) {
	c, mistakes := compileCondition(s.When, r.scope())
	if len(mistakes) > 0 {
		return nil, nil, errors.New(mistakes[0].Text)
	}
	return c, r.environment(m), nil
}

// holds returns the first clause of the step's when that is false, with what it
// saw; empty if it holds.
func (r *Run) holds(s Step, m Moment) (string, error) {
	c, env, err := r.condition(s, m)
	if err != nil || c == nil {
		return "", err
	}
	clause, err := c.holds(env)
	for _, v := range c.saw(clause, env) {
		m.read(v.Name)
	}
	if clause == nil {
		return "", nil
	}
	said := condition{*clause}.said(env)
	if err != nil {
		return "", fmt.Errorf("%s: %w", said, err)
	}
	return said, nil
}

// because says why a step begins; empty if it has no when.
func (r *Run) because(s Step, m Moment) string {
	c, env, _ := r.condition(s, m)
	if c == nil {
		return ""
	}
	return ", because " + c.said(env)
}

// texts returns a function that evaluates texts with ${{ }} in them.
func (r *Run) texts(m Moment) func(text string) (string, error) {
	scope, env := r.scope(), r.environment(m)
	return func(text string) (string, error) {
		t, mistakes := compileTemplate(text, func(expression string) (*node, []Mistake) { return compile(expression, scope) })
		if len(mistakes) > 0 {
			return "", errors.New(mistakes[0].Text)
		}
		for _, part := range t {
			for _, name := range namesIn(part.tree) {
				m.read(written(name))
			}
		}
		return t.evaluate(env)
	}
}

func (m Moment) read(name string) {
	if m.Read != nil && strings.HasPrefix(name, "instance.") {
		m.Read(name)
	}
}

func (r *Run) parameters(p map[string]string, m Moment) (map[string]string, error) {
	if len(p) == 0 {
		return nil, nil
	}
	evaluate := r.texts(m)
	out := make(map[string]string, len(p))
	for _, name := range slices.Sorted(maps.Keys(p)) {
		value, err := evaluate(p[name])
		if err != nil {
			return nil, fmt.Errorf("parameter %s could not be evaluated: %w", name, err)
		}
		out[name] = value
	}
	return out, nil
}

// command returns the command of a step as its attempt sends it.
func (r *Run) command(s Step, m Moment) (c command.Command, err error) {
	if s.Run != nil {
		run := *s.Run
		if run.Parameters, err = r.parameters(run.Parameters, m); err != nil {
			return c, err
		}
		return command.Command{Run: &run}, first(run.Check())
	}
	invoke := *s.Invoke
	if invoke.Parameters, err = r.parameters(invoke.Parameters, m); err != nil {
		return c, err
	}
	if m.guess != nil && m.guess.written != nil { // it takes few characters
		return command.Command{Invoke: &invoke}, m.guess.send("its parameters", m.guess.written)
	}
	return command.Command{Invoke: &invoke}, first(invoke.Check())
}

// first is the first of a command's mistakes; nil without any.
func first(mistakes []command.Mistake) error {
	if len(mistakes) == 0 {
		return nil
	}
	return errors.New(mistakes[0].String())
}
