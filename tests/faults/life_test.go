package faults_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/event"
	"aftercare/shared/flow"
	"aftercare/shared/flowfile"
	"aftercare/shared/handler"
	"aftercare/tests/rig"
)

// shippedFlows are the flows that Aftercare ships, by name.
var shippedFlows = sync.OnceValue(func() map[string]flow.Definition {
	const file = "../../functions/flows.yaml"
	src, err := os.ReadFile(file)
	mustDo(err)
	list, err := flowfile.Read(file, src)
	mustDo(err)
	out := map[string]flow.Definition{}
	for _, d := range list {
		out[d.Name] = d
	}
	return out
})

// harmless makes a shipped flow live: all but one are shipped in dry-run, and
// send nothing that could fail. It replaces the flow's scripts, which would
// change the machine that runs this test, by those given under <flow>/<step>, or
// by one that succeeds. The rest stays as shipped.
func harmless(d flow.Definition, scripts map[string]string) flow.Definition {
	d.Mode = flow.ModeLive
	for _, list := range []*[]flow.Step{&d.Steps, &d.OnFailure, &d.Finally} {
		*list = slices.Clone(*list)
		for i, s := range *list {
			if s.Run == nil {
				continue
			}
			command := *s.Run
			command.Content = "true"
			if script, ok := scripts[d.Name+"/"+s.ID]; ok {
				command.Content = script
			}
			(*list)[i].Run = &command
		}
	}
	return d
}

// act is one invocation in a life.
type act struct {
	name   string
	invoke func() (handler.Outcome, error)
}

// happening is something that comes from outside, as soon as it is ready.
type happening struct {
	// ready reports whether it is time; nil means when nothing else happens.
	ready func(decide.State) bool
	// begin makes it happen. It returns an empty act if the local ECS reports
	// it with an event.
	begin func(l *life) act
}

// life is what happens to one instance, one act after another: the ends of
// commands as they come, what comes from outside, and a sweep at each
// wake-up's time when there is nothing else.
type life struct {
	*rig.Rig
	t     *testing.T
	comes []happening
	given []act // all but the sweeps
}

// next returns the next act, without a name when nothing is left to come.
func (l *life) next() act {
	l.t.Helper()
	s := waitForEnds(l.t, l.Rig)
	if l.Pending(event.KindTaskCompleted) > 0 {
		return l.keep(l.end())
	}
	idle := len(s.Runs)+len(s.Tasks)+len(s.Sends)+len(s.Messages)+len(s.Unmatched) == 0
	if len(l.comes) > 0 {
		if c := l.comes[0]; c.ready == nil && idle || c.ready != nil && c.ready(s) {
			l.comes = l.comes[1:]
			if a := c.begin(l); a.invoke != nil {
				return l.keep(a)
			}
			return l.next()
		}
	}
	due := l.due()
	if due.IsZero() {
		return act{}
	}
	if wait := due.Sub(l.Now()); wait > 0 {
		l.Advance(wait + time.Millisecond)
	}
	return act{"sweep, " + going(s), l.Sweep}
}

// waitForEnds waits until every command known to run has ended and its event is
// there. It returns the instance's state.
func waitForEnds(t *testing.T, r *rig.Rig) decide.State {
	t.Helper()
	waitForRuns(t, r)
	s := r.State(instanceID)
	for _, task := range s.Tasks {
		if task.State == decide.TaskRunning {
			until("the end of "+task.Name, func() bool { return r.Pending(event.KindTaskCompleted) > 0 })
		}
	}
	waitForRuns(t, r)
	return s
}

func (l *life) keep(a act) act {
	l.given = append(l.given, a)
	return a
}

// going returns what the oldest run waits for.
func going(s decide.State) string {
	var oldest decide.FlowRun
	for _, r := range s.Runs {
		if oldest.ID == "" || r.CreatedAt.Before(oldest.CreatedAt) {
			oldest = r
		}
	}
	switch {
	case oldest.ID == "":
		return "no run"
	case oldest.StartedAt.IsZero():
		return oldest.Flow + " has not begun"
	}
	return fmt.Sprint(oldest.Flow, " at ", oldest.Pending.State)
}

