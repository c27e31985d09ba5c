package decide_test

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/event"
	"aftercare/shared/flow/flowtest"

	"github.com/cockroachdb/datadriven"
)

// TestStories plays the stories in testdata. Each directive is an input, and what
// is written below it is all that follows: what had to be known, the reasons, the
// rows that change, what is claimed, the answer, and when to look again.
//
//	go test ./shared/decide -rewrite
//
// writes anew what follows. Review the difference: it is what the package
// promises. The comment of a story names the rules that it shows; what holds for
// every decision is checked of each. (decide rule 1)
//
// A story begins anew with instance: bootable, waiting, unknown or new. The lines
// under it are what happened before. The inputs are submit TASK, start FLOW, cancel TASK, retry RUN,
// heartbeat, state STATE, end TASK STATUS, stranger INVOCATION STATUS (of a command that others
// started), result TASK=KIND, delivered and undelivered MESSAGE, repaired, unreached SUBMISSION,
// wake and continue.
// An input may say when it comes (at=05:12, after=2m), what is answered to what it
// needs (agent=up, unseen, ecs=Stopped, t-a=Running, output=text), how often it comes (count=), that
// only its size is shown (quiet), or that it is only to be explained (explain).
// flows, policy, stop, stops, resume and breaker change what is around the instance.
func TestStories(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no stories: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			s := &story{}
			datadriven.RunTest(t, file, s.tell)
		})
	}
}

const instance = "i-1"

// story is one instance: what is stored of it, and what is known around it.
type story struct {
	t     *testing.T
	now   time.Time
	state decide.State
	ended map[string]*decide.Task
	runs  map[string]*decide.FlowRun // that ended
	once  map[string]bool
	// successes are the executions that are recorded and went well.
	successes []decide.Execution
	policy    decide.Policy
	control   decide.Control
	claims    int // how many commits could claim something
	names     names
	brief     bool // the present input is not checked
	out       []string
}

// begin is the clock of a new story: a Wednesday.
var begin = time.Date(2026, 3, 4, 5, 0, 0, 0, time.UTC)

// tell carries out one directive.
func (s *story) tell(t *testing.T, d *datadriven.TestData) string {
	s.t, s.out = t, nil
	a := &words{t: t, TestData: d, used: map[int]bool{}}
	switch d.Cmd {
	case "instance":
		s.begin(decide.BootState(a.word()))
		s.before(d)
	case "flows":
		s.policy.Flows = flowtest.Set(t, d.Input, a.number("copies", 1), a.number("bytes", 0))
	case "policy":
		s.setPolicy(a)
	case "stop":
		p := decide.Stop{Scope: scope(a), By: a.text("by", "ann"), Reason: a.text("reason", ""), At: s.now}
		s.control.Stops[p.Scope] = p
	case "stops":
		s.control.Unread = a.word() == "unreadable"
	case "resume":
		delete(s.control.Stops, scope(a))
	case "breaker":
		b := decide.Breaker{Flow: a.word(), ResumeAt: a.at("until", s.now), Failures: a.number("failures", 0)}
		s.control.Breakers[b.Flow] = b
	case "ids":
		s.out = s.names.list()
	default:
		s.happen(a)
	}
	a.checkUsed()
	if t.Failed() {
		t.Log("at " + d.Pos)
	}
	return strings.Join(append(s.out, ""), "\n")
}

// scope is what a directive stops or resumes: everything if it names nothing.
func scope(a *words) decide.Scope {
	return decide.Scope{Flow: a.text("flow", ""), Instance: a.text("instance", ""), Label: a.text("label", "")}
}

// begin begins anew, with an instance that is bootable, waiting, unknown, or new,
// which has no row.
func (s *story) begin(boot decide.BootState) {
	flows := s.policy.Flows
	*s = story{
		t: s.t, now: begin, state: decide.NewState(instance), ended: map[string]*decide.Task{}, runs: map[string]*decide.FlowRun{}, once: map[string]bool{},
		policy: decide.DefaultPolicy(), names: newNames(),
		control: decide.NewControl(),
	}
	s.policy.Flows = flows
	s.policy.AlertOn = map[event.Status]bool{event.StatusFailed: true, event.StatusTimeout: true, event.StatusAborted: true}
	i := &s.state.Instance
	switch boot {
	case "new":
		return
	case decide.BootUnknown:
	case decide.BootWaiting:
		i.CheckAt = begin.Add(time.Minute)
		fallthrough
	case decide.BootBootable:
		i.BootSince, i.BootTime, i.BootSeq = begin.Add(-time.Hour), begin.Add(-time.Hour-time.Minute), 3
	default:
		s.t.Fatalf("an instance cannot be %q", boot)
	}
	i.Rev, i.Boot = 7, boot
}

