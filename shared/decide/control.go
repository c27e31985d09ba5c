package decide

import (
	"slices"
	"time"
)

// Control holds what stops work on all instances at once: stops, which people
// set, and breakers, which open when too many runs fail.
type Control struct {
	Stops    map[Scope]Stop
	Breakers map[string]Breaker // by flow
	// Concerns are those that were read beside them, by key. No decision about an
	// instance depends on them.
	Concerns map[string]Concern
	// Unread: they could not be read. It holds every flow and every command, as
	// an unread stop might.
	Unread bool
}

// NewControl is a Control that stops nothing.
func NewControl() Control {
	return Control{Stops: map[Scope]Stop{}, Breakers: map[string]Breaker{}}
}

// Scope is what a stop holds: one flow, one instance, or the tasks with one
// label; everything if no field is set.
type Scope struct {
	Flow     string `json:"flow,omitempty"`
	Instance string `json:"instance,omitempty"`
	Label    string `json:"label,omitempty"`
}

// String names the scope in words.
func (s Scope) String() string {
	return firstNamed("everything", "flow", s.Flow, "instance", s.Instance, "label", s.Label)
}

// resume is the command that ends a stop of the scope. Of a flow, it closes the
// breaker, too.
func (s Scope) resume() string {
	return "'aftercare resume" + firstNamed("", " --flow", s.Flow, " --instance", s.Instance, " --label", s.Label) + "'"
}

// firstNamed is the first kind of thing that has a name, and that name. Each kind is
// followed by its name; all is returned if every name is empty.
func firstNamed(all string, kindsAndNames ...string) string {
	for pair := range slices.Chunk(kindsAndNames, 2) {
		if pair[1] != "" {
			return pair[0] + " " + pair[1]
		}
	}
	return all
}

// Stop holds every run and invoke of its scope.
type Stop struct {
	Scope
	// By says who asked for it, in that person's own words.
	By     string    `json:"by,omitempty"`
	Reason string    `json:"reason,omitempty"`
	At     time.Time `json:"at"`
}

// String says what is stopped, by whom and why, in one line.
func (s Stop) String() string {
	text := s.Scope.String() + " is stopped"
	if s.By != "" {
		text += " by " + s.By
	}
	text += " since " + s.At.UTC().Format(time.RFC3339)
	if s.Reason != "" {
		text += ": " + s.Reason
	}
	return text
}

// Breaker keeps a flow from starting runs until ResumeAt, because too many of
// its runs failed across the fleet.
type Breaker struct {
	Flow string `json:"flow"`
	// Key is the key of the message that opened it.
	Key      string    `json:"key"`
	OpenedAt time.Time `json:"openedAt"`
	ResumeAt time.Time `json:"resumeAt"`
	// Failures is how many runs had failed within the window.
	Failures int `json:"failures"`
}

// FleetFailure is the failure of one run, as breakers count it.
type FleetFailure struct {
	Flow, RunID, InstanceID string
	At                      time.Time
}

// unread is why things wait while Control is Unread.
const unread = "stops cannot be read"

// stop returns the first of the scopes' stops; nil if none is stopped.
func (c Control) stop(scopes ...Scope) *Stop {
	for _, scope := range scopes {
		if s, ok := c.Stops[scope]; ok {
			return &s
		}
	}
	return nil
}

// Stopped returns the stop that holds a flow everywhere; nil without one.
func (c Control) Stopped(flow string) *Stop { return c.stop(Scope{}, Scope{Flow: flow}) }

// stop returns a stop that holds all commands of the instance; nil if there is
// no such stop.
func (v view) stop() *Stop {
	return v.control.stop(Scope{}, Scope{Instance: v.Instance.ID})
}

// stopOf returns the stop that holds the runs of a flow; nil if they are free.
func (v view) stopOf(flow string) *Stop {
	if s := v.stop(); s != nil {
		return s
	}
	return v.control.stop(Scope{Flow: flow})
}

// stopped reports whether the runs of a flow are held.
func (v view) stopped(flow string) bool { return v.control.Unread || v.stopOf(flow) != nil }

// allStopped reports whether all commands of the instance are held.
func (v view) allStopped() bool { return v.control.Unread || v.stop() != nil }

// holder says what holds a task's command: the stop of everything, of the
// instance, of its flow or of one of its labels; empty if it is free.
func (v view) holder(t Task) string {
	if v.control.Unread {
		return unread
	}
	if s := v.control.Holding(v.State, t); s != nil {
		return s.String()
	}
	return ""
}

// Holding returns the first stop that holds a task's command; nil if none of them
// does.
func (c Control) Holding(s State, t Task) *Stop {
	scopes := []Scope{{}, {Instance: s.Instance.ID}}
	if r, ok := s.Runs[t.RunID]; ok {
		scopes = append(scopes, Scope{Flow: r.Flow})
	}
	for _, label := range t.Labels {
		scopes = append(scopes, Scope{Label: label})
	}
	return c.stop(scopes...)
}
