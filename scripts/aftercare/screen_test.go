package main

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"

	"aftercare/shared/ledger"
	"aftercare/shared/transport"
	"aftercare/tests/localcloud/access"
	"aftercare/tests/localcloud/tablestore"
)

// hostile is a text that would clear, ring and turn around a terminal.
const hostile = "升\x1b[2J\a\u202e\u2028\x7f\u009b"

// played is what a command line printed and its exit code.
func played(t *testing.T, getenv func(string) string, args ...string) (out, errOut string, code int) {
	t.Helper()
	var o, e strings.Builder
	code = run(t.Context(), args, getenv, nil, &o, &e)
	return o.String(), e.String(), code
}

func TestNothingInAFileIsObeyedByATerminal(t *testing.T) {
	folder := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	quoted := strconv.QuoteToASCII(hostile)
	inJSON, err := json.Marshal(hostile)
	if err != nil {
		t.Fatal(err)
	}
	good := write("flows.yaml", `
version: 1
flows:
  - name: one
    on: task-completed
    when: event.commandName contains "升" && event.errorDesc != `+quoted+`
    steps:
      - {id: look, run: {type: RunShellScript, content: "echo $p", parameters: {p: `+quoted+`}}}
      - {id: say, alert: `+quoted+`}
`)
	write("flows_test.yaml", `
version: 1
cases:
  - name: `+quoted+`
    event: {kind: task-completed, commandName: `+quoted+`}
    expect: {fires: [two]}
`)
	end := write("end.json", `{"instanceId": "i-1", "invokeId": "t-1", "commandName": `+string(inJSON)+`, "invocationStatus": "Success"}`)
	none := func(string) string { return "" }
	for _, c := range []struct {
		args []string
		code int
	}{
		{[]string{"flows", "validate", good}, 0},
		{[]string{"flows", "validate", write("key.yaml", "version: 1\n升\u202e\u2066key: 1\n")}, 1},
		{[]string{"flows", "validate", write("control.yaml", "version: 1\nflows: "+hostile+"\n")}, 1},
		{[]string{"flows", "validate", write(hostile+".yaml", "version: 2\n")}, 1},
		{[]string{"flows", "validate", filepath.Join(folder, "missing"+hostile)}, 1},
		{[]string{"flows", "graph", good}, 0},
		{[]string{"flows", "test", good}, 1},
		{[]string{"flows", "explain", good, "--event", end}, 0},
		{[]string{"flows", "explain", good, "--event", end, "-o", "json"}, 0},
		{[]string{"flows", "explain", good, "--event", write("other.json", `{"id": "1", "source": "acs.ecs", "type": `+string(inJSON)+`, "data": {}}`)}, 1},
		{[]string{"flows", hostile}, 2},
	} {
		out, errOut, code := played(t, none, c.args...)
		if code != c.code || out+errOut == "" {
			t.Errorf("%q: exit code %d, want %d: %q %q", c.args, code, c.code, out, errOut)
		}
		if strings.ContainsFunc(out+errOut, func(r rune) bool { return !unicode.IsGraphic(r) && r != '\n' && r != '\t' }) {
			t.Errorf("%q prints %q %q", c.args, out, errOut)
		}
		// An entity of HTML is text again in a picture.
		if strings.Contains(out, "#8238;") {
			t.Errorf("%q draws what turns the text around: %s", c.args, out)
		}
	}
	out, _, _ := played(t, none, "flows", "explain", good, "--event", end, "-o", "json")
	var list []explanation
	if err := json.Unmarshal([]byte(out), &list); err != nil || len(list) != 1 || !strings.HasPrefix(list[0].Event, hostile+" ended") {
		t.Errorf("the output for programs has changed: %q, %v", out, err)
	}
}

// terminal is an output that says it is one.
type terminal struct{ strings.Builder }

func (*terminal) Stat() (fs.FileInfo, error) { return os.Stat(os.DevNull) }

func TestAPayloadIsQuotedOnATerminalAndRawInAPipe(t *testing.T) {
	key := access.Key{ID: "LTAIscreen", Secret: "screen-secret"}
	server, err := tablestore.Start(tablestore.Options{Keys: access.NewKeys(key)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	pool := transport.NewPool(time.Now)
	t.Cleanup(pool.CloseIdleConnections)
	l, err := ledger.Open(t.Context(), ledger.Config{Endpoint: server.Endpoint(), Instance: "mine", Transport: pool},
		transport.NewCredentials(key.ID, key.Secret, ""))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := l.CreateTables(t.Context(), 180*24*time.Hour); err != nil {
		t.Fatal(err)
	}
	const payload = hostile + "\xff\npassword=hush\n"
	if err := l.Quarantine(t.Context(), "submit-task", []byte(payload), "not JSON", time.Now()); err != nil {
		t.Fatal(err)
	}
	id := ledger.QuarantineID([]byte(payload))
	getenv := func(name string) string {
		return map[string]string{
			variableEndpoint: server.Endpoint(), variableInstance: "mine", variableKeyID: key.ID, variableSecret: key.Secret,
		}[name]
	}
	args := []string{"quarantine", "show", id}
	if out, errOut, code := played(t, getenv, args...); code != 0 || out != payload {
		t.Errorf("a pipe gets %q, want %q (exit code %d, %s)", out, payload, code, errOut)
	}
	var seen terminal
	var errOut strings.Builder
	code := run(t.Context(), args, getenv, nil, &seen, &errOut)
	if want := `升\u001b[2J\u0007\u202e\u2028\u007f\u009b\xff` + "\npassword=[masked]\n"; code != 0 || seen.String() != want {
		t.Errorf("a terminal gets %q, want %q (exit code %d, %s)", seen.String(), want, code, errOut.String())
	}
}

func TestAnExitCodeThatIsNoneIsNotPrintedAsZero(t *testing.T) {
	zero, three := int64(0), int64(3)
	for _, c := range []struct {
		status string
		exit   *int64
		want   string
	}{
		{"Success", &zero, "Success, exit code 0"}, {"Failed", &three, "Failed, exit code 3"}, {"Failed", &zero, "Failed"}, {"Failed", nil, "Failed"},
		{"Terminated", &zero, "Terminated"}, {"Timeout", &zero, "Timeout"}, {"Aborted", &zero, "Aborted"}, {"Success", nil, "Success"},
	} {
		if got := exited(c.status, c.exit); got != c.want {
			t.Errorf("%s with %v is %q, want %q", c.status, c.exit, got, c.want)
		}
		listed := strings.ReplaceAll(strings.TrimSuffix(c.want, ", exit code 0"), ", exit code", "")
		if got := (record{Kind: "execution", Result: c.status, ExitCode: c.exit}).outcome(); got != listed {
			t.Errorf("%s with %v is listed as %q, want %q", c.status, c.exit, got, listed)
		}
	}
}
