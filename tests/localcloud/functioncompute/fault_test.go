package functioncompute_test

import (
	"context"
	"errors"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"aftercare/tests/localcloud/fault"
	"aftercare/tests/localcloud/functioncompute"
)

func isAfter(m fault.Mode) bool {
	return m == fault.ErrorAfter || m == fault.CutAfter || m == fault.HangAfter
}

func TestPlannedFaultsOfInvoke(t *testing.T) {
	for _, mode := range fault.Modes {
		t.Run(string(mode), func(t *testing.T) {
			var faults fault.Set
			s := start(t, functioncompute.Options{Functions: []functioncompute.Function{probe("probe")}, Faults: &faults})
			ctx, leave := context.WithCancel(t.Context())
			defer leave()
			planned := fault.Fault{Call: "InvokeFunction", Mode: mode}
			if mode == fault.HangBefore || mode == fault.HangAfter {
				planned.OnStrike = leave
			}
			faults.Add(planned)
			file := filepath.Join(t.TempDir(), "effect")
			_, err := s.Invoke(ctx, "probe", []byte(`{"do":"append","file":"`+file+`"}`))
			var refused *functioncompute.APIError
			switch mode {
			case fault.ErrorBefore, fault.ErrorAfter:
				if !errors.As(err, &refused) || refused.Status != 500 || refused.Code != "InternalServerError" {
					t.Errorf("got %v, want InternalServerError", err)
				}
			case fault.CutBefore, fault.CutAfter:
				if !errors.Is(err, functioncompute.ErrCut) {
					t.Errorf("got %v, want ErrCut", err)
				}
			default:
				if !errors.Is(err, context.Canceled) {
					t.Errorf("got %v, want what ended the wait", err)
				}
			}
			if ran := fileSize(file) > 0; ran != isAfter(mode) {
				t.Errorf("ran is %v, want %v", ran, isAfter(mode))
			}
			if err := invoke(t, s, "probe", `{"do":"echo"}`).Err(); err != nil {
				t.Errorf("the next call: %v", err)
			}
			if n := faults.Calls()["InvokeFunction"]; n != 2 || faults.Struck() != 1 {
				t.Errorf("%d calls and %d struck, want 2 and 1", n, faults.Struck())
			}
		})
	}
}

func TestPlannedFaultsOverHTTP(t *testing.T) {
	for _, mode := range fault.Modes {
		t.Run(string(mode), func(t *testing.T) {
			var faults fault.Set
			s := start(t, functioncompute.Options{Functions: []functioncompute.Function{probe("probe")}, Faults: &faults})
			faults.Add(fault.Fault{Call: "InvokeFunction", Mode: mode, Status: 503, Code: "Planned", Message: "on purpose"})
			file := filepath.Join(t.TempDir(), "effect")
			client := http.Client{Transport: faults.Impatient(http.DefaultTransport)}
			res, err := client.Post(s.Endpoint()+invocations, "", strings.NewReader(`{"do":"append","file":"`+file+`"}`))
			if answered := mode == fault.ErrorBefore || mode == fault.ErrorAfter; answered != (err == nil) {
				t.Fatalf("got error %v", err)
			}
			if err == nil {
				_ = res.Body.Close()
				if res.StatusCode != 503 {
					t.Errorf("status is %d, want 503", res.StatusCode)
				}
			}
			if ran := fileSize(file) > 0; ran != isAfter(mode) {
				t.Errorf("ran is %v, want %v", ran, isAfter(mode))
			}
		})
	}
}
