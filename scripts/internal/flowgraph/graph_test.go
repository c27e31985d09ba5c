package flowgraph_test

import (
	"flag"
	"os"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"aftercare/scripts/internal/flowgraph"
	"aftercare/shared/command"
	"aftercare/shared/flow"
	"aftercare/shared/flowfile"
	"aftercare/tests/mistakes"
)

var update = flag.Bool("update", false, "write what is got as what is wanted: read it before you keep it")

// Beside each good file of flows stand its graphs.
func TestGoodFilesHaveTheGraphsBesideThem(t *testing.T) {
	const folder = "../../../tests/testdata/flows/good"
	for _, file := range mistakes.Files(t, folder) {
		flows, err := flowfile.ReadIn(os.DirFS(folder), "flows.yaml", mistakes.Read(t, file))
		if err != nil {
			t.Fatal(err)
		}
		graphs := ""
		for _, d := range flows {
			graphs += flowgraph.Draw(d)
		}
		mistakes.Compare(t, *update, strings.TrimSuffix(file, ".yaml")+".mmd", graphs)
	}
}

// safe is a line of a graph in which no text of the flow can be markup.
var safe = regexp.MustCompile(`^  [a-zA-Z0-9]+( -->| -\.->)?[\[({>|]*("([A-Za-z0-9 .,/=+…×-]|#[0-9]+;|<br/>)*")?[\])}|]*( [a-zA-Z0-9]+)?$`)

func TestNoTextOfAFlowIsMarkupOfItsGraph(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String()
		d := flow.Definition{
			Name: "f", On: []string{flow.TaskCompleted}, When: text.Draw(t, "when"),
			Steps: []flow.Step{
				{ID: "a", Alert: "!" + text.Draw(t, "alert"), When: text.Draw(t, "step when")},
				{ID: "b", Invoke: &command.Invoke{CommandID: text.Draw(t, "id")}},
				{ID: "c", Wait: "1" + text.Draw(t, "wait")},
			},
		}
		graph := flowgraph.Draw(d)
		_, lines, _ := strings.Cut(strings.TrimSuffix(graph, "\n"), "flowchart TD\n")
		for line := range strings.SplitSeq(lines, "\n") {
			if !safe.MatchString(line) {
				t.Fatalf("this line has markup from a text: %q", line)
			}
		}
	})
}
