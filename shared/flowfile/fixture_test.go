package flowfile_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"aftercare/shared/flow"
	"aftercare/shared/flowfile"
	"aftercare/tests/mistakes"
)

var update = flag.Bool("update", false, "write what is got as what is wanted: read it before you keep it")

const (
	fixtures    = "../../tests/testdata/flows"
	shippedFile = "../../functions/flows.yaml"
)

// fixture returns the files of a folder of fixtures.
func fixture(t testing.TB, folder string) []string {
	t.Helper()
	return mistakes.Files(t, filepath.Join(fixtures, folder))
}

func read(t testing.TB, file string) []byte {
	t.Helper()
	return mistakes.Read(t, file)
}

// compare compares with the file of wanted output beside a fixture.
func compare(t *testing.T, file, got string) {
	t.Helper()
	mistakes.Compare(t, *update, file, got)
}

// Beside each bad file stands its list of mistakes. Each mistake's place is shown
// by the line with a mark before the character, so that a reader sees whether
// it is right.
//
// [1] [2] [3] [4] [6] [7] [15] [44] [45] [47] [16] [17] [37] [80] [81] [82] [83] [84] [85]
func TestBadFilesHaveExactlyTheirMistakes(t *testing.T) {
	for _, file := range fixture(t, "bad") {
		name := filepath.Base(file)
		t.Run(name, func(t *testing.T) {
			src := read(t, file)
			flows, err := flowfile.ReadIn(os.DirFS(filepath.Dir(file)), name, src)
			if flows != nil {
				t.Errorf("got flows, want only mistakes")
			}
			compare(t, strings.TrimSuffix(file, ".yaml")+".mistakes", mistakes.Marked(t, name, src, err))
		})
	}
}

// Beside each good file stand its definitions, as a run stores them.
//
// [3] [4] [5] [30] [31] [32] [36] [52] [54] [60] [62]
func TestGoodFilesHaveTheDefinitionsBesideThem(t *testing.T) {
	for _, file := range fixture(t, "good") {
		t.Run(filepath.Base(file), func(t *testing.T) {
			flows := good(t, read(t, file))
			compare(t, strings.TrimSuffix(file, ".yaml")+".json", asJSON(t, flows))
		})
	}
}

// good reads a file that must have no mistake.
func good(t testing.TB, src []byte) []flow.Definition {
	t.Helper()
	flows, err := flowfile.ReadIn(os.DirFS(filepath.Join(fixtures, "good")), "flows.yaml", src)
	if err != nil {
		t.Fatal(err)
	}
	return flows
}

func asJSON(t testing.TB, v any) string {
	t.Helper()
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
