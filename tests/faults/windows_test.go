package faults_test

import (
	"os"
	"path/filepath"
	"testing"

	"aftercare/shared/event"
	"aftercare/shared/flow"
	"aftercare/tests/localcloud/ecs"
)

// [13] The shipped flow that examines an instance knows by itself, from ECS, that
// one runs Windows, and then sends it PowerShell only. Its PowerShell here is a
// shell that reports what it got.
func TestAFailureOnWindowsIsExaminedByPowerShell(t *testing.T) {
	programs := t.TempDir()
	fake := "#!/bin/sh\nfor a; do :; done\ngrep -q '^throw' \"$a\" && exit 3\ngrep -c Get-CimInstance \"$a\"\ngrep -q $(printf deploy | base64) \"$a\" && echo deploy\n"
	mustDo(os.WriteFile(filepath.Join(programs, "pwsh"), []byte(fake), 0o755))
	t.Setenv("PATH", programs+":"+os.Getenv("PATH"))
	r := newRig(t, scenario{definitions: []flow.Definition{shippedFlows()["collect-diagnostics"]}})
	mustDo(r.ECS.CreateInstance(ecs.Instance{ID: instanceID, OSType: "windows"}))
	must(r.FirstHeartbeat(r.Boot(instanceID)))
	s := submissionOf("deploy", "throw 1", 5)
	s["run"].(map[string]any)["type"] = "RunPowerShellScript"
	must(r.SubmitTask(encode(s)))
	for range 2 {
		must(r.TaskCompleted(r.Take(event.KindTaskCompleted)))
	}
	runs := r.Records(instanceID).Runs
	if len(runs) != 1 || runs[0].Result != flow.ResultSucceeded {
		t.Fatalf("runs %+v, want one that succeeded; log:\n%s", runs, r.Log)
	}
	if got, want := endings(runs)[0], "collect-diagnostics succeeded: system skipped, logs skipped, windows succeeded"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	ran := r.ECS.Runs(instanceID)
	if got, want := ran[len(ran)-1].Output, "2\ndeploy\n"; len(ran) != 2 || got != want {
		t.Errorf("%d scripts ran, and the last printed %q, want 2 and %q", len(ran), got, want)
	}
}
