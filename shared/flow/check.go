package flow

import (
	"maps"
	"slices"
)

// Scope is where an expression of a file stands, and so what it may name.
type Scope struct {
	// On is the kinds of event of the flow. An empty list allows the fields of
	// every kind, for files whose `on` cannot be read.
	On []string
	// Steps are the ids of the steps before. InFlow: it is the flow's own when,
	// before every step.
	Steps  []string
	InFlow bool
	// Output: the flow captures what the command of the event printed.
	Output bool
	// Inputs are those of the flow.
	Inputs map[string]Input
}

// Sample returns an environment of zero values: what an expression may name,
// with values of the types that it will find.
func (s Scope) Sample() map[string]any {
	event := map[string]any{}
	for _, f := range fieldsOf(s.On) {
		event[f.name] = f.value(&Event{})
	}
	env := map[string]any{"event": event, "instance": sampleInstance(), "run": about{}.values()}
	if len(s.Inputs) > 0 {
		inputs := map[string]any{}
		for name, input := range s.Inputs {
			inputs[name] = input.value("0")
		}
		env["inputs"] = inputs
	}
	if !s.InFlow {
		steps := map[string]any{}
		for _, id := range s.Steps {
			steps[id] = StepRecord{}.values()
		}
		env["steps"] = steps
	}
	return env
}

// fields lists what can be named after a root.
func (s Scope) fields(root string) []string {
	switch root {
	case "event":
		var names []string
		for _, f := range fieldsOf(s.On) {
			names = append(names, f.name)
		}
		return names
	case "instance":
		return slices.Sorted(maps.Keys(Instance{}.values()))
	case "run":
		return slices.Sorted(maps.Keys(about{}.values()))
	case "inputs":
		return slices.Sorted(maps.Keys(s.Inputs))
	}
	return s.Steps
}

// Check finds the mistakes of an expression, but not those of its types.
func Check(text string, s Scope) []Mistake {
	_, mistakes := compile(text, s)
	return mistakes
}

// CheckTemplate finds the mistakes of a text with ${{ }} in it, whose expressions the
// function checks.
func CheckTemplate(text string, check func(expression string) []Mistake) []Mistake {
	_, mistakes := compileTemplate(text, func(expression string) (*node, []Mistake) { return nil, check(expression) })
	return mistakes
}

// Kinds lists the kinds of event that a flow can be for.
func Kinds() []string { return slices.Clone(allKinds) }
