package flow_test

import (
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// The package knows events and commands only as its own types, and reaches
// neither files, nor clocks, nor the network.
func TestThePackageKnowsNobody(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range file.Imports {
			seen++
			path, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			if !mayImport(path) {
				t.Errorf("%s imports %s", name, path)
			}
		}
	}
	if seen == 0 {
		t.Error("no import was checked")
	}
}

func mayImport(path string) bool {
	switch path {
	case "aftercare/shared/command", "bytes", "crypto/sha256", "encoding/binary", "encoding/json", "hash/crc32", "maps", "sync", "time/tzdata",
		"cmp", "errors", "fmt", "math", "reflect", "regexp", "slices", "strconv", "strings", "time", "unicode", "unicode/utf8":
		return true
	}
	return strings.HasPrefix(path, "github.com/expr-lang/expr")
}
