package alert_test

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"aftercare/shared/alert"
	"aftercare/shared/decide"
	"aftercare/shared/dispatch"
)

// delivered returns the body that a channel gets for a flush.
func delivered(t testing.TB, ch alert.Channel, setup alert.Setup, f dispatch.Notice) []byte {
	var body []byte
	setup.Carrier = roundTripper(func(r *http.Request) (*http.Response, error) {
		body, _ = io.ReadAll(r.Body)
		return &http.Response{StatusCode: 500, Body: http.NoBody}, nil
	})
	client(t, ch, setup).Deliver(t.Context(), f)
	if body == nil {
		t.Fatalf("%s: nothing was sent", ch.Kind)
	}
	return body
}

// inner returns what a vendor's limit counts, and the text that people read.
func inner(t testing.TB, kind alert.Kind, body []byte) (size, limit int, text string) {
	var v struct {
		Markdown struct{ Title, Text, Content string }
		Text     json.RawMessage
		Card     struct {
			Elements []struct{ Text struct{ Content string } }
		}
		Blocks  []struct{ Text struct{ Text string } }
		Payload struct {
			Summary string
			Details struct{ Text string } `json:"custom_details"`
		}
		Data struct{ Text string }
	}
	if kind == alert.EventBridge {
		form, err := url.ParseQuery(string(body))
		if err != nil {
			t.Fatal(err)
		}
		var events []struct{ Data struct{ Text string } }
		if err := json.Unmarshal([]byte(form.Get("EventList")), &events); err != nil {
			t.Fatal(err)
		}
		return len(form.Get("EventList")), 64_000, events[0].Data.Text
	}
	if kind == alert.Alertmanager {
		var alerts []struct{ Annotations map[string]string }
		if err := json.Unmarshal(body, &alerts); err != nil {
			t.Fatal(err)
		}
		return 0, 0, alerts[0].Annotations["description"]
	}
	if err := json.Unmarshal(body, &v); err != nil {
		t.Fatalf("%s: %v", kind, err)
	}
	switch kind {
	case alert.DingTalk:
		if len(v.Markdown.Title) > 400 {
			t.Fatalf("a title of %d bytes: %s", len(v.Markdown.Title), v.Markdown.Title)
		}
		return len(body), 20_000, v.Markdown.Text
	case alert.Lark:
		return len(body), 20_000, v.Card.Elements[0].Text.Content
	case alert.WeCom:
		var plain struct{ Content string }
		if json.Unmarshal(v.Text, &plain) == nil && plain.Content != "" {
			return len(plain.Content), 2048, plain.Content
		}
		return len(v.Markdown.Content), 4096, v.Markdown.Content
	case alert.Slack:
		if len(v.Blocks) > 50 {
			t.Fatalf("%d blocks", len(v.Blocks))
		}
		size := utf8.RuneCount(v.Text)
		for i, b := range v.Blocks {
			n := utf8.RuneCountInString(b.Text.Text)
			if i == 0 && n > 150 || n > 3000 {
				t.Fatalf("block %d has %d characters", i, n)
			}
			if i > 0 && strings.Count(b.Text.Text, "```")%2 != 0 {
				t.Fatalf("block %d ends within output: %s", i, b.Text.Text)
			}
			size += n
			text += b.Text.Text
		}
		return size, 13_000, text
	case alert.PagerDuty:
		if utf8.RuneCountInString(v.Payload.Summary) > 1024 {
			t.Fatalf("the summary has %d characters", utf8.RuneCountInString(v.Payload.Summary))
		}
		return len(body), 512 << 10, v.Payload.Details.Text
	}
	return len(body), 20_000, v.Data.Text
}

