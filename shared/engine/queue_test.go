package engine_test

import (
	"testing"
	"time"

	"aftercare/shared/decide"
)

// (decide rule 69)
func TestWhatWaitsTooLongExpires(t *testing.T) {
	cases := []struct {
		name  string
		state decide.State
		ended decide.TaskState
	}{
		{"a queued task", state(decide.BootWaiting, task("a", expired)), decide.TaskExpired},
		{"a queued task of a bootable instance", state(decide.BootBootable, task("a", expired)), decide.TaskExpired},
		{"a task that was put back and never sent", state(decide.BootBootable,
			task("a", expired, releasing), effect("a", notBefore(time.Hour))), decide.TaskExpired},
		{"but not one that somebody is sending", state(decide.BootBootable,
			task("a", expired, releasing), effect("a", claimedBy(held), firstSent(time.Second))), ""},
		{"but not one that may have been sent", state(decide.BootBootable,
			task("a", expired, releasing), effect("a", firstSent(time.Minute), notBefore(time.Hour))), ""},
		{"but not one that runs", state(decide.BootBootable, task("a", expired, running("t-a"))), ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			d := must(t, c.state, decide.WakeUp{}, decide.Facts{}, policy())
			want := ""
			if c.ended != "" {
				want = string(decide.AlertTaskExpired)
			}
			if endedAs(d, "a") != c.ended || alerts(d) != want {
				t.Errorf("ended as %q with alerts %q, want %q and %q", endedAs(d, "a"), alerts(d), c.ended, want)
			}
		})
	}
	t.Run("and a wake-up comes for it", func(t *testing.T) {
		s := state(decide.BootBootable, task("a", releasing), heldBy(decide.ResultQuota, 20*time.Hour))
		d := must(t, s, decide.Submission{Key: id("b")}, decide.Facts{}, policy())
		if want := now.Add(time.Hour); !d.WakeBy.Equal(want) {
			t.Errorf("woken by %s, want %s, when the task expires", d.WakeBy, want)
		}
	})
}

// (decide rules 21, 35)
func TestTasksAreReleasedByPriorityThenBySubmission(t *testing.T) {
	cases := []struct {
		name  string
		state decide.State
		want  string
	}{
		{"9 goes first, then who came first, then the id",
			state(decide.BootBootable, task("a", priority(3)), task("b", priority(9), submittedAgo(time.Second)),
				task("c", priority(5)), task("d", priority(9), submittedAgo(time.Minute)), task("e", priority(5))), "d b c e a"},
		{"what was put back goes with the rest when its time has come",
			state(decide.BootBootable, task("a", priority(3)), task("b", priority(9)),
				task("c", releasing), effect("c", notBefore(0))), "b c a"},
		{"while all commands are held back, nothing overtakes the one that was refused",
			state(decide.BootBootable, task("a", priority(3)), task("b", priority(9)),
				task("c", releasing), heldBy(decide.ResultThrottled, time.Minute)), ""},
		{"a command that waits alone holds up nobody",
			state(decide.BootBootable, task("a", priority(3)), task("b", priority(9)),
				task("c", releasing), effect("c", notBefore(time.Minute))), "b a"},
		{"what others are sending holds up nobody",
			state(decide.BootBootable, task("a", priority(3)), task("b", priority(9)),
				task("c", releasing), effect("c", claimedBy(held), firstSent(time.Second))), "b a"},
		{"what a dead invocation has claimed is taken over with the rest",
			state(decide.BootBootable, task("a", priority(3)), task("b", priority(9)),
				task("c", releasing), effect("c", claimedBy(stale), firstSent(2*time.Minute))), "b c a"},
		{"nothing is released to an instance that waits",
			state(decide.BootWaiting, task("a"), task("b")), ""},
		{"nothing is released to an instance that nothing is known of",
			state(decide.BootUnknown, task("a"), task("b")), ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			d := must(t, c.state, decide.WakeUp{}, decide.Facts{}, policy())
			if got := claimedTasks(d); got != c.want {
				t.Errorf("claimed %q, want %q", got, c.want)
			}
			for _, e := range claims(d) {
				if e.Claim != claim || e.FirstSent.IsZero() || e.Tries == 0 || d.Next.Sends[e.Key].Claim != claim {
					t.Errorf("claimed %+v, want it to bear this decision's claim, a try and the time of the first", e)
				}
			}
		})
	}
	t.Run("at most a batch at once, then the loop continues", func(t *testing.T) {
		s := state(decide.BootBootable)
		for i := range 45 {
			task(string(rune('a'+i/26))+string(rune('a'+i%26)), submittedAgo(time.Hour-time.Duration(i)*time.Minute))(&s)
		}
		d := must(t, s, decide.WakeUp{}, decide.Facts{}, policy())
		next := must(t, d.Next, decide.Continue{}, decide.Facts{}, policy())
		last := must(t, next.Next, decide.Continue{}, decide.Facts{}, policy())
		if len(claims(d)) != 20 || !d.More || len(claims(next)) != 20 || !next.More || len(claims(last)) != 5 || last.More {
			t.Errorf("claimed %d (more %v), %d (more %v), %d (more %v), want 20, 20 and 5",
				len(claims(d)), d.More, len(claims(next)), next.More, len(claims(last)), last.More)
		}
	})
}

