package deploy_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"aftercare/shared/flow"
)

// The most bytes of a function's stripped binary, and of that of alerts, which links
// the channels and what reads their file.
const (
	maxBinary = 23 << 19 // 11.5 MB of 2^20 bytes
	maxAlerts = 15 << 20
)

// reflects ends the linker's lines about code that looks a method up by a name
// that is not known before: because of one such call it keeps every exported
// method of every type. Templates do that.
const reflects = " <ReflectMethod>\n"

// linked says which functions alone link what; the key is what the linker names. An
// ending dot stands for everything in a package, and a line feed for the end of a name.
var linked = map[string]func(key string) bool{
	"aftercare/shared/alert.": ofAlerts, "aftercare/shared/alerting.": ofAlerts, "text/template.": ofAlerts,
	"aftercare/shared/assistant.New": decides, "aftercare/shared/decide.Decide\n": decides,
}

func ofAlerts(key string) bool { return key == alerts }

func decides(key string) bool { return key != alerts && key != deadLetters }

// TestTheFunctionsAreSmallAndStopWithEveryMistake builds the functions as the
// Makefile does, asks the linker what it keeps and why, and runs them. With -short
// it builds one, as this test was built, so that little is compiled.
func TestTheFunctionsAreSmallAndStopWithEveryMistake(t *testing.T) {
	functions, dir := mustRead(t).functions, t.TempDir()
	build := exec.Command("go", "build", "-tags", "nethttpomithttp2", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w -dumpdep", "-o", dir+"/", "./functions/...")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64")
	if testing.Short() {
		functions = functions[1:2] // the first one decides nothing
		build = exec.Command("go", "build", "-buildvcs=false", "-ldflags", "-w -dumpdep", "-o", dir+"/", "./functions/"+functions[0].key)
		if underRace(t) {
			build.Args = slices.Insert(build.Args, 2, "-race")
		}
	}
	// The go command keeps what a linker said with the compiled main package, and says it
	// again when anybody builds that, with whatever flags for the linker. So this is
	// compiled with another flag, which changes nothing of the code.
	build.Args = slices.Insert(build.Args, 2, "-gcflags", "-c=1")
	build.Dir = root
	var kept bytes.Buffer
	build.Stderr = &kept
	if err := build.Run(); err != nil {
		t.Fatalf("%v\n%.2000s", err, kept.Bytes())
	}
	for _, fn := range functions {
		info, err := os.Stat(filepath.Join(dir, fn.key))
		if err != nil {
			t.Fatal(err)
		}
		most := int64(maxBinary)
		if fn.key == alerts {
			most = maxAlerts
		}
		if info.Size() > most && !testing.Short() {
			t.Errorf("%s has %d bytes, at most %d are allowed", fn.key, info.Size(), most)
		}
		links(t, fn.key, kept.String())
		t.Logf("%s: %d bytes", fn.key, info.Size())
		if testing.Short() || runtime.GOOS+runtime.GOARCH == "linuxamd64" {
			stops(t, dir, fn)
		}
	}
}

// links checks what the linker keeps in a function's binary. Its lines about each of
// them follow the go command's line with the package.
func links(t *testing.T, key, kept string) {
	_, kept, _ = strings.Cut(kept, "# aftercare/functions/"+key+"\n")
	kept, _, _ = strings.Cut(kept, "\n# ")
	if !strings.Contains(kept, "main.main -> ") {
		t.Errorf("%s: the linker does not say what it keeps", key)
	}
	if before, _, found := strings.Cut(kept, reflects); found && key != alerts {
		t.Errorf("%s: a method is looked up by name, so the linker keeps all: %s", key, before[strings.LastIndexByte(before, '\n')+1:])
	}
	for name, by := range linked {
		if has, want := strings.Contains(kept, " -> "+name), by(key); has != want {
			t.Errorf("%s: it links %s: %t, want %t", key, name, has, want)
		}
	}
}

// underRace reports whether the race detector watches this test.
func underRace(t *testing.T) bool {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		t.Fatal("this test does not know how it was built")
	}
	return slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

// stops checks that a function stops with every mistake in its settings, and that
// what it says of them holds no value.
func stops(t *testing.T, dir string, fn function) {
	const secret = "Pa55word"
	stored, err := flow.Store(nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "flows.compiled"), stored, 0o600); err != nil {
		t.Fatal(err)
	}
	good := slices.Clip(append(deployed(fn.props.object("environmentVariables")), "PATH=/bin"))
	for what, c := range map[string]struct {
		environ []string
		want    []string
	}{
		"without any": {[]string{}, []string{
			"wrong settings:", "AFTERCARE_TABLESTORE_ENDPOINT is missing: ", "AFTERCARE_TABLESTORE_INSTANCE is missing: ",
		}},
		"with wrong ones": {append(good, "AFTERCARE_LOG_LEVEL="+secret, "AFTERCARE_SECRET="+secret, "AFTERCARE_DINGTALK_URL="+secret), []string{
			"wrong settings:", "AFTERCARE_SECRET is not a setting of Aftercare", "AFTERCARE_DINGTALK_URL must begin with ", "AFTERCARE_LOG_LEVEL must be ",
		}},
		"with DEBUG=sdk": {append(good, "DEBUG=sdk"), []string{"wrong settings:", "DEBUG must not name sdk: "}},
	} {
		t.Run(fn.key+" "+what, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
			defer cancel()
			cmd := exec.CommandContext(ctx, filepath.Join(dir, fn.key))
			cmd.Dir, cmd.Env = dir, c.environ
			var stdout, stderr bytes.Buffer
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			err := cmd.Run()
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.ExitCode() != 1 {
				t.Errorf("ended with %v, want exit code 1", err)
			}
			if stdout.Len() > 0 || strings.Contains(stderr.String(), secret) {
				t.Errorf("stdout %q, want nothing; stderr must hold no value:\n%s", stdout.String(), stderr.String())
			}
			lines := strings.Split(strings.TrimSuffix(stderr.String(), "\n"), "\n")
			if len(lines) != len(c.want) || !strings.HasPrefix(lines[0], fn.key+": ") {
				t.Fatalf("stderr:\n%s\nwant the function's name and %d lines", stderr.String(), len(c.want))
			}
			lines[0] = strings.TrimPrefix(lines[0], fn.key+": ")
			for i, want := range c.want {
				if !strings.HasPrefix(lines[i], want) {
					t.Errorf("line %d is %q, want %q", i+1, lines[i], want)
				}
			}
		})
	}
}

// TestMainFilesOnlyWire: so what one of the functions does with wrong settings, all
// do.
func TestMainFilesOnlyWire(t *testing.T) {
	for _, fn := range mustRead(t).functions {
		maker := "handler.New"
		switch fn.key {
		case alerts:
			maker = "alerting.New"
		case deadLetters:
			maker = "handler.NewDeadLetters"
		}
		src, err := os.ReadFile(filepath.Join(root, "functions", fn.key, "main.go"))
		if n := bytes.Count(src, []byte("\n")); err != nil || n >= 40 || !strings.Contains(string(src), maker+`("`+fn.key+`", os.Environ(), os.Stdout)`) {
			t.Errorf("%s has %d lines, %v, want under 40, and its own name", fn.key, n, err)
		}
	}
}
