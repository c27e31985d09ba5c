package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

const (
	sdkModule = "github.com/aliyun/aliyun-tablestore-go-sdk"

	keyID     = "sdk-suite-id"
	keySecret = "sdk-suite-secret"
	instance  = "sdk-suite"
)

// exclusion is a test that is left out.
type exclusion struct {
	test, reason string
}

// exclusions are the tests of features that the local Tablestore refuses. All
// others run.
var exclusions = []exclusion{
	{"TestListStream", "streams: calls ListStream"},
	{"TestCreateTableWithStream", "streams: calls ListStream"},
	{"TestStream", "streams: reads stream records"},
	{"TestSQL", "SQL: calls SQLQuery"},
	{"TestSQLWithSearch", "SQL and search: calls SQLQuery on a search index"},
	{"TestSQLTimeSeries", "SQL and time series: calls SQLQuery on a time series table"},
}

// suite is a copy of the SDK, with the names of its tests.
type suite struct {
	folder   string
	version  string
	selected []string
	excluded []exclusion
}

// copySuite copies the SDK from the module cache, and downloads it first if it
// is not there.
func copySuite(to string) (*suite, error) {
	out, err := exec.Command("go", "mod", "download", "-json", sdkModule).Output()
	if err != nil {
		return nil, fmt.Errorf("find the SDK: %w", err)
	}
	var module struct{ Version, Dir string }
	if err := json.Unmarshal(out, &module); err != nil {
		return nil, fmt.Errorf("find the SDK: %w", err)
	}
	if err := os.CopyFS(to, os.DirFS(module.Dir)); err != nil {
		return nil, fmt.Errorf("copy the SDK: %w", err)
	}
	tests, err := testNames(filepath.Join(to, "tablestore", "api_test.go"))
	if err != nil {
		return nil, err
	}
	s := &suite{folder: to, version: module.Version}
	for _, test := range tests {
		if e, ok := excluded(test); ok {
			s.excluded = append(s.excluded, e)
		} else {
			s.selected = append(s.selected, test)
		}
	}
	if len(s.excluded) != len(exclusions) {
		return nil, errors.New("a test to leave out is not in the suite")
	}
	return s, nil
}

func excluded(test string) (exclusion, bool) {
	for _, e := range exclusions {
		if e.test == test {
			return e, true
		}
	}
	return exclusion{}, false
}

// testNames lists the tests of TableStoreSuite in a file, in its order.
func testNames(path string) ([]string, error) {
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
	if err != nil {
		return nil, fmt.Errorf("read the suite: %w", err)
	}
	var names []string
	for _, d := range file.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || f.Recv == nil || !strings.HasPrefix(f.Name.Name, "Test") {
			continue
		}
		star, ok := f.Recv.List[0].Type.(*ast.StarExpr)
		if !ok {
			continue
		}
		if receiver, ok := star.X.(*ast.Ident); ok && receiver.Name == "TableStoreSuite" {
			names = append(names, f.Name.Name)
		}
	}
	return names, nil
}

// result is a test and its verdict, such as PASS or FAIL.
type result struct{ test, verdict string }

// command is a call of the go command in the copy.
func (s *suite) command(arguments ...string) *exec.Cmd {
	cmd := exec.Command("go", arguments...)
	cmd.Dir = s.folder
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=")
	return cmd
}

// test runs the selected tests against an endpoint.
func (s *suite) test(endpoint string) ([]result, []byte, error) {
	config := fmt.Sprintf("package testConfig\n\nvar (\n"+
		"\tOtsEndpoint  = %q\n\tInstanceName = %q\n\tOtsAccessId  = %q\n\tOtsAccessKey = %q\n\tRegion       = %q\n)\n",
		endpoint, instance, keyID, keySecret, "cn-hangzhou")
	path := filepath.Join(s.folder, "testConfig", "config.go")
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		return nil, nil, fmt.Errorf("replace the configuration: %w", err)
	}
	output, err := s.command("test", "-count=1", "-v", "-timeout=10m", "-run=^TestApi$", "./tablestore",
		"-check.v", "-check.f=^TableStoreSuite\\.("+strings.Join(s.selected, "|")+")$").CombinedOutput()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		return nil, output, fmt.Errorf("run the suite: %w", err)
	}
	found := verdicts(output)
	var results []result
	for _, test := range s.selected {
		if found[test] == "" {
			found[test] = "DID NOT RUN"
		}
		results = append(results, result{test, found[test]})
	}
	return results, output, nil
}

var verdictLine = regexp.MustCompile(`^(PASS|FAIL|PANIC|SKIP|MISS): \S+:\d+: TableStoreSuite\.(\w+)`)

func verdicts(output []byte) map[string]string {
	out := make(map[string]string)
	for line := range bytes.Lines(output) {
		if m := verdictLine.FindSubmatch(line); m != nil {
			out[string(m[2])] = string(m[1])
		}
	}
	return out
}
