package flow_test

import (
	"strings"
	"testing"

	"aftercare/shared/flow"
)

// [49]
func TestAnInputTakesOnlyValuesOfItsType(t *testing.T) {
	for _, test := range []struct {
		input       flow.Input
		good, wrong []string
	}{
		{flow.Input{Type: flow.InputText}, []string{"", "a b", "ü\n", strings.Repeat("字", 1000)}, []string{"a\x00", strings.Repeat("字", 1001)}},
		{flow.Input{Type: flow.InputText, Pattern: "a|bc"}, []string{"a", "bc"}, []string{"", "ab", "abc", "bc\n", "xa"}},
		{flow.Input{Type: flow.InputText, Pattern: "."}, []string{"a", "\n"}, []string{"ab", ""}},
		{flow.Input{Type: flow.InputNumber}, []string{"0", "-7", "1.5", "1e3"}, []string{"", "a", "1,5", "0x10", "1_000", "Inf", "NaN", "1e999", " 1"}},
		{flow.Input{Type: flow.InputBoolean}, []string{"true", "false"}, []string{"", "True", "yes", "1"}},
	} {
		for _, value := range test.good {
			if mistake := test.input.Wrong(value); mistake != "" {
				t.Errorf("%v: %.20q %s", test.input, value, mistake)
			}
		}
		for _, value := range test.wrong {
			if test.input.Wrong(value) == "" {
				t.Errorf("%v takes %.20q", test.input, value)
			}
		}
	}
}