// hostile is text that tries to be more than text, of any length.
var hostile = rapid.Custom(func(t *rapid.T) string {
	part := rapid.SampledFrom([]string{
		"<!channel>", "<!here>", "<@U0123>", "<@zhangsan>", "<at id=all></at>", `<at user_id="all">all</at>`, "@all", "@13900000000", "[x](https://evil.test)",
		"![x](https://evil.test/p.png)", "https://evil.test/", "<https://evil.test|x>", "**", "*", "_", "~", "`", "```", "\n# ", "\n- ", "\n> ", "</font>",
		"<font color=\"info\">", "&", "&lt;", "\\", "\"", "{{.ID}}", "日", "🔥", "\u202e", "\u2028", "\x00", "\x1b[31m", "\xff", "word ", "x", "  ", "]", "](", "<", ">",
	})
	text := strings.Join(rapid.SliceOfN(part, 0, 6).Draw(t, "parts"), "")
	return strings.Repeat(text, rapid.SampledFrom([]int{1, 1, 1, 10, 40}).Draw(t, "times"))
})

// wild is a flush with hostile text everywhere.
var wild = rapid.Custom(func(t *rapid.T) dispatch.Notice {
	pairs := func(label string) map[string]string {
		return rapid.MapOfN(hostile, hostile, 0, 3).Draw(t, label)
	}
	f := dispatch.Notice{
		ID: "f1", Group: "9a8b7c", Route: hostile.Draw(t, "route"), By: pairs("by"),
		Severity: rapid.SampledFrom(append(decide.Severities, "")).Draw(t, "severity"), Repeat: rapid.Bool().Draw(t, "repeat"), At: noon,
		Firing: rapid.IntRange(1, 10_000).Draw(t, "firing"), Recovered: rapid.IntRange(0, 10_000).Draw(t, "recovered"),
	}
	f.Open = rapid.IntRange(1, 20_000).Draw(t, "open")
	n := rapid.IntRange(1, min(dispatch.MaxSample, f.Firing+f.Recovered)).Draw(t, "alerts")
	f.Open = max(f.Open, n)
	if f.Repeat {
		f.Firing, f.Recovered = f.Open, 0
	}
	one := filled(hostile.Draw(t, "value"))
	one.ErrorDesc, one.Output = hostile.Draw(t, "desc"), hostile.Draw(t, "output")
	one.Runbook = rapid.OneOf(hostile, rapid.Just("https://wiki.test/"+strings.Repeat("a_(b)", 200))).Draw(t, "runbook")
	one.Labels, one.Tags, one.Step, one.At = pairs("labels"), pairs("tags"), hostile.Draw(t, "step"), noon
	for i := range n {
		a := one
		a.InstanceID = "i-" + strconv.Itoa(i)
		a.Recovered = i > 0 && rapid.Bool().Draw(t, "over")
		f.Alerts = append(f.Alerts, a)
	}
	return f
})

var (
	moreLike = regexp.MustCompile(`(\d+) more like this|另有 (\d+) 条类似告警`)
	bullet   = regexp.MustCompile(`(?m)^• `)
)

// TestEveryMessageFitsAndItsCountsAreExact, whatever a flush holds.
func TestEveryMessageFitsAndItsCountsAreExact(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		kind := rapid.SampledFrom(kinds).Draw(r, "kind")
		f := wild.Draw(r, "flush")
		ch := channelOf(kind, "https://hook.test")
		ch.Language = rapid.SampledFrom([]string{"en", "zh"}).Draw(r, "language")
		if kind == alert.WeCom && rapid.Bool().Draw(r, "everybody") {
			ch.Mention = []string{"all"}
		}
		ch.MentionFrom = "info"
		size, limit, text := inner(t, kind, delivered(t, ch, alert.Setup{}, f))
		if size > limit {
			r.Fatalf("%d of at most %d", size, limit)
		}
		if !utf8.ValidString(text) {
			r.Fatalf("not UTF-8: %q", text)
		}
		total := f.Firing + f.Recovered
		shown := 1 + len(bullet.FindAllString(text, -1))
		more := 0
		if m := moreLike.FindStringSubmatch(text); m != nil {
			more, _ = strconv.Atoi(m[1] + m[2])
		}
		if shown+more != total {
			r.Fatalf("%d shown and %d more are not %d:\n%s", shown, more, total, text)
		}
		if f.Open > 0 && !strings.Contains(text, "aftercare silence add --alert 9a8b7c") {
			r.Fatalf("the command that stops repeats is missing:\n%s", text)
		}
	})
}

