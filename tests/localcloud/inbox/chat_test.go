package inbox_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"aftercare/tests/localcloud/inbox"
)

const text = `{"msgtype":"text","text":{"content":"hello"}}`

// attempt is a message to a channel, and what it answers.
type attempt struct {
	name, address, body string
	status              int
	want                string // the answer's body begins with it
}

// try posts each message, and checks that the inbox keeps those that it accepts,
// and for the others why.
func try(t *testing.T, s *inbox.Server, accepted string, attempts []attempt) {
	t.Helper()
	for _, a := range attempts {
		t.Run(a.name, func(t *testing.T) {
			messages, refusals := len(s.Messages()), len(s.Refusals())
			res, answer := post(t, a.address, a.body, nil)
			if res.StatusCode != a.status || !strings.HasPrefix(answer, a.want) {
				t.Errorf("got %d %s, want %d %s", res.StatusCode, answer, a.status, a.want)
			}
			kept, refused := len(s.Messages())-messages, len(s.Refusals())-refusals
			if ok := strings.HasPrefix(a.want, accepted); ok != (kept == 1) || ok != (refused == 0) {
				t.Errorf("kept %d and refused %d", kept, refused)
			}
			if refused == 1 {
				r := s.Refusals()[refusals]
				if r.Code == "" || r.Reason == "" || string(r.Body) != a.body || !strings.Contains(fmt.Sprint(answer, res.StatusCode), r.Code) {
					t.Errorf("refusal is %+v", r)
				}
			}
		})
	}
}

func dingTalkURL(s *inbox.Server, at time.Time, secret string) string {
	timestamp := fmt.Sprint(at.UnixMilli())
	sign := base64.StdEncoding.EncodeToString(mac(secret, timestamp+"\n"+secret))
	return s.URL(inbox.DingTalk) + "&timestamp=" + timestamp + "&sign=" + url.QueryEscape(sign)
}

func TestDingTalk(t *testing.T) {
	s := start(t, inbox.Options{Channels: map[string]inbox.Channel{
		inbox.DingTalk: {Token: "tok", Secret: "SEC1", Keywords: []string{"alarm", "hello"}, PerMinute: -1},
	}})
	good := dingTalkURL(s, noon, "SEC1")
	long := func(bytes int) string {
		const frame = `{"msgtype":"text","text":{"content":"hello"}}`
		return strings.Replace(frame, "hello", "hello"+strings.Repeat("x", bytes-len(frame)), 1)
	}
	const ok, notProven = `{"errcode":0,"errmsg":"ok"}`, `{"errcode":310000,"errmsg":`
	try(t, s, ok, []attempt{
		{"a signed text", good, text, 200, ok},
		{"a signed markdown", good, `{"msgtype":"markdown","markdown":{"title":"t","text":"an alarm"}}`, 200, ok},
		{"a card", good, `{"msgtype":"actionCard","actionCard":{"title":"hello","text":"x","singleTitle":"open","singleURL":"http://a/"}}`, 200, ok},
		{"a signature that is an hour old", dingTalkURL(s, noon.Add(-time.Hour), "SEC1"), text, 200, ok},
		{"a signature that is older", dingTalkURL(s, noon.Add(-time.Hour-time.Second), "SEC1"), text, 200, notProven + `"invalid timestamp"}`},
		{"a signature of the future", dingTalkURL(s, noon.Add(2*time.Hour), "SEC1"), text, 200, notProven + `"invalid timestamp"}`},
		{"another secret", dingTalkURL(s, noon, "SEC2"), text, 200, notProven + `"sign not match"}`},
		{"a sign that is encoded twice", strings.ReplaceAll(dingTalkURL(s, noon, "SEC1"), "%", "%25"), text, 200, notProven + `"sign not match"}`},
		{"no signature", s.URL(inbox.DingTalk), text, 200, notProven + `"invalid timestamp"}`},
		{"a timestamp in seconds", s.URL(inbox.DingTalk) + fmt.Sprintf("&timestamp=%d&sign=x", noon.Unix()), text, 200, notProven + `"invalid timestamp"}`},
		{"another token", strings.Replace(good, "access_token=tok", "access_token=other", 1), text, 200, `{"errcode":300005,"errmsg":"token is not exist"}`},
		{"no token", strings.Replace(good, "access_token=tok", "x=y", 1), text, 200, `{"errcode":300005,"errmsg":"token is not exist"}`},
		{"none of the words", good, `{"msgtype":"text","text":{"content":"good bye"}}`, 200, notProven + `"keywords not in content"}`},
		{"a word that is not in the content", good, `{"msgtype":"text","text":{"content":"good bye"},"at":{"atMobiles":["hello"]}}`, 200, notProven + `"keywords not in content"}`},
		{"no JSON", good, `hello`, 200, `{"errcode":40035,`},
		{"no title", good, `{"msgtype":"markdown","markdown":{"text":"an alarm"}}`, 200, `{"errcode":40035,"errmsg":"missing parameter markdown.title"}`},
		{"a message of no kind", good, `{}`, 200, `{"errcode":400105,`},
		{"a message of an unknown kind", good, `{"msgtype":"video"}`, 200, `{"errcode":400105,`},
		{"the longest message", good, long(20000), 200, ok},
		{"a message that is too long", good, long(20001), 200, `{"errcode":460101,"errmsg":"message too long, exceed 20000 bytes"}`},
	})
	for _, m := range s.Messages() {
		if m.Channel != inbox.DingTalk || !m.Verified || !m.At.Equal(noon) {
			t.Errorf("message is %+v", m)
		}
	}
}

