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

// countRepairs counts what a sweep repaired. So many repairs of a kind within an
// hour as the policy says raise one alert: what the sweep makes good must not hide
// that events no longer arrive.
func (c counts) countRepairs(in Repaired) {
	for _, kind := range slices.Sorted(maps.Keys(in)) {
		r := c.Repairs[string(kind)]
		if !c.now.Before(r.Since.Add(repairWindow)) {
			r.Since, r.Count = c.now, 0
		}
		before := r.Count
		r.Kind, r.Count = kind, r.Count+in[kind]
		c.repairs.put(string(kind), r)
		if most := c.policy.RepairsPerHour; before < most && r.Count >= most {
			c.alert(Alert{Kind: AlertRepairs, At: c.now, Summary: fmt.Sprintf(repairAlerts[kind], r.Count)},
				Key(string(kind), r.Since.Format(time.RFC3339Nano)))
		}
	}
}