// acting are the forms that do something in a chat. Values of events may hold
// none.
var acting = map[alert.Kind]*regexp.Regexp{
	alert.DingTalk: regexp.MustCompile("(?:^|[^\\\\])(?:\\\\\\\\)*[*_`\\[\\]~]|<|://|(?m)^#|^- |^> "),
	alert.Lark:     regexp.MustCompile("[<>*_~`\\[\\]()]|://"),
	alert.WeCom:    regexp.MustCompile("[<>`]|\\*\\*|\\]\\(|://"),
	alert.Slack:    regexp.MustCompile("[<>`]|&[^ag l]"),
}

// TestNoValueActs: a template that prints one value writes nothing that acts.
func TestNoValueActs(t *testing.T) {
	templates, err := alert.NewTemplates(map[string]string{"value": `V{{with .First}}{{.Summary}}{{end}}`})
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(r *rapid.T) {
		kind := rapid.SampledFrom(slices.Sorted(maps.Keys(acting))).Draw(r, "kind")
		f := one()
		f.Alerts[0].Summary = hostile.Draw(r, "value")
		ch := channelOf(kind, "https://hook.test")
		ch.Mention, ch.Keyword, ch.Template = nil, "", "value"
		_, _, text := inner(t, kind, delivered(t, ch, alert.Setup{Templates: templates}, f))
		if kind == alert.DingTalk || kind == alert.WeCom || kind == alert.Slack { // without the title
			text = text[strings.LastIndex(text, "V"):]
		}
		if bad := acting[kind].FindString(text); bad != "" {
			r.Fatalf("%q acts in %q", bad, text)
		}
	})
}

// TestCutsSayHowMuchIsMissing, and cut between characters.
func TestCutsSayHowMuchIsMissing(t *testing.T) {
	templates, err := alert.NewTemplates(map[string]string{"cut": `{{with .First}}{{.Summary}}|{{.Output}}|{{end}}`})
	if err != nil {
		t.Fatal(err)
	}
	for language, forms := range map[string][2]*regexp.Regexp{
		"en": {regexp.MustCompile(`^(.*)… \((\d+) bytes cut\)$`), regexp.MustCompile(`(?s)^\((\d+) bytes cut\) …\n(.*)$`)},
		"zh": {regexp.MustCompile(`^(.*)…（已截去 (\d+) 字节）$`), regexp.MustCompile(`(?s)^（已截去 (\d+) 字节）…\n(.*)$`)},
	} {
		rapid.Check(t, func(r *rapid.T) {
			// Repeated text is long enough to be cut, and quick to draw.
			repeated := func(of, label string) string {
				unit := rapid.StringOfN(rapid.RuneFrom([]rune(of)), 1, 20, -1).Draw(r, label)
				return strings.Trim(strings.Repeat(unit, rapid.IntRange(0, 6000/len(unit)).Draw(r, label+" times")), "\n")
			}
			text, printed := repeated("ab日🔥", "text"), repeated("ab日🔥\n", "output")
			f := one()
			f.Alerts[0].Summary, f.Alerts[0].Output = text, printed
			ch := channelOf(alert.PagerDuty, "https://hook.test")
			ch.Language, ch.Template = language, "cut"
			_, _, got := inner(t, alert.PagerDuty, delivered(t, ch, alert.Setup{Templates: templates}, f))
			values := strings.Split(got, "|")
			if len(text) <= 1000 && values[0] != text {
				r.Fatalf("got %q, want %q", values[0], text)
			}
			if len(text) > 1000 {
				m := forms[0].FindStringSubmatch(values[0])
				if m == nil || !strings.HasPrefix(text, m[1]) || m[2] != strconv.Itoa(len(text)-len(m[1])) || len(values[0]) > 1000 || len(values[0]) < 990 {
					r.Fatalf("%d bytes are cut to %q", len(text), values[0])
				}
			}
			if len(printed) > 2000 {
				m := forms[1].FindStringSubmatch(values[1])
				n := 0
				if m != nil {
					n, _ = strconv.Atoi(m[1])
				}
				rest := regexp.MustCompile(`\n\n+`).ReplaceAllString(printed[n:], "\n\n") // as lines that are empty are shown
				if m == nil || m[2] != rest && !strings.HasPrefix(rest, "\n") || len(values[1]) > 2000 {
					r.Fatalf("%d bytes are cut to %q, want %q", len(printed), values[1], rest)
				}
			}
		})
	}
}

