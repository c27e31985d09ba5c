package ledger_test

import (
	"testing"

	"aftercare/tests/rules"
)

// Each rule of the package comment is named by the doc comment of a test that
// fails if it is broken, as (ledger rule n).
func TestEveryRuleIsNamedByATest(t *testing.T) {
	const name = `\(ledger rules? [0-9, ]+\)`
	rules.Check(t, map[string]string{
		"*_test.go": name, "../engine/*_test.go": name, "../handler/*_test.go": name, "../event/*_test.go": name,
		"../../tests/faults/*_test.go": name,
	})
}
