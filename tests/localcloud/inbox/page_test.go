package inbox_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"aftercare/tests/localcloud/inbox"
)

// page loads a page of the inbox.
func page(t *testing.T, s *inbox.Server, query string) string {
	t.Helper()
	res, err := http.Get(s.Endpoint() + "/" + query)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != 200 || !strings.HasPrefix(res.Header.Get("Content-Type"), "text/html") {
		t.Fatalf("got %d %v %v", res.StatusCode, res.Header, err)
	}
	if policy := res.Header.Get("Content-Security-Policy"); !strings.HasPrefix(policy, "default-src 'none';") || strings.Contains(policy, "script") {
		t.Errorf("the page may load or run something: %s", policy)
	}
	return string(text)
}

func TestMessagesAreShownAsTheVendorDoes(t *testing.T) {
	for _, c := range []struct{ name, channel, body, want string }{
		{"DingTalk's text", inbox.DingTalk, `{"msgtype":"text","text":{"content":"a *b*\n@7 <b>"},"at":{"atMobiles":["7"]}}`, `<p>a *b*<br>@7 &lt;b&gt;</p>`},
		{"a heading", inbox.DingTalk, ding("### Disk *full*"), `<h5>Disk <i>full</i></h5>`},
		{"bold and a link", inbox.DingTalk, ding("**a b** [c](https://d/e?f=1&g=2)"), `<p><b>a b</b> <a rel="noreferrer" href="https://d/e?f=1&amp;g=2">c</a></p>`},
		{"a line break that is none", inbox.DingTalk, ding("a\nb"), `<p>a b</p>`},
		{"a line break", inbox.DingTalk, ding("a  \nb"), `<p>a<br>b</p>`},
		{"paragraphs", inbox.DingTalk, ding("a\n\nb"), `<p>a</p><p>b</p>`},
		{"lists", inbox.DingTalk, ding("- a\n- **b**\n1. c\n"), `<ul><li>a</li><li><b>b</b></li></ul><ol><li>c</li></ol>`},
		{"a quote", inbox.DingTalk, ding("> a\n> b"), `<blockquote><p>a b</p></blockquote>`},
		{"a backslash", inbox.DingTalk, ding(`\*a\* i\_b`), `<p>*a* i_b</p>`},
		{"names with underscores", inbox.DingTalk, ding("a_b_c d_e_"), `<p>a_b_c d_e_</p>`},
		{"an underscore that ends no word", inbox.DingTalk, ding("_f_g h"), `<p>_f_g h</p>`},
		{"marks that do not match", inbox.DingTalk, ding("2 * 3 * 4 ** 5 [a] (b"), `<p>2 * 3 * 4 ** 5 [a] (b</p>`},
		{"a star after a space ends nothing", inbox.DingTalk, ding("*a * b"), `<p>*a * b</p>`},
		{"entities", inbox.DingTalk, ding("a &lt;b&gt; &amp;lt;"), `<p>a &lt;b&gt; &amp;lt;</p>`},
		{"no code and no table", inbox.DingTalk, ding("`a` | b\n|---|---|"), "<p>`a` | b |---|---|</p>"},
		{"a picture is not loaded", inbox.DingTalk, ding("![a](https://b/c.png)"), `<a rel="noreferrer" href="https://b/c.png">picture: a</a>`},
		{"a card's buttons", inbox.DingTalk, `{"msgtype":"actionCard","actionCard":{"title":"t","text":"x","btns":[{"title":"runbook","actionURL":"https://a/"}]}}`, `<a class="button" rel="noreferrer" href="https://a/">runbook</a>`},
		{"a title", inbox.DingTalk, ding("x"), `<div class="dim">notification: t</div><p>x</p>`},
		{"a text beside blocks", inbox.Slack, `{"text":"a","blocks":[{"type":"section","text":{"type":"plain_text","text":"*b*"}}]}`, `<div class="dim">notification: a</div><p>*b*</p>`},
		{"whom DingTalk calls", inbox.DingTalk, `{"msgtype":"text","text":{"content":"@7"},"at":{"atMobiles":["7","8"],"isAtAll":true}}`, `calls everyone, 7</span>`},
		{"whom it does not call", inbox.DingTalk, `{"msgtype":"text","text":{"content":"@7"},"at":{"atMobiles":["7","8"]}}`, `8 is not called: @8 is missing in the text`},

		{"Lark's text", inbox.Lark, `{"msg_type":"text","content":{"text":"a **b** <at user_id=\"all\">x</at>"}}`, `<p>a **b** <span class="at">@everyone</span></p>`},
		{"a card's header", inbox.Lark, card(`{"tag":"hr"}`), `<div class="title red">t</div><hr>`},
		{"a card's text", inbox.Lark, card(lark("**a**\\n~~b~~ <font color='green'>c</font> <at id=ou_1></at> &#42;")), `<p><b>a</b><br><s>b</s> <span class="green">c</span> <span class="at">@ou_1</span> *</p>`},
		{"bold ends with its line", inbox.Lark, card(lark("**a\\nb**")), `<p>**a<br>b**</p>`},
		{"a note", inbox.Lark, card(`{"tag":"note","elements":[{"tag":"plain_text","content":"a"}]}`), `<small><p>a</p></small>`},
		{"a button for each device", inbox.Lark, card(`{"tag":"button","text":{"content":"b"},"multi_url":{"url":"https://a/"}}`), `href="https://a/">b</a>`},
		{"lark_md has no headings", inbox.Lark, card(lark("# a")), `<p># a</p>`},
		{"a card's buttons", inbox.Lark, card(`{"tag":"action","actions":[{"tag":"button","text":{"content":"open"},"url":"https://a/"}]}`), `<a class="button" rel="noreferrer" href="https://a/">open</a>`},
		{"a card of version 2", inbox.Lark, `{"msg_type":"interactive","card":{"schema":"2.0","body":{"elements":[{"tag":"markdown","content":"# a\n|b|c|\n|-|-|\n|d|e|"}]}}}`, `<h3>a</h3><table><tr><th>b</th><th>c</th></tr><tr><td>d</td><td>e</td></tr></table>`},
		{"a column", inbox.Lark, card(`{"tag":"column_set","columns":[{"tag":"column","elements":[` + lark("a") + `]}]}`), `<p>a</p>`},
		{"a post", inbox.Lark, `{"msg_type":"post","content":{"post":{"zh_cn":{"title":"t","content":[[{"tag":"text","text":"a "},{"tag":"a","text":"b","href":"https://c/"},{"tag":"at","user_id":"ou_1"}]]}}}}`, `<p>a <a rel="noreferrer" href="https://c/">b</a><span class="at">@ou_1</span></p>`},

		{"WeCom's markdown", inbox.WeCom, weCom("markdown", "# a\n> b\nc <font color=\"warning\">d</font> <@me> `e*f*`"), `<h3>a</h3><blockquote><p>b</p></blockquote><p>c <span class="orange">d</span> <span class="at">@me</span> <code>e*f*</code></p>`},
		{"it has no lists", inbox.WeCom, weCom("markdown", "- a\n- b"), `<p>- a<br>- b</p>`},
		{"WeCom's markdown_v2", inbox.WeCom, weCom("markdown_v2", "*a*\n- b\n---\n|c|d|\n|:-|-:|\n|e|f|\n```\n<g>\n\n*h*```\n>> i"), `<p><i>a</i></p><ul><li>b</li></ul><hr><table><tr><th>c</th><th>d</th></tr><tr><td>e</td><td>f</td></tr></table><pre>&lt;g&gt;

*h*</pre><blockquote><blockquote><p>i</p></blockquote></blockquote>`},
		{"bars without a line below are no table", inbox.WeCom, weCom("markdown_v2", "a | b\nc | d"), `<p>a | b<br>c | d</p>`},
		{"quotes have an end", inbox.WeCom, weCom("markdown_v2", ">>>>a"), `<blockquote><blockquote><blockquote><p>&gt;a</p></blockquote></blockquote></blockquote>`},
		{"it has no colours and calls nobody", inbox.WeCom, weCom("markdown_v2", `<font color="info">a</font> <@me>`), `<p>&lt;font color=&#34;info&#34;&gt;a&lt;/font&gt; &lt;@me&gt;</p>`},
		{"whom WeCom calls", inbox.WeCom, `{"msgtype":"text","text":{"content":"x","mentioned_list":["@all","me"],"mentioned_mobile_list":["7"]}}`, `calls everyone, me, 7</span>`},
		{"a card", inbox.WeCom, `{"msgtype":"template_card","template_card":{"main_title":{"title":"t","desc":"d"},"horizontal_content_list":[{"keyname":"k","value":"v"}],"card_action":{"url":"https://a/"}}}`, `<p>d<br>k: v</p><a class="button" rel="noreferrer" href="https://a/">open</a>`},

		{"Slack's text", inbox.Slack, `{"text":"*a* _b_ ~c~ ` + "`d`" + ` <https://e/|f> <!channel> <@U1> &lt;g&gt;\n&gt; h"}`, `<p><b>a</b> <i>b</i> <s>c</s> <code>d</code> <a rel="noreferrer" href="https://e/">f</a> <span class="at">@everyone (channel)</span> <span class="at">@U1</span> &lt;g&gt;</p><blockquote><p>h</p></blockquote>`},
		{"what is too long for markdown", inbox.Slack, `{"text":"*a*` + strings.Repeat("x", 20<<10) + `"}`, `<p>*a*xxx`},
		{"Slack's blocks", inbox.Slack, `{"text":"x","blocks":[{"type":"header","text":{"type":"plain_text","text":"a *b*"}},{"type":"section","text":{"type":"mrkdwn","text":"` + "```c```" + `"},"fields":[{"type":"mrkdwn","text":"*d*"}]},{"type":"divider"},{"type":"context","elements":[{"type":"mrkdwn","text":"e"}]}]}`, `<h3><p>a *b*</p></h3><pre>c</pre><div><p><b>d</b></p></div><hr><small><p>e</p></small>`},
		{"a button", inbox.Slack, `{"text":"x","blocks":[{"type":"actions","elements":[{"type":"button","text":{"type":"plain_text","text":"open"},"url":"https://a/"}]}]}`, `<a class="button" rel="noreferrer" href="https://a/">open</a>`},
		{"an attachment's colour", inbox.Slack, `{"attachments":[{"color":"danger","text":"a"}]}`, `<article class="message bar-red">`},

		{"an event", inbox.PagerDuty, event(`"severity":"critical"`, `"severity":"critical","custom_details":{"disk":"<7>"}`), `<dl><dt>disk</dt><dd>&lt;7&gt;</dd></dl>`},
		{"an incident's details", inbox.PagerDuty, event(`"severity":"critical"`, `"severity":"critical","custom_details":{"list":["<a>"]}`), "<summary class=\"dim\">details</summary><dl><dt>list</dt><dd>[\n  &#34;&lt;a&gt;&#34;\n]</dd></dl>"},
		{"a fingerprint", inbox.Webhook, `{"fingerprint":"ab12"}`, `fingerprint ab12</span>`},
		{"an empty text among details", inbox.Webhook, `{"a":"","b":"c"}`, `<dl><dt>a</dt><dd></dd><dt>b</dt><dd>c</dd></dl>`},
		{"a group of Slack's", inbox.Slack, `{"text":"<!subteam^S1>"}`, `<span class="at">@S1</span>`},
		{"an incident", inbox.PagerDuty, trigger, `<tr class="incident" data-state="triggered">`},
		{"an alert", inbox.Alertmanager, `[{"labels":{"alertname":"A"}}]`, `<tr class="alert" data-state="firing">`},
		{"a resolved alert", inbox.Alertmanager, `[{"labels":{"alertname":"A"},"endsAt":"2026-05-01T12:00:00Z"}]`, `<tr class="alert" data-state="resolved">`},
		{"a webhook", inbox.Webhook, `{"type":"alert.fired","data":{"a":1}}`, `<div class="title ">alert.fired</div><dl><dt>a</dt><dd>1</dd></dl>`},
		{"a webhook with a text", inbox.Webhook, "a <b>\nc", "<p>a &lt;b&gt;<br>c</p>"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := start(t, inbox.Options{})
			post(t, s.URL(c.channel), c.body, nil)
			if len(s.Messages()) != 1 {
				t.Fatalf("refused: %+v", s.Refusals())
			}
			text := page(t, s, "?channel="+c.channel)
			if !strings.Contains(text, c.want) {
				_, text, _ = strings.Cut(text, "<article")
				t.Errorf("got\n%s\nwant in it\n%s", text, c.want)
			}
		})
	}
}