// TestALongTitleIsCutByCharacters where a vendor counts those.
func TestALongTitleIsCutByCharacters(t *testing.T) {
	templates, err := alert.NewTemplates(map[string]string{"long": `{{define "title"}}` + strings.Repeat("日", 1100) + `{{end}}`})
	if err != nil {
		t.Fatal(err)
	}
	for kind, limit := range map[alert.Kind]int{alert.Slack: 150, alert.PagerDuty: 1024} {
		ch := channelOf(kind, "https://hook.test")
		ch.Template = "long"
		got := string(delivered(t, ch, alert.Setup{Templates: templates}, one()))
		m := regexp.MustCompile(`"(日*)… \((\d+) bytes cut\)"`).FindStringSubmatch(got)
		if m == nil || m[2] != strconv.Itoa(3*1100-len(m[1])) || len(m[1])/3+utf8.RuneCountInString("… (3000 bytes cut)") > limit || len(m[1])/3 < limit-20 {
			t.Errorf("%s: got %.300s", kind, got)
		}
	}
}

// TestWhomAMessageCalls: it calls people for what is open and urgent enough.
func TestWhomAMessageCalls(t *testing.T) {
	for _, c := range []struct {
		name, from string
		change     func(*dispatch.Notice)
		want       bool
	}{
		{"a critical alert", "", func(*dispatch.Notice) {}, true},
		{"an error", "", func(f *dispatch.Notice) { f.Severity = decide.SeverityError }, false},
		{"an error, from warning", "warning", func(f *dispatch.Notice) { f.Severity = decide.SeverityError }, true},
		{"no severity, from error", "error", func(f *dispatch.Notice) { f.Severity = "" }, true},
		{"a repeat", "", func(f *dispatch.Notice) { f.Repeat = true }, true},
		{"a recovery", "", func(f *dispatch.Notice) { f.Firing, f.Recovered, f.Open = 0, 1, 0 }, false},
		{"a recovery of one of two", "", func(f *dispatch.Notice) { f.Firing, f.Recovered = 0, 1 }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := one()
			c.change(&f)
			for kind, form := range map[alert.Kind]string{
				alert.DingTalk: `"atMobiles":["13800000000"],"atUserIds":["manager7"],"isAtAll":false`, alert.Lark: "<at id=ou_7d8a6e></at>",
				alert.WeCom: "<@zhangsan>", alert.Slack: "<@U0123>",
			} {
				ch := channelOf(kind, "https://hook.test")
				ch.MentionFrom = c.from
				if got := strings.Contains(string(delivered(t, ch, alert.Setup{}, f)), form); got != c.want {
					t.Errorf("%s calls somebody: %t", kind, got)
				}
			}
		})
	}
}

