package alert_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"aftercare/shared/alert"
	"aftercare/shared/decide"
	"aftercare/shared/transport"
)

// message sends an alert to a robot and returns what it got, and how many
// bytes that took.
func message(t *testing.T, a decide.Alert) (title, text string, size int) {
	t.Helper()
	address, requests := receiver(t, 200, `{"errcode":0}`)
	if err := channels(t, alert.Config{DingTalkURL: transport.NewSecret(address)}, nil).Notify(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	body := (<-requests).body
	var got struct {
		Markdown struct{ Title, Text string }
	}
	if err := json.Unmarshal(body, &got); err != nil {
		t.Fatal(err)
	}
	return got.Markdown.Title, got.Markdown.Text, len(body)
}

// filled is an alert with the same text in every place that takes one.
func filled(text string) decide.Alert {
	a := sample()
	for _, field := range []*string{
		&a.Fingerprint, &a.Summary, &a.InstanceID, &a.Region, &a.CommandName, &a.InvokeID,
		&a.TaskID, &a.Flow, &a.Status, &a.ErrorCode, &a.ErrorDesc,
	} {
		*field = text
	}
	a.Kind = decide.AlertKind(text)
	a.Requeued = true
	return a
}

func TestHostileValuesShowAndDoNothing(t *testing.T) {
	cases := []struct{ name, value, want string }{
		{"a link", "[pay](https://evil.test)", `\[pay\](https:` + "\u200b" + `//evil.test)`},
		{"a picture", "![x](http://evil.test/p.png)", `!\[x\](http:` + "\u200b" + `//evil.test/p.png)`},
		{"HTML", `<img src=x onerror="a()"> &lt;b`, `&lt;img src=x onerror="a()"&gt; &amp;lt;b`},
		{"emphasis and code", "**bold** _it_ `rm -rf` ~~no~~", `\*\*bold\*\* \_it\_ ` + "\\`rm -rf\\`" + ` \~\~no\~\~`},
		{"an escape of the escape", `\[a\]`, `\\\[a\\\]`},
		{"lines of its own", "ok\n\n# Resolved\r\n- **Fingerprint:** 0", `ok # Resolved - \*\*Fingerprint:\*\* 0`},
		{"other line ends", "a\u2028b\u2029c\u0085d\ve", "a b c d e"},
		{"turned writing", "safe\u202etxt.exe\u200b\x00\x1b[31m", `safe txt.exe \[31m`},
		{"bytes that are no text", "a\xff\xfeb", "a\ufffd\ufffdb"},
		{"white space alone", " \t\n ", ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			title, text, _ := message(t, filled(c.value))
			if got := strings.Count(text, ":** "+c.want+"\n"); got != 11 {
				t.Errorf("got %d of 11 values as %q:\n%s", got, c.want, text)
			}
			if lines := strings.Count(text, "\n"); lines != 2+11+3 {
				t.Errorf("got %d lines, want 16:\n%s", lines, text)
			}
			if strings.ContainsAny(title, "\r\n\u2028\u202e\x00") || !strings.HasPrefix(title, "Alert: ") {
				t.Errorf("got title %q", title)
			}
		})
	}
}

func TestLongValuesAreCutBetweenCharacters(t *testing.T) {
	for name, unit := range map[string]string{
		"letters": "x", "three bytes each": "日", "four bytes each": "🔥", "entities": "&", "escapes": "*",
		"quotation marks": `"`, "backslashes": `\`, "words": "ab ", "no text": "\xff",
	} {
		t.Run(name, func(t *testing.T) {
			title, text, size := message(t, filled(strings.Repeat(unit, 300_000)))
			if size > 20_000 {
				t.Errorf("got %d bytes, want at most 20000", size)
			}
			if len(title) > 120 || !utf8.ValidString(title) || !strings.HasSuffix(title, "…") {
				t.Errorf("got title %q", title)
			}
			if !utf8.ValidString(text) || strings.Count(text, "…\n") != 11 {
				t.Errorf("got %d of 11 values with an ellipsis", strings.Count(text, "…\n"))
			}
			if half := regexp.MustCompile(`&(a|am|amp|l|lt|g|gt)?…|[^\\](\\\\)*\\…`).FindString(text); half != "" {
				t.Errorf("an escape was cut in two: %q", half)
			}
			last := text[strings.LastIndex(strings.TrimSpace(text), "\n")+1:]
			if !strings.HasPrefix(last, "- **Fingerprint:** ") {
				t.Errorf("got last line %.30q, want the fingerprint", last)
			}
		})
	}
}

func TestATextMayFillItsPlaceToTheLastByte(t *testing.T) {
	const head = "Command expired: "
	fits := strings.Repeat("x", 120-len(head))
	for text, want := range map[string]string{
		fits:        head + fits,
		fits + "x":  head + fits[:len(fits)-len("…")] + "…",
		fits + "xx": head + fits[:len(fits)-len("…")] + "…",
	} {
		if title, _, _ := message(t, decide.Alert{Kind: decide.AlertTaskExpired, CommandName: text}); title != want {
			t.Errorf("the title for a name of %d bytes is %q, want %q", len(text), title, want)
		}
	}
}

func TestTheMessageSaysWhatAftercareDid(t *testing.T) {
	a := sample()
	if _, text, _ := message(t, a); strings.Contains(text, "queue") {
		t.Errorf("got %s", text)
	}
	a.Requeued = true
	if _, text, _ := message(t, a); !strings.Contains(text, "- **Aftercare:** the script never started; its task waits in the queue again\n") {
		t.Errorf("got %s", text)
	}
}

func TestAnAlertThatSaysLittleHasNoEmptyLines(t *testing.T) {
	title, text, _ := message(t, decide.Alert{Kind: decide.AlertTaskExpired, Fingerprint: "f1"})
	if title != "Command expired" || text != "### Command expired\n\n- **Fingerprint:** f1\n" {
		t.Errorf("got %q and %q", title, text)
	}
}

func TestTheTitleOfAFlowsAlertSaysWhichFlowAndWhat(t *testing.T) {
	for kind, want := range map[decide.AlertKind]string{
		decide.AlertFlow:          "Alert from a flow: restart on i-1",
		decide.AlertFlowLimit:     "Flow reached its limit: restart on i-1",
		decide.AlertFlowStopped:   "Flow stopped: restart on i-1",
		decide.AlertBreakerOpened: "Flow stopped everywhere: restart on i-1",
		decide.AlertBreakerClosed: "Flow may start again: restart on i-1",
	} {
		got, _, _ := message(t, decide.Alert{Kind: kind, Flow: "restart", CommandName: "check", InstanceID: "i-1"})
		if got != want {
			t.Errorf("the title of %s is %q, want %q", kind, got, want)
		}
	}
}

func TestAnExitCodeOfNoScriptIsLeftOut(t *testing.T) {
	zero, three := int64(0), int64(3)
	for _, c := range []struct {
		status string
		code   *int64
		want   bool
	}{
		{"Success", &zero, true}, {"Failed", &three, true}, {"Aborted", &zero, false}, {"Terminated", &zero, false}, {"Timeout", nil, false},
	} {
		a := sample()
		a.Status, a.ExitCode = c.status, c.code
		if _, text, _ := message(t, a); strings.Contains(text, "Exit code") != c.want {
			t.Errorf("%s with %v: the alert says\n%s", c.status, c.code, text)
		}
	}
}