func TestAddressesThatMayNotSend(t *testing.T) {
	s := start(t, inbox.Options{Channels: map[string]inbox.Channel{
		inbox.DingTalk: {AllowFrom: []string{"10.0.0.1"}}, inbox.Lark: {AllowFrom: []string{"10.0.0.1"}},
	}})
	try(t, s, "ok", []attempt{
		{"DingTalk", s.URL(inbox.DingTalk), text, 200, `{"errcode":310000,"errmsg":"ip 127.0.0.1 not in whitelist"}`},
		{"Lark", s.URL(inbox.Lark), larkText, 200, `{"code":19022,"data":{},"msg":"Ip Not Allowed`},
	})
	s = start(t, inbox.Options{Channels: map[string]inbox.Channel{inbox.Lark: {AllowFrom: []string{"127.0.0.1"}}}})
	try(t, s, `{"StatusCode":0`, []attempt{{"an address that may", s.URL(inbox.Lark), larkText, 200, `{"StatusCode":0`}})
}

const larkText = `{"msg_type":"text","content":{"text":"hello"}}`

func TestLark(t *testing.T) {
	s := start(t, inbox.Options{Channels: map[string]inbox.Channel{inbox.Lark: {Token: "tok", Secret: "key", Keywords: []string{"hello"}, PerSecond: -1}}})
	sign := func(at time.Time, key, message string) string {
		timestamp := fmt.Sprint(at.Unix())
		key, message = strings.ReplaceAll(key, "T", timestamp), strings.ReplaceAll(message, "T", timestamp)
		return fmt.Sprintf(`{"timestamp":%q,"sign":%q,`, timestamp, base64.StdEncoding.EncodeToString(mac(key, message)))
	}
	const body = `"msg_type":"text","content":{"text":"hello"}}`
	good := sign(noon, "T\nkey", "")
	card := func(tables int) string {
		return good + `"msg_type":"interactive","card":{"elements":[{"tag":"div","text":{"tag":"lark_md","content":"hello"}}` + strings.Repeat(`,{"tag":"table"}`, tables) + `]}}`
	}
	long := func(bytes int) string {
		return good + strings.Replace(body, "hello", "hello"+strings.Repeat("x", bytes-len(good+body)), 1)
	}
	const ok = `{"StatusCode":0,"StatusMessage":"success","code":0,"data":{},"msg":"success"}`
	at := s.URL(inbox.Lark)
	try(t, s, ok, []attempt{
		{"a signed text", at, good + body, 200, ok},
		{"a signature that is an hour old", at, sign(noon.Add(-time.Hour), "T\nkey", "") + body, 200, ok},
		{"a signature that is older", at, sign(noon.Add(-time.Hour-time.Second), "T\nkey", "") + body, 200, `{"code":19021,`},
		{"another secret", at, sign(noon, "T\nother", "") + body, 200, `{"code":19021,`},
		{"DingTalk's order of key and message", at, sign(noon, "key", "T\nkey") + body, 200, `{"code":19021,`},
		{"no signature", at, larkText, 200, `{"code":19021,`},
		{"another token", at + "x", good + body, 200, `{"code":19001,`},
		{"no JSON", at, `hello`, 200, `{"code":9499,"data":{},"msg":"Bad Request"}`},
		{"no kind", at, good + `"content":{"text":"hello"}}`, 200, `{"code":9499,`},
		{"an unknown kind", at, good + `"msg_type":"file","content":{"text":"hello"}}`, 200, `{"code":9499,`},
		{"no content", at, good + `"msg_type":"text"}`, 200, `{"code":9499,`},
		{"a card where a text belongs", at, good + `"msg_type":"interactive","content":{"text":"hello"}}`, 200, `{"code":9499,`},
		{"none of the words", at, good + `"msg_type":"text","content":{"text":"bye"}}`, 200, `{"code":19024,"data":{},"msg":"Key Words Not Found"}`},
		{"a card with five tables", at, card(5), 200, ok},
		{"a card with six tables", at, card(6), 200, `{"code":230099,`},
		{"the longest message", at, long(20 << 10), 200, ok},
		{"a message that is too long", at, long(20<<10 + 1), 200, `{"code":9499,`},
	})
	if m := s.Messages(); !m[0].Verified {
		t.Errorf("accepted %+v", m)
	}
}

