package decide

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// SweepID stands for the sweep where an instance's id is asked for: its rows count
// what sweeps repaired. No instance has such an id.
const SweepID = "~sweep"

// Repair is a kind of work that is left to sweeps only if something went wrong.
type Repair string

// The kinds of repair.
const (
	RepairEnd  Repair = "end"  // an end was asked for, because no event reported it
	RepairBoot Repair = "boot" // an agent was found up again, and no heartbeat reported it
	RepairSend Repair = "send" // a send was begun by an invocation that never said what became of it
)

// Repairs counts the repairs of one kind in the hour that began at Since. Only the
// state of SweepID has them.
type Repairs struct {
	Kept
	Kind  Repair    `json:"kind"`
	Since time.Time `json:"since"`
	Count int       `json:"count"`
	// Until is when the alert about them is over, if there are not so many again;
	// zero without an alert.
	Until time.Time `json:"until,omitzero"`
	// Recent are the times of the last ends that were asked for, at most silentEnds.
	Recent []time.Time `json:"recent,omitempty"`
}

// So many ends that were asked for within silentWithin show that events of ended
// commands may not arrive at all.
const (
	silentEnds   = 3
	silentWithin = 15 * time.Minute
)

// repairWindow is how long repairs are counted together.
const repairWindow = time.Hour

// repairAlerts say what may be wrong after so many repairs within an hour.
var repairAlerts = map[Repair]string{
	RepairEnd: "Within an hour, sweeps learned %d ends of commands only by asking. Events of ended commands may not arrive: " +
		"look at their rule, its dead letters and the function task-completed.",
	RepairBoot: "Within an hour, sweeps found %d agents up that had sent no first heartbeat. Heartbeats may not arrive: " +
		"look at their rule, its dead letters and the function first-heartbeat.",
	RepairSend: "Within an hour, sweeps took over %d commands whose functions never said what became of them. " +
		"Functions may be killed or too slow: look at their log.",
}

// repairsOver say that there were fewer than so many.
var repairsOver = map[Repair]string{
	RepairEnd:  "Within an hour, sweeps learned fewer than %d ends of commands by asking.",
	RepairBoot: "Within an hour, sweeps found fewer than %d agents up that had sent no first heartbeat.",
	RepairSend: "Within an hour, sweeps took over fewer than %d commands.",
}

// countRepairs counts what a sweep repaired. So many repairs of a kind within an
// hour as the policy says raise one alert, until there are fewer: what the sweep makes
// good must not hide that events no longer arrive.
func (c counts) countRepairs(in Repaired) {
	for _, kind := range slices.Sorted(maps.Keys(in)) {
		r := c.Repairs[string(kind)]
		if !c.now.Before(r.Since.Add(repairWindow)) {
			r.Since, r.Count = c.now, 0
		}
		if kind == RepairEnd {
			recent := slices.Concat(r.Recent, slices.Repeat([]time.Time{c.now}, min(in[kind], silentEnds)))
			r.Recent = recent[max(0, len(recent)-silentEnds):]
			c.often = len(r.Recent) == silentEnds && c.now.Sub(r.Recent[0]) <= silentWithin
		}
		before := r.Count
		r.Kind, r.Count = kind, r.Count+in[kind]
		if most := c.policy.RepairsPerHour; before < most && r.Count >= most {
			if r.Until.IsZero() {
				c.tell(Alert{Kind: AlertRepairs, At: c.now, Summary: fmt.Sprintf(repairAlerts[kind], r.Count)}, string(kind))
			}
			r.Until = r.Since.Add(2 * repairWindow) // the next hour counts whole
		}
		c.repairs.put(string(kind), r)
	}
}

// endRepairs ends the alerts about repairs of which there were fewer for an hour.
func (c counts) endRepairs() {
	for _, kind := range slices.Sorted(maps.Keys(c.Repairs)) {
		r := c.Repairs[kind]
		if r.Until.IsZero() || r.Until.After(c.now) {
			continue
		}
		c.tell(Alert{
			Kind: AlertRepairs, Recovered: true, At: r.Until,
			Summary: fmt.Sprintf(repairsOver[r.Kind], c.policy.RepairsPerHour),
		}, kind)
		r.Until = time.Time{}
		c.repairs.put(kind, r)
	}
}
