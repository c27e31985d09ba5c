package functioncompute_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"aftercare/tests/localcloud/functioncompute"
)

func TestFunctionsThatAreRefused(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "plain"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name   string
		change func(*functioncompute.Function)
		want   string
	}{
		{"no name", func(f *functioncompute.Function) { f.Name = "" }, "name must be"},
		{"a name with a digit first", func(f *functioncompute.Function) { f.Name = "1st" }, "name must be"},
		{"a name that is too long", func(f *functioncompute.Function) { f.Name = strings.Repeat("a", 65) }, "name must be"},
		{"a name that is taken", func(f *functioncompute.Function) { f.Name = "other" }, "declared twice"},
		{"no binary", func(f *functioncompute.Function) { f.Handler = "missing" }, "find the handler"},
		{"a handler outside the folder", func(f *functioncompute.Function) { f.Handler = "../probe" }, "not a path inside the code folder"},
		{"a handler that is no program", func(f *functioncompute.Function) { f.Dir, f.Handler = dir, "plain" }, "not an executable file"},
		{"a handler that is a folder", func(f *functioncompute.Function) { f.Dir, f.Handler = filepath.Dir(dir), filepath.Base(dir) }, "not an executable file"},
		{"too long a timeout", func(f *functioncompute.Function) { f.Timeout = 25 * time.Hour }, "timeout must be"},
		{"too many retries", func(f *functioncompute.Function) { f.AsyncMaxRetries = 9 }, "between 0 and 8"},
		{"a negative maximum of instances", func(f *functioncompute.Function) { f.MaxInstances = -1 }, "maximum of instances"},
		{"a reserved variable", func(f *functioncompute.Function) { f.Env = map[string]string{"FC_REGION": "x"} }, `"FC_REGION" is reserved`},
		{"a variable for credentials", func(f *functioncompute.Function) { f.Env = map[string]string{"ALIBABA_CLOUD_ACCESS_KEY_ID": "x"} }, "is reserved"},
		{"a variable with a bad name", func(f *functioncompute.Function) { f.Env = map[string]string{"1X": "x"} }, "must start with a letter"},
		{"variables that are too long", func(f *functioncompute.Function) { f.Env = map[string]string{"X": strings.Repeat("x", 4096)} }, "more than 4096"},
		{"a timer without a name", func(f *functioncompute.Function) { f.Timers = []functioncompute.Timer{{Cron: "@every 1m"}} }, "name is missing"},
		{"a timer with a bad schedule", func(f *functioncompute.Function) { f.Timers = []functioncompute.Timer{{Name: "t", Cron: "0 * * * *"}} }, `timer "t": cron expression`},
		{"a destination that does not exist", func(f *functioncompute.Function) { f.OnFailure.Function = "missing" }, `"missing" does not exist`},
		{"a destination of two kinds", func(f *functioncompute.Function) { f.OnSuccess.Function, f.OnSuccess.File = "other", "x" }, "not both"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := probe("probe")
			tt.change(&f)
			s, err := functioncompute.Start(functioncompute.Options{Functions: []functioncompute.Function{probe("other"), f}})
			if err == nil {
				_ = s.Close()
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestBinaryThatIsNoProgramIsNotStarted(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "broken"), []byte("no program"), 0o700); err != nil {
		t.Fatal(err)
	}
	f := probe("probe")
	f.Dir, f.Handler = dir, "broken"
	s := start(t, functioncompute.Options{Functions: []functioncompute.Function{f}})
	for range 2 {
		_, err := s.Invoke(t.Context(), "probe", nil)
		if refused, ok := err.(*functioncompute.APIError); !ok || refused.Code != "FunctionNotStarted" {
			t.Errorf("got %v, want FunctionNotStarted", err)
		}
	}
	if n := s.Instances("probe"); n != 0 {
		t.Errorf("%d instances exist", n)
	}
}

func TestLimitsAreSentences(t *testing.T) {
	for _, limit := range functioncompute.Limits() {
		if !strings.HasSuffix(limit, ".") {
			t.Errorf("%q is no sentence", limit)
		}
	}
}
