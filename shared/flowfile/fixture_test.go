package flowfile_test

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"aftercare/shared/flow"
	"aftercare/shared/flowfile"
	"aftercare/shared/yamlfile"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write what is got as what is wanted: read it before you keep it")

const (
	fixtures    = "../../tests/testdata/flows"
	shippedFile = "../../functions/flows.yaml"
)

// fixture returns the files of a folder of fixtures, and fails without any.
func fixture(t testing.TB, folder string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(fixtures, folder, "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no fixtures in %s: %v", folder, err)
	}
	return files
}

func read(t testing.TB, file string) []byte {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// compare compares with the file of wanted output beside a fixture.
func compare(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(string(read(t, file)), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", filepath.Base(file), diff)
	}
}

// Beside each bad file stands its list of mistakes. Each mistake's place is shown
// by the line with a mark before the character, so that a reader sees whether
// it is right.
//
// [1] [2] [3] [4] [6] [7] [15] [16] [17] [80] [81] [82] [83] [84] [85]
func TestBadFilesHaveExactlyTheirMistakes(t *testing.T) {
	for _, file := range fixture(t, "bad") {
		name := filepath.Base(file)
		t.Run(name, func(t *testing.T) {
			src := read(t, file)
			flows, err := flowfile.Read(name, src)
			if flows != nil {
				t.Errorf("got flows, want only mistakes")
			}
			compare(t, strings.TrimSuffix(file, ".yaml")+".mistakes", marked(t, name, src, err))
		})
	}
}

// marked is each mistake with its line and a mark before its character.
func marked(t *testing.T, name string, src []byte, err error) string {
	t.Helper()
	var mistakes yamlfile.Mistakes
	if !errors.As(err, &mistakes) || len(mistakes) == 0 {
		t.Fatalf("got %v, want mistakes", err)
	}
	var got strings.Builder
	lines := strings.Split(string(src), "\n")
	for i, line := range strings.Split(err.Error(), "\n") {
		f := mistakes[i]
		if line != f.String() || !strings.HasPrefix(line, fmt.Sprintf("%s:%d:%d: ", name, f.Line, f.Column)) {
			t.Errorf("the error's line is %q, want mistake %q", line, f)
		}
		text := []rune(lines[f.Line-1])
		fmt.Fprintf(&got, "%s\n\t%s▸%s\n", line, string(text[:f.Column-1]), string(text[f.Column-1:]))
	}
	return got.String()
}

// Beside each good file stand its definitions, as a run stores them, and its
// graphs.
//
// [3] [4] [5] [30] [31] [32] [52] [54] [60] [62]
func TestGoodFilesHaveTheDefinitionsBesideThem(t *testing.T) {
	for _, file := range fixture(t, "good") {
		t.Run(filepath.Base(file), func(t *testing.T) {
			flows := good(t, read(t, file))
			compare(t, strings.TrimSuffix(file, ".yaml")+".json", asJSON(t, flows))
			graphs := ""
			for _, d := range flows {
				graphs += flowfile.Graph(d)
			}
			compare(t, strings.TrimSuffix(file, ".yaml")+".mmd", graphs)
		})
	}
}

// good reads a file that must have no mistake.
func good(t testing.TB, src []byte) []flow.Definition {
	t.Helper()
	flows, err := flowfile.Read("flows.yaml", src)
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
