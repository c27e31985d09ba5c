package flowfile_test

import (
	"slices"
	"testing"

	"aftercare/shared/flow"
	"aftercare/shared/flowfile"
)

const shippedCases = "../../functions/flows_test.yaml"

func shipped(t *testing.T) ([]flow.Definition, []flowfile.Case) {
	t.Helper()
	return good(t, read(t, shippedFile)), casesOf(t, shippedCases)
}

// casesOf reads a file of cases that must have no mistake.
func casesOf(t testing.TB, file string) []flowfile.Case {
	t.Helper()
	cases, err := flowfile.ReadCases(file, read(t, file))
	if err != nil {
		t.Fatal(err)
	}
	return cases
}

func TestTheShippedFlowsPassTheirCases(t *testing.T) {
	flows, cases := shipped(t)
	for _, c := range cases {
		for _, difference := range c.Run(flows) {
			t.Errorf("%s:%d: %s: %s", c.File, c.Line, c.Name, difference)
		}
	}
}

// Every step of every shipped flow begins in some case and fails or is skipped
// in another, if it can.
func TestTheShippedCasesCoverEveryStep(t *testing.T) {
	flows, cases := shipped(t)
	for _, d := range flows {
		if !slices.ContainsFunc(cases, func(c flowfile.Case) bool { return slices.Contains(c.Expect.Fires, d.Name) }) {
			t.Errorf("no case fires %s", d.Name)
		}
		for _, s := range slices.Concat(d.Steps, d.OnFailure, d.Finally) {
			of := func(c flowfile.Case) bool { return c.Expect.Flow == d.Name }
			if !slices.ContainsFunc(cases, func(c flowfile.Case) bool { return of(c) && slices.Contains(c.Expect.Plan, s.ID) }) {
				t.Errorf("no case of %s has %s in its plan", d.Name, s.ID)
			}
			if s.When != "" && !slices.ContainsFunc(cases, func(c flowfile.Case) bool { return of(c) && slices.Contains(c.Expect.Skipped, s.ID) }) {
				t.Errorf("no case of %s skips %s", d.Name, s.ID)
			}
		}
	}
}

func TestOnlyTheFirstShippedFlowIsLive(t *testing.T) {
	flows, _ := shipped(t)
	for i, d := range flows {
		want := flow.ModeDryRun
		if i == 0 {
			want = flow.ModeLive
		}
		if d.Mode != want {
			t.Errorf("%s is %s, want %s", d.Name, d.Mode, want)
		}
	}
}