func quoted(text string) string {
	text = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(text)
	return `"` + text + `"`
}

func ding(text string) string {
	return `{"msgtype":"markdown","markdown":{"title":"t","text":` + quoted(text) + `}}`
}

func weCom(kind, text string) string {
	return `{"msgtype":"` + kind + `","` + kind + `":{"content":` + quoted(text) + `}}`
}

func lark(text string) string {
	return `{"tag":"div","text":{"tag":"lark_md","content":"` + text + `"}}`
}

func card(element string) string {
	return `{"msg_type":"interactive","card":{"header":{"title":{"content":"t"},"template":"red"},"elements":[` + element + `]}}`
}

func TestNoMessageWritesHTML(t *testing.T) {
	const evil = `<script>alert(1)</script><img src=x onerror=alert(1)>"'onclick=alert(1) [a](javascript:alert(1)) [b](https://b/"onclick=alert(1)) ![c](data:text/html,x) <javascript:alert(1)|d> &lt;script&gt; <at id=x><script></at> <font color="red"><script></font> ` + "`<script>` ```<script>```" + ` <@"><script>`
	in := quoted(evil)
	for channel, bodies := range map[string][]string{
		inbox.DingTalk: {ding(evil), ding("# " + evil + "\n- " + evil + "\n> " + evil), `{"msgtype":"text","text":{"content":` + in + `},"at":{"atMobiles":[` + in + `]}}`,
			`{"msgtype":"actionCard","actionCard":{"title":` + in + `,"text":` + in + `,"singleTitle":` + in + `,"singleURL":"javascript:alert(1)"}}`},
		inbox.Lark:         {`{"msg_type":"text","content":{"text":` + in + `}}`, card(`{"tag":"markdown","content":` + in + `},{"tag":"div","text":{"tag":"lark_md","content":` + in + `}},{"tag":"button","text":{"content":` + in + `},"url":` + in + `}`)},
		inbox.WeCom:        {weCom("text", evil), weCom("markdown", evil), weCom("markdown_v2", evil+"\n|"+evil+"|\n|-|\n|"+evil+"|"), weCom("markdown", strings.Repeat("x", 5000)+evil)},
		inbox.Slack:        {`{"text":` + in + `}`, `{"attachments":[{"color":` + in + `,"text":` + in + `}],"blocks":[{"type":"header","text":{"type":"plain_text","text":"x"}},{"type":"rich_text","x":` + in + `},{"type":"section","text":{"type":"mrkdwn","text":` + in + `}}]}`},
		inbox.PagerDuty:    {strings.Replace(trigger, `"disk is full"`, in, 1), strings.Replace(trigger, `"k1"`, in, 1), strings.Replace(trigger, `"severity"`, `"custom_details":`+in+`,"severity"`, 1)},
		inbox.Alertmanager: {`[{"labels":{` + in + `:` + in + `},"annotations":{` + in + `:` + in + `}}]`, evil},
		inbox.Webhook:      {evil, `{"type":` + in + `,"data":` + in + `}`},
	} {
		s := start(t, inbox.Options{})
		for _, body := range bodies {
			post(t, s.URL(channel), body, http.Header{"Webhook-Id": {evil}})
		}
		for _, text := range []string{page(t, s, ""), page(t, s, "?channel="+channel), page(t, s, `?refresh="><script>`), page(t, s, `?channel="><script>`)} {
			lower := strings.ToLower(text)
			for _, never := range []string{"<script", "<img", `"javascript:`, `"data:text`, `" onclick`, `"onclick`, "<at ", "<font"} {
				if i := strings.Index(lower, never); i >= 0 {
					t.Errorf("%s: %s is in …%s…", channel, never, text[max(0, i-200):min(len(text), i+100)])
				}
			}
		}
	}
}

