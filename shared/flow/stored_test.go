package flow_test

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"strings"
	"testing"

	"aftercare/shared/flow"
	"aftercare/shared/timetable"

	"github.com/google/go-cmp/cmp"
)

// whole is a definition with everything in it.
func whole() flow.Definition {
	run := timeout(onFailure(when(runStep("a", "x", "<${{ event.id }}>"), "event.exitCode > 0"), "c"), 90)
	run.Retry = &flow.Retry{Max: 3, On: []string{"Failed"}, Backoff: seconds(5), Factor: 1.5, MaxBackoff: seconds(60)}
	run.Capture = true
	run.Run.WorkingDir, run.Run.Username = "/tmp", "root"
	invoke := invokeStep("b", "x", "1")
	invoke.Invoke.Timeout, invoke.Invoke.Username = seconds(30), "root"
	d := definition(run, invoke, waitStep("c", flow.WaitNextBoot), alertStep("d", "a\u2028b\nc"), stopStep("e", flow.ResultSucceeded))
	d.When, d.Mode, d.WhenBusy = `event.exitCode == 3 && event.id != "<"`, flow.ModeDryRun, flow.BusyDrop
	d.Windows = &timetable.Windows{
		TimeZone: "Asia/Shanghai", Outside: timetable.OutsideWait, Open: []timetable.Window{{Days: []string{"mon"}, From: "22:00", To: "02:00"}},
	}
	d.Limits.Fleet = &flow.FleetLimit{MaxFailures: 3, Window: hours(1), ResumeAfter: hours(2)}
	d.OnFailure, d.Finally = []flow.Step{alertStep("f", "f")}, []flow.Step{waitStep("g", "1h30m")}
	return d
}

// [8]
func TestTheStoredFormHoldsEverything(t *testing.T) {
	flows := append(manyFlows(2), whole())
	set := load(t, stored(t, flows))
	if got, want := set.Flows(), []string{"flow-0", "flow-1", "repair"}; !cmp.Equal(got, want) || set.Len() != 3 {
		t.Errorf("got %d flows %q, want %q", set.Len(), got, want)
	}
	for _, want := range flows {
		got, err := set.Definition(want.Name)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(got, want); diff != "" {
			t.Errorf("flow %s (-got +want):\n%s", want.Name, diff)
		}
	}
	if diff := cmp.Diff(set.Explain(ended(), instance, 0), flow.NewSet(flows).Explain(ended(), instance, 0)); diff != "" {
		t.Errorf("the answers differ (-stored +not):\n%s", diff)
	}
	if _, err := set.Definition("repiar"); err == nil || err.Error() != `there is no flow "repiar", did you mean "repair"?` {
		t.Errorf("got %v", err)
	}
	if got := load(t, stored(t, nil)); got.Len() != 0 || len(got.Match(ended(), instance, 0)) > 0 {
		t.Errorf("no flows are %d", got.Len())
	}
}

// [8]
func TestAStoredFormThatWasCutOrDamagedIsRefused(t *testing.T) {
	text := stored(t, append(manyFlows(1), whole()))
	for i := range text {
		if _, err := flow.Load(text[:i]); err == nil {
			t.Fatalf("it was loaded although it was cut after %d of %d bytes", i, len(text))
		}
		for _, flip := range []byte{1, ' ', 0x80} {
			damaged := bytes.Clone(text)
			damaged[i] ^= flip
			// The names in the head may be written in capitals.
			set, err := flow.Load(damaged)
			if err != nil {
				continue
			}
			if again := stored(t, []flow.Definition{flowOf(t, set, 0), flowOf(t, set, 1)}); !bytes.Equal(again, text) {
				t.Fatalf("it was loaded although byte %d was changed", i)
			}
		}
	}
	if _, err := flow.Load(append(text, '\n')); err == nil {
		t.Error("it was loaded although something follows")
	}
}

func flowOf(t *testing.T, set *flow.Set, i int) flow.Definition {
	t.Helper()
	d, err := set.Definition(set.Flows()[i])
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// [8]
func TestWhatLoadSays(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"nothing", "", "this is not the stored form of flows: make it with 'aftercare flows compile'"},
		{"the file itself", "version: 1\nflows: []\n", "this is not the stored form of flows: make it with 'aftercare flows compile'"},
		{"another version's", `{"format":"aftercare-flows-0"}` + "\n", `these flows were stored by another version ("aftercare-flows-0", this one reads aftercare-flows-1): compile them again`},
		{"a cut one", string(stored(t, manyFlows(1))[:200]), "the stored flows are damaged or were cut: compile them again"},
		{"one with half a flow", withHead("{}\n"), "the stored flows are damaged or were cut: compile them again"},
	}
	for _, test := range tests {
		if _, err := flow.Load([]byte(test.text)); err == nil || err.Error() != test.want {
			t.Errorf("%s: got %v, want %q", test.name, err, test.want)
		}
	}
}

