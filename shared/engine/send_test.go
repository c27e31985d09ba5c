package engine_test

import (
	"testing"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/engine"
)

// (decide rules 24, 25)
func TestACommandThatMayHaveBeenSentIsAskedAboutFirst(t *testing.T) {
	denied, invalid := fate{err: engine.ErrDenied}, fate{err: engine.ErrInvalid}
	cases := []struct {
		name  string
		ago   time.Duration // since it was first sent
		there bool          // Cloud Assistant has it
		find  fate
		calls string
		state decide.TaskState // afterwards
	}{
		{"it is there: nothing is sent", 5 * time.Minute, true, fate{},
			"load arm commit find-token commit", decide.TaskRunning},
		{"it is there even after an hour", 2 * time.Hour, true, fate{},
			"load arm commit find-token commit", decide.TaskRunning},
		{"it is not there: it is sent, with the same token", 5 * time.Minute, false, fate{},
			"load arm commit find-token send commit", decide.TaskRunning},
		{"it is not there after an hour: it is never sent again", 2 * time.Hour, false, fate{},
			"load arm commit find-token commit commit alert commit", decide.TaskFailed},
		{"nobody answers: it is asked later", 2 * time.Hour, true, refused,
			"load arm commit find-token commit", decide.TaskReleasing},
		{"the question is refused: the command is not, and it is asked later", 5 * time.Minute, true, invalid,
			"load arm commit find-token commit", decide.TaskReleasing},
		{"the question is still refused after an hour: it is given up", 2 * time.Hour, true, invalid,
			"load arm commit find-token commit commit alert commit", decide.TaskFailed},
		{"the question is still denied after an hour: it is given up", 2 * time.Hour, true, denied,
			"load arm commit find-token commit commit alert commit", decide.TaskFailed},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			d := newDesk()
			d.store(state(decide.BootBootable, task("a", releasing), sent("a", c.ago)))
			if c.there {
				d.cloud.accept(engine.Send{InstanceID: "i-1", TaskID: id("a"), Token: sendOf(id("a")),
					Command: d.table.state("i-1").Tasks[id("a")].Command}, now.Add(-c.ago), 0)
			}
			d.on = failing("find-token", 1, c.find)
			mustHandle(t, d.engine(policy()), decide.WakeUp{})
			if got := d.calls(); got != c.calls {
				t.Errorf("calls: %s\nwant:  %s", got, c.calls)
			}
			got := d.table.state("i-1").Tasks[id("a")].State
			for _, ended := range logged[decide.Task](d.table, "i-1", "task") {
				got = ended.State
			}
			if got != c.state {
				t.Errorf("the task is %s, want %s", got, c.state)
			}
			if e := d.table.state("i-1").Sends[sendOf(id("a"))]; c.state == decide.TaskReleasing && !e.FirstSent.Equal(now.Add(-c.ago)) {
				t.Errorf("first sent at %s, want %s as before", e.FirstSent, now.Add(-c.ago))
			}
		})
	}
}

// (decide rule 27)
func TestATokenThatWasAcceptedBeforeIsLookedUp(t *testing.T) {
	for name, c := range map[string]struct {
		visible time.Duration // after it was accepted
		state   decide.TaskState
	}{
		"found, the task runs":             {0, decide.TaskRunning},
		"not found yet, the claim is kept": {time.Hour, decide.TaskReleasing},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk()
			d.store(state(decide.BootBootable, task("a")))
			d.on = func(what, token string) fate {
				if what == "send" {
					d.cloud.accept(engine.Send{InstanceID: "i-1", TaskID: id("a"), Token: token, Command: submission("a").Command}, now, c.visible)
					return fate{err: engine.ErrAcceptedBefore}
				}
				return fate{}
			}
			out := mustHandle(t, d.engine(policy()), decide.WakeUp{})
			s := d.table.state("i-1")
			if got := s.Tasks[id("a")].State; got != c.state || out.Left != len(s.Sends) || len(d.cloud.invocations) != 1 {
				t.Errorf("the task is %s with %d effects, want %s", got, out.Left, c.state)
			}
			for _, e := range s.Sends {
				if e.Claim.Commit == "" || e.FirstSent.IsZero() {
					t.Errorf("effect %+v, want it claimed as before", e)
				}
			}
		})
	}
}

// (decide rule 70)
func TestACommandThatIsToBeStoppedIsOnlyLookedFor(t *testing.T) {
	for name, there := range map[string]bool{"there, it is stopped": true, "not there, it is not sent": false} {
		t.Run(name, func(t *testing.T) {
			d := newDesk()
			d.store(state(decide.BootBootable, task("a", releasing, cancelled), sent("a", time.Minute), task("b")))
			want := "load queue arm commit find-token send commit"
			if there {
				d.cloud.accept(engine.Send{InstanceID: "i-1", TaskID: id("a"), Token: sendOf(id("a")),
					Command: submission("a").Command}, now.Add(-time.Minute), 0)
				want = "load queue arm commit find-token send commit commit stop commit"
			}
			delete(d.table.rows["i-1"], "text/"+id("a")) // nobody needs it
			mustHandle(t, d.engine(policy()), decide.WakeUp{})
			if got := d.calls(); got != want {
				t.Errorf("calls: %s\nwant:  %s", got, want)
			}
			if i := d.cloud.invocations[0]; i.stopping != there {
				t.Errorf("stopped: %v", i.stopping)
			}
		})
	}
}

