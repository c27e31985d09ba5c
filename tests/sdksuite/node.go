package main

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
)

// nodePackages are the SDK for Node.js, whose package holds its tests, and the
// test runner that they are written for.
var nodePackages = []string{"tablestore@5.6.5", "mocha@3.5.3"}

// nodeTests are the SDK's tests of tables, rows and secondary indexes. The
// others are of search, SQL and knowledge bases, or call no service.
var nodeTests = []string{"globalIndex.test.js", "table.test.js", "data_opration.test.js"}

//go:embed testdata/index.test.js
var nodeIndexTest []byte

// nodeSuite is a folder with the SDK for Node.js.
type nodeSuite struct{ folder string }

// installNode installs the packages into a folder. Its error says why the tests
// cannot run on this machine.
func installNode(folder string) (*nodeSuite, error) {
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			return nil, fmt.Errorf("there is no %s", program)
		}
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	for name, content := range map[string][]byte{"package.json": []byte("{}"), "index.test.js": nodeIndexTest} {
		if err := os.WriteFile(filepath.Join(folder, name), content, 0o600); err != nil {
			return nil, err
		}
	}
	npm := exec.Command("npm", append([]string{"install", "--ignore-scripts", "--no-audit", "--no-fund"}, nodePackages...)...)
	npm.Dir = folder
	if output, err := npm.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("npm install: %w\n%s", err, output)
	}
	return &nodeSuite{folder}, nil
}

// test runs the SDK's tests and index.test.js against an endpoint.
func (n *nodeSuite) test(endpoint string) ([]result, []byte, error) {
	arguments := []string{filepath.Join("node_modules", "mocha", "bin", "_mocha"), "--reporter", "tap", "--timeout", "60000"}
	for _, test := range nodeTests {
		arguments = append(arguments, filepath.Join("node_modules", "tablestore", "test", test))
	}
	cmd := exec.Command("node", append(arguments, "index.test.js")...)
	cmd.Dir = n.folder
	cmd.Env = append(os.Environ(), "endpoint="+endpoint, "instancename="+instance, "accessKeyId="+keyID, "secretAccessKey="+keySecret)
	output, err := cmd.CombinedOutput()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		return nil, output, fmt.Errorf("run the tests for Node.js: %w", err)
	}
	results := tapResults(output)
	if err == nil && len(results) == 0 {
		err = errors.New("no test ran")
	}
	if err != nil {
		results = append(results, result{"mocha", "FAIL"})
	}
	return results, output, nil
}

var tapLine = regexp.MustCompile(`^(not )?ok \d+ (.*\S)`)

// tapResults reads the verdicts from mocha's output.
func tapResults(output []byte) (results []result) {
	for line := range bytes.Lines(output) {
		if m := tapLine.FindSubmatch(line); m != nil {
			verdict := "PASS"
			if m[1] != nil {
				verdict = "FAIL"
			}
			results = append(results, result{string(m[2]), verdict})
		}
	}
	return results
}
