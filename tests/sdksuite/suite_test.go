package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
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

func TestResultsAreReadFromMochasOutput(t *testing.T) {
	output := "1..3\nok 1 rows are read\nsome log: ok 9 no\n  ok 8 nor this\nnot ok 2 rows are written\n  Error: why\nok 3 rows end \n# pass 2\n"
	want := []result{{"rows are read", "PASS"}, {"rows are written", "FAIL"}, {"rows end", "PASS"}}
	if diff := cmp.Diff(want, tapResults([]byte(output)), cmp.AllowUnexported(result{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestASampleFailsByWhatItPrints(t *testing.T) {
	for output, want := range map[string]string{
		"Create table finished\n":                    "PASS",
		"Failed to create table with error: no\n":    "FAIL",
		"getrow failed with error: no\n":             "FAIL",
		"batchget finished\nthis row is not exist\n": "FAIL",
		"": "FAIL",
	} {
		if got := sampleVerdict([]byte(output), nil); got != want {
			t.Errorf("%q: got %s, want %s", output, got, want)
		}
	}
	if got := sampleVerdict([]byte("Create table finished\n"), errors.New("exit status 2")); got != "FAIL" {
		t.Errorf("a sample that panics: got %s", got)
	}
}

func TestNodeIsLeftOutWithAReason(t *testing.T) {
	programs := t.TempDir()
	t.Setenv("PATH", programs)
	write := func(name, script string) {
		if err := os.WriteFile(filepath.Join(programs, name), []byte("#!/bin/sh\n"+script), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	check := func(want string) {
		t.Helper()
		if _, err := installNode(filepath.Join(t.TempDir(), "node")); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	check("there is no node")
	write("node", "")
	check("there is no npm")
	write("npm", "echo no network; exit 1")
	check("npm install: exit status 1\nno network")
}
