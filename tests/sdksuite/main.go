// Command sdksuite runs the Tablestore SDK's own wide-column tests against
// the local Tablestore, once with rows in memory and once in a file.
//
// The tests are gocheck's TableStoreSuite of the SDK version that go.mod
// names. They are copied from the module cache to a temporary folder, where
// only testConfig/config.go is replaced. The suite's set-up also makes a
// search index, which the local Tablestore does not imitate; a small proxy in
// front of it answers those three calls, so that no test has to be changed.
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

// run runs the suite on both kinds of store, and writes its report to w.
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

	failed := 0
	for _, store := range []struct{ name, path string }{
		{"rows in memory", ""},
		{"rows in a file, fsync on", filepath.Join(work, "data")},
	} {
		fmt.Fprintf(w, "\n%s:\n", store.name)
		began := time.Now()
		results, output, err := suite.runAgainst(tablestore.Options{Path: store.path})
		if verbose {
			w.Write(output)
		}
		if err != nil {
			w.Write(output)
			return err
		}
		passed := 0
		for _, test := range suite.selected {
			verdict := results[test]
			if verdict == "" {
				verdict = "DID NOT RUN"
			}
			fmt.Fprintf(w, "  %-9s %s\n", verdict, test)
			if verdict == "PASS" {
				passed++
			}
		}
		fmt.Fprintf(w, "%d of %d passed in %.1f s\n", passed, len(suite.selected), time.Since(began).Seconds())
		if passed != len(suite.selected) {
			failed += len(suite.selected) - passed
			if !verbose {
				w.Write(output)
			}
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d tests did not pass", failed)
	}
	return nil
}

// runAgainst runs the selected tests against a new server, and returns the
// verdicts by test, and the output.
func (s *suite) runAgainst(o tablestore.Options) (map[string]string, []byte, error) {
	o.Keys = access.NewKeys(access.Key{ID: keyID, Secret: keySecret})
	o.Instance = instance
	server, err := tablestore.Start(o)
	if err != nil {
		return nil, nil, err
	}
	defer server.Close()
	front, err := startFront(server.Endpoint())
	if err != nil {
		return nil, nil, err
	}
	defer front.Close()
	return s.test("http://" + front.Addr)
}
