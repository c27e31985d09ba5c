package tablestore_test

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	sdk "github.com/aliyun/aliyun-tablestore-go-sdk/tablestore"

	"aftercare/tests/localcloud/access"
	"aftercare/tests/localcloud/tablestore"
)

// serveFile, if set, turns the test binary into a server on this file.
const serveFile = "TABLESTORE_TEST_SERVE_FILE"

func TestMain(m *testing.M) {
	if path := os.Getenv(serveFile); path != "" {
		s, err := tablestore.Start(tablestore.Options{Path: path, Keys: access.NewKeys(access.Key{ID: keyID, Secret: keySecret})})
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Println(s.Endpoint())
		io.Copy(io.Discard, os.Stdin) // until the parent ends
		return
	}
	os.Exit(m.Run())
}

// serve starts this binary as a server.
func serve(t *testing.T, path string) (*exec.Cmd, *sdk.TableStoreClient) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), serveFile+"="+path)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		cmd.Process.Kill()
		cmd.Wait()
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatalf("the server did not start: %v", err)
	}
	return cmd, connectAs(strings.TrimSpace(line), instance, keyID, keySecret, "")
}

func TestAcknowledgedWritesSurviveSIGKILL(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data")
	acknowledged := make(map[string]bool)
	var mu sync.Mutex
	for round := range 3 {
		cmd, client := serve(t, path)
		tb := table{t, client, "rows"}
		if round == 0 {
			newTable(t, client, "rows")
		}
		var enough sync.Once
		var writes atomic.Int32
		var wg sync.WaitGroup
		for writer := range 4 {
			wg.Go(func() {
				for i := 0; ; i++ {
					row := fmt.Sprintf("%d-%d-%05d", round, writer, i)
					if err := tb.write(expectNone(tb.put("p", row, "x", row))); err != nil {
						return // the server is dead
					}
					mu.Lock()
					acknowledged[row] = true
					mu.Unlock()
					if writes.Add(1) >= 150 {
						enough.Do(func() { cmd.Process.Kill() })
					}
				}
			})
		}
		wg.Wait()
	}
	_, client := serve(t, path)
	tb := table{t, client, "rows"}
	found := make(map[string]bool)
	for _, row := range tb.rowsOf("p") {
		found[row] = true
	}
	for row := range acknowledged {
		if !found[row] {
			t.Errorf("the acknowledged row %s is lost", row)
		}
	}
	if len(acknowledged) < 450 {
		t.Errorf("only %d writes were acknowledged", len(acknowledged))
	}
	t.Logf("%d acknowledged, %d found", len(acknowledged), len(found))
}

func TestAFileKeepsTablesRowsAndCounters(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data")
	first := start(t, tablestore.Options{Path: path})
	tb := newTable(t, connect(first), "rows")
	tb.mustWrite(tb.put("p", "1", "x", "1"))
	if _, err := tablestore.Start(tablestore.Options{Path: path}); err == nil {
		t.Error("a second server opened the file")
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	tb.client = connect(start(t, tablestore.Options{Path: path}))
	if got := tb.get("p", "1")["x"]; got != "1" {
		t.Errorf("got x = %v after a restart, want 1", got)
	}
	// A new table after the restart must not share the old one's rows.
	second := newTable(t, tb.client, "second")
	if got := second.rowsOf("p"); len(got) != 0 {
		t.Errorf("a new table has the rows %q", got)
	}
}
