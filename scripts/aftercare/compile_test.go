package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"aftercare/shared/flow"
)

const shippedFlows = "../../functions/flows.yaml"

func TestTheShippedFlowsPassTheirCasesAndCompile(t *testing.T) {
	none := func(string) string { return "" }
	var out bytes.Buffer
	if code := run(t.Context(), []string{"flows", "test", shippedFlows}, none, nil, &out, &out); code != 0 {
		t.Errorf("'flows test' ends with %d:\n%s", code, out.String())
	}
	to := filepath.Join(t.TempDir(), "flows.compiled")
	if code := run(t.Context(), []string{"flows", "compile", shippedFlows, "-o", to}, none, nil, io.Discard, &out); code != 0 {
		t.Fatalf("'flows compile' ends with %d:\n%s", code, out.String())
	}
	stored, err := os.ReadFile(to)
	if err != nil {
		t.Fatal(err)
	}
	set, err := flow.Load(stored)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"collect-diagnostics", "retry-undelivered", "restart-service", "bootstrap",
		"clean-disk", "patch-and-reboot", "quarantine", "notify-recovery",
	}
	if diff := cmp.Diff(want, set.Flows()); diff != "" {
		t.Errorf("flows (-want +got):\n%s", diff)
	}
}
