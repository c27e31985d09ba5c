// Package neighbours_test runs the functions' binaries of this version beside those of
// an older and of a newer one, as an alias with gradual traffic does: consecutive
// events of one instance are handled by different versions.
package neighbours_test

import (
	"encoding/json"

	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"aftercare/shared/flow"
	"aftercare/shared/flowfile"
)

const root = "../../.."

// The versions. The older one does not know the newest column of the tables, which is
// the schema's, nor the newest field of a row, which is that of the last ends that were
// asked for. The newer one writes a column and a field, in rows and in alerts, that
// this one does not know, and gives its rows another number.
const this, older, newer = "this", "older", "newer"

const (
	laterColumn = "later_column"
	laterField  = "later"
	laterText   = "from the newer version"
)

// edits are the changes of a version's code: a file's texts, and what replaces them.
var edits = map[string]map[string][]string{
	this: {},
	older: {
		"shared/decide/repairs.go": {"`json:\"recent,omitempty\"`", "`json:\"-\"`"},
		"shared/ledger/concern.go": {"keyText(row, 1) == rowSchema", "false"},
		"shared/ledger/control.go": {"case name != rowSchema:", "case keyText(row, 0) == scopeConcern:"},
	},
	newer: {
		"shared/ledger/kept.go": {
			"const schemaVersion = 1\n", "const schemaVersion = 2\n",
			"		case colData, colVersion,", "		case \"" + laterColumn + "\", colData, colVersion,",
			"	return string(data), err\n}", "	return later(data), err\n}\n" + `
// later adds a field to a row, and to the alert in it.
func later(data []byte) string {
	row, ok := parsed(data).(map[string]any)
	if !ok {
		return string(data)
	}
	row["` + laterField + `"] = "` + laterText + `"
	if alert, ok := row["alert"].(map[string]any); ok {
		alert["` + laterField + `"] = "` + laterText + `"
	}
	again, _ := json.Marshal(row)
	return string(again)
}
`,
		},
		"shared/ledger/row.go": {
			"	for _, c := range append(columns, version) {", "	for _, c := range append(columns, version, column{\"" + laterColumn + "\", \"" + laterText + "\"}) {",
		},
	},
}

// flows has a flow of steps one of which fails, and is tried again, and one that
// raises an alert.
const flows = `version: 1
flows:
  - name: mend
    on: task-completed
    when: event.commandName == "check" && run.depth == 0
    mode: live
    steps:
      - id: look
        run: {type: RunShellScript, content: 'exit 1'}
        retry: {max: 1, on: [Failed], backoff: 1s}
        onFailure: repair
      - id: never
        stop: succeeded
      - id: repair
        run: {type: RunShellScript, content: 'true'}
      - id: tell
        alert: 'mended ${{ event.instanceId }}'
  - name: greet
    on: first-heartbeat
    when: "true"
    mode: live
    steps:
      - id: hello
        run: {type: RunShellScript, content: 'true'}
`

// build builds the functions of a version, by an overlay of its edits, and returns the
// folder with their binaries and the flows.
func build(t *testing.T, version string) string {
	t.Helper()
	dir := t.TempDir()
	replace := map[string]string{}
	for file, texts := range edits[version] {
		path, err := filepath.Abs(filepath.Join(root, file))
		must(t, err)
		src, err := os.ReadFile(path)
		must(t, err)
		text := string(src)
		for i := 0; i < len(texts); i += 2 {
			if strings.Count(text, texts[i]) != 1 {
				t.Fatalf("%s has %d times the text %q, which the %s version changes", file, strings.Count(text, texts[i]), texts[i], version)
			}
			text = strings.Replace(text, texts[i], texts[i+1], 1)
		}
		replace[path] = filepath.Join(dir, strings.ReplaceAll(file, "/", "-"))
		must(t, os.WriteFile(replace[path], []byte(text), 0o600))
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	must(t, err)
	must(t, os.WriteFile(filepath.Join(dir, "overlay.json"), overlay, 0o600))
	bin := filepath.Join(dir, "bin")
	cmd := exec.Command("go", "build", "-overlay", filepath.Join(dir, "overlay.json"), "-trimpath", "-buildvcs=false",
		"-ldflags", "-s -w -X aftercare/shared/version.stamped="+version, "-o", bin+"/")
	for _, name := range functions {
		cmd.Args = append(cmd.Args, "./functions/"+name)
	}
	cmd.Dir, cmd.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build the %s version: %v\n%s", version, err, out)
	}
	definitions, err := flowfile.Read("flows.yaml", []byte(flows))
	must(t, err)
	stored, err := flow.Store(definitions)
	must(t, err)
	must(t, os.WriteFile(filepath.Join(bin, "flows.compiled"), stored, 0o600))
	return bin
}

var functions = []string{"task-completed", "first-heartbeat", "instance-state", "submit-task", "sweep", "alerts"}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
