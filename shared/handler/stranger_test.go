package handler_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/handler"
	"aftercare/tests/localcloud/fault"
)

// TestAnInstanceThatECSDoesNotKnowIsRefused, and is accepted under the same key once
// it is there. One whose rows are there needs no question. (decide rule 137)
func TestAnInstanceThatECSDoesNotKnowIsRefused(t *testing.T) {
	r := rigWith(t)
	item := only(t)(r.SubmitTask(encode(request())))
	if item.Result != handler.ResultRefused || item.Answer.Reason != "ECS knows no instance with this id" {
		t.Errorf("answered %+v, %+v, want a refusal", item, item.Answer)
	}
	if s := r.State("i-1"); s.Instance.Rev != 0 || len(s.Tasks) > 0 {
		t.Errorf("the refusal is stored: %+v", s)
	}
	r.Create("i-1")
	for _, key := range []string{"k-1", "k-2"} {
		item = only(t)(r.SubmitTask(encode(request().with("dedupeKey", key))))
		if item.Result != handler.ResultAccepted {
			t.Errorf("answered %+v, %+v, want it accepted", item, item.Answer)
		}
	}
	if n := r.Faults.Calls()["DescribeInstances"]; n != 2 {
		t.Errorf("ECS was asked %d times, want once for each submission to an instance without rows", n)
	}
}

// TestIfECSCannotBeAskedTheErrorSaysSo: it is neither refused nor lost. (decide rule 137)
func TestIfECSCannotBeAskedTheErrorSaysSo(t *testing.T) {
	for _, f := range []fault.Fault{
		{Mode: fault.ErrorBefore, Status: 400, Code: "Throttling.User"},
		{Mode: fault.ErrorBefore, Status: 403, Code: "Forbidden.RAM"},
		{Mode: fault.CutBefore},
	} {
		r := rigWith(t, "i-1")
		f.Call, f.Times = "DescribeInstances", 100
		r.Faults.Add(f)
		out, err := r.SubmitTask(encode(request()))
		wantRefused(t, out, err)
		var why *handler.Error
		if !errors.As(err, &why) || !strings.HasSuffix(why.Error(), "): ECS does not say now whether it knows the instance") {
			t.Errorf("%s: the error is %v", f.Code, err)
		}
		r.Faults.Clear()
		if item := only(t)(r.SubmitTask(encode(request()))); item.Answer.Outcome != string(decide.TaskQueued) {
			t.Errorf("%s: submitted again, it is %+v", f.Code, item.Answer)
		}
	}
}

// TestASelectorFindsItsInstancesOnce: what it found stays when the submission is
// continued, and when it comes again after that. None is a refusal. (decide rule 139)
func TestASelectorFindsItsInstancesOnce(t *testing.T) {
	r := rigWith(t, "i-web-1", "i-web-2", "i-db-1")
	chosen := func(name string) []byte {
		return encode(request().with("instanceId", nil).with("select", object{"name": name}))
	}
	if item := only(t)(r.SubmitTask(chosen("i-mail-*"))); item.Result != handler.ResultRefused || item.Reason != "ECS finds no instance that fits select" {
		t.Errorf("answered %+v, want a refusal", item)
	}
	r.CrashAt("PutRow", fault.HangBefore) // a wake-up, after the submission is kept
	_, _ = r.SubmitTask(chosen("i-web-*"))
	r.Restart()
	r.Create("i-web-3")
	denied := fault.Fault{Call: "DescribeInstances", Mode: fault.ErrorBefore, Status: 403, Code: "Forbidden.RAM"}
	r.Faults.Add(denied)
	_, err := r.SubmitTask(chosen("i-web-*"))
	must(t, err) // it asks about the instances, and not again for them
	out, err := r.SubmitTask(chosen("i-web-*"))
	must(t, err)
	if len(out.Items) != 2 || len(r.State("i-web-1").Tasks)+len(r.State("i-web-2").Tasks) != 2 || len(r.State("i-web-3").Tasks)+len(r.State("i-db-1").Tasks) != 0 {
		t.Errorf("answered %+v, want the two that were there at first", out.Items)
	}
	r.Advance(7 * 24 * time.Hour)
	out, err = r.SubmitTask(chosen("i-web-*"))
	must(t, err)
	if len(out.Items) != 2 || out.Items[0].Result != handler.ResultDuplicate || out.Items[1].Result != handler.ResultDuplicate || len(r.State("i-web-3").Tasks) > 0 {
		t.Errorf("after it was done, it is answered %+v, want the two again", out.Items)
	}
	r.Faults.Add(denied)
	out, err = r.SubmitTask(encode(request().with("dedupeKey", "k-2").with("instanceId", nil).with("select", object{"name": "i-web-*"})))
	wantRefused(t, out, err)
	if !strings.HasSuffix(err.Error(), "): ECS does not say now which instances it selects") {
		t.Errorf("the error is %v", err)
	}
}
