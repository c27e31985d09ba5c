// Package mistakes compares what the readers of YAML files find with files of
// wanted output that stand beside fixtures.
package mistakes

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"aftercare/shared/yamlfile"

	"github.com/google/go-cmp/cmp"
)

// Files returns the YAML files of a folder of fixtures, and fails without any.
func Files(t testing.TB, folder string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no fixtures in %s: %v", folder, err)
	}
	return files
}

// Read reads a file.
func Read(t testing.TB, file string) []byte {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// Compare compares with a file of wanted output, which it writes first if asked
// to.
func Compare(t testing.TB, update bool, file, got string) {
	t.Helper()
	if update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(string(Read(t, file)), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", filepath.Base(file), diff)
	}
}

// Marked is each mistake with its line and a mark before its character, so that a
// reader sees whether its place is right.
func Marked(t testing.TB, name string, src []byte, err error) string {
	t.Helper()
	var list yamlfile.Mistakes
	if !errors.As(err, &list) || len(list) == 0 {
		t.Fatalf("got %v, want mistakes", err)
	}
	var got strings.Builder
	lines := strings.Split(string(src), "\n")
	for i, line := range strings.Split(err.Error(), "\n") {
		f := list[i]
		if line != f.String() || !strings.HasPrefix(line, fmt.Sprintf("%s:%d:%d: ", name, f.Line, f.Column)) {
			t.Errorf("the error's line is %q, want mistake %q", line, f)
		}
		text := []rune(lines[f.Line-1])
		fmt.Fprintf(&got, "%s\n\t%s▸%s\n", line, string(text[:f.Column-1]), string(text[f.Column-1:]))
	}
	return got.String()
}
