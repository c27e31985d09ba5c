package inbox_test

import (
	"html"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"aftercare/tests/localcloud/inbox"
)

// TestInChromium sends each vendor an alert as people would send it, and looks at
// the page in a browser without a window. make cloud says if there is none.
func TestInChromium(t *testing.T) {
	const browser = "chromium"
	if err := exec.Command(browser, "--version").Run(); err != nil {
		t.Skip("there is no chromium:", err)
	}
	s := start(t, inbox.Options{Channels: map[string]inbox.Channel{inbox.DingTalk: {Keywords: []string{"Command", "Alarm"}}}})
	fill(t, s)
	dom := dump(t, browser, s.Endpoint())
	for vendor, want := range map[string]string{
		inbox.DingTalk:     `2 accepted, 1 refused; POST /dingtalk/robot/send 12:00:00 refused 310000 keywords not in content notification: t Backup ended late`,
		inbox.Lark:         `accepted 3 commands failed in cn-hangzhou check disk on 3 instances @everyone no space left on i-web-1`,
		inbox.WeCom:        `accepted Command failed check disk on i-web-1 critical @zhang`,
		inbox.Slack:        `accepted fingerprint ab12 Command failed Command failed check disk ended with exit code 3 on i-web-1 for @everyone (channel)`,
		inbox.PagerDuty:    `Incidents: 1 open State Incident Severity Source Log triggered check disk failed on i-web-2 k2 critical i-web-2 12:00:00 trigger`,
		inbox.Alertmanager: `Alerts: 1 firing State Labels Annotations From, to Posted resolved alertname= CommandFailed command= backup`,
		inbox.Webhook:      `accepted id seen before id msg_1 fingerprint ab12 alert.firing count 3 fingerprint ab12`,
	} {
		t.Run(vendor, func(t *testing.T) {
			_, section, _ := strings.Cut(dom, `data-channel="`+vendor+`"`)
			section, _, _ = strings.Cut(section, "</section>")
			if text := words(section); !strings.Contains(text, want) {
				t.Errorf("got\n%s\nwant in it\n%s", text, want)
			}
		})
	}
}

// dump returns the page as the browser has it.
func dump(t *testing.T, browser, address string) string {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.Command(browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-breakpad",
		"--user-data-dir="+filepath.Join(dir, "profile"), "--dump-dom", address+"/")
	cmd.Env = append(os.Environ(), "HOME="+dir)
	var complaints strings.Builder
	cmd.Stderr = &complaints
	dom, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, complaints.String())
	}
	return string(dom)
}

var tag = regexp.MustCompile(`<[^>]*>`)

// words returns the text of HTML, with single spaces.
func words(text string) string {
	return strings.Join(strings.Fields(html.UnescapeString(tag.ReplaceAllString(text, " "))), " ")
}

// fill sends an inbox what its page can show.
func fill(t *testing.T, s *inbox.Server) {
	t.Helper()
	header := map[string][]string{"Webhook-Id": {"msg_1"}}
	for _, m := range []struct{ channel, body string }{
		{inbox.DingTalk, ding("### Command ended badly\n\n- **What:** check disk failed; nothing follows\n- **Instance:** i-web-1\n- **Exit code:** 3\n\n> no space left on device\n\n[runbook](https://example.com/disk)")},
		{inbox.DingTalk, `{"msgtype":"text","text":{"content":"Alarm is over: 磁盘检查 on i-web-1\n@13800000000"},"at":{"atMobiles":["13800000000"]}}`},
		{inbox.DingTalk, ding("Backup ended late")},
		{inbox.Lark, `{"msg_type":"interactive","card":{"header":{"title":{"tag":"plain_text","content":"3 commands failed in cn-hangzhou"},"template":"red"},"elements":[` +
			lark("**check disk** on 3 instances <at id=all></at>") + `,{"tag":"hr"},` + lark("<font color='red'>no space left</font> on i-web-1, i-web-2, i-web-3") +
			`,{"tag":"action","actions":[{"tag":"button","text":{"tag":"plain_text","content":"runbook"},"url":"https://example.com/disk"}]}]}}`},
		{inbox.Lark, `{"msg_type":"interactive","card":{"header":{"title":{"tag":"plain_text","content":"Recovered"},"template":"green"},"elements":[` + lark("**check disk** on i-web-1") + `]}}`},
		{inbox.WeCom, weCom("markdown", "## Command failed\n> **check disk** on i-web-1\n\n<font color=\"warning\">critical</font> <@zhang>")},
		{inbox.WeCom, weCom("markdown_v2", "| instance | exit code |\n| --- | --- |\n| i-web-1 | 3 |\n| i-web-2 | 3 |\n\n```\nno space left on device\n```")},
		{inbox.Slack, `{"text":"Command failed","attachments":[{"color":"danger","blocks":[{"type":"header","text":{"type":"plain_text","text":"Command failed"}},` +
			`{"type":"section","text":{"type":"mrkdwn","text":"*check disk* ended with exit code ` + "`3`" + ` on i-web-1 for <!channel>"}},` +
			`{"type":"context","elements":[{"type":"mrkdwn","text":"fingerprint ab12"}]},` +
			`{"type":"actions","elements":[{"type":"button","text":{"type":"plain_text","text":"runbook"},"url":"https://example.com/disk"}]}]}]}`},
		{inbox.PagerDuty, event("disk is full", "check disk failed on i-web-1")},
		{inbox.PagerDuty, event("trigger", "resolve")},
		{inbox.PagerDuty, strings.NewReplacer("disk is full", "check disk failed on i-web-2", "k1", "k2", "i-1", "i-web-2").Replace(trigger)},
		{inbox.PagerDuty, event(integration, "short")},
		{inbox.Alertmanager, `[{"labels":{"alertname":"CommandFailed","command":"check disk","severity":"critical"},"annotations":{"summary":"check disk failed on 3 instances"}}]`},
		{inbox.Alertmanager, `[{"labels":{"alertname":"CommandFailed","command":"backup","severity":"warning"},"annotations":{"summary":"backup failed"},"endsAt":"2026-05-01T12:00:00Z"}]`},
		{inbox.Webhook, `{"type":"alert.firing","timestamp":"2026-05-01T12:00:00Z","data":{"fingerprint":"ab12","count":3}}`},
		{inbox.Webhook, `{"type":"alert.firing","timestamp":"2026-05-01T12:00:00Z","data":{"fingerprint":"ab12","count":3}}`},
	} {
		post(t, s.URL(m.channel), m.body, header)
	}
}
