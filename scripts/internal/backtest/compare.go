package backtest

import (
	"cmp"
	"maps"
	"slices"
)

// Difference is an event that would start a flow of one file and not that of the
// other. Sign is + if only the new file's flow would start, - if only the old one's.
type Difference struct {
	Sign string `json:"sign"`
	Choice
}

// Differences are those of two worlds that are played side by side.
type Differences map[which]Difference

// which identifies a choice in both worlds.
type which struct{ flow, instanceID, event string }

// maxDifferences is how many differences are kept; more are only counted.
const maxDifferences = 10_000

// Compare has two worlds note where they differ from now on.
func Compare(is, was *World) Differences {
	all := Differences{}
	note := func(sign string) func(Choice) {
		return func(c Choice) {
			key := which{c.Flow, c.InstanceID, c.event}
			switch other, there := all[key]; {
			case there && other.Sign != sign:
				delete(all, key)
			case len(all) >= maxDifferences:
				is.unknown("differences that are not kept")
			default:
				all[key] = Difference{sign, c}
			}
		}
	}
	is.started, was.started = note("+"), note("-")
	return all
}

// List is in the order of the times.
func (all Differences) List() []Difference {
	return slices.SortedFunc(maps.Values(all), func(a, b Difference) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.InstanceID, b.InstanceID), cmp.Compare(a.Flow, b.Flow), cmp.Compare(a.event, b.event))
	})
}
