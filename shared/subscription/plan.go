package subscription

import (
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// Found is a rule as the service shows it.
type Found struct {
	Pattern, Status, Description string
	Targets                      []Target // of the rules that a deployment needs
}

// Bus is one as the service shows it, with its rules by name, those of others, too.
type Bus struct {
	Description string
	Rules       map[string]Found
}

// State is what the service shows: the buses by name.
type State map[string]Bus

// Change is one call.
type Change struct {
	// What says for people what it changes.
	What   string
	Action string
	Query  url.Values
}

// description marks what this package made.
const description = "Made by aftercare subscribe"

const enabled = "ENABLE"

// Plan returns the calls after which the service has what a deployment needs, in
// order; none if it has it. Rules that Function Compute makes of triggers are made
// only if makes says so; otherwise missing names them.
func Plan(s Site, have State, makes bool) (changes []Change, missing []Rule) {
	changes = PlanBuses(s, have)
	for _, r := range s.Rules() {
		queue := s.DeadLetterARN()
		if r.Last {
			queue = ""
		}
		found, ok := have[r.Bus].Rules[r.Name]
		switch {
		case ok:
			changes = append(changes, r.differs(found, queue, s.target(have, r))...)
		case r.Trigger && !makes:
			missing = append(missing, r)
		default:
			target := s.target(have, r)
			settled, _ := target.Target.settled(queue)
			changes = append(changes, change("CreateRule", "rule "+r.Name+": new, "+target.words(r), r.Bus, r.Name,
				"FilterPattern", r.Pattern, "Status", enabled, "Description", description, "EventTargets", encode(settled)))
		}
	}
	return changes, missing
}

// PlanBuses returns those of Plan's calls that make buses.
func PlanBuses(s Site, have State) (changes []Change) {
	for _, bus := range s.buses() {
		if _, ok := have[bus]; !ok {
			changes = append(changes, change("CreateEventBus", "bus "+bus+": new", bus, "", "Description", description))
		}
	}
	return changes
}

// differs returns the changes of a rule that is there.
func (r Rule) differs(found Found, queue string, made made) (changes []Change) {
	add := func(action, what string, more ...string) {
		changes = append(changes, change(action, "rule "+r.Name+": "+what, r.Bus, r.Name, more...))
	}
	if canonical(found.Pattern) != canonical(r.Pattern) {
		add("UpdateRule", "matches "+r.Pattern+" (was "+found.Pattern+")",
			"FilterPattern", r.Pattern, "Status", enabled, "Description", found.Description)
	}
	if found.Status != enabled {
		add("EnableRule", "enabled (was "+found.Status+")")
	}
	ours := r.ours(found.Targets)
	if len(ours) == 0 {
		settled, _ := made.Target.settled(queue)
		add("PutTargets", made.words(r), "Targets", encode(settled))
	}
	for _, t := range ours {
		if settled, what := t.settled(queue); len(what) > 0 {
			add("PutTargets", strings.Join(what, ", "), "Targets", encode(settled))
		}
	}
	return changes
}

// ours returns the targets that invoke the function. A trigger's rule may name it in
// a form that is not known.
func (r Rule) ours(targets []Target) []Target {
	is := func(t Target) bool { return t.names(r.Function) }
	if r.Trigger && !slices.ContainsFunc(targets, is) {
		is = Target.isFunction
	}
	var ours []Target
	for _, t := range targets {
		if is(t) {
			ours = append(ours, t)
		}
	}
	return ours
}

// made is a target in the form of a rule's, or in an unverified one if that is empty.
type made struct {
	Target
	form string
}

func (m made) words(r Rule) string {
	if m.form == "" {
		return "invokes " + r.Function + ", in a form that is not verified"
	}
	return "invokes " + r.Function + ", in the form of " + m.form
}

// target makes the target of a rule, in the form that those of triggers have.
func (s Site) target(have State, r Rule) made {
	for _, by := range s.Rules() {
		if !by.Trigger {
			continue
		}
		for _, t := range have[by.Bus].Rules[by.Name].Targets {
			if t.isFunction() && t.names(by.Function) {
				return made{t.like(by.Function, r.Function), by.Name}
			}
		}
	}
	return made{s.unverified(r.Function), ""}
}

// Removal returns the calls after which nothing is left of what this package made, in
// order. A bus stays while it has rules of others.
func Removal(have State) (changes []Change) {
	for _, name := range []string{BusDefault, BusSubmissions, BusDeadLetters} {
		bus := have[name]
		left := len(bus.Rules)
		for _, rule := range slices.Sorted(maps.Keys(bus.Rules)) {
			if bus.Rules[rule].Description == description {
				changes = append(changes, change("DeleteRule", "rule "+rule+": removed", name, rule))
				left--
			}
		}
		if left == 0 && bus.Description == description {
			changes = append(changes, change("DeleteEventBus", "bus "+name+": removed", name, ""))
		}
	}
	return changes
}

// change makes a change; more is names and values of parameters.
func change(action, what, bus, rule string, more ...string) Change {
	q := url.Values{"EventBusName": {bus}}
	if rule != "" {
		q.Set("RuleName", rule)
	}
	for i := 0; i < len(more); i += 2 {
		if more[i+1] != "" {
			q.Set(more[i], more[i+1])
		}
	}
	return Change{what, action, q}
}

// encode writes targets as the one JSON text that the service takes.
func encode(targets ...Target) string {
	text, err := json.Marshal(targets)
	if err != nil { // they hold nothing but what JSON has
		panic(err)
	}
	return string(text)
}

// canonical writes a pattern so that spaces and the order of its members do not
// matter. What is no JSON stays as it is.
func canonical(pattern string) string {
	var value any
	if json.Unmarshal([]byte(pattern), &value) != nil {
		return pattern
	}
	text, _ := json.Marshal(value) // it came out of JSON
	return string(text)
}
