package main

import (
	"slices"
	"testing"

	"aftercare/shared/flow"
)

// What the demo joins for its functions has no mistakes, begins with the shipped
// flows as they are, and adds its own, which are live.
func TestTheDemosFlowsAreTheShippedOnesAndItsOwn(t *testing.T) {
	flows, err := joined("../../../functions/flows.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var live []string
	for _, f := range flows {
		if f.Mode == flow.ModeLive {
			live = append(live, f.Name)
		}
	}
	if want := []string{"collect-diagnostics", "restart-api", "back-in-service"}; !slices.Equal(live, want) {
		t.Errorf("the live flows are %q, want %q", live, want)
	}
	if len(flows) != 10 {
		t.Errorf("%d flows, want the eight that are shipped and two", len(flows))
	}
}
