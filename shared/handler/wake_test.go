package handler_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/event"
	"aftercare/shared/handler"
	"aftercare/shared/ledger"
	"aftercare/tests/localcloud/fault"
	"aftercare/tests/rig"
)

// critical submits a command to a bootable instance, which ECS refuses for want of a
// right: that alert is critical.
func critical(t *testing.T, r *rig.Rig, by *rig.Process, instanceID string) {
	t.Helper()
	r.Faults.Add(fault.Fault{Call: "RunCommand", Mode: fault.ErrorBefore, Status: 403, Code: "Forbidden.RAM"})
	if item := only(t)(by.SubmitTask(submit(instanceID, fmt.Sprint("look-", r.Now().UnixNano()), "true", 5, fmt.Sprint("key", r.Now().UnixNano())))); item.Result != handler.ResultAccepted || item.Left == 0 {
		t.Fatalf("answered %+v, want accepted, and left", item)
	}
}

// bootable is a rig with bootable instances.
func bootable(t *testing.T, o rig.Options, ids ...string) *rig.Rig {
	t.Helper()
	r := rig.New(t, o)
	for _, id := range ids {
		r.Create(id)
		_, err := r.FirstHeartbeat(r.Boot(id))
		must(t, err)
	}
	r.Asked()
	return r
}

// (decide rule 53)
func TestACriticalAlertWakesAlertsOnceIn5Seconds(t *testing.T) {
	r := bootable(t, rig.Options{}, "i-1", "i-2")
	one, two := r.Another(), r.Another()
	wake := func(id string) rig.Asked {
		return rig.Asked{Function: "aftercare-alerts", Payload: fmt.Sprintf(`{"shard":%d}`, ledger.InboxShard(decide.Alert{InstanceID: id}))}
	}
	for _, step := range []struct {
		what  string
		wait  time.Duration
		by    *rig.Process
		id    string
		wakes bool
	}{
		{"the first", 0, one, "i-1", true},
		{"another at once", 0, one, "i-2", false},
		{"another process's", 0, two, "i-2", true},
		{"one 6 s later", 6 * time.Second, one, "i-2", true},
	} {
		r.Advance(step.wait)
		critical(t, r, step.by, step.id)
		want := []rig.Asked{wake(step.id)}
		if !step.wakes {
			want = nil
		}
		if got := r.Asked(); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", step.what, got, want)
		}
	}
	// The end of a command that failed is not critical.
	failed := endData("t-other")
	failed["invocationStatus"] = "Failed"
	_, err := r.TaskCompleted(encode(cloudEvent(event.KindTaskCompleted, failed)))
	must(t, err)
	if got := r.Asked(); len(got) > 0 || len(r.Alerts()) != 5 {
		t.Errorf("a bad end: %v, %d alerts, want no call", got, len(r.Alerts()))
	}
}

// Nobody waits for Function Compute, and what it answers changes nothing.
// (decide rule 53)
func TestACallToAlertsThatFailsIsLoggedAndNothingElse(t *testing.T) {
	for _, mode := range fault.Modes {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			r := bootable(t, rig.Options{}, "i-1")
			r.Faults.Add(fault.Fault{Call: "InvokeFunction", Mode: mode})
			critical(t, r, r.Another(), "i-1")
			if calls := r.Faults.Calls()["InvokeFunction"]; calls != 1 || strings.Count(r.Log.String(), "alerts not woken") != 1 {
				t.Errorf("%d calls, want one, and a line about it in:\n%s", calls, r.Log)
			}
		})
	}
}

// The setting is for tests: an address is derived from what Function Compute says.
func TestWhereAlertsIsCalledIsDerived(t *testing.T) {
	for _, c := range []struct{ function, name, want string }{
		{"aftercare-sweep", "sweep", "aftercare-alerts"},
		{"staging-task-completed", "task-completed", "staging-alerts"},
		{"renamed", "sweep", "aftercare-alerts"},
		{"", "sweep", "aftercare-alerts"},
	} {
		if got := handler.AlertsBeside(c.function, c.name); got != c.want {
			t.Errorf("beside %q of %s: %s, want %s", c.function, c.name, got, c.want)
		}
	}
	if got := handler.FunctionsAt("", "1234567890123456", "cn-hangzhou"); got != "1234567890123456.cn-hangzhou.fc.aliyuncs.com" {
		t.Errorf("got %s", got)
	}
	if got := handler.FunctionsAt("", "", "cn-hangzhou"); got != "" {
		t.Errorf("without an account: got %s", got)
	}
}