// (decide rule 39)
func TestASendCapHoldsTheRestBack(t *testing.T) {
	d := newDesk()
	d.store(state(decide.BootBootable, task("a"), task("b"), task("c")))
	e := d.engine(policy())
	e.Sends = &engine.SendCap{PerMinute: 2}
	mustHandle(t, e, decide.WakeUp{})
	if len(d.cloud.invocations) != 2 {
		t.Fatalf("%d commands were sent, want 2", len(d.cloud.invocations))
	}
	// What finds no room is not claimed.
	if got, want := d.calls(), "load queue arm commit send send commit arm"; got != want {
		t.Errorf("calls: %s\nwant:  %s", got, want)
	}
	if s := d.table.state("i-1"); len(s.Sends) > 0 || s.Tasks[id("c")].State != decide.TaskQueued {
		t.Errorf("sends %v and tasks %v, want the third command still queued", s.Sends, s.Tasks)
	}
	d.clock = now.Add(2 * time.Minute)
	mustHandle(t, e, decide.WakeUp{})
	if len(d.cloud.invocations) != 3 {
		t.Errorf("%d commands were sent a minute later, want 3", len(d.cloud.invocations))
	}
}

// (decide rule 36)
func TestNoCommandOvertakesOneThatCouldNotBeSent(t *testing.T) {
	for _, err := range []error{engine.ErrThrottled, engine.ErrQuotaExceeded, engine.ErrInstanceDown} {
		t.Run(err.Error(), func(t *testing.T) {
			d := newDesk()
			d.store(state(decide.BootBootable, task("a", priority(9)), task("b", priority(5)), task("c", priority(1))))
			d.on = failing("send", 2, fate{err: err})
			out := mustHandle(t, d.engine(policy()), decide.WakeUp{})
			if got, want := d.calls(), "load queue arm commit send send commit"; got != want || out.Left != 2 {
				t.Errorf("calls: %s, %d effects left\nwant:  %s, 2", got, out.Left, want)
			}
			s := d.table.state("i-1")
			for _, e := range s.Sends {
				if !e.FirstSent.IsZero() || e.Claim.Commit != "" || !s.Instance.HeldUntil.After(now) {
					t.Errorf("send %+v until %s, want it never sent, and waiting", e, s.Instance.HeldUntil)
				}
			}
		})
	}
	for err, alert := range map[error]string{
		engine.ErrUnknownOutcome: "", engine.ErrInvalid: "task-invalid", engine.ErrUnavailable: "", engine.ErrDenied: "task-denied",
	} {
		t.Run("but one after another is sent: "+err.Error(), func(t *testing.T) {
			d := newDesk()
			d.store(state(decide.BootBootable, task("a", priority(9)), task("b", priority(5)), task("c", priority(1))))
			d.on = failing("send", 2, fate{err: err})
			mustHandle(t, d.engine(policy()), decide.WakeUp{})
			if len(d.cloud.invocations) != 2 || d.kinds() != alert {
				t.Errorf("%d commands were accepted, alerts %q, want 2 and %q", len(d.cloud.invocations), d.kinds(), alert)
			}
		})
	}
}

// (decide rules 21, 22, 26)
func TestACommandOfUnknownOutcomeIsLeftAloneWhileItIsClaimed(t *testing.T) {
	d := newDesk()
	d.store(state(decide.BootBootable, task("a", priority(9)), task("b")))
	d.on = failing("send", 1, lost)
	p := policy()
	p.Batch = 1
	out := mustHandle(t, d.engine(p), decide.WakeUp{})
	if got, want := d.calls(), "load queue arm commit send commit send commit"; got != want || out.Left != 1 {
		t.Errorf("calls: %s, %d effects left\nwant:  %s, 1", got, out.Left, want)
	}
	d.made = nil
	mustHandle(t, d.engine(p), decide.WakeUp{})
	if got, want := d.calls(), "load"; got != want {
		t.Errorf("another invocation's calls: %s\nwant:  %s", got, want)
	}
	d.made, d.clock = nil, now.Add(timeLimit+time.Minute)
	mustHandle(t, d.engine(p), decide.WakeUp{})
	if got, want := d.calls(), "load arm commit find-token send commit"; got != want {
		t.Errorf("calls when the claim has ended: %s\nwant:  %s", got, want)
	}
}
