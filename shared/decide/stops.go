package decide

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// Order asks for a stop or a resume, as its act's Kind says.
type Order struct {
	Act
	Scope Scope
	// Hash is as Submission's.
	Hash string
}

// Ordered is the answer to an order.
type Ordered struct {
	// Outcome is stopped, already_stopped, resumed, not_stopped or refused.
	Outcome string `json:"outcome"`
	Reason  string `json:"reason,omitempty"`
	// Stop is the one that holds the scope, or that the resume ended.
	Stop *Stop `json:"stop,omitempty"`
	// Breaker is the one that the resume closed.
	Breaker *Breaker `json:"breaker,omitempty"`
}

// The outcomes of orders, beside Refused.
const (
	Stopped        = "stopped"
	AlreadyStopped = "already_stopped"
	Resumed        = "resumed"
	NotStopped     = "not_stopped"
)

// Standing lists what holds work back at a moment.
type Standing struct {
	// Stops begins with that of everything; those of flows, instances and labels
	// follow, each in the order of their names.
	Stops []Stop `json:"stops"`
	// Breakers are the open ones, by flow.
	Breakers []Breaker `json:"breakers"`
}

// Standing lists the stops, and the breakers that are open now.
func (c Control) Standing(now time.Time) Standing {
	s := Standing{Stops: slices.AppendSeq([]Stop{}, maps.Values(c.Stops)), Breakers: []Breaker{}}
	inOrder(s.Stops, func(a, b Stop) int {
		return cmp.Or(cmp.Compare(a.Label, b.Label), cmp.Compare(a.Instance, b.Instance), cmp.Compare(a.Flow, b.Flow))
	})
	for _, flow := range slices.Sorted(maps.Keys(c.Breakers)) {
		if b := c.Breakers[flow]; b.ResumeAt.After(now) {
			s.Breakers = append(s.Breakers, b)
		}
	}
	return s
}

// Control is the Control that holds exactly this.
func (s Standing) Control() Control {
	c := NewControl()
	for _, stop := range s.Stops {
		c.Stops[stop.Scope] = stop
	}
	for _, b := range s.Breakers {
		c.Breakers[b.Flow] = b
	}
	return c
}
