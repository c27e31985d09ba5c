package main

import (
	"strings"
	"testing"
	"time"

	"aftercare/scripts/internal/cli"
	"aftercare/shared/decide"
	"aftercare/shared/ledger/ledgertest"
	"aftercare/tests/rig"
)

// TestACancelFindsWhatIsOpenOnTheWholeFleet, also on an instance that neither an event
// nor ECS has named, and says which instances a submission has not reached.
func TestACancelFindsWhatIsOpenOnTheWholeFleet(t *testing.T) {
	r := rig.New(t, rig.Options{Flows: flows})
	now := time.Now().UTC().Truncate(time.Millisecond)
	for id, state := range map[string]decide.TaskState{"i-queued": decide.TaskQueued, "i-running": decide.TaskRunning} {
		s := decide.NewState(id)
		task := decide.Task{ID: "aaaa" + decide.Key(id)[:28], Name: "clean", State: state, SubmittedAt: now, ExpiresAt: now.Add(time.Hour), Labels: []string{"rel"}, InvokeID: "t-1"}
		if s.Tasks[task.ID] = task; state == decide.TaskQueued {
			s.Instance.Waiting = 1
		}
		ledgertest.MustCommit(t, r.Ledger(), ledgertest.Creation("made", s))
	}
	keys, fc := credentials(t, r), functionCompute(t, r)
	cancel := func(args ...string) (out, errOut string, code int) {
		return played(t, func(name string) string {
			return map[string]string{
				variableEndpoint: r.Tables.Endpoint(), variableInstance: "rig", variableKeyID: keys.AccessKeyId, variableSecret: keys.AccessKeySecret,
				"ALIBABA_CLOUD_SECURITY_TOKEN": keys.SecurityToken, variableRegion: rig.Region, variableFC: fc,
			}[name]
		}, append([]string{"cancel"}, args...)...)
	}
	out, errOut, code := cancel("--label", "rel", "--dry-run")
	if code != 0 || strings.Count(out, "i-queued/") != 1 || strings.Count(out, "i-running/") != 1 || errOut != "" {
		t.Errorf("exit code %d, listed\n%s%s", code, out, errOut)
	}

	// What runs is not of all that waits.
	if out, errOut, code := cancel("--all", "--dry-run"); code != 0 || !strings.Contains(out, "i-queued/") || strings.Contains(out, "i-running/") {
		t.Errorf("exit code %d, listed\n%s%s", code, out, errOut)
	}

	_, err := r.Ledger().Keep(t.Context(), decide.Many{
		Submission: decide.Submission{Key: "k", DedupeKey: "many", Labels: []string{"rel"}}, At: now,
		Targets: []decide.Target{{InstanceID: "i-done", Answer: &decide.Answer{}}, {InstanceID: "i-left"}, {InstanceID: "i-queued"}},
	})
	ledgertest.Must(t, err)
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"--label", "rel", "--dry-run"}, 0, "A submission still has 2 instances to reach. 'aftercare stop --label rel' holds it there"},
		{[]string{"--label", "rel", "--instance", "i-queued", "--dry-run"}, 0, "A submission still has 1 instance to reach. "},
		{[]string{"--label", "rel", "--instance", "i-running", "--dry-run"}, 0, ""},
		{[]string{"--all", "--dry-run"}, 0, "A submission still has 2 instances to reach. Cancel again when 'aftercare acts' lists it."},
		{[]string{"--dedupe-key", "many"}, cli.ExitNotFound, "A submission still has 2 instances to reach. Cancel again"},
		{[]string{"--dedupe-key", "other"}, cli.ExitNotFound, ""},
		{[]string{"--label", "other"}, cli.ExitNotFound, ""},
		{[]string{"i-queued/aaaa", "--dry-run"}, 0, ""},
		{[]string{"aaaa", "--dry-run"}, cli.ExitUsage, "aaaa is the beginning of 2 ids: give more of it"},
		{[]string{"--label", "rel", "--instance", "i-queued", "--yes"}, cli.ExitPartly, "1 instance not reached yet"},
	} {
		out, errOut, code := cancel(c.args...)
		if code != c.code || !strings.Contains(errOut, c.says) || c.says == "" && strings.Contains(errOut, "to reach") {
			t.Errorf("%q: exit code %d, want %d and %q\n%s%s", c.args, code, c.code, c.says, out, errOut)
		}
	}
}
