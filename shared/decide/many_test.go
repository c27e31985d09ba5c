package decide_test

import (
	"testing"

	"aftercare/shared/decide"
)

func TestAnActSaysOnHowManyInstances(t *testing.T) {
	for n, want := range map[int]string{1: "flow renew on 1 instance", 3: "flow renew on 3 instances"} {
		m := decide.Many{Submission: decide.Submission{Flow: "renew"}, Targets: make([]decide.Target, n)}
		if got := m.Act().What; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
