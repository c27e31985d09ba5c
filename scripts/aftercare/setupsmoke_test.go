package main

import (
	"strings"
	"testing"
	"time"

	"aftercare/scripts/internal/cli"
	"aftercare/shared/event"
	"aftercare/tests/rig"
)

// TestASmokeTestSaysHowTheEndWasLearned: by an event, by a sweep that asked, or not at
// all.
func TestASmokeTestSaysHowTheEndWasLearned(t *testing.T) {
	for name, c := range map[string]struct {
		then    func(t *testing.T, r *rig.Rig, ended <-chan struct{})
		timeout string
		code    int
		out     string // what it prints last
		says    string
	}{
		"an event": {func(t *testing.T, r *rig.Rig, _ <-chan struct{}) {
			must(t)(r.TaskCompleted(r.Take(event.KindTaskCompleted)))
		}, "1m", 0, "the smoke test passed\n", ""},
		"a sweep": {func(t *testing.T, r *rig.Rig, ended <-chan struct{}) {
			r.Take(event.KindTaskCompleted) // which is lost
			for {                           // submit-task may still be at work
				r.Advance(10 * time.Minute)
				must(t)(r.Sweep())
				select {
				case <-ended:
					return
				case <-time.After(20 * time.Millisecond):
				}
			}
		}, "1m", cli.ExitPartly, "its record is there: succeeded\n", "no event reported its end, a sweep had to ask for it"},
		"nothing": {func(*testing.T, *rig.Rig, <-chan struct{}) {}, "4s", cli.ExitFailed, ": releasing\n", "no end was recorded within"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := rig.New(t, rig.Options{})
			r.Create("i-smoke")
			must(t)(r.FirstHeartbeat(r.Boot("i-smoke")))
			keys, fc := credentials(t, r), functionCompute(t, r)
			var out, says string
			var code int
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				out, says, code = played(t, func(name string) string {
					return map[string]string{
						variableFC: fc, variableEndpoint: r.Tables.Endpoint(), variableInstance: "rig", variableRegion: rig.Region, variableAccount: account,
						variableKeyID: keys.AccessKeyId, variableSecret: keys.AccessKeySecret, "ALIBABA_CLOUD_SECURITY_TOKEN": keys.SecurityToken,
					}[name]
				}, "setup", "smoke", "--instance", "i-smoke", "--timeout", c.timeout)
			}()
			c.then(t, r, ended)
			<-ended
			if code != c.code || !strings.HasSuffix(out, c.out) || !strings.Contains(says, c.says) {
				t.Errorf("exit code %d, want %d; printed\n%swant %q at the end\n%swant %q", code, c.code, out, c.out, says, c.says)
			}
		})
	}
}
