package alert

import (
	"slices"

	"aftercare/shared/decide"
	"aftercare/shared/dispatch"
	"aftercare/shared/transport"
)

// Kind is a kind of channel.
type Kind string

// The kinds of channel.
const (
	DingTalk     Kind = "dingtalk"
	Lark         Kind = "lark"
	WeCom        Kind = "wecom"
	Slack        Kind = "slack"
	PagerDuty    Kind = "pagerduty"
	Alertmanager Kind = "alertmanager"
	Webhook      Kind = "webhook"
	EventBridge  Kind = "eventbridge"
)

// Channel is a place that alerts go to, as alerts.yaml describes it.
type Channel struct {
	Name string
	Kind Kind
	// URL is where messages are posted. A chat's holds its token, so it is secret.
	// PagerDuty has a default. Alertmanager's is its address, with or without
	// /api/v2/alerts. EventBridge's is its endpoint.
	URL transport.Secret
	// Secret signs messages: DingTalk's SEC…, Lark's key, whsec_… of Standard
	// Webhooks, where two with a space between them are for a rotation. It is
	// PagerDuty's routing key, and the bearer token for an Alertmanager that
	// wants one.
	Secret transport.Secret
	// Keyword is in each message, for robots that refuse those without.
	Keyword string
	// Mention says whom a chat calls, from MentionFrom upwards: "all", a mobile
	// number (DingTalk, WeCom) or a user's id. Lark also takes an email address,
	// and Slack the id of a group of users.
	Mention     []string
	MentionFrom string // a severity; empty is critical
	// Bus is EventBridge's custom bus.
	Bus string
	// PerMinute is the most messages a minute; 0 is what the vendor allows.
	PerMinute int
	// Language of its messages: "en" or "zh"; empty is "en".
	Language string
	// Template is the name of the template of its text; empty is the default.
	Template string
}

// perMinute is how many messages a minute the vendors allow. Lark's is 100, but
// also 5 a second, which a steady pace keeps. Slack's is one a second.
// PagerDuty's changes. Others have none.
var perMinute = map[Kind]int{DingTalk: 20, Lark: 100, WeCom: 20, Slack: 60, PagerDuty: 60}

// Rate is the most messages a minute that may go to the channel; 0 means any
// number.
func (ch Channel) Rate() int {
	if ch.PerMinute > 0 {
		return ch.PerMinute
	}
	return perMinute[ch.Kind]
}

// mentions reports whether a message calls people: it has something that is not
// over, and is urgent enough.
func (ch Channel) mentions(f dispatch.Notice) bool {
	from := decide.Severity(ch.MentionFrom)
	if from == "" {
		from = decide.SeverityCritical
	}
	return len(ch.Mention) > 0 && f.Firing > 0 && rank(f.Severity) <= rank(from)
}

// rank is 0 for the most urgent severity. One that is not known ranks as an
// error.
func rank(s decide.Severity) int {
	if i := slices.Index(decide.Severities, s); i >= 0 {
		return i
	}
	return slices.Index(decide.Severities, decide.SeverityError)
}

func (ch Channel) language() *words {
	switch ch.Language {
	case "", "en":
		return english
	case "zh":
		return chinese
	}
	return nil
}