// [8]
func TestFlowsThatCannotBeReadDoNotStart(t *testing.T) {
	set := load(t, []byte(withHead("what?\n{}\n"+`{"name":"a","on":["task-completed"]}`+"\nwhat?\n")))
	want := []flow.Outcome{
		{Flow: "unreadable", Failed: true, Reason: "its stored form cannot be read: compile the flows again"},
		{Flow: "a", Failed: true, Reason: "its stored definition cannot be read: compile the flows again"},
	}
	if diff := cmp.Diff(set.Match(ended(), instance, 0), want); diff != "" {
		t.Errorf("got -, want +:\n%s", diff)
	}
}

// withHead is a stored form with this body, whatever it is.
func withHead(body string) string {
	sum := crc32.Checksum([]byte(body), crc32.MakeTable(crc32.Castagnoli))
	return fmt.Sprintf(`{"format":"aftercare-flows-1","bytes":%d,"sum":%d}`, len(body), sum) + "\n" + body
}

// FuzzLoad loads anything. Run it with -fuzzminimizetime=10x:
// otherwise most of the time goes into making inputs smaller.
func FuzzLoad(f *testing.F) {
	f.Add(stored(f, []flow.Definition{whole()}))
	f.Add([]byte("{}\n{}\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		_, body, _ := bytes.Cut(text, []byte("\n"))
		for _, form := range [][]byte{text, []byte(withHead(string(body)))} {
			set, err := flow.Load(form)
			if err != nil {
				if strings.Contains(err.Error(), "\n") {
					t.Errorf("an error of several lines: %q", err)
				}
				continue
			}
			if len(set.Flows()) != set.Len() {
				t.Errorf("%d names of %d flows", len(set.Flows()), set.Len())
			}
			for _, o := range set.Match(ended(), instance, 0) {
				if o.Matched != (o.Definition != nil) || o.Matched != (o.Reason == "") {
					t.Errorf("an outcome that contradicts itself: %+v", o)
				}
			}
		}
	})
}

// [73]
func TestAVersionNamesTheFlowsHoweverTheyWereRead(t *testing.T) {
	flows := append(manyFlows(2), whole())
	version := flow.NewSet(flows).Version()
	if got := load(t, stored(t, flows)).Version(); got != version || len(version) != 12 {
		t.Errorf("the stored form has the version %q, its flows %q", got, version)
	}
	flows[2].Steps[0].Run.Content += " "
	if got := flow.NewSet(flows).Version(); got == version {
		t.Errorf("other flows have the version %q, too", got)
	}
	if got := (*flow.Set)(nil).Version(); got != "" {
		t.Errorf("no flows have the version %q", got)
	}
}

func stored(t testing.TB, flows []flow.Definition) []byte {
	t.Helper()
	text, err := flow.Store(flows)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func load(t testing.TB, text []byte) *flow.Set {
	t.Helper()
	set, err := flow.Load(text)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// manyFlows is n flows such as people write. The first is for the event of
// ended.
func manyFlows(n int) []flow.Definition {
	var flows []flow.Definition
	for i := range n {
		command := fmt.Sprintf("command-%d", i)
		if i == 0 {
			command = "install-agent"
		}
		d := definition(runStep("collect", "host", "${{ event.instanceId }}", "text", "exit code ${{ event.exitCode }} at ${{ event.finishTime }}"))
		d.Name = fmt.Sprintf("flow-%d", i)
		d.When = fmt.Sprintf(`event.commandName == "%s" && event.invocationStatus in ["Success", "Failed"] && event.exitCode >= 0`, command)
		flows = append(flows, d)
	}
	return flows
}

// [47]
func TestTheStoredFormHoldsTheCalendar(t *testing.T) {
	d := definition(runStep("a"))
	d.Windows = &timetable.Windows{TimeZone: "UTC", Outside: timetable.OutsideWait, Open: []timetable.Window{{From: "09:00", To: "10:00"}}}
	d.Windows.Calendar, d.Windows.Days = "holidays.yaml", &timetable.Calendar{Version: 1, TimeZone: "UTC", Closed: []string{"2027-01-01..2027-01-03"}}
	got, err := load(t, stored(t, []flow.Definition{d})).Definition(d.Name)
	if diff := cmp.Diff(got, d); err != nil || diff != "" {
		t.Errorf("%v, -got +want:\n%s", err, diff)
	}
}
