package deploy_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"aftercare/shared/handler"
)

// deployments are the files that can be deployed, with what they say: s.yaml, and what
// extends it.
func deployments(t *testing.T) map[string]*document {
	t.Helper()
	out := map[string]*document{"s.yaml": mustRead(t)}
	paths, err := filepath.Glob(root + "/scripts/env/*.yaml")
	if err != nil || len(paths) < 4 {
		t.Fatalf("%d overlays, %v", len(paths), err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		d, err := read(shipped(t), string(text))
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		d.text = string(text)
		out[strings.TrimPrefix(filepath.ToSlash(path), root+"/")] = d
	}
	return out
}

// TestTheOverlaysAreTrue: what each makes of s.yaml fits the component's schema and the
// rules for s.yaml, and its settings are accepted.
func TestTheOverlaysAreTrue(t *testing.T) {
	for name, d := range deployments(t) {
		var f faults
		for _, c := range []func(*document, *faults){checkNames, checkOrder, checkLimits, checkReserved, checkLogs, checkAsync, checkTriggers, checkPatterns} {
			c(d, &f)
		}
		for _, fn := range d.functions {
			fits(rules(), "", decoded(fn.props), &f, fn.key)
			_, err := handler.FromEnv(deployed(fn.props.object("environmentVariables")))
			f.check(err == nil, "%s: the settings are refused: %v", fn.key, err)
		}
		for _, fault := range f {
			t.Errorf("%s: %s", name, fault)
		}
		if name != "s.yaml" {
			checkOverlay(t, name, d.text)
		}
	}
}

// checkOverlay: an overlay says only what differs. Serverless Devs replaces arrays, so a
// trigger in one would be a copy, and follows extend for one level only.
func checkOverlay(t *testing.T, name, text string) {
	over, err := read(text)
	if err != nil {
		t.Fatal(err)
	}
	if up := over.top.text("extend"); up != "../../s.yaml" || over.root() != "../../" {
		t.Errorf("%s: it extends %q, and its root is %q", name, up, over.root())
	}
	for _, key := range over.top.keys() {
		if !slices.Contains([]string{"extend", "vars", "resources"}, key) {
			t.Errorf("%s: %s belongs into s.yaml", name, key)
		}
	}
	for _, fn := range over.functions {
		if _, err := os.Stat(filepath.Join(root, "functions", fn.key, "main.go")); err != nil || fn.props.value("triggers") != nil {
			t.Errorf("%s: %s is no function, or repeats its triggers", name, fn.key)
		}
	}
	if found := account.FindString(text) + keyID.FindString(text); found != "" {
		t.Errorf("%s: %q belongs to one account", name, found)
	}
}

// TestEachOverlayChangesWhatItSays, and nothing else.
func TestEachOverlayChangesWhatItSays(t *testing.T) {
	all := deployments(t)
	const prefix = "environmentVariables."
	for name, want := range map[string][]string{
		"prod":    nil,
		"dev":     {prefix + "AFTERCARE_LOG_LEVEL", prefix + "AFTERCARE_ALERT_WAIT", prefix + "AFTERCARE_ALERT_START"},
		"gradual": {"asyncInvokeConfig.qualifier", "triggers"},
		"vpc":     {"internetAccess", "vpcConfig", prefix + "AFTERCARE_TABLESTORE_ENDPOINT", prefix + "AFTERCARE_ECS_ENDPOINT", prefix + "AFTERCARE_FC_ENDPOINT"},
	} {
		var got []string
		for i, fn := range all["scripts/env/"+name+".yaml"].functions {
			was, _ := decoded(all["s.yaml"].functions[i].props).(map[string]any)
			is, _ := decoded(fn.props).(map[string]any)
			got = append(got, changed("", was, is)...)
		}
		want = append(want, "code") // its folder is another
		slices.Sort(got)
		slices.Sort(want)
		if got = slices.Compact(got); !slices.Equal(got, want) {
			t.Errorf("%s changes %q, want %q", name, got, want)
		}
	}
}

// changed lists the fields in which two objects differ.
func changed(at string, was, is map[string]any) (fields []string) {
	for name, value := range is {
		inner, object := value.(map[string]any)
		before, same := was[name].(map[string]any)
		switch {
		case object && same:
			fields = append(fields, changed(at+name+".", before, inner)...)
		case !reflect.DeepEqual(was[name], value):
			fields = append(fields, at+name)
		}
	}
	return fields
}

// TestTheRealPreviewIsWhatWeRead runs Serverless Devs itself, if SERVERLESS_DEVS names its
// program (make deploy-test does): what it makes of each file fits the component's schema, and
// is what the other tests here look at.
func TestTheRealPreviewIsWhatWeRead(t *testing.T) {
	program := os.Getenv("SERVERLESS_DEVS")
	if program == "" {
		t.Skip("SERVERLESS_DEVS does not name the program s: make deploy-test installs it")
	}
	environ := []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(),
		`default_serverless_devs_access={"AccountID":"1234567890123456","AccessKeyID":"id","AccessKeySecret":"secret"}`,
	}
	for name, value := range shell {
		environ = append(environ, name+"="+value)
	}
	for name, d := range deployments(t) {
		t.Run(name, func(t *testing.T) {
			got := preview(t, program, name, environ)
			var f faults
			for _, fn := range d.functions {
				props := got[fn.key].Props
				fits(rules(), "", props, &f, fn.key)
				if want := decoded(fn.props); !reflect.DeepEqual(props, want) {
					f.check(false, "%s: the preview is\n%s\nwe read\n%s", fn.key, encode(props), encode(want))
				}
			}
			f.check(len(got) == len(d.functions), "it has %d resources, want %d", len(got), len(d.functions))
			for _, fault := range f {
				t.Error(fault)
			}
		})
	}
}

// previewed is a resource in what s preview prints.
type previewed struct {
	Component string
	Props     any
}

// preview runs s preview from the repository's folder.
func preview(t *testing.T, program, file string, environ []string) map[string]previewed {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, "preview", "-t", file, "-o", "json")
	cmd.Dir, cmd.Env = root, environ
	out, err := cmd.CombinedOutput()
	start := bytes.Index(out, []byte("\n{\n")) // lines of its log come first
	if start < 0 {
		start = bytes.Index(out, []byte("{\n"))
	}
	if err != nil || start < 0 {
		t.Fatalf("s preview -t %s: %v\n%s", file, err, out)
	}
	var printed struct{ Resources map[string]previewed }
	if err := json.NewDecoder(bytes.NewReader(out[start:])).Decode(&printed); err != nil {
		t.Fatalf("%v in what s printed:\n%s", err, out)
	}
	for key, resource := range printed.Resources {
		if resource.Component != "fc3" {
			t.Errorf("%s: the component is %q", key, resource.Component)
		}
	}
	return printed.Resources
}
