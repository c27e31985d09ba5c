package flowfile_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"aftercare/shared/flow"
	"aftercare/shared/flowfile"
	"aftercare/tests/mistakes"
)

const cases = fixtures + "/cases/"

func mend(t testing.TB) ([]flow.Definition, []flowfile.Case) {
	t.Helper()
	return good(t, read(t, cases+"mend.yaml")), casesOf(t, cases+"mend_test.yaml")
}

// What a case does not say follows from what it says. How the outcome differs is
// said in words, with the reason of the step that decided.
//
// [90] [94]
func TestCasesAreCompletedAndPlayed(t *testing.T) {
	flows, list := mend(t)
	var got strings.Builder
	for _, c := range list {
		fmt.Fprintf(&got, "# %s\n%s%s", c.Name, shown(t, c.Event), shown(t, c.Instance))
		for _, difference := range c.Run(flows) {
			fmt.Fprintln(&got, difference)
		}
	}
	compare(t, cases+"mend.differences", got.String())
}

// shown is a value as one line of JSON.
func shown(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text) + "\n"
}

func TestMistakesOfCasesHaveTheirPlace(t *testing.T) {
	src := read(t, cases+"bad_test.yaml")
	_, err := flowfile.ReadCases("bad_test.yaml", src)
	compare(t, cases+"bad.mistakes", mistakes.Marked(t, "bad_test.yaml", src, err))
}

func TestAFileWithoutCasesSaysWhatToWrite(t *testing.T) {
	for src, want := range map[string]string{
		"":                         "f:1:1: the file is empty: begin with version: 1 and cases:",
		"version: 1":               "f:1:1: a file of cases needs the key cases: list at least one",
		"version: 1\ncases: ":      "f:2:1: cases has no value: list at least one",
		"version: 1\ncases: none":  "f:2:8: cases is a list, but here is text: write [ ] around it, or - before each item",
		"version: 1\ncases: []\n":  "f:2:8: cases is empty: list at least one",
		"cases: [{name: a}":        "f:1:8: this [ is never closed, or a comma is missing after it: close it, or put the text in quotes",
		"- name: a":                "f:1:1: a file of cases is a mapping of keys to values, but here is a list: begin with version: 1 and cases:",
		"version: 1\n---\ncases: ": "f:3:1: this is a second document: put all cases into one, without ---",
	} {
		_, err := flowfile.ReadCases("f", []byte(src))
		if err == nil || err.Error() != want {
			t.Errorf("%q: got %v, want %s", src, err, want)
		}
	}
}

func FuzzReadCases(f *testing.F) {
	f.Add(read(f, cases+"mend_test.yaml"))
	f.Add([]byte("version: 1\ncases: [{name: &a x, event: {kind: *a}, steps: {fix: [{hangs: true}]}, expect: {fires: [], alerts: 1}}]"))
	f.Fuzz(func(t *testing.T, src []byte) {
		cases, err := flowfile.ReadCases("f", src)
		if err != nil {
			return
		}
		flows, _ := mend(t)
		for _, c := range cases {
			c.Run(flows)
		}
	})
}
