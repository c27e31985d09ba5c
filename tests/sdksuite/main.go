// Command sdksuite runs the tests of Tablestore SDKs against the local
// Tablestore, once with rows in memory and once in a file:
//
//   - gocheck's TableStoreSuite of the SDK for Go that go.mod names. It is copied
//     from the module cache to a temporary folder, where only
//     testConfig/config.go is replaced. The suite's set-up also makes a search
//     index, which the local Tablestore does not imitate; a small proxy in front of
//     it answers those three calls, so that no test has to be changed.
//   - the two samples of secondary indexes of the same SDK, which tests none, as
//     they are.
//   - the tests of tables, rows and global indexes of the SDK for Node.js, as they
//     are in its npm package, and testdata/index.test.js, which reads the rows of
//     indexes with that SDK. They are skipped if there is no node or npm, or if npm
//     cannot install the SDK; the last line says so.
//
// It prints which tests ran, and which it left out and why, and exits with 0
// only if all others passed.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"aftercare/tests/localcloud/access"
	"aftercare/tests/localcloud/tablestore"
)

func main() {
	verbose := flag.Bool("v", false, "print the tests' output")
	flag.Parse()
	if err := run(os.Stdout, *verbose); err != nil {
		fmt.Fprintln(os.Stderr, "sdksuite:", err)
		os.Exit(1)
	}
}

// part is a set of tests.
type part struct {
	name string
	// run runs the tests against an endpoint, and returns their output, too.
	run func(endpoint string) ([]result, []byte, error)
}

// run runs all parts on both kinds of store, and writes its report to w.
func run(w io.Writer, verbose bool) error {
	work, err := os.MkdirTemp("", "sdksuite-")
	if err != nil {
		return fmt.Errorf("make a temporary folder: %w", err)
	}
	defer os.RemoveAll(work)
	suite, err := copySuite(filepath.Join(work, "sdk"))
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "%s %s, TableStoreSuite: %d tests, %d left out\n", sdkModule, suite.version, len(suite.selected)+len(suite.excluded), len(suite.excluded))
	for _, e := range suite.excluded {
		fmt.Fprintf(w, "  left out  %-28s %s\n", e.test, e.reason)
	}
	parts := []part{{"TableStoreSuite", suite.test}, {"samples of indexes", suite.runSamples}}
	node, skipped := installNode(filepath.Join(work, "node"))
	if skipped == nil {
		parts = append(parts, part{nodePackages[0] + " for Node.js", node.test})
	}

	failed := 0
	for _, store := range []struct{ name, path string }{
		{"rows in memory", ""},
		{"rows in a file, fsync on", filepath.Join(work, "data")},
	} {
		n, err := runParts(w, verbose, store.name, tablestore.Options{Path: store.path}, parts)
		if err != nil {
			return err
		}
		failed += n
	}
	if skipped != nil {
		first, rest, _ := strings.Cut(skipped.Error(), "\n")
		fmt.Fprintf(w, "\n%s\nSKIPPED the tests of the SDK for Node.js (%s)\n", rest, first)
	}
	if failed > 0 {
		return fmt.Errorf("%d tests did not pass", failed)
	}
	return nil
}

// runParts runs all parts against a new server, and returns how many tests did
// not pass.
func runParts(w io.Writer, verbose bool, store string, o tablestore.Options, parts []part) (failed int, err error) {
	o.Keys = access.NewKeys(access.Key{ID: keyID, Secret: keySecret})
	o.Instance = instance
	server, err := tablestore.Start(o)
	if err != nil {
		return 0, err
	}
	defer server.Close()
	front, err := startFront(server.Endpoint())
	if err != nil {
		return 0, err
	}
	defer front.Close()
	for _, p := range parts {
		fmt.Fprintf(w, "\n%s, %s:\n", p.name, store)
		began := time.Now()
		results, output, err := p.run("http://" + front.Addr)
		passed := 0
		for _, r := range results {
			fmt.Fprintf(w, "  %-9s %s\n", r.verdict, r.test)
			if r.verdict == "PASS" {
				passed++
			}
		}
		if verbose || err != nil || passed != len(results) {
			w.Write(output)
		}
		if err != nil {
			return 0, err
		}
		fmt.Fprintf(w, "%d of %d passed in %.1f s\n", passed, len(results), time.Since(began).Seconds())
		failed += len(results) - passed
	}
	return failed, nil
}
