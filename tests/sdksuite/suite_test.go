package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestVerdictsAreReadFromTheOutput(t *testing.T) {
	output := "=== RUN   TestApi\n" +
		"PASS: api_test.go:10: TableStoreSuite.TestA\t0.010s\n" +
		"2026/01/01 some log line: TableStoreSuite.TestB\n" +
		"FAIL: api_test.go:20: TableStoreSuite.TestB\n" +
		"PANIC: api_test.go:30: TableStoreSuite.TestC\n" +
		"PASS: api_test.go:40: OtherSuite.TestD\t0.010s\n" +
		"SKIP: api_test.go:50: TableStoreSuite.TestE (why)\n"
	want := map[string]string{"TestA": "PASS", "TestB": "FAIL", "TestC": "PANIC", "TestE": "SKIP"}
	if diff := cmp.Diff(want, verdicts([]byte(output))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestTheSuiteIsFoundAndOnlyListedTestsAreLeftOut(t *testing.T) {
	s, err := copySuite(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(exclusions, s.excluded, cmp.AllowUnexported(exclusion{})); diff != "" {
		t.Errorf("left out (-want +got):\n%s", diff)
	}
	if len(s.selected) < 30 {
		t.Errorf("only %d tests are selected", len(s.selected))
	}
}
