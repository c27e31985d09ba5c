package alert

import (
	"bytes"
	"net/http"
	"strconv"
	"strings"
)

// maxDingTalk is the longest body that a robot takes, in bytes.
const maxDingTalk = 20_000

// dingTalkCodes are the meanings of a robot's errcode. It answers with status
// 200 even when it refuses. Source:
// https://open.dingtalk.com/document/robots/custom-robot-access
var dingTalkCodes = codes{
	-1:     unavailable("the service is busy"),
	40035:  invalid("", "the message is malformed"),
	43004:  invalid("", "the message is malformed"),
	90018:  throttled(dingTalkBar),
	101002: invalid(PartLimit, "the message is too long"),
	130101: throttled(dingTalkBar),
	300001: invalid(PartAddress, "the robot's token is not valid"),
	300005: invalid(PartAddress, "the robot's token is not valid, or its group is external"),
	310000: denied("", "the robot's security setting refuses the signature, the keyword or the sender's address"),
	400013: invalid(PartAddress, "the robot's group was dissolved"),
	400101: invalid(PartAddress, "the robot's token is not valid"),
	400102: denied(PartAddress, "the robot is switched off"),
	400105: invalid("", "the message is of a kind that the robot does not take"),
	400106: invalid(PartAddress, "the robot does not exist"),
	410100: throttled(dingTalkBar),
	430101: denied("", "the message holds a link that is not allowed"),
	430102: denied("", "the message holds words that are not allowed"),
	430103: denied("", "the message holds a picture that is not allowed"),
	430104: denied("", "the message's content is not allowed"),
	460101: invalid(PartLimit, "the message is too long"),
}

// dingTalkProofs find in the words of an answer what the security setting, which
// has one code, did not like.
var dingTalkProofs = []struct {
	words []string
	verdict
}{
	{[]string{"keywords not in content", "关键词不匹配"}, denied(PartKeyword, "the message lacks the robot's keyword")},
	{[]string{"not in whitelist", "不在白名单"}, denied(PartAddress, "the robot does not take messages from this address")},
	{[]string{"invalid timestamp", "签名过期"}, denied(PartSign, "the signature's time is more than an hour off")},
	{[]string{"sign not match", "签名不匹配"}, denied(PartSign, "the signature does not match: its secret is wrong")},
}

const dingTalkNotProven = 310000 // wrong signature, keyword or address of the sender

// dingTalkRobot posts markdown to a custom robot. People are called only if they
// are in the member at and in the text.
type dingTalkRobot struct{ endpoint }

func (dingTalkRobot) markup() markup { return dingTalkMarkup }

func (d dingTalkRobot) write(m message) ([]byte, bool) {
	text := "### " + m.rich.title + "\n\n" + m.rich.body
	at := map[string]any{}
	if m.mention {
		all, mobiles, users := d.mentioned()
		at["isAtAll"], at["atMobiles"], at["atUserIds"] = all, mobiles, users
		if who := append(mobiles, users...); len(who) > 0 {
			text += dingTalkMarkup.lineEnd + "@" + strings.Join(who, " @")
		}
	}
	body := encode(map[string]any{
		"msgtype":  "markdown",
		"markdown": map[string]string{"title": m.plain.title, "text": d.withKeyword(text, dingTalkMarkup.lineEnd)},
		"at":       at,
	})
	return body, len(body) <= maxDingTalk
}

func (d dingTalkRobot) sign(r *http.Request, _ []byte, m message) {
	if d.Secret.IsSet() {
		timestamp := strconv.FormatInt(m.now.UnixMilli(), 10)
		query := r.URL.Query()
		query.Set("timestamp", timestamp)
		query.Set("sign", dingTalkSign(timestamp, d.Secret))
		r.URL.RawQuery = query.Encode()
	}
}

func (dingTalkRobot) judge(a answer) verdict {
	if code, _ := codeIn(a.body, "errcode"); code == dingTalkNotProven {
		for _, p := range dingTalkProofs {
			for _, words := range p.words {
				if bytes.Contains(bytes.ToLower(a.body), []byte(words)) {
					return p.with("errcode", code)
				}
			}
		}
	}
	return dingTalkCodes.judge(a, "errcode")
}
