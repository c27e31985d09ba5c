package main

import (
	"os"
	"strings"
	"testing"

	"aftercare/tests/localcloud/inbox"
)

// TestALocalTestSaysWhatTheChannelRefuses: it needs the secrets of its channel alone, no
// access key and no Tablestore. What is printed has no secret and no address.
func TestALocalTestSaysWhatTheChannelRefuses(t *testing.T) {
	t.Chdir(t.TempDir())
	const file = `version: 1
channels:
  robot: {kind: dingtalk, url: '${env:ROBOT}', secret: '${env:SECRET}'}
  lark: {kind: lark, url: '${env:LARK}', secret: '${env:SECRET}'}
  pager: {kind: pagerduty, url: '${env:PAGER}', secret: '${env:KEY}'}
  other: {kind: slack, url: '${env:OTHER}'}
defaults: {channels: [robot, lark, pager, other]}
`
	if err := os.WriteFile("alerts.yaml", []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, args string
		inbox      map[string]inbox.Channel
		code       int
		want       string
	}{
		{"a robot that takes it", "--channel robot --file alerts.yaml", map[string]inbox.Channel{"dingtalk": {Secret: "SECret"}}, 0, "robot (dingtalk) took the sample"},
		{"a keyword", "--channel robot --file alerts.yaml", map[string]inbox.Channel{"dingtalk": {Keywords: []string{"monitor"}}}, 4, "refused: keyword"},
		{"a secret", "--channel robot --file alerts.yaml", map[string]inbox.Channel{"dingtalk": {Secret: "SECother"}}, 4, "refused: sign"},
		{"Lark's secret", "--channel lark --file alerts.yaml", map[string]inbox.Channel{"lark": {Secret: "other"}}, 4, "refused: sign"},
		{"an address", "--channel robot --file alerts.yaml", map[string]inbox.Channel{"dingtalk": {AllowFrom: []string{"192.0.2.1"}}}, 4, "refused: address"},
		{"PagerDuty", "--channel pager --file alerts.yaml", nil, 0, "pager (pagerduty) took the sample"},
		{"a variable that is not set", "--channel other --file alerts.yaml", nil, 2, "channel other: url: the environment variable OTHER is not set"},
		{"no such channel", "--channel robo --file alerts.yaml", nil, 3, `there is no channel "robo", did you mean "robot"?: there are lark, other, pager,`},
		{"no such file", "--channel robot --file none.yaml", nil, 1, "read the alerts file"},
		{"no file", "--channel webhook", nil, 0, "webhook (webhook) took the sample"},
		{"no file, and another channel", "--channel robot", nil, 3, `there is no channel "robot": there are webhook`},
	} {
		t.Run(c.name, func(t *testing.T) {
			in, err := inbox.Start(inbox.Options{Channels: c.inbox})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { in.Close() })
			out, errOut, code := played(t, func(name string) string {
				return map[string]string{
					"ROBOT": in.URL("dingtalk"), "LARK": in.URL("lark"), "PAGER": in.URL("pagerduty"), "SECRET": "SECret", "KEY": "0123456789abcdef0123456789abcdef",
					"AFTERCARE_WEBHOOK_URL": in.URL("webhook"), "COLUMNS": "80",
				}[name]
			}, append([]string{"alerts", "test", "--local"}, strings.Fields(c.args)...)...)
			if code != c.code || !strings.Contains(out+errOut, c.want) {
				t.Errorf("exit code %d, want %d and %q:\n%s%s", code, c.code, c.want, out, errOut)
			}
			for _, secret := range []string{in.Endpoint(), "SECret", "0123456789abcdef"} {
				if strings.Contains(out+errOut, secret) {
					t.Errorf("it printed %s:\n%s%s", secret, out, errOut)
				}
			}
		})
	}
}
