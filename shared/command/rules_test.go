package command_test

import (
	"regexp"
	"testing"

	"aftercare/tests/rules"
)

var sourced = regexp.MustCompile(`\[(agent|api|linux|own)(, (agent|api|linux|own))*\]`)

// Each rule of the package comment gives its source, and is named by the doc
// comment of a test, as (rule n) here and as (command rule n) elsewhere.
func TestEveryRuleIsNamedByATest(t *testing.T) {
	const elsewhere = `\(command rules? [0-9, ]+\)`
	for _, r := range rules.Check(t, map[string]string{
		"*_test.go": `\(rules? [0-9, ]+\)`, "../assistant/*_test.go": elsewhere, "../../tests/localcloud/ecs/*_test.go": elsewhere,
	}) {
		if !sourced.MatchString(r.Text) {
			t.Errorf("rule %d gives no source", r.Number)
		}
	}
}
