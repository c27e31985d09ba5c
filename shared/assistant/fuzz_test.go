package assistant_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"aftercare/shared/assistant"
)

// FuzzAnswer answers anything. Run it with -fuzzminimizetime=10x:
// otherwise most of the time goes into making inputs smaller.
func FuzzAnswer(f *testing.F) {
	said, err := os.ReadFile(answersFile)
	if err != nil {
		f.Fatal(err)
	}
	for line := range strings.SplitSeq(string(said), "\n") {
		if body, ok := strings.CutPrefix(line, "200 "); ok && !strings.Contains(body, "{long}") {
			f.Add(200, body)
		}
	}
	f.Add(200, `{"InvokeId":17}`)
	f.Add(400, `{"Code":400,"Message":"x"}`)
	f.Add(503, `<html>`)
	f.Add(307, ``)
	f.Fuzz(func(t *testing.T, status int, body string) {
		if status < 200 || status > 599 {
			t.Skip()
		}
		cfg := assistant.Config{Region: "cn-test", Retries: -1}
		cfg.RoundTripper = carrier(func(*http.Request) (*http.Response, error) { return canned(status, body), nil })
		c := client(t, cfg)
		for _, m := range methods {
			err := m.call(context.Background(), c)
			if err == nil && status >= 300 {
				t.Errorf("%s took status %d for a success", m.name, status)
			}
			if n := len(slices.DeleteFunc(slices.Clone(classes), func(class error) bool { return !errors.Is(err, class) })); err != nil && n != 1 {
				t.Errorf("error %v has %d classes, want 1", err, n)
			}
		}
	})
}
