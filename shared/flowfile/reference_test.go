package flowfile_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"aftercare/shared/flow"
	"aftercare/shared/flowfile"
)

// row is a row of a table of the reference.
var row = regexp.MustCompile(`(?m)^\| (.*) \|$`)

// The reference has each function with an example that is true, each value that an
// expression can read, and no key or value without words about it.
func TestTheReferenceIsWholeAndTrue(t *testing.T) {
	var functions, values []string
	for _, m := range row.FindAllStringSubmatch(flowfile.Reference(), -1) {
		cells := strings.Split(strings.ReplaceAll(m[1], `\|\|`, "or"), " | ")
		name := strings.Trim(cells[0], "`")
		switch {
		case strings.TrimSpace(cells[1]) == "":
			t.Errorf("nothing is said about %s", name)
		case strings.Contains(name, "("):
			functions = append(functions, name[:strings.Index(name, "(")])
			example, want := strings.Trim(cells[2], "`"), strings.Trim(cells[3], "`")
			set := flow.NewSet([]flow.Definition{{Name: "a", On: flow.Kinds()[:1], When: "string(" + example + `) == "` + want + `"`}})
			if got := set.Explain(flow.Event{Kind: flow.TaskCompleted}, flow.Instance{}, 0); !got[0].Matched {
				t.Errorf("%s is not %s: %s", example, want, got[0].Reason)
			}
		case strings.Contains(name, "."):
			values = append(values, name)
		}
	}
	slices.Sort(functions)
	if want := flow.Functions(); !slices.Equal(functions, want) {
		t.Errorf("the functions are %q, want %q", functions, want)
	}
	for _, n := range flow.Names() {
		if !slices.Contains(values, n.Name) {
			t.Errorf("%s is missing", n.Name)
		}
	}
}
