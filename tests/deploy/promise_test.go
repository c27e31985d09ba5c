package deploy_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestEveryPromiseOfTheReadmeNamesATest: each guarantee in README.md's table
// names at least one test, and those exist. TestStories/boots is the story
// testdata/boots.txt.
func TestEveryPromiseOfTheReadmeNamesATest(t *testing.T) {
	root := filepath.Join("..", "..")
	readme, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, table, found := strings.Cut(string(readme), "| guarantee | shown by |\n| --- | --- |\n")
	if !found {
		t.Fatal("README.md has no table of guarantees")
	}
	table, _, _ = strings.Cut(table, "\n\n")
	rows := strings.Split(table, "\n")
	if len(rows) < 10 {
		t.Fatalf("the table has %d rows only", len(rows))
	}
	place := regexp.MustCompile("`([a-z/]+)` ((?:Test[A-Za-z0-9]+(?:/[a-z-]+)?(?:, )?)+)")
	for _, row := range rows {
		cells := strings.Split(strings.Trim(row, "| "), " | ")
		if len(cells) != 2 {
			t.Errorf("a row has %d cells: %s", len(cells), row)
			continue
		}
		named := place.FindAllStringSubmatch(cells[1], -1)
		if len(named) == 0 {
			t.Errorf("no test is named for: %s", cells[0])
		}
		for _, n := range named {
			for _, name := range strings.Split(strings.Trim(n[2], ", "), ", ") {
				if !defined(t, filepath.Join(root, n[1]), name) {
					t.Errorf("%s has no test %s", n[1], name)
				}
			}
		}
	}
}

func defined(t *testing.T, folder, name string) bool {
	t.Helper()
	name, story, ok := strings.Cut(name, "/")
	if ok {
		if _, err := os.Stat(filepath.Join(folder, "testdata", story+".txt")); err != nil {
			return false
		}
	}
	files, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "\nfunc "+name+"(t *testing.T)") {
			return true
		}
	}
	return false
}
