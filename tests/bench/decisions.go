package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"aftercare/shared/flow"
)

// costly are expressions that take the most steps that an evaluation may.
var costly = map[string]string{
	"a pattern":     `any(1..9999, event.errorDesc matches "([a-z]+)[0-9]%$")`,
	"lines":         `any(1..9999, len(lines(event.errorDesc)) < 0)`,
	"JSON":          `any(1..9999, fromJSON(event.errorDesc) == 1)`,
	"a list's text": `any(1..9999, string(fromJSON(event.errorDesc)) == "")`,
}

// measureDecisions times what an event asks of the shipped flows, and the longest
// that one condition can take.
func (r *results) measureDecisions() error {
	end := flow.Event{Kind: flow.TaskCompleted, CommandName: "check-service", InvocationStatus: "Success", RepeatMode: "Once", InstanceID: "i-1"}
	shipped := flow.NewSet(r.shipped)
	var rates []float64
	for range r.rounds {
		b := testing.Benchmark(func(b *testing.B) {
			for b.Loop() {
				shipped.Match(end, flow.Instance{}, 0)
			}
		})
		rates = append(rates, float64(b.N)/b.T.Seconds())
	}
	r.note("decisions", fmt.Sprintf("ends a second that %d flows are asked about, none starts", len(r.shipped)), median(rates), "%.0f", goal{}, "")
	end.ErrorDesc = "[" + strings.Repeat("1,\n", 8000) + "1]" // about what a step can capture
	for name, when := range costly {
		set := flow.NewSet([]flow.Definition{{Name: "costly", On: []string{flow.TaskCompleted}, When: when}})
		var took []time.Duration
		for range r.rounds {
			begun := time.Now()
			if got := set.Match(end, flow.Instance{}, 0); !got[0].Failed {
				return fmt.Errorf("%s takes no more than it may", when)
			}
			took = append(took, time.Since(begun))
		}
		r.note("the costliest condition", name, median(took).Seconds()*1000, "%.0f ms", goal{}, "")
	}
	return nil
}