// before lets happen what the story does not show: a directive in each line.
func (s *story) before(d *datadriven.TestData) {
	for line := range strings.Lines(d.Input) {
		cmd, args, err := datadriven.ParseLine(line)
		if err != nil {
			d.Fatalf(s.t, "%v", err)
		}
		s.tell(s.t, &datadriven.TestData{Pos: d.Pos, Cmd: cmd, CmdArgs: args})
	}
	s.out = nil
}

func (s *story) setPolicy(a *words) {
	switch a.text("alerts", "") {
	case "none": // about ends
		s.policy.AlertOn = map[event.Status]bool{}
	case "off":
		s.policy.AlertOn = nil
	}
	s.policy.MaxQueued = a.number("max-queued", s.policy.MaxQueued)
	s.policy.MaxRunning = a.number("max-running", s.policy.MaxRunning)
	s.policy.Batch = a.number("batch", s.policy.Batch)
	s.policy.RepairsPerHour = a.number("repairs", s.policy.RepairsPerHour)
}

// happen lets an input happen, or several of a kind; only the last is written.
func (s *story) happen(a *words) {
	times, quiet, steps := a.number("count", 0), a.flag("quiet"), a.flag("steps")
	used := a.used
	for n := range max(1, times) {
		a.used = maps.Clone(used)
		if a.nth = ""; times > 0 {
			a.nth = fmt.Sprint(n + 1)
		}
		s.out, s.brief = nil, n < times-1
		s.now = a.at("at", s.now).Add(a.duration("after"))
		in := s.input(a)
		if a.flag("explain") {
			s.explain(in)
			continue
		}
		d := s.decide(in, a)
		if s.names.learn(d.Changes); !s.brief {
			s.write(in, d, quiet, steps)
		}
		s.commit(d)
	}
}

// decide decides as the engine does: without the queue, and again with each
// answer to what the decision needs.
func (s *story) decide(in decide.Input, a *words) decide.Decision {
	s.claims++
	m := decide.Moment{Now: s.now, Claim: decide.Claim{Commit: fmt.Sprint("c", s.claims), Until: s.now.Add(2 * time.Minute)}}
	if room := a.number("room", -1); room >= 0 {
		m.Room, m.RoomAt = room, s.now.Add(time.Minute)
	}
	f := decide.Facts{Control: s.control, Invocations: map[string]*decide.Invocation{}, Outputs: map[string]decide.Captured{}, Ended: map[string]*decide.Task{}}
	if lost := a.text("no-text", ""); lost != "" {
		f.NoText = map[string]bool{s.names.id(lost): true}
	}
	loaded := s.loaded()
	for {
		d := s.checked(loaded, in, f, m)
		if d.Needs.Empty() {
			known := len(f.Succeeded)
			f.Succeeded = append(f.Succeeded, s.succeeded(d.Doubts)...)
			if len(f.Succeeded) == known {
				return d
			}
			continue
		}
		s.answer(&loaded, &f, d.Needs, a)
	}
}

// succeeded are those of the doubted successes that are recorded.
func (s *story) succeeded(doubts []decide.Success) (recorded []decide.Success) {
	for _, doubt := range doubts {
		for _, e := range s.successes {
			if e.Name == doubt.Name && (doubt.Step == "" || e.Step == doubt.Step) && e.Event.FinishTime.After(doubt.After) {
				s.printf("%s has succeeded since", doubt.Name)
				recorded = append(recorded, doubt)
				break
			}
		}
	}
	return recorded
}

