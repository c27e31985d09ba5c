// The test of the budgets: the calls that each kind of input costs, counted
// at the local cloud's door.
package main_test

import (
	"testing"

	"aftercare/tests/bench/budget"
)

func TestEveryInputCostsExactlyItsBudget(t *testing.T) {
	for _, row := range append(budget.Rows(), budget.More()...) {
		t.Run(row.Name, func(t *testing.T) {
			t.Parallel()
			if len(row.Path) > row.Tablestore || len(row.Sent) > row.ECS {
				t.Errorf("the row wants %d Tablestore and %d ECS calls, more than its budget of %d and %d",
					len(row.Path), len(row.Sent), row.Tablestore, row.ECS)
			}
			seen, err := budget.Observe(t, row)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range row.Differences(budget.Sort(seen.Calls)) {
				t.Error(d)
			}
		})
	}
}
