package alert

import "aftercare/shared/transport"

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
	// PagerDuty has a default.
	URL transport.Secret
	// Secret signs messages: DingTalk's SEC…, Lark's key, whsec_… of Standard
	// Webhooks. PagerDuty's is the routing key.
	Secret transport.Secret
	// Keyword is in each message, for robots that refuse those without.
	Keyword string
	// Mention says whom a chat calls, from MentionFrom upwards: "all", a mobile
	// number or a user's id.
	Mention     []string
	MentionFrom string // a severity; empty is critical
	// Bus is EventBridge's custom bus.
	Bus string
	// PerMinute is the most messages a minute; 0 is what the vendor allows.
	PerMinute int
	// Language of its messages: "en" or "zh".
	Language string
	// Template is the name of the template of its text; empty is the default.
	Template string
}
