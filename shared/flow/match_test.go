package flow_test

import (
	"encoding/json"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"aftercare/shared/flow"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// everyGoodFile is the sets of all good fixtures and of the shipped file.
func everyGoodFile(t testing.TB) []*flow.Set {
	t.Helper()
	var sets []*flow.Set
	for _, file := range append(fixture(t, "good"), shippedFile) {
		set, err := flow.Compile(file, read(t, file))
		if err != nil {
			t.Fatal(err)
		}
		sets = append(sets, set)
	}
	return sets
}

func anyEvent(r *rapid.T) flow.Event {
	text := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"install-agent", "Success", "Failed", "a-b-c.d", "it's $(x)\n", "\x00", "\xff"}))
	number := rapid.OneOf(rapid.IntRange(-1, 3), rapid.Int())
	moment := rapid.Custom(func(r *rapid.T) time.Time {
		if rapid.Bool().Draw(r, "told") {
			return time.Unix(rapid.Int64Range(0, 4e9).Draw(r, "unix"), 0)
		}
		return time.Time{}
	})
	return flow.Event{
		Kind: rapid.SampledFrom([]string{flow.TaskCompleted, flow.FirstHeartbeat, "", "other"}).Draw(r, "kind"),
		ID:   text.Draw(r, "id"), Source: "acs.ecs", Region: text.Draw(r, "region"), Account: text.Draw(r, "account"), Time: moment.Draw(r, "time"),
		InstanceID: text.Draw(r, "instance"), InvokeID: text.Draw(r, "invoke"), CommandID: text.Draw(r, "command"),
		CommandName: text.Draw(r, "name"), InvocationStatus: text.Draw(r, "status"), ExitCode: number.Draw(r, "exit"),
		ErrorCode: text.Draw(r, "code"), ErrorDesc: text.Draw(r, "desc"), RepeatMode: text.Draw(r, "mode"), Repeats: number.Draw(r, "repeats"),
		StartTime: moment.Draw(r, "start"), FinishTime: moment.Draw(r, "finish"), OwnerUID: text.Draw(r, "owner"), PlayerUID: text.Draw(r, "player"),
		BizEventID: text.Draw(r, "biz"), AgentVersion: text.Draw(r, "version"), Zone: text.Draw(r, "zone"), DataRegion: text.Draw(r, "dataRegion"),
		Uptime: number.Draw(r, "uptime"), Extensions: text.Draw(r, "extensions"),
	}
}

// checkOutcomes says what every answer of Match must be.
func checkOutcomes(t interface {
	Errorf(string, ...any)
	Helper()
}, outcomes []flow.Outcome,
) {
	t.Helper()
	for _, o := range outcomes {
		if o.Matched != (o.Run != nil) || o.Matched != (o.Reason == "") || o.Matched && o.Failed || strings.ContainsAny(o.Reason, "\n\x00") {
			t.Errorf("an outcome that contradicts itself: %+v", o)
		}
		if o.Run == nil {
			continue
		}
		for _, step := range o.Run.Steps {
			if _, err := step.Run.Script(); err != nil {
				t.Errorf("flow %s, step %s: the plan has no script: %v", o.Flow, step.ID, err)
			}
		}
	}
}

func TestMatchGivesTheSameAnswersToTheSameEvent(t *testing.T) {
	sets, others := everyGoodFile(t), everyGoodFile(t)
	rapid.Check(t, func(r *rapid.T) {
		ev := anyEvent(r)
		for i, set := range sets {
			first := set.Match(ev)
			checkOutcomes(r, first)
			if diff := cmp.Diff(first, set.Match(ev)); diff != "" {
				r.Errorf("a second answer differs:\n%s", diff)
			}
			if diff := cmp.Diff(first, others[i].Match(ev)); diff != "" {
				r.Errorf("the answer of the same file compiled again differs:\n%s", diff)
			}
			if kind := ev.Kind; kind != flow.TaskCompleted && kind != flow.FirstHeartbeat && len(first) > 0 {
				r.Errorf("an event of kind %q was answered", kind)
			}
		}
	})
}

func TestASetServesManyEventsAtOnce(t *testing.T) {
	sets := everyGoodFile(t)
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			for range 20 {
				for _, set := range sets {
					checkOutcomes(t, set.Match(ended()))
					checkOutcomes(t, set.Match(booted()))
				}
			}
		})
	}
	wait.Wait()
}

func TestAPlanOutlivesItsFile(t *testing.T) {
	plans := 0
	for _, set := range everyGoodFile(t) {
		for _, o := range append(set.Match(ended()), set.Match(booted())...) {
			if !o.Matched {
				continue
			}
			plans++
			stored, err := json.Marshal(o.Run)
			if err != nil {
				t.Fatal(err)
			}
			var got flow.Plan
			if err := json.Unmarshal(stored, &got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(*o.Run, got); diff != "" {
				t.Errorf("flow %s changed on the way:\n%s", o.Flow, diff)
			}
		}
	}
	if plans == 0 {
		t.Error("no flow matched")
	}
}

func TestPlansDoNotShareTheirParameters(t *testing.T) {
	set := shipped(t)
	first := set.Match(installed())[0].Run
	first.Steps[0].Run.Parameters["host"] = "changed"
	if got := set.Match(installed())[0].Run.Steps[0].Run.Parameters["host"]; got != "i-bp1" {
		t.Errorf("got %q, want the event's value", got)
	}
}

func TestWhatAnEventTellsReachesTheShellAsData(t *testing.T) {
	set, err := flow.Compile("flows.yaml", oneStep(`      type: RunShellScript
      content: printf '%s|%s' "$desc" "$mixed"
      parameters:
        desc: ${{ event.errorDesc }}
        mixed: "$(id) ${{ event.errorDesc }}\n\n"
`))
	if err != nil {
		t.Fatal(err)
	}
	ev := ended()
	text, err := set.Match(ev)[0].Run.Steps[0].Run.Script()
	if err != nil {
		t.Fatal(err)
	}
	got, err := exec.Command("sh", "-c", text).Output()
	if want := ev.ErrorDesc + "|$(id) " + ev.ErrorDesc + "\n\n"; err != nil || string(got) != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}

func TestLineEndsOfWindowsMeanTheSame(t *testing.T) {
	for _, file := range append(fixture(t, "good"), shippedFile) {
		src := strings.ReplaceAll(string(read(t, file)), "\n", "\r\n")
		set, err := flow.Compile(file, []byte("\ufeff"+src))
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		want, err := flow.Compile(file, read(t, file))
		if err != nil {
			t.Fatal(err)
		}
		for _, ev := range []flow.Event{ended(), booted(), installed()} {
			if diff := cmp.Diff(want.Match(ev), set.Match(ev)); diff != "" {
				t.Errorf("%s (-with line feeds +with carriage returns):\n%s", file, diff)
			}
		}
	}
	for _, file := range fixture(t, "bad") {
		src := string(read(t, file))
		want := faultsOf(t, []byte(src))
		got := faultsOf(t, []byte(strings.ReplaceAll(src, "\n", "\r\n")))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-with line feeds +with carriage returns):\n%s", file, diff)
		}
	}
}
