package decide

import "time"

// AllFlows stands for every flow where a pause names one.
const AllFlows = "*"

// Control holds what stops flows on all instances at once: pauses, which people
// set, and breakers, which open when too many runs fail.
type Control struct {
	Pauses   map[string]Pause   // by flow, or AllFlows
	Breakers map[string]Breaker // by flow
	// Unread: they could not be read. It holds every flow and every command, as
	// an unread pause would.
	Unread bool
}

// Pause is a stop switch: a paused flow starts no run, and its runs take no
// further step.
type Pause struct {
	// Flow is a flow's name or AllFlows.
	Flow string `json:"flow"`
	// By says who paused it, in that person's own words.
	By     string    `json:"by"`
	Reason string    `json:"reason,omitempty"`
	At     time.Time `json:"at"`
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

// paused returns the pause that holds a flow, or nil.
func (c Control) paused(flow string) *Pause {
	for _, name := range []string{AllFlows, flow} {
		if p, ok := c.Pauses[name]; ok {
			return &p
		}
	}
	return nil
}

// UpdatesBreaker reports whether a message updates a breaker.
func (s State) UpdatesBreaker() bool {
	for _, m := range s.Messages {
		if m.Fleet != nil {
			return true
		}
	}
	return false
}

// String says who paused the flow, and why, in one line.
func (p Pause) String() string {
	what := "paused"
	if p.Flow == AllFlows {
		what = "all flows are paused"
	}
	text := what + " by " + p.By + " since " + p.At.UTC().Format(time.RFC3339)
	if p.Reason != "" {
		text += ": " + p.Reason
	}
	return text
}