func TestWeCom(t *testing.T) {
	s := start(t, inbox.Options{Channels: map[string]inbox.Channel{inbox.WeCom: {Token: "key", PerMinute: -1}}})
	at := s.URL(inbox.WeCom)
	long := func(kind string, bytes int) string {
		// Each of these characters has three bytes.
		content := strings.Repeat("警", bytes/3) + strings.Repeat("x", bytes%3)
		return fmt.Sprintf(`{"msgtype":%q,%q:{"content":%q}}`, kind, kind, content)
	}
	const ok = `{"errcode":0,"errmsg":"ok"}`
	try(t, s, ok, []attempt{
		{"a text", at, text, 200, ok},
		{"another key", at + "x", text, 200, `{"errcode":93000,"errmsg":"invalid webhook url"}`},
		{"no key", s.Endpoint() + "/wecom/cgi-bin/webhook/send", text, 200, `{"errcode":93000,`},
		{"no JSON", at, `hello`, 200, `{"errcode":47001,"errmsg":"data format error"}`},
		{"no kind", at, `{}`, 200, `{"errcode":40008,"errmsg":"invalid message type"}`},
		{"Lark's name of the kind", at, `{"msg_type":"text","text":{"content":"hello"}}`, 200, `{"errcode":40008,`},
		{"no content", at, `{"msgtype":"text","text":{}}`, 200, `{"errcode":44004,`},
		{"the longest text", at, long("text", 2048), 200, ok},
		{"a text that is too long", at, long("text", 2049), 200, `{"errcode":40058,"errmsg":"text.content exceed max length 2048"}`},
		{"the longest markdown", at, long("markdown", 4096), 200, ok},
		{"a markdown that is too long", at, long("markdown", 4097), 200, `{"errcode":40058,"errmsg":"markdown.content exceed max length 4096"}`},
		{"a markdown_v2 that is too long", at, long("markdown_v2", 4097), 200, `{"errcode":40058,"errmsg":"markdown_v2.content exceed max length 4096"}`},
		{"a card", at, `{"msgtype":"template_card","template_card":{"card_action":{"type":1,"url":"http://a/"}}}`, 200, ok},
		{"a card that opens nothing", at, `{"msgtype":"template_card","template_card":{}}`, 200, `{"errcode":40058,`},
	})
}

