package deploy_test

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestTheScriptIsUsedFromAnyFolder: it finds its own text and the repository, whatever
// CDPATH says.
func TestTheScriptIsUsedFromAnyFolder(t *testing.T) {
	elsewhere := t.TempDir()
	if err := os.Mkdir(elsewhere+"/scripts", 0o700); err != nil {
		t.Fatal(err)
	}
	// Serverless Devs is not among its tools.
	tools := t.TempDir()
	for _, tool := range []string{"dirname", "sed", "grep"} {
		path, err := exec.LookPath(tool)
		if err == nil {
			err = os.Symlink(path, tools+"/"+tool)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for folder, path := range map[string]string{root: "scripts/deploy.sh", root + "/scripts": "./deploy.sh"} {
		for args, want := range map[string]string{
			"-h":               "exit 0: scripts/deploy.sh ENV [--plan]",
			"":                 "exit 2: scripts/deploy.sh ENV [--plan]",
			"dev --quiet":      "there is no option --quiet\n",
			"none --plan":      "there is no scripts/env/none.yaml: copy scripts/env/dev.yaml\n",
			"dev --tables":     "--tables and --yes go with --destroy\n",
			"dev prod":         "one environment only: dev or prod\n",
			"dev --instance":   "--instance needs a value\n",
			"dev":              "name an instance for the smoke test",
			"dev --instance i": "Serverless Devs is missing: npm install -g @serverless-devs/s\n",
		} {
			cmd := exec.Command(path, strings.Fields(args)...)
			cmd.Dir, cmd.Env = folder, []string{"PATH=" + tools, "CDPATH=" + elsewhere}
			out, err := cmd.CombinedOutput()
			code := cmd.ProcessState.ExitCode()
			if got := fmt.Sprintf("exit %d: %s", code, out); !strings.Contains(got, want) || code != 2 && args != "-h" {
				t.Errorf("in %s, %s %s ended with %v:\n%s\nwant %s", folder, path, args, err, out, want)
			}
		}
	}
}
