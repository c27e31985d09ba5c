package alertfile_test

import (
	"flag"
	"path/filepath"
	"strings"
	"testing"

	"aftercare/shared/alertfile"
	"aftercare/tests/mistakes"
	"aftercare/tests/rules"
)

var update = flag.Bool("update", false, "write what is got as what is wanted: read it before you keep it")

const fixtures = "../../tests/testdata/alerts"

// Each rule of the package comment is named by the doc comment of a test that
// fails if it is broken, as its number in square brackets.
func TestEveryRuleIsNamedByATest(t *testing.T) {
	rules.Check(t, map[string]string{"*_test.go": `\[\d+\]`})
}

// Beside each bad file stands its list of mistakes.
//
// [1] [2] [3] [4] [6] [7] [8] [9] [12]
func TestBadFilesHaveExactlyTheirMistakes(t *testing.T) {
	for _, file := range mistakes.Files(t, filepath.Join(fixtures, "bad")) {
		name := filepath.Base(file)
		t.Run(name, func(t *testing.T) {
			src := mistakes.Read(t, file)
			f, err := alertfile.Read(name, src)
			if f != nil {
				t.Error("got a file, want only mistakes")
			}
			mistakes.Compare(t, *update, strings.TrimSuffix(file, ".yaml")+".mistakes", mistakes.Marked(t, name, src, err))
			if strings.Contains(err.Error(), "0123456789") {
				t.Errorf("a mistake repeats a secret: %s", err)
			}
		})
	}
}

// good reads a file that must have no mistake.
func good(t testing.TB, src []byte) *alertfile.File {
	t.Helper()
	f, err := alertfile.Read("alerts.yaml", src)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func everyKey(t testing.TB) []byte {
	t.Helper()
	return mistakes.Read(t, filepath.Join(fixtures, "good", "every-key.yaml"))
}