// TestEverybodyInWeComIsCalledByOnePlainText, and so are mobile numbers.
func TestEverybodyInWeComIsCalledByOnePlainText(t *testing.T) {
	for want, mention := range map[string][]string{
		`"mentioned_list":["lisi","@all"],"mentioned_mobile_list":[]`:           {"all", "lisi"},
		`"mentioned_list":["lisi"],"mentioned_mobile_list":["+86-13800000000"]`: {"+86-13800000000", "lisi"},
	} {
		ch := channelOf(alert.WeCom, "https://hook.test")
		ch.Mention = mention
		got := string(delivered(t, ch, alert.Setup{}, one()))
		if !strings.Contains(got, want) || !strings.Contains(got, `"msgtype":"text"`) {
			t.Errorf("got %s", got)
		}
	}
}

func TestRates(t *testing.T) {
	got := ""
	for _, kind := range kinds {
		got += fmt.Sprint(alert.Channel{Kind: kind}.Rate(), " ")
	}
	if got += fmt.Sprint(alert.Channel{Kind: alert.Slack, PerMinute: 7}.Rate()); got != "20 100 20 60 60 0 0 0 7" {
		t.Errorf("got %s", got)
	}
}

// TestEveryKindOfAlertHasAHeading in both languages.
func TestEveryKindOfAlertHasAHeading(t *testing.T) {
	source, err := os.ReadFile("../decide/alert.go")
	if err != nil {
		t.Fatal(err)
	}
	kinds := regexp.MustCompile(`AlertKind += "([a-z-]+)"`).FindAllSubmatch(source, -1)
	if len(kinds) < 13 {
		t.Fatalf("found %d kinds", len(kinds))
	}
	for _, kind := range kinds {
		for language, other := range map[string]string{"en": ": Alert:", "zh": "：告警："} {
			f := one()
			f.Alerts[0].Kind = decide.AlertKind(kind[1])
			ch := channelOf(alert.DingTalk, "https://hook.test")
			ch.Language = language
			_, _, text := inner(t, alert.DingTalk, delivered(t, ch, alert.Setup{}, f))
			if strings.Contains(text, other) {
				t.Errorf("%s has no heading in %s: %s", kind[1], language, text)
			}
		}
	}
}

// Whatever else an alert says, its runbook is there to be followed.
func TestEveryChannelShowsTheRunbook(t *testing.T) {
	const shown = "https://wiki.example.com/install%28agent%29?a=1&b=2"
	for _, kind := range kinds {
		f := many()
		f.Alerts[0].Output = strings.Repeat("no space left on device\n", 1000)
		f.Alerts[0].ErrorDesc = strings.Repeat("x", 4000)
		if _, _, text := inner(t, kind, delivered(t, channelOf(kind, "https://a.example.com"), alert.Setup{}, f)); !strings.Contains(strings.ReplaceAll(text, "&amp;", "&"), shown) {
			t.Errorf("%s does not show %s:\n%s", kind, shown, text)
		}
	}
}

// What went wrong in a run of a flow, the end of its output, and the commands that
// show the run and the whole output.
func TestAMessageAboutAFailedRunSaysWhyAndWhereToLook(t *testing.T) {
	f := dispatch.Notice{ID: "f1", Group: "g1", Route: "ops", Severity: decide.SeverityError, Firing: 1, Open: 1, At: noon, Alerts: []decide.Alert{{
		Kind: decide.AlertFlowFailed, Severity: decide.SeverityError, InstanceID: "i-1", Flow: "mend", Step: "fix", RunID: "4a63377c", TaskID: "21a57d30",
		Summary: "A run of a flow failed.", ErrorDesc: "step fix ended as terminated: its execution ended as Terminated", Output: "reading\nno space left\n",
	}}}
	_, _, text := inner(t, alert.PagerDuty, delivered(t, channelOf(alert.PagerDuty, "https://a.example.com"), alert.Setup{}, f))
	for _, want := range []string{
		"What: A run of a flow failed.\n", "Flow: mend, step fix\n", "Why: step fix ended as terminated: its execution ended as Terminated\n",
		"Last output:\n  reading\n  no space left\n", "Look: aftercare show i-1/4a63377c\n", "Look: aftercare output i-1/21a57d30\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the text lacks %q:\n%s", want, text)
		}
	}
}
