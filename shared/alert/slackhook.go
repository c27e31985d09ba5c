package alert

import (
	"net/http"
	"strings"
	"unicode/utf8"
)

// The limits of a message to Slack, in characters. The whole has an undocumented
// one near 13,200. Source: https://docs.slack.dev/reference/block-kit/blocks
const (
	maxSlack        = 12_000
	maxSlackSection = 3000
	maxSlackHeader  = 150
	maxSlackBlocks  = 50
)

// slackHook posts blocks to an incoming webhook, with the title as the text of
// notifications. It has no signature: its URL is secret.
type slackHook struct{ endpoint }

func (slackHook) markup() markup { return slackMarkup }

func (s slackHook) write(m message) ([]byte, bool) {
	text := m.rich.body
	if m.mention {
		var calls []string
		for _, who := range s.Mention {
			switch {
			case who == mentionAll:
				calls = append(calls, "<!channel>")
			case strings.HasPrefix(who, "S"): // a group of users
				calls = append(calls, "<!subteam^"+who+">")
			default:
				calls = append(calls, "<@"+who+">")
			}
		}
		text += "\n" + strings.Join(calls, " ")
	}
	title := m.words.cutCharacters(m.plain.title, maxSlackHeader)
	blocks := []any{map[string]any{"type": "header", "text": map[string]any{"type": "plain_text", "text": title, "emoji": false}}}
	size := utf8.RuneCountInString(title) + utf8.RuneCountInString(m.rich.title)
	for _, section := range sections(s.withKeyword(text, "\n")) {
		n := utf8.RuneCountInString(section)
		if n > maxSlackSection {
			return nil, false
		}
		size += n
		blocks = append(blocks, map[string]any{"type": "section", "text": map[string]any{"type": "mrkdwn", "text": section, "verbatim": true}})
	}
	body := encode(map[string]any{"text": m.rich.title, "blocks": blocks})
	return body, size <= maxSlack && len(blocks) <= maxSlackBlocks
}

// sections parts text between lines so that each has as many as fit, and none
// ends within a block of output.
func sections(text string) []string {
	var all []string
	var now strings.Builder
	size := 0
	for i, part := range strings.SplitAfter(text, "```") {
		pieces := []string{part}
		if i%2 == 0 {
			pieces = strings.SplitAfter(part, "\n")
		}
		for _, p := range pieces {
			n := utf8.RuneCountInString(p)
			if size+n > maxSlackSection && size > 0 && i%2 == 0 {
				all = append(all, now.String())
				now.Reset()
				size = 0
			}
			now.WriteString(p)
			size += n
		}
	}
	return append(all, now.String())
}

func (slackHook) sign(*http.Request, []byte, message) {}

func (slackHook) judge(a answer) verdict {
	if strings.TrimSpace(string(a.body)) == "ok" {
		return verdict{}
	}
	return unknown("the answer is not ok")
}

// slackWords are the meanings of the words that come with a status of 4xx or 5xx.
var slackWords = map[string]verdict{
	"invalid_payload":                   invalid("", "the message is malformed"),
	"invalid_blocks":                    invalid("", "the message is malformed"),
	"no_text":                           invalid("", "the message is empty"),
	"msg_too_long":                      invalid(PartLimit, "the message is too long"),
	"msg_blocks_too_long":               invalid(PartLimit, "the message is too long"),
	"too_many_attachments":              invalid(PartLimit, "the message is too long"),
	"action_prohibited":                 denied("", "an administrator forbids messages to the channel"),
	"posting_to_general_channel_denied": denied("", "an administrator forbids messages to the channel"),
	"channel_not_found":                 invalid(PartAddress, "the channel does not exist"),
	"channel_is_archived":               invalid(PartAddress, "the channel is archived"),
	"invalid_token":                     invalid(PartAddress, "the webhook's URL is not valid"),
	"no_active_hooks":                   invalid(PartAddress, "the webhook is switched off"),
	"no_service":                        invalid(PartAddress, "the webhook is switched off or revoked"),
	"no_service_id":                     invalid(PartAddress, "the webhook's URL is not valid"),
	"no_team":                           invalid(PartAddress, "the webhook's URL is not valid"),
	"team_disabled":                     invalid(PartAddress, "the workspace is switched off"),
	"user_not_found":                    invalid(PartAddress, "the user does not exist"),
	"rate_limited":                      throttled(usualWait),
	"rollup_error":                      unavailable("the service failed"),
}

func (slackHook) refusal(a answer) (verdict, bool) {
	v, known := slackWords[strings.TrimSpace(string(a.body))]
	return v.with("HTTP status", float64(a.status)), known
}
