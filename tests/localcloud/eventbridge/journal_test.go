package eventbridge_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"aftercare/tests/localcloud/eventbridge"
)

func TestUnfinishedDeliveriesGoOnAfterARestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.db")
	down := inbox{failures: -1}
	s, err := eventbridge.New(eventbridge.Options{Path: path, Rules: []eventbridge.Rule{ruleTo(&down)}})
	if err != nil {
		t.Fatal(err)
	}
	put(t, s, "a", "b")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.PutServiceEvent(serviceEvent("late")); err == nil {
		t.Error("a closed server took an event")
	}

	var up inbox
	again := newServer(t, eventbridge.Options{Path: path})
	if again.Pending() != 2 {
		t.Fatalf("%d deliveries are pending after the restart, want 2", again.Pending())
	}
	waitIdle(t, again) // without its rule nothing is delivered
	if err := again.AddRule(ruleTo(&up)); err != nil {
		t.Fatal(err)
	}
	waitIdle(t, again)
	got := up.ids()
	slices.Sort(got)
	if !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("delivered %v, want a and b", got)
	}
	put(t, again, "c")
	waitIdle(t, again)
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
	if third := newServer(t, eventbridge.Options{Path: path}); third.Pending() != 0 {
		t.Errorf("%d finished deliveries came back", third.Pending())
	}
}

// TestAcceptedEventSurvivesSIGKILL runs itself in a second process, which
// accepts an event and kills itself at once.
func TestAcceptedEventSurvivesSIGKILL(t *testing.T) {
	if path := os.Getenv("EVENTBRIDGE_KILL"); path != "" {
		down := inbox{failures: -1}
		s, err := eventbridge.New(eventbridge.Options{Path: path, Rules: []eventbridge.Rule{ruleTo(&down)}})
		if err != nil {
			t.Fatal(err)
		}
		put(t, s, "a")
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	}
	path := filepath.Join(t.TempDir(), "events.db")
	cmd := exec.Command(os.Args[0], "-test.run=^TestAcceptedEventSurvivesSIGKILL$")
	cmd.Env = append(os.Environ(), "EVENTBRIDGE_KILL="+path)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ProcessState.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Fatalf("the second process ended with %v:\n%s", err, out)
	}
	var in inbox
	s := newServer(t, eventbridge.Options{Path: path, Rules: []eventbridge.Rule{ruleTo(&in)}})
	waitIdle(t, s)
	if got := in.ids(); !slices.Equal(got, []string{"a"}) {
		t.Errorf("delivered %v, want a", got)
	}
}