func TestSlack(t *testing.T) {
	s := start(t, inbox.Options{Channels: map[string]inbox.Channel{inbox.Slack: {Token: "T0/B0/X0", PerMinute: -1}}})
	at := s.URL(inbox.Slack)
	blocks := func(list ...string) string { return `{"text":"x","blocks":[` + strings.Join(list, ",") + `]}` }
	many := func(n int, block string) string { return strings.TrimSuffix(strings.Repeat(block+",", n), ",") }
	section := func(n int) string {
		return `{"type":"section","text":{"type":"mrkdwn","text":"` + strings.Repeat("é", n) + `"}}`
	}
	head := func(kind string, n int) string {
		return `{"type":"header","text":{"type":"` + kind + `","text":"` + strings.Repeat("x", n) + `"}}`
	}
	fields := func(n, length int) string {
		return `{"type":"section","fields":[` + many(n, `{"type":"mrkdwn","text":"`+strings.Repeat("x", length)+`"}`) + `]}`
	}
	button := func(n, text, value, address int) string {
		return `{"type":"actions","elements":[` + many(n, `{"type":"button","text":{"type":"plain_text","text":"`+strings.Repeat("x", text)+
			`"},"value":"`+strings.Repeat("x", value)+`","url":"http://a/`+strings.Repeat("x", address-len("http://a/"))+`"}`) + `]}`
	}
	const invalid = "invalid_blocks"
	try(t, s, "ok", []attempt{
		{"a text", at, `{"text":"hello"}`, 200, "ok"},
		{"a form", at, "payload=" + url.QueryEscape(`{"text":"hello"}`), 200, "ok"},
		{"another address", at + "x", `{"text":"hello"}`, 403, "invalid_token"},
		{"no JSON", at, `hello`, 400, "invalid_payload"},
		{"no text", at, `{}`, 400, "no_text"},
		{"blocks", at, blocks(section(3000), head("plain_text", 150), `{"type":"divider"}`, fields(10, 1), button(25, 1, 1, 9)), 200, "ok"},
		{"an attachment with blocks", at, `{"attachments":[{"color":"danger","blocks":[` + section(1) + `]}]}`, 200, "ok"},
		{"a long section of an attachment", at, `{"attachments":[{"blocks":[` + section(3001) + `]}]}`, 400, invalid},
		{"an empty block", at, blocks(`{}`), 400, invalid},
		{"fifty blocks", at, blocks(many(50, `{"type":"divider"}`)), 200, "ok"},
		{"too many blocks", at, blocks(many(51, `{"type":"divider"}`)), 400, invalid},
		{"a section without text", at, blocks(`{"type":"section"}`), 400, invalid},
		{"an empty section", at, blocks(section(0)), 400, invalid},
		{"a long section", at, blocks(section(3001)), 400, invalid},
		{"many fields", at, blocks(fields(11, 1)), 400, invalid},
		{"a long field", at, blocks(fields(1, 2001)), 400, invalid},
		{"a long header", at, blocks(head("plain_text", 151)), 400, invalid},
		{"a header with markdown", at, blocks(head("mrkdwn", 5)), 400, invalid},
		{"a long context", at, blocks(`{"type":"context","elements":[` + many(11, `{"type":"mrkdwn","text":"x"}`) + `]}`), 400, invalid},
		{"many buttons", at, blocks(button(26, 1, 1, 9)), 400, invalid},
		{"a long button", at, blocks(button(1, 76, 1, 9)), 400, invalid},
		{"a long value", at, blocks(button(1, 1, 2001, 9)), 400, invalid},
		{"a long address", at, blocks(button(1, 1, 1, 3001)), 400, invalid},
		{"what a message holds", at, blocks(many(4, section(3000)), section(1200)), 200, "ok"},
		{"more than a message holds", at, blocks(many(4, section(3000)), section(1201)), 400, "msg_blocks_too_long"},
	})
	res, _ := post(t, at, `{}`, nil)
	if got := res.Header.Get("Content-Type"); !strings.HasPrefix(got, "text/plain") {
		t.Errorf("content type is %q", got)
	}
}

