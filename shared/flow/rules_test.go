package flow_test

import (
	"testing"

	"aftercare/tests/rules"
)

// Each rule of the package comment is named by the doc comment of a test that
// fails if it is broken, as its number in square brackets.
func TestEveryRuleIsNamedByATest(t *testing.T) {
	const name = `\[\d+\]`
	rules.Check(t, map[string]string{
		"*_test.go": name, "../timetable/*_test.go": name, "../flowfile/*_test.go": name, "../engine/*_test.go": name, "../engine/testdata/*.txt": name, "../decide/testdata/*.txt": name,
		"../../tests/faults/*_test.go": name, "../../scripts/internal/backtest/*_test.go": name,
	})
}
