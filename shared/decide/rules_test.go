package decide_test

import (
	"testing"

	"aftercare/tests/rules"
)

// Each rule of the package comment is named by the comment of a story, or of a
// test, that fails if it is broken, as (decide rule n).
func TestEveryRuleIsNamedByATest(t *testing.T) {
	const name = `\(decide rules? [0-9, ]+\)`
	rules.Check(t, map[string]string{
		"*_test.go": name, "testdata/*.txt": name, "../engine/*_test.go": name, "../engine/testdata/*.txt": name, "../ledger/*_test.go": name, "../handler/*_test.go": name,
		"../assistant/*_test.go": name, "../../tests/faults/*_test.go": name,
	})
}
