package deploy_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"aftercare/shared/handler"
)

// TestEachPackageHoldsWhatItsFunctionReads asks make what it would do: it puts
// the binary that FC starts and the file that it reads, if any, checked, into the
// uploaded folder, under the names in the deployment and the settings.
func TestEachPackageHoldsWhatItsFunctionReads(t *testing.T) {
	if _, err := exec.LookPath("make"); err != nil {
		t.Skip("there is no make here")
	}
	const code = "/code"
	for _, fn := range mustRead(t).functions {
		t.Run(fn.key, func(t *testing.T) {
			settings, err := handler.FromEnv(append(deployed(fn.props.object("environmentVariables")), "FC_FUNC_CODE_PATH="+code))
			if err != nil {
				t.Fatal(err)
			}
			file, checked, ready := settings.FlowsFile, " flows compile functions/flows.yaml -o .local/dist/flows.compiled\n", "cp .local/dist/flows.compiled "
			if fn.key == alerts {
				file, checked, ready = settings.Alerts.File, " alerts validate functions/alerts.yaml &&", "cp functions/alerts.yaml "
			}
			file, inside := strings.CutPrefix(file, code+"/")
			if !inside {
				t.Fatalf("it reads %s, which is not in the package", file)
			}
			folder := strings.TrimPrefix(fn.props.text("code"), "./")
			wanted := []string{"-X aftercare/shared/version.stamped=v9.8.7\" -o " + folder + "/" + fn.props.text("handler") + " ./functions/" + fn.key + "\n"}
			if fn.key != deadLetters { // which reads no file
				wanted = append(wanted, checked, ready+folder+"/"+file)
			}
			asked := exec.Command("make", "--dry-run", folder, "VERSION=v9.8.7")
			asked.Dir = root
			asked.Env = append(os.Environ(), "MAKEFLAGS=") // not those of the make that runs this test
			out, err := asked.CombinedOutput()
			if err != nil {
				t.Fatalf("make --dry-run %s: %v\n%s", folder, err, out)
			}
			for _, want := range wanted {
				if !strings.Contains(string(out), want) {
					t.Errorf("make does not do%s, it does\n%s", strings.TrimSuffix(want, "\n"), out)
				}
			}
			if fn.key == deadLetters && strings.Contains(string(out), "flows") {
				t.Errorf("dead-letters reads no flows, and make does\n%s", out)
			}
		})
	}
}

// TestTheLocalCloudHasAlertsYAML, if there is one: the demo has its own channels.
func TestTheLocalCloudHasAlertsYAML(t *testing.T) {
	for target, has := range map[string]bool{"local": true, "demo": false} {
		asked := exec.Command("make", "--dry-run", target)
		asked.Dir = root
		asked.Env = append(os.Environ(), "MAKEFLAGS=")
		out, err := asked.CombinedOutput()
		if err != nil {
			t.Fatalf("make --dry-run %s: %v\n%s", target, err, out)
		}
		if strings.Contains(string(out), " alerts validate functions/alerts.yaml && cp functions/alerts.yaml .local/dist/alerts/alerts.yaml") != has {
			t.Errorf("make %s does\n%s", target, out)
		}
	}
}
