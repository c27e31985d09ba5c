package flow_test

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"aftercare/shared/flow"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write what is got as what is wanted: read it before you keep it")

const fixtures = "../../tests/testdata/flows"

// fixture returns the files of a folder of fixtures, and fails without any.
func fixture(t testing.TB, folder string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(fixtures, folder, "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no fixtures in %s: %v", folder, err)
	}
	return files
}

func read(t testing.TB, file string) []byte {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// compare compares with the file of wanted output beside a fixture.
func compare(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(string(read(t, file)), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", filepath.Base(file), diff)
	}
}

// Beside each bad file stands its list of faults. Each fault's place is shown
// by the line with a mark before the character, so that a reader sees whether
// it is right.
func TestBadFilesHaveExactlyTheirFaults(t *testing.T) {
	for _, file := range fixture(t, "bad") {
		name := filepath.Base(file)
		t.Run(name, func(t *testing.T) {
			src := read(t, file)
			set, err := flow.Compile(name, src)
			var faults flow.Faults
			if !errors.As(err, &faults) || set != nil || len(faults) == 0 {
				t.Fatalf("got %v and %v, want faults and no set", set, err)
			}
			var got strings.Builder
			lines := strings.Split(string(src), "\n")
			for i, line := range strings.Split(err.Error(), "\n") {
				f := faults[i]
				if line != f.String() || !strings.HasPrefix(line, fmt.Sprintf("%s:%d:%d: ", name, f.Line, f.Column)) {
					t.Errorf("the error's line is %q, want fault %q", line, f)
				}
				text := []rune(lines[f.Line-1])
				fmt.Fprintf(&got, "%s\n\t%s▸%s\n", line, string(text[:f.Column-1]), string(text[f.Column-1:]))
			}
			compare(t, strings.TrimSuffix(file, ".yaml")+".faults", got.String())
		})
	}
}

// ended and booted are the events that the good files are asked about.
func ended() flow.Event {
	return flow.Event{
		Kind: flow.TaskCompleted, ID: "e-1", Source: "acs.ecs", Region: "cn-hangzhou", Account: "111",
		Time:       time.Date(2026, 1, 31, 16, 0, 2, 0, time.FixedZone("", 8*3600)),
		InstanceID: "i-bp1", InvokeID: "t-hz1", CommandID: "c-hz1", CommandName: "Install-Agent v2",
		InvocationStatus: "Failed", ExitCode: 3, ErrorCode: "ExitCodeNonzero", ErrorDesc: "it's \"broken\"\n$(reboot) {{ACS::InstanceId}}\n",
		RepeatMode: "Once", Repeats: 1,
		StartTime:  time.Date(2026, 1, 31, 7, 58, 30, 999, time.UTC),
		FinishTime: time.Date(2026, 1, 31, 8, 0, 0, 0, time.UTC),
		OwnerUID:   "222", PlayerUID: "333",
	}
}

func booted() flow.Event {
	return flow.Event{
		Kind: flow.FirstHeartbeat, ID: "e-2", Source: "acs.ecs", Region: "cn-hangzhou", Account: "111",
		Time:       time.Date(2026, 1, 31, 8, 0, 2, 0, time.UTC),
		InstanceID: "i-bp1", BizEventID: "b-1", AgentVersion: "2.2.3.309", Zone: "cn-hangzhou-h", DataRegion: "cn-beijing",
		Uptime: 23_000, Extensions: `{"x":1}`,
	}
}

func TestGoodFilesPlanWhatStandsBesideThem(t *testing.T) {
	for _, file := range fixture(t, "good") {
		t.Run(filepath.Base(file), func(t *testing.T) {
			set, err := flow.Compile(file, read(t, file))
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]any{"flows": set.Flows(), "ended": set.Match(ended()), "booted": set.Match(booted())}
			var b strings.Builder
			enc := json.NewEncoder(&b)
			enc.SetEscapeHTML(false)
			enc.SetIndent("", "  ")
			if err := enc.Encode(got); err != nil {
				t.Fatal(err)
			}
			compare(t, strings.TrimSuffix(file, ".yaml")+".json", b.String())
		})
	}
}