func TestRefusedMessagesAreShownWithTheirCode(t *testing.T) {
	s := start(t, inbox.Options{Channels: map[string]inbox.Channel{inbox.DingTalk: {Keywords: []string{"alarm"}}}})
	post(t, s.URL(inbox.DingTalk), ding("good **bye**"), nil)
	text := page(t, s, "")
	for _, want := range []string{
		`data-channel="dingtalk" data-accepted="0" data-refused="1"`, `refused 310000</span><span class="red">keywords not in content</span>`, `<p>good <b>bye</b></p>`,
		`href="#dingtalk">DingTalk 0 <span class="red">&#43; 1 refused</span>`,
	} {
		if !strings.Contains(text, strings.ReplaceAll(want, "&#43;", "+")) {
			t.Errorf("%s is missing in\n%s", want, text)
		}
	}
}

func TestThePageLeavesOldMessagesOutUnlessOneChannelIsAskedFor(t *testing.T) {
	s := start(t, inbox.Options{})
	for range 53 {
		post(t, s.URL(inbox.Webhook), "x", nil)
	}
	for query, want := range map[string]int{"": 50, "?channel=webhook": 53, "?channel=lark": 0} {
		text := page(t, s, query)
		if n := strings.Count(text, "<article"); n != want {
			t.Errorf("%q shows %d messages, want %d", query, n, want)
		}
		if older := strings.Contains(text, `3 older ones: <a href="/?channel=webhook">`); older != (query == "") {
			t.Errorf("%q says that there are older ones: %v", query, older)
		}
	}
	if text := page(t, s, "?refresh=0%3Burl%3Dhttp://a/"); strings.Contains(text, `http-equiv="refresh"`) {
		t.Error("the page loads another")
	}
	if text := page(t, s, "?refresh=5"); !strings.Contains(text, `<meta http-equiv="refresh" content="5">`) {
		t.Error("the page does not load itself again")
	}
}

func TestATimeOfAnotherDayHasItsDay(t *testing.T) {
	now := noon
	s := start(t, inbox.Options{Now: func() time.Time { return now }})
	post(t, s.URL(inbox.Webhook), "x", nil)
	for after, want := range map[time.Duration]string{time.Hour: ">12:00:00<", 13 * time.Hour: ">05-01 12:00:00<", 365 * 24 * time.Hour: ">05-01 12:00:00<"} {
		now = noon.Add(after)
		if text := page(t, s, ""); !strings.Contains(text, want) {
			t.Errorf("%s later, the time is not %s", after, want)
		}
	}
}