// TestRates sends what a vendor allows and one more, waits, and sends again.
func TestRates(t *testing.T) {
	for _, c := range []struct {
		channel, body string
		settings      inbox.Channel
		most          int
		step          time.Duration // between two messages
		status        int
		want          string // beyond the limit
		header        map[string]string
		over          time.Duration // after noon, when one is accepted again
	}{
		{inbox.DingTalk, text, inbox.Channel{}, 20, time.Second, 200, `{"errcode":130101,`, nil, 20*time.Second + 10*time.Minute},
		{inbox.DingTalk, text, inbox.Channel{PerMinute: 3, BarSeconds: -1}, 3, time.Second, 200, `{"errcode":130101,`, nil, time.Minute},
		{inbox.DingTalk, text, inbox.Channel{BarSeconds: 90}, 20, time.Second, 200, `{"errcode":130101,`, nil, 20*time.Second + 90*time.Second},
		{inbox.WeCom, text, inbox.Channel{}, 20, time.Second, 200, `{"errcode":45009,`, nil, time.Minute},
		{inbox.Lark, larkText, inbox.Channel{}, 5, 100 * time.Millisecond, 200, `{"code":11232,`, nil, time.Second},
		{inbox.Lark, larkText, inbox.Channel{PerSecond: -1}, 100, 100 * time.Millisecond, 200, `{"code":11232,`, nil, time.Minute},
		{inbox.Lark, larkText, inbox.Channel{PerSecond: -1, HTTP429: true}, 100, 100 * time.Millisecond, 429, `{"code":99991400,`,
			map[string]string{"x-ogw-ratelimit-limit": "100", "x-ogw-ratelimit-reset": "50"}, time.Minute},
		{inbox.Slack, `{"text":"x"}`, inbox.Channel{}, 60, 500 * time.Millisecond, 429, "rate_limited", map[string]string{"Retry-After": "30"}, time.Minute},
		{inbox.PagerDuty, trigger, inbox.Channel{}, 120, 250 * time.Millisecond, 429, `{"status":"throttle exceeded",`, map[string]string{"Retry-After": "30"}, time.Minute},
		{inbox.Webhook, `{}`, inbox.Channel{PerMinute: 2}, 2, time.Second, 429, "too many requests", map[string]string{"Retry-After": "58"}, time.Minute},
	} {
		t.Run(fmt.Sprint(c.channel, c.most, c.settings.BarSeconds, c.status), func(t *testing.T) {
			now := noon
			s := start(t, inbox.Options{Now: func() time.Time { return now }, Channels: map[string]inbox.Channel{c.channel: c.settings}})
			for range c.most {
				post(t, s.URL(c.channel), c.body, nil)
				now = now.Add(c.step)
			}
			if n := len(s.Messages()); n != c.most {
				t.Fatalf("accepted %d messages, want %d; refusals: %+v", n, c.most, s.Refusals())
			}
			for _, at := range []time.Time{now, noon.Add(c.over - time.Millisecond)} {
				now = at
				res, answer := post(t, s.URL(c.channel), c.body, nil)
				if res.StatusCode != c.status || !strings.HasPrefix(answer, c.want) {
					t.Errorf("%s after noon: %d %s, want %d %s", now.Sub(noon), res.StatusCode, answer, c.status, c.want)
				}
				for name, value := range c.header {
					if got := res.Header.Get(name); got != value {
						t.Errorf("%s after noon: %s is %q, want %q", now.Sub(noon), name, got, value)
					}
					c.header[name] = map[bool]string{true: value, false: "1"}[name == "x-ogw-ratelimit-limit"]
				}
			}
			now = noon.Add(c.over)
			if post(t, s.URL(c.channel), c.body, nil); len(s.Messages()) != c.most+1 {
				t.Errorf("not accepted %s after noon: %+v", c.over, s.Refusals())
			}
		})
	}
}

func TestASecondsLimitIsCountedBesideAMinutes(t *testing.T) {
	now := noon
	s := start(t, inbox.Options{Now: func() time.Time { return now }})
	for second := range 3 {
		now = noon.Add(time.Duration(second) * time.Second)
		for range 6 {
			post(t, s.URL(inbox.Lark), larkText, nil)
		}
	}
	if len(s.Messages()) != 15 || len(s.Refusals()) != 3 {
		t.Errorf("accepted %d and refused %d messages, want 5 and 1 in each second", len(s.Messages()), len(s.Refusals()))
	}
}

