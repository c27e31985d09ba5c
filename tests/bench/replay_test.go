package main

import (
	"slices"
	"testing"

	"aftercare/tests/bench/budget"
	"aftercare/tests/bench/plan"
)

func row(t *testing.T, name string) budget.Row {
	t.Helper()
	rows := budget.Rows()
	i := slices.IndexFunc(rows, func(r budget.Row) bool { return r.Name == name })
	if i < 0 {
		t.Fatalf("there is no row %q", name)
	}
	return rows[i]
}

func TestEveryInputHasAPlan(t *testing.T) {
	for _, r := range budget.Rows() {
		seen, err := observe(r)
		if err != nil {
			t.Fatal(err)
		}
		calls, err := planOf(seen.Calls)
		if err != nil || len(calls) != len(seen.Calls) {
			t.Errorf("%s: a plan of %d calls, error %v, want %d calls", r.Name, len(calls), err, len(seen.Calls))
		}
	}
}

func TestThePlanHasTheCallsThatWereSeenWithTheirRows(t *testing.T) {
	seen, err := observe(row(t, "submit to a bootable instance"))
	if err != nil {
		t.Fatal(err)
	}
	calls, err := planOf(seen.Calls)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, c := range calls {
		names = append(names, c.Name)
	}
	if want := []string{"GetRange", "GetRange", "PutRow", "BatchWriteRow", "RunCommand", "BatchWriteRow"}; !slices.Equal(names, want) {
		t.Fatalf("planned %v, want %v", names, want)
	}
	if got := calls[4].Params["Type"]; got != "RunShellScript" {
		t.Errorf("RunCommand has type %q, want RunShellScript", got)
	}
	first := calls[3].Changes[0]
	if !first.Guarded || first.Delete || first.Existence != 1 {
		t.Errorf("the instance's row is %+v, want it guarded and expected to exist", first)
	}
	if got := first.Key[1]; got != (plan.Column{Name: "row", Text: "live/!"}) {
		t.Errorf("the first row's key ends with %+v, want live/!", got)
	}
	if rev := first.Columns[slices.IndexFunc(first.Columns, func(c plan.Column) bool { return c.Name == "rev" })]; !rev.IsNumber || rev.Number == 0 {
		t.Errorf("rev is %+v, want a number", rev)
	}
	if !slices.ContainsFunc(calls[5].Changes, func(c plan.Change) bool { return c.Delete }) {
		t.Errorf("the results' commit deletes no row: %+v", calls[5].Changes)
	}
}

func TestCallsBesideTheOthersComeFirstInThePlan(t *testing.T) {
	seen, err := observe(row(t, "execution, no flow, no alert"))
	if err != nil {
		t.Fatal(err)
	}
	calls, err := planOf(seen.Calls)
	if err != nil {
		t.Fatal(err)
	}
	if len(calls) != 3 || !calls[0].Beside || calls[0].Table != "shared" || calls[1].Beside || calls[2].Beside {
		t.Errorf("planned %+v, want what is shared first, and alone beside the others", calls)
	}
}
