package remediation_test

import (
	"context"
	"testing"
	"time"

	"aftercare/shared/remediation"
)

// invocation is the time limit of these tests' invocations.
const timeLimit = 20 * time.Second

func handle(t *testing.T, e *remediation.Engine, in remediation.Input) (remediation.Outcome, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), timeLimit)
	defer cancel()
	return e.Handle(ctx, "i-1", in)
}

func mustHandle(t *testing.T, e *remediation.Engine, in remediation.Input) remediation.Outcome {
	t.Helper()
	out, err := handle(t, e, in)
	if err != nil || out.Trouble != nil {
		t.Fatalf("handle %T: error %v, trouble %v", in, err, out.Trouble)
	}
	return out
}

func submission(short string) remediation.Submission {
	return remediation.Submission{
		Key: id(short), Name: short,
		Command: remediation.Command{Run: &remediation.Run{Name: short, Type: "RunShellScript", Content: "true"}},
	}
}

func TestTheAnswerIsThatOfTheCommitThatLanded(t *testing.T) {
	d := newDesk()
	d.store(state(remediation.BootWaiting, task("a")))
	commits := 0
	d.on = func(what, _ string) fate {
		if what != "commit" {
			return fate{}
		}
		if commits++; commits == 1 {
			return answerLost
		}
		return fate{}
	}
	// The first look at the record comes too early to see the commit.
	records := d.table.records
	hidden := d.on
	d.on = func(what, detail string) fate {
		d.table.records = records
		if what == "recorded" && commits == 1 {
			d.table.records = map[string]remediation.Recorded{}
		}
		return hidden(what, detail)
	}
	out := mustHandle(t, d.engine(policy()), remediation.Cancel{Key: id("c"), TaskID: id("a")})
	if out.Answer.Outcome != "cancelled" || out.Duplicate {
		t.Errorf("answer %+v, duplicate %v; want cancelled, as it is recorded", out.Answer, out.Duplicate)
	}
}

func TestATaskWhoseEndWasTakenForAStrangersEndsAllTheSame(t *testing.T) {
	d := newDesk()
	e := d.engine(policy())
	d.store(state(remediation.BootBootable, task("a", saved, running("t-1"))))
	var zero int64
	d.cloud.stranger("i-1", now, 0).end("Success", "", &zero, now)
	end := ended("t-1", "", "Success", "")
	d.table.records["i-1/exec/t-1/once"] = remediation.Recorded{CommitID: "long ago"}
	if out := mustHandle(t, e, end); !out.Duplicate {
		t.Fatal("the end is no duplicate, and the test shows nothing")
	}
	d.clock = now.Add(time.Hour)
	mustHandle(t, e, remediation.WakeUp{})
	if s := d.table.state("i-1"); len(s.Tasks) > 0 {
		t.Errorf("tasks %+v are left, want none", s.Tasks)
	}
	if ended := logged[remediation.Task](d.table, "i-1", "task"); len(ended) != 1 || ended[0].State != remediation.TaskSucceeded {
		t.Errorf("ended tasks %+v, want one that succeeded", ended)
	}
}