// loaded is the state as a load shows it: without queued tasks.
func (s *story) loaded() decide.State {
	loaded := s.state
	loaded.Tasks = maps.Clone(loaded.Tasks)
	maps.DeleteFunc(loaded.Tasks, func(_ string, t decide.Task) bool { return t.State == decide.TaskQueued })
	if loaded.Unread = len(s.state.Tasks) - len(loaded.Tasks); loaded.Unread != s.state.Instance.Waiting {
		s.t.Errorf("%d tasks are queued, and the instance's row counts %d", loaded.Unread, s.state.Instance.Waiting)
	}
	return loaded
}

// answer adds what the directive says about what is needed. What it does not
// mention gets no answer.
func (s *story) answer(loaded *decide.State, f *decide.Facts, n decide.Needs, a *words) {
	var needs []string
	if n.Queue {
		loaded.AddQueue(slices.Collect(maps.Values(s.state.Tasks)))
		needs = append(needs, "queue")
	}
	if n.Agent {
		needs = append(needs, "agent")
		if f.Asked.Agent = true; a.has("agent") {
			f.Agent = &decide.AgentStatus{Ready: a.text("agent", "") == "up", Version: "3.1", OS: "linux", Seen: a.at("seen", s.now)}
			if a.flag("unseen") {
				f.Agent.Seen = time.Time{}
			}
		}
	}
	if n.Machine {
		needs = append(needs, "machine")
		f.Asked.Machine = true
		switch state := a.text("ecs", ""); state {
		case "":
		case "unlisted":
			f.Unlisted = true
		default:
			f.Machine = &decide.Machine{
				Status: state, Name: "web 1", OS: a.text("os", "linux"), Region: "cn-hangzhou", Zone: "cn-hangzhou-h",
				Tags: map[string]string{"role": a.text("role", "web")},
			}
		}
	}
	for _, id := range n.Invocations {
		needs = append(needs, "invocation:"+id)
		if a.has(id) {
			f.Invocations[id] = s.invocation(id, a)
		}
	}
	for _, id := range n.Outputs {
		needs = append(needs, "output:"+id)
		if a.has("output") {
			f.Outputs[id] = decide.Captured{Output: decide.Output{Text: a.text("output", ""), Dropped: int64(a.number("dropped", 0))}}
		}
		if a.has("failed") {
			f.Outputs[id] = decide.Captured{Err: a.text("failed", "")}
		}
	}
	for _, id := range n.Ended {
		needs = append(needs, "ended:"+id)
		f.Ended[id] = s.ended[id]
	}
	if n.EndedRun != "" {
		needs = append(needs, "ended:"+n.EndedRun)
		f.Asked.EndedRun, f.EndedRun = n.EndedRun, s.runs[n.EndedRun]
	}
	if n.Once {
		needs = append(needs, "once")
	}
	f.Asked.Invocations = append(f.Asked.Invocations, n.Invocations...)
	f.Asked.Outputs = append(f.Asked.Outputs, n.Outputs...)
	f.Asked.Ended = append(f.Asked.Ended, n.Ended...)
	s.printf("needs %s", strings.Join(needs, " "))
}

// commit stores what a decision changes, unless its input was handled before.
func (s *story) commit(d decide.Decision) {
	if d.Changes.Empty() || d.Once != "" && s.once[d.Once] {
		return
	}
	if d.Once != "" {
		s.once[d.Once] = true
	}
	if x := d.Changes.Execution; x != nil && x.Event.Status == event.StatusSuccess {
		s.successes = append(s.successes, *x)
	}
	queued := maps.Clone(s.state.Tasks)
	rev := s.state.Instance.Rev
	s.state = d.Next
	if d.Next.Unread > 0 {
		maps.DeleteFunc(queued, func(_ string, t decide.Task) bool { return t.State != decide.TaskQueued })
		s.state.AddQueue(slices.Collect(maps.Values(queued)))
	}
	if s.state.Instance.Rev = rev; d.Changes.Instance != nil {
		s.state.Instance.Rev = d.Changes.Instance.NextRev(s.now)
	}
	for _, t := range d.Changes.EndedTasks {
		s.ended[t.ID] = &t
	}
	for _, r := range d.Changes.EndedRuns {
		s.runs[r.ID] = &r
	}
}

func (s *story) printf(format string, args ...any) {
	s.out = append(s.out, strings.TrimRight(s.names.in(fmt.Sprintf(format, args...)), " "))
}
