package handler_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var functions = []string{"first-heartbeat", "instance-state", "submit-task", "sweep", "task-completed"}

// TestTheFunctionsStopWithEveryMistakeInTheirSettings runs all binaries.
func TestTheFunctionsStopWithEveryMistakeInTheirSettings(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	build := exec.Command("go", "build", "-o", dir, "../../functions/...")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the functions: %v\n%s", err, out)
	}
	flows := filepath.Join(dir, "flows.compiled")
	write(t, flows, string(noFlows(t)))
	for _, name := range functions {
		for what, c := range map[string]struct {
			environ []string
			want    []string
		}{
			"without any": {nil, []string{
				"wrong settings:", "AFTERCARE_TABLESTORE_ENDPOINT is missing: ", "AFTERCARE_TABLESTORE_INSTANCE is missing: ",
			}},
			"with wrong ones": {append(good(), "AFTERCARE_LOG_LEVEL="+secret, "AFTERCARE_SECRET="+secret, "AFTERCARE_DINGTALK_URL="+secret), []string{
				"wrong settings:", "AFTERCARE_SECRET is not a setting of Aftercare", "AFTERCARE_LOG_LEVEL must be ", "AFTERCARE_DINGTALK_URL must begin with ",
			}},
			"with DEBUG=sdk": {append(good(), "DEBUG=sdk"), []string{"wrong settings:", "DEBUG must not name sdk: "}},
		} {
			t.Run(name+" "+what, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
				defer cancel()
				cmd := exec.CommandContext(ctx, filepath.Join(dir, name))
				cmd.Dir, cmd.Env = dir, append([]string{}, c.environ...)
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
				if len(lines) != len(c.want) || !strings.HasPrefix(lines[0], name+": ") {
					t.Fatalf("stderr:\n%s\nwant the function's name and %d lines", stderr.String(), len(c.want))
				}
				lines[0] = strings.TrimPrefix(lines[0], name+": ")
				for i, want := range c.want {
					if !strings.HasPrefix(lines[i], want) {
						t.Errorf("line %d is %q, want %q", i+1, lines[i], want)
					}
				}
			})
		}
	}
}

func TestMainFilesOnlyWire(t *testing.T) {
	files, err := filepath.Glob("../../functions/*/main.go")
	if err != nil || len(files) != len(functions) {
		t.Fatalf("there are %d functions, %v, and this test knows %d", len(files), err, len(functions))
	}
	for i, name := range functions {
		src, err := os.ReadFile(files[i])
		if n := bytes.Count(src, []byte("\n")); err != nil || n >= 40 || !strings.Contains(string(src), `handler.New("`+name+`", os.Environ(), os.Stdout)`) {
			t.Errorf("%s has %d lines, %v, want under 40, and its own name", files[i], n, err)
		}
	}
}
