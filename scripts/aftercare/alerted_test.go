package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"aftercare/shared/alerting"
	"aftercare/shared/decide"
	"aftercare/shared/handler"
	"aftercare/tests/localcloud/inbox"
	"aftercare/tests/rig"
)

// channelsFile has a channel of each outcome: the robot wants another word, the lark
// another secret, and gone has no such address.
const channelsFile = `version: 1
channels:
  hook: {kind: webhook, url: '${env:HOOK}'}
  robot: {kind: dingtalk, url: '${env:ROBOT}', perMinute: 600}
  lark: {kind: lark, url: '${env:LARK}', secret: '${env:WRONG}'}
  pace: {kind: wecom, url: '${env:WECOM}', perMinute: 600}
  gone: {kind: webhook, url: '${env:GONE}'}
defaults: {channels: hook, groupBy: [command]}
routes:
  - {name: both, match: {labels: {both: '*'}}, channels: [hook, robot]}
  - {name: twice, match: {labels: {twice: '*'}}, continue: true}
  - {name: again, match: {labels: {twice: '*'}}}
`

// alertsFor is the function alerts of a rig by a clock, with an inbox that imitates
// vendors.
func alertsFor(t *testing.T, r *rig.Rig, now func() time.Time) func([]byte) (handler.Outcome, error) {
	t.Helper()
	in, err := inbox.Start(inbox.Options{Channels: map[string]inbox.Channel{
		"dingtalk": {Keywords: []string{"monitor"}}, "lark": {Secret: "another"}, "wecom": {PerMinute: 1},
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close() })
	s := r.Settings
	s.Alerts.File = filepath.Join(t.TempDir(), "alerts.yaml")
	if err := os.WriteFile(s.Alerts.File, []byte(channelsFile), 0o600); err != nil {
		t.Fatal(err)
	}
	s.Alerts.Start, s.Alerts.Wait = 0, new(time.Duration)
	h, err := alerting.NewWith("alerts", s, []string{
		"HOOK=" + in.URL("webhook"), "ROBOT=" + in.URL("dingtalk"), "LARK=" + in.URL("lark"), "WECOM=" + in.URL("wecom"), "GONE=" + in.Endpoint() + "/gone", "WRONG=wrong",
	}, r.Log, now)
	if err != nil {
		t.Fatal(err)
	}
	return func(payload []byte) (handler.Outcome, error) {
		ctx, cancel := r.Context()
		defer cancel()
		return h(ctx, payload)
	}
}

// alerted is a rig whose function alerts told a webhook of a failure 25 hours ago and of
// three now. A robot took none: the first was given up for it, the others are tried.
func alerted(t *testing.T) *rig.Rig {
	t.Helper()
	r := rig.New(t, rig.Options{})
	old := func() time.Time { return r.Now().Add(-25 * time.Hour) }
	tell := func(now func() time.Time, commands ...string) {
		for _, command := range commands {
			a := decide.Alert{
				Kind: decide.AlertExecution, Severity: decide.SeverityError, Lasting: command != "vacuum", Fingerprint: command, InstanceID: "i-web-1", CommandName: command,
				Summary: "It failed.", Labels: map[string]string{"both": "both"}, At: now(),
			}
			if err := r.Ledger().Post(t.Context(), command, now().UnixMilli(), a); err != nil {
				t.Fatal(err)
			}
		}
		if err := r.Ledger().Swept(t.Context(), now()); err != nil { // else that would be told, too
			t.Fatal(err)
		}
		round := alertsFor(t, r, now)
		for range 2 {
			must(t)(round([]byte("{}")))
		}
	}
	tell(old, "vacuum")
	tell(r.Now, "backup-db", "backup-files", "install")
	return r
}