// due returns when the earliest wake-up is due.
func (l *life) due() time.Time {
	var due time.Time
	for _, row := range rows(l.t, l.Rig, "aftercare_wakeups") {
		if at := time.UnixMilli(row.key[1].(int64)); due.IsZero() || at.Before(due) {
			due = at
		}
	}
	return due
}

// end returns the act that delivers the next end of a command. The local ECS uses the machine's clock, and
// Aftercare the rig's, which is ahead: end moves the event's times to now.
func (l *life) end() act {
	payload := l.moved(l.Take(event.KindTaskCompleted))
	var e struct {
		Data struct {
			CommandName string `json:"commandName"`
		} `json:"data"`
	}
	mustDo(json.Unmarshal(payload, &e))
	return act{"end of " + l.Given(e.Data.CommandName), func() (handler.Outcome, error) { return l.TaskCompleted(payload) }}
}

// beat returns the act that delivers a first heartbeat.
func (l *life) beat() act {
	payload := l.moved(l.Take(event.KindFirstHeartbeat))
	return act{"heartbeat", func() (handler.Outcome, error) { return l.FirstHeartbeat(payload) }}
}

func (l *life) moved(payload []byte) []byte {
	var e map[string]any
	mustDo(json.Unmarshal(payload, &e))
	now := l.Now().Format(time.RFC3339)
	e["time"] = now
	data := e["data"].(map[string]any)
	for _, name := range []string{"startTime", "finishTime"} {
		if text, _ := data[name].(string); text != "" {
			data[name] = now
		}
	}
	return encode(e)
}

// stride is the distance between two calls that a crash strikes. A death after a
// call is a death before the next one: in two modes, every second call is
// enough.
const stride = 2

// rest plays until nothing is left to come.
func (l *life) rest() {
	l.t.Helper()
	for range 60 {
		a := l.next()
		if a.invoke == nil {
			return
		}
		again(l.t, a.invoke)
	}
	l.t.Fatalf("it does not come to an end; log:\n%s", l.Log)
}

// boots is the first boot of the instance.
func boots() happening {
	return happening{begin: func(l *life) act {
		l.Create(instanceID)
		mustDo(l.ECS.Boot(instanceID))
		return l.beat()
	}}
}

// submits is a command that a person sends.
func submits(name, content string) happening {
	return happening{begin: func(l *life) act {
		l.Advance(2 * time.Minute)
		return act{"submission of " + name, func() (handler.Outcome, error) { return submission(name, content, 5)(l.Rig) }}
	}}
}

// ends is the end of a command that a person sent by other means.
func ends(name, status, exit string) happening {
	return happening{begin: func(l *life) act {
		l.Advance(2 * time.Minute)
		code := ""
		if status == "Failed" {
			code = "ExitCodeNonzero"
		}
		var e map[string]any
		mustDo(json.Unmarshal(strangerOf(fmt.Sprint("t-", len(l.given)), status, code, exit), &e))
		e["data"].(map[string]any)["commandName"] = name
		payload := l.moved(encode(e))
		return act{"end of " + name, func() (handler.Outcome, error) { return l.TaskCompleted(payload) }}
	}}
}

// pendingAt reports whether a run waits for something.
func pendingAt(p flow.PendingState) func(decide.State) bool {
	return func(s decide.State) bool {
		for _, r := range s.Runs {
			if r.Pending.State == p {
				return true
			}
		}
		return false
	}
}

// endings returns how every run ended, as one line each, sorted.
func endings(runs []decide.FlowRun) []string {
	var out []string
	for _, r := range runs {
		line := r.Flow + " " + r.Result
		for i, s := range r.Steps {
			line += map[bool]string{true: ": ", false: ", "}[i == 0] + s.ID + " " + s.Status
			if s.Attempts > 1 {
				line += fmt.Sprint(" ", s.Attempts, " times")
			}
		}
		out = append(out, line)
	}
	slices.Sort(out)
	return out
}

