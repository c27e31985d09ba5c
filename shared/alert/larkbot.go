package alert

import (
	"net/http"
	"strconv"
	"strings"

	"aftercare/shared/decide"
)

// maxLark is the longest body that a bot takes: 20 KB. Source:
// https://open.feishu.cn/document/client-docs/bot-v3/add-custom-bot
const maxLark = 20_000

// larkCodes are the meanings of a bot's code.
var larkCodes = codes{
	9499:     invalid(PartLimit, "the message is malformed or longer than 20 KB"),
	11232:    throttled(usualWait),
	11246:    invalid(PartLimit, "the card is too long"),
	11310:    invalid(PartLimit, "the card has too many elements"),
	19001:    invalid(PartAddress, "the bot's token is not valid"),
	19021:    denied(PartSign, "the signature does not match: its secret is wrong, or its time more than an hour off"),
	19022:    denied(PartAddress, "the bot does not take messages from this address"),
	19024:    denied(PartKeyword, "the message lacks the bot's keyword"),
	19036:    invalid(PartLimit, "the message is too long"),
	230099:   invalid(PartLimit, "the card has too many elements"),
	99991400: throttled(usualWait),
}

// larkBot posts an interactive card to a custom bot. In a group where only
// administrators may call everybody, "all" calls nobody, without an error.
type larkBot struct{ endpoint }

func (larkBot) markup() markup { return larkMarkup }

func (l larkBot) write(m message) ([]byte, bool) {
	text := m.rich.body
	if m.mention {
		all, mobiles, users := l.mentioned()
		var calls []string
		if all {
			calls = append(calls, "<at id=all></at>")
		}
		for _, who := range append(mobiles, users...) {
			by := "id"
			if strings.Contains(who, "@") {
				by = "email"
			}
			calls = append(calls, "<at "+by+"="+who+"></at>")
		}
		text += "\n" + strings.Join(calls, " ")
	}
	words := func(tag, content string) map[string]string { return map[string]string{"tag": tag, "content": content} }
	body := map[string]any{
		"msg_type": "interactive",
		"card": map[string]any{
			"config":   map[string]bool{"wide_screen_mode": true},
			"header":   map[string]any{"title": words("plain_text", m.plain.title), "template": colour(m)},
			"elements": []any{map[string]any{"tag": "div", "text": words("lark_md", l.withKeyword(text, "\n"))}},
		},
	}
	if l.Secret.IsSet() {
		timestamp := strconv.FormatInt(m.now.Unix(), 10)
		body["timestamp"], body["sign"] = timestamp, larkSign(timestamp, l.Secret)
	}
	encoded := encode(body)
	return encoded, len(encoded) <= maxLark
}

// colour is that of a card's header.
func colour(m message) string {
	switch {
	case m.Open == 0:
		return "green"
	case rank(m.Severity) <= rank(decide.SeverityError):
		return "red"
	case m.Severity == decide.SeverityWarning:
		return "orange"
	}
	return "blue"
}

func (larkBot) sign(*http.Request, []byte, message) {}

func (larkBot) judge(a answer) verdict { return larkCodes.judge(a, "code", "StatusCode") }

// refusal reads the gateway's answer about rate, which has the status 400 or
// 429.
func (larkBot) refusal(a answer) (verdict, bool) {
	code, _ := codeIn(a.body, "code")
	v, known := larkCodes[code]
	return v.with("code", code), known
}
