package main

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"aftercare/scripts/internal/cli"
)

// TestASweepSaysWhatItLeft has a function that answers as sweeps do.
func TestASweepSaysWhatItLeft(t *testing.T) {
	for answer, want := range map[string]struct {
		out  string
		code int
	}{
		`{"result":"swept","woken":7,"complete":true,"repairs":{"end":2,"boot":1,"later":3}}`: {
			"swept: looked at 7 instances\nrepaired: 1 boot that no heartbeat reported\nrepaired: 2 ends that no event reported\n" +
				"repaired: 3 laters\ncomplete: all that was due is done\n", 0,
		},
		`{"result":"swept","woken":1,"failed":1,"waiting":2,"complete":false}`: {
			"swept: looked at 1 instance\nfailed: 1 instance; the log of aftercare-sweep says why\nwaiting for room to send: 2 instances\n", cli.ExitPartly,
		},
		`{"result":"swept","complete":false}`: {"swept: looked at 0 instances\n", cli.ExitPartly},
		`{"result":"accepted"}`:               {"", cli.ExitFailed},
	} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = w.Write([]byte(`{"items":[` + answer + `]}`)) // the client may be gone
		}))
		t.Cleanup(s.Close)
		out, errOut, code := played(t, func(name string) string {
			return map[string]string{variableFC: s.URL, variableKeyID: "LTAIsweep", variableSecret: "sweep-secret", variableRegion: "r"}[name]
		}, "sweep")
		if out != want.out || code != want.code {
			t.Errorf("%s: exit code %d, want %d; got\n%swant\n%s%s", answer, code, want.code, out, want.out, errOut)
		}
	}
}