func TestLarkIsBusyAfterFullAndHalfHours(t *testing.T) {
	now := noon
	s := start(t, inbox.Options{Now: func() time.Time { return now }, Channels: map[string]inbox.Channel{inbox.Lark: {BusySeconds: 10}}})
	for after, want := range map[time.Duration]string{
		0: `{"code":11232,`, 9 * time.Second: `{"code":11232,`, 10 * time.Second: `{"StatusCode":0,`, 29 * time.Minute: `{"StatusCode":0,`,
		30 * time.Minute: `{"code":11232,`, 31 * time.Minute: `{"StatusCode":0,`, time.Hour: `{"code":11232,`,
	} {
		now = noon.Add(after)
		if _, answer := post(t, s.URL(inbox.Lark), larkText, nil); !strings.HasPrefix(answer, want) {
			t.Errorf("%s after noon: %s, want %s", after, answer, want)
		}
	}
}

func TestRatesAreCountedForEachToken(t *testing.T) {
	s := start(t, inbox.Options{Channels: map[string]inbox.Channel{inbox.WeCom: {PerMinute: 1}}})
	for _, token := range []string{"a", "b", "a"} {
		post(t, s.Endpoint()+"/wecom/cgi-bin/webhook/send?key="+token, text, nil)
	}
	if len(s.Messages()) != 2 || len(s.Refusals()) != 1 {
		t.Errorf("accepted %+v, refused %+v", s.Messages(), s.Refusals())
	}
}

func TestWithoutSettingsEverythingIsAcceptedUnverified(t *testing.T) {
	s := start(t, inbox.Options{})
	for channel, body := range map[string]string{
		inbox.DingTalk: text, inbox.Lark: larkText, inbox.WeCom: text, inbox.Slack: `{"text":"hello"}`,
		inbox.PagerDuty: trigger, inbox.Alertmanager: `[{"labels":{"a":"b"}}]`, inbox.Webhook: "hello",
	} {
		if res, answer := post(t, s.URL(channel), body, http.Header{}); res.StatusCode/100 != 2 {
			t.Errorf("%s: %d %s", channel, res.StatusCode, answer)
		}
	}
	if n := len(s.Messages()); n != len(inbox.Names()) {
		t.Errorf("accepted %d messages; refusals: %+v", n, s.Refusals())
	}
	for _, m := range s.Messages() {
		if m.Verified {
			t.Errorf("message of %s is verified", m.Channel)
		}
	}
}

func TestAChannelRefusesASettingThatItHasNot(t *testing.T) {
	for name, c := range map[string]inbox.Channel{
		"wecom has no setting secret":      {Secret: "x"},
		"slack has no setting keywords":    {Keywords: []string{"x"}},
		"webhook has no setting token":     {Token: "x"},
		"pagerduty has no setting http429": {HTTP429: true},
		"dingtalk has no setting perSecond": {
			PerSecond: 1,
		},
		"lark has no setting barSeconds":        {BarSeconds: 1},
		"wecom has no setting busySeconds":      {BusySeconds: 1},
		"lark has no setting resolveSeconds":    {ResolveSeconds: 1},
		"alertmanager has no setting perMinute": {PerMinute: 1},
		"wecom has no setting allowFrom":        {AllowFrom: []string{"x"}},
	} {
		channel, _, _ := strings.Cut(name, " ")
		_, err := inbox.Start(inbox.Options{Channels: map[string]inbox.Channel{channel: c}})
		if err == nil || !strings.Contains(err.Error(), "the channel "+name+": it has ") {
			t.Errorf("%s: got %v", name, err)
		}
	}
	_, err := inbox.Start(inbox.Options{Channels: map[string]inbox.Channel{"mail": {}}})
	if err == nil || !strings.Contains(err.Error(), `the inbox has no channel "mail": it has dingtalk, lark, wecom,`) {
		t.Errorf("got %v", err)
	}
}
