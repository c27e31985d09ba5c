package engine_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/engine"
)

// hangs is a desk where Cloud Assistant does not answer.
type hangs struct{ *desk }

func (hangs) AgentStatus(ctx context.Context, _ string) (decide.AgentStatus, error) {
	<-ctx.Done()
	return decide.AgentStatus{}, engine.ErrUnavailable
}

func (hangs) Send(ctx context.Context, _ engine.Send) (string, error) {
	<-ctx.Done()
	return "", engine.ErrUnknownOutcome
}

// (decide rule 2)
func TestAnAnswerThatDoesNotComeLeavesTimeToCommit(t *testing.T) {
	for name, boot := range map[string]decide.BootState{"the agent's status": decide.BootUnknown, "a send": decide.BootBootable} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(time.Until(now))
				d := newDesk()
				d.store(state(boot))
				e := d.engine(policy())
				e.Commander, e.Now = hangs{d}, func() time.Time { return time.Now().UTC() }
				mustHandle(t, e, submission("a"))
				if took := time.Since(now); took != timeLimit-2*time.Second || strings.Count(d.calls(), "commit") == 0 {
					t.Errorf("calls %s after %s, want a commit 2 s before the end", d.calls(), took)
				}
			})
		})
	}
}