// (decide rules 35, 36)
func TestCommandsThatArePutBackKeepTheirOrder(t *testing.T) {
	first := []func(*decide.Send){claimedBy(claim), firstSent(time.Second)}
	tried := func(n int) func(*decide.Send) { return func(e *decide.Send) { e.Tries = n } }
	lasting := func(t *decide.Task) { t.ExpiresAt = now.Add(48 * time.Hour) }
	s := state(decide.BootBootable,
		task("a", releasing, lasting, priority(9)), effect("a", append(first, tried(4))...),
		task("b", releasing, lasting, priority(5)), effect("b", append(first, tried(1))...),
		task("c", releasing, lasting, priority(1)), effect("c", notBefore(-time.Second)))
	for _, kind := range []decide.ResultKind{decide.ResultThrottled, decide.ResultQuota, decide.ResultDown} {
		t.Run(string(kind), func(t *testing.T) {
			d := must(t, s, results(result("a", claim, kind), result("b", claim, kind)), decide.Facts{}, policy())
			until := d.Next.Instance.HeldUntil
			if !until.After(now) || d.More || !d.WakeBy.Equal(until) {
				t.Fatalf("held until %s, more %v, woken by %s; want a time, and no more before it", until, d.More, d.WakeBy)
			}
			d = decideAt(t, until, d.Next, decide.WakeUp{}, decide.Facts{}, policy())
			if got := claimedTasks(d); got != "a b c" {
				t.Errorf("then claimed %q, want a b c", got)
			}
		})
	}
	for _, kind := range []decide.ResultKind{decide.ResultNotSent, decide.ResultDenied} {
		t.Run("but not behind one that is "+string(kind), func(t *testing.T) {
			d := must(t, s, results(result("a", claim, kind)), decide.Facts{}, policy())
			if !d.Next.Instance.HeldUntil.IsZero() || !d.More {
				t.Errorf("held until %s, more %v; want c to go at once", d.Next.Instance.HeldUntil, d.More)
			}
		})
	}
}

// (decide rules 10, 13, 14, 72)
func TestSubmissions(t *testing.T) {
	up, down := &decide.AgentStatus{Ready: true, OS: "Linux"}, &decide.AgentStatus{}
	full := state(decide.BootWaiting)
	for i := range 200 {
		task(string(rune('a'+i/26)) + string(rune('a'+i%26)))(&full)
	}
	cases := []struct {
		name    string
		state   decide.State
		agent   *decide.AgentStatus
		asked   bool
		answer  string
		boot    decide.BootState
		claimed bool
		wake    time.Duration
	}{
		{"to a bootable instance it is released at once", state(decide.BootBootable), nil, false,
			"releasing", decide.BootBootable, true, 2 * time.Minute},
		{"to an instance that waits it is queued", state(decide.BootWaiting), nil, false,
			"queued", decide.BootWaiting, false, time.Minute},
		{"to an instance that nothing is known of, its agent is asked: up", decide.NewState("i-1"), up, true,
			"releasing", decide.BootBootable, true, 2 * time.Minute},
		{"to an instance that nothing is known of, its agent is asked: down", decide.NewState("i-1"), down, true,
			"queued", decide.BootWaiting, false, 2 * time.Minute},
		{"to an instance that nothing is known of, its agent is asked: no answer", decide.NewState("i-1"), nil, true,
			"queued", decide.BootWaiting, false, 2 * time.Minute},
		{"to an instance where 200 tasks wait it is refused", full, nil, false,
			"refused", decide.BootWaiting, false, time.Minute},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			in := submission("5")
			if q := needs(c.state, in); q.Agent != c.asked {
				t.Errorf("the agent is asked: %v, want %v", q.Agent, c.asked)
			}
			d := must(t, c.state, in, decide.Facts{Agent: c.agent}, policy())
			want := decide.Answer{InstanceID: "i-1", TaskID: decide.Key("task", in.Key, "i-1"), Outcome: c.answer, Reason: d.Answer.Reason}
			if d.Answer != want || d.Next.Instance.Boot != c.boot {
				t.Errorf("answer %+v, boot %q, want %+v and %q", d.Answer, d.Next.Instance.Boot, want, c.boot)
			}
			if (len(claims(d)) == 1) != c.claimed || !d.WakeBy.Equal(now.Add(c.wake)) {
				t.Errorf("claimed %v, woken by %s, want one: %v, and %s", claims(d), d.WakeBy, c.claimed, now.Add(c.wake))
			}
			if c.answer == "refused" {
				if !d.Changes.Empty() || d.Once != "input/"+in.Key {
					t.Errorf("changes %+v, once %q, want none for a refusal, so that the key can be accepted later", d.Changes, d.Once)
				}
			} else if r := d.Changes.Input; r == nil || r.Answer != string(encode(d.Answer)) || d.Once != "input/"+in.Key {
				t.Errorf("input record %+v, once %q, want the answer on record", r, d.Once)
			}
			if q, ok := d.Next.Tasks[want.TaskID]; ok != (c.answer != "refused") || ok && !q.ExpiresAt.Equal(now.Add(7*24*time.Hour)) {
				t.Errorf("task %+v, there %v; want it to expire in seven days, unless it is refused", q, ok)
			}
		})
	}
}
