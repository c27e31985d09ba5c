package neighbours_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"aftercare/shared/event"
	"aftercare/shared/handler"
)

func encode(v any) []byte {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err) // values of tests
	}
	return data
}

// submission is a payload of submit-task.
func submission(instanceID, name, content string, more map[string]any) []byte {
	s := map[string]any{
		"dedupeKey": instanceID + name + content, "instanceId": instanceID, "run": map[string]any{"name": name, "type": "RunShellScript", "content": content},
	}
	for key, value := range more {
		s[key] = value
	}
	return encode(s)
}

const accepted, recorded, noticed = handler.ResultAccepted, handler.ResultRecorded, handler.ResultNoticed

// boot boots an instance; its flow's command ends.
func (w *world) boot(id string) {
	w.t.Helper()
	must(w.t, w.ecs.Boot(id))
	w.input("first-heartbeat", w.next(event.KindFirstHeartbeat), noticed)
}

// end handles the next n ends.
func (w *world) end(n int) {
	w.t.Helper()
	for range n {
		w.input("task-completed", w.next(event.KindTaskCompleted), recorded)
	}
}

func (w *world) alerts(n int) {
	w.t.Helper()
	for end := time.Now().Add(patience); ; {
		w.invoke("alerts", []byte(`{}`))
		w.mu.Lock()
		told := len(w.told)
		w.mu.Unlock()
		if told >= n {
			return
		}
		if time.Now().After(end) {
			w.t.Fatalf("people are told %d messages, want %d\n%s", told, n, w.log)
		}
	}
}

// scenarios are what happens, each on instances of its own. Their inputs are handled
// by the versions in turn.
var scenarios = []struct {
	name      string
	instances []string
	play      func(w *world)
}{
	{"commands that wait for a boot, and one that is cancelled", []string{"i-wait"}, func(w *world) {
		for _, name := range []string{"one", "two", "three"} {
			w.input("submit-task", submission("i-wait", name, "true", map[string]any{"labels": []string{name}}), accepted)
		}
		w.input("submit-task", encode(map[string]any{"dedupeKey": "stop-two", "instanceId": "i-wait", "cancel": map[string]any{"label": "two"}}), accepted)
		w.boot("i-wait")
		w.end(3)
	}},
	{"a flow with steps, retries and an alert", []string{"i-flow"}, func(w *world) {
		w.boot("i-flow")
		w.end(1)
		w.input("submit-task", submission("i-flow", "check", "exit 0", nil), accepted)
		w.end(2) // the check, and the first try of look
		w.until("the second try", func() bool { return len(w.ecs.Runs("i-flow")) == 4 })
		w.end(2) // look again, and repair
		w.alerts(1)
	}},
	{"a command that fails, and then succeeds", []string{"i-fail"}, func(w *world) {
		w.boot("i-fail")
		w.end(1)
		for n, content := range []string{"exit 3", "exit 4", "exit 5", "exit 0"} {
			w.input("submit-task", submission("i-fail", "backup", content, nil), accepted)
			w.turn = n // so that each end is another's than the one before
			w.end(1)
			w.alerts(1)
		}
	}},
	{"ends whose events are lost", []string{"i-lost"}, func(w *world) {
		w.boot("i-lost")
		w.end(1)
		// They are asked for a second apart, by two sweeps.
		for _, timeout := range []string{"10s", "11s"} {
			w.input("submit-task", submission("i-lost", timeout, "true", map[string]any{"run": map[string]any{
				"name": "lost-" + timeout, "type": "RunShellScript", "content": "true", "timeout": timeout,
			}}), accepted)
			w.next(event.KindTaskCompleted)
		}
		w.until("the ends are found", func() bool {
			s, err := w.ledger.Load(w.t.Context(), "i-lost")
			must(w.t, err)
			return len(s.Tasks) == 0
		})
	}},
	{"a submission for several, and a stop", []string{"i-many1", "i-many2"}, func(w *world) {
		for _, id := range []string{"i-many1", "i-many2"} {
			w.boot(id)
			w.end(1)
		}
		w.input("submit-task", encode(map[string]any{"dedupeKey": "stop", "stop": map[string]any{"instance": "i-many1"}, "reason": "an incident"}), accepted)
		w.input("submit-task", encode(map[string]any{
			"dedupeKey": "many", "instanceIds": []string{"i-many1", "i-many2"}, "run": map[string]any{"name": "all", "type": "RunShellScript", "content": "true"},
		}), accepted)
		w.end(1)
		w.input("submit-task", encode(map[string]any{"dedupeKey": "resume", "resume": map[string]any{"instance": "i-many1"}}), accepted)
		w.until("the command that was held", func() bool { return len(w.ecs.Runs("i-many1")) == 2 })
		w.end(1)
	}},
}

// play plays all scenarios, and returns what came of them.
func play(t *testing.T, folders map[string]string, versions ...string) (string, *world) {
	t.Helper()
	w := newWorld(t, folders, versions...)
	var all []string
	for _, s := range scenarios {
		for _, id := range s.instances {
			all = append(all, id)
			must(t, w.create(id))
		}
		s.play(w)
	}
	w.until("nothing is left", func() bool {
		open := 0
		for _, id := range all {
			s, err := w.ledger.Load(t.Context(), id)
			must(t, err)
			open += len(s.Sends) + len(s.Messages) + len(s.Tasks) + len(s.Runs)
		}
		return open == 0
	})
	return w.summary(all...), w
}

// TestTwoVersionsHandleTheEventsOfAnInstanceByTurns, as an alias' weights let them, and
// nothing is lost or done twice: the records are those of one version, and each row
// keeps what only the newer one knows.
func TestTwoVersionsHandleTheEventsOfAnInstanceByTurns(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds the functions of three versions")
	}
	folders := map[string]string{}
	for _, version := range []string{this, older, newer} {
		folders[version] = build(t, version)
	}
	want, _ := play(t, folders, this)
	if strings.Count(want, " ran ") < 15 || strings.Count(want, "told ") < 3 {
		t.Fatalf("too little happens:\n%s", want)
	}
	for _, versions := range [][]string{{this, older}, {older, this}, {this, newer}, {newer, this}, {newer, older}} {
		t.Run(strings.Join(versions, " and "), func(t *testing.T) {
			t.Parallel()
			got, w := play(t, folders, versions...)
			if got != want {
				t.Errorf("by turns it comes to\n%s\nand with one version to\n%s", got, want)
			}
			for _, kind := range []string{"live/!", "live/flow", "live/alerted", "group"} {
				if slices.Contains(versions, newer) && w.kept[kind] == 0 {
					t.Errorf("no row %s that the newer version had written was rewritten, but %v", kind, w.kept)
				}
			}
			t.Logf("rows of the newer version that others rewrote: %v", w.kept)
		})
	}
}