// about says what an alert is about: a step of a flow, or a command.
func about(a decide.Alert) string {
	if a.Flow != "" {
		return fmt.Sprintf("%s %s/%s", a.Kind, a.Flow, a.Step)
	}
	return fmt.Sprintf("%s %s", a.Kind, a.CommandName)
}

// calledFor returns what the alerts are about that the records call for: each
// command, or step, that ended badly and was not tried again, each step that raised
// an alert, and each flow a run of which failed without one.
func calledFor(v view) map[string]bool {
	flows := map[string]string{}
	for _, r := range v.records.Runs {
		flows[r.ID] = r.Flow
	}
	out := map[string]bool{}
	for _, e := range v.records.Executions {
		again := slices.ContainsFunc(v.records.Executions, func(o decide.Execution) bool {
			same := e.TaskID != "" && o.TaskID == e.TaskID || e.RunID != "" && o.RunID == e.RunID && o.Step == e.Step
			return same && o.Event.FinishTime.After(e.Event.FinishTime)
		})
		if bad := []event.Status{event.StatusFailed, event.StatusTimeout, event.StatusAborted}; !again && slices.Contains(bad, e.Event.Status) {
			out[about(decide.Alert{Kind: decide.AlertExecution, Flow: flows[e.RunID], Step: e.Step, CommandName: e.Name})] = true
		}
	}
	for _, r := range v.records.Runs {
		for _, s := range r.Steps {
			if s.Kind == flow.KindAlert && s.Status == flow.StepSucceeded {
				out[about(decide.Alert{Kind: decide.AlertFlow, Flow: r.Flow, Step: s.ID})] = true
			}
		}
		if bad := r.Result == flow.ResultFailed || r.Result == flow.ResultTimedOut; bad && !r.Told() {
			out[about(decide.Alert{Kind: decide.AlertFlowFailed, Flow: r.Flow, Step: r.Trouble().Step})] = true
		}
	}
	return out
}

// sameAlerts checks that exactly these alerts arrived.
func sameAlerts(t *testing.T, v view, want map[string]bool) {
	t.Helper()
	for f := range v.alerts {
		if !want[f] {
			t.Errorf("an alert arrived that no record calls for: %s", f)
		}
		delete(want, f)
	}
	for f := range want {
		t.Errorf("an alert did not arrive: %s", f)
	}
}

// counts are the rows below live/ that stay when all work is done.
var counts = regexp.MustCompile(`live/(!$|limit/|failing/|alerted/|repair/)`)

// nothingLeft checks that the tables hold only records, and the counts for limits
// and of failures, and the alerts that are not over.
func nothingLeft(t *testing.T, r *rig.Rig) {
	t.Helper()
	for _, row := range rows(t, r, "aftercare_instances") {
		key := row.key[1].(string)
		if strings.HasPrefix(key, "live/") && !counts.MatchString(key) {
			t.Errorf("the row %s of %v is left", key, row.key[0])
		}
	}
	if left := rows(t, r, "aftercare_wakeups"); len(left) > 0 {
		t.Errorf("wake-ups are left: %v", left)
	}
}

// all returns everything that one more delivery must not change.
func all(t *testing.T, r *rig.Rig) string {
	t.Helper()
	v := look(t, r)
	text := v.String() + strings.Join(endings(v.records.Runs), "\n") + "\n"
	for _, table := range slices.Sorted(maps.Keys(keys)) {
		for _, row := range rows(t, r, table) {
			// The one notes the wake-ups, the other when the last sweep ended.
			if last := row.key[len(row.key)-1]; last != "live/!" && row.key[0] != "sweep" {
				text += table + " " + row.String() + "\n"
			}
		}
	}
	return text
}
