package alertfile

import (
	"reflect"
	"slices"

	"aftercare/shared/alert"
	"aftercare/shared/decide"
	"aftercare/shared/flow"
	"aftercare/shared/routing"
	"aftercare/shared/timetable"
	"aftercare/shared/yamlfile"
)

// file is the whole file. [1]
type file struct {
	Version  int                `json:"version" doc:"the format's version" need:"write version: 1" form:"version"`
	Channels map[string]channel `json:"channels" doc:"the places that alerts go to, by name" need:"name at least one" hint:"write name: and under it the channel's keys"`
	Defaults defaults           `json:"defaults" doc:"the settings of what no route takes, and of every route that does not say otherwise; unless said here, groupBy is kind, flow and command, groupWait 30s, groupInterval 5m and repeatInterval 24h" need:"write channels under it" hint:"write channels under it"`
	Routes   []routing.Route    `json:"routes,omitempty" doc:"the routes; the first that matches takes an alert" form:"any" hint:"list routes"`
	// Severities are by kind of alert. [12]
	Severities map[string]string   `json:"severities,omitempty" doc:"how urgent alerts are by their kind, where that is not what Aftercare thinks; an alert of a flow's step is as urgent as the step says" words:"severities" hint:"write kind: severity"`
	MuteTimes  map[string]muteTime `json:"muteTimes,omitempty" doc:"times during which routes can be silent, by name" hint:"write name: and under it timeZone and during"`
	Templates  map[string]string   `json:"templates,omitempty" doc:"texts of messages as Go's text/template, by name" hint:"write name: text"`
}

// channel is the keys of a channel; see alert.Channel. [3]
type channel struct {
	Kind        string   `json:"kind" doc:"what it is" need:"write dingtalk, lark, wecom, slack, pagerduty, alertmanager, webhook or eventbridge" words:"channels"`
	URL         string   `json:"url,omitempty" doc:"where messages are posted: a reference, or for pagerduty, alertmanager and eventbridge the address itself" form:"reference" example:"${env:OPS_URL}"`
	Secret      string   `json:"secret,omitempty" doc:"a reference to the key that signs messages, PagerDuty's routing key, or Alertmanager's bearer token" form:"reference" example:"${env:OPS_SECRET}"`
	Keyword     string   `json:"keyword,omitempty" doc:"a word that the robot wants in each message" form:"line" range:"1 100"`
	Mention     []string `json:"mention,omitempty" doc:"whom a chat calls: all, mobile numbers or ids of users" form:"mentions" hint:"list mobile numbers or ids of users, or write all"`
	MentionFrom string   `json:"mentionFrom,omitempty" doc:"the least severity with which a chat calls them" words:"severities" default:"critical"`
	Bus         string   `json:"bus,omitempty" doc:"the name of EventBridge's custom bus" form:"line" range:"2 127"`
	PerMinute   int      `json:"perMinute,omitempty" doc:"the most messages a minute, if it is less than the vendor allows" zero:"remove the channel from the routes instead" range:"1 600"`
	Language    string   `json:"language,omitempty" doc:"the language of its messages" words:"en zh" default:"en"`
	Template    string   `json:"template,omitempty" doc:"the name of the template of its text" form:"identifier"`
}

// defaults are the settings of the root. [5]
type defaults struct {
	Channels       []string      `json:"channels" of:"route" need:"list the channels for what no route takes"`
	Fallback       []string      `json:"fallback,omitempty" of:"route"`
	GroupBy        []string      `json:"groupBy,omitempty" of:"route"`
	GroupWait      flow.Duration `json:"groupWait,omitempty" of:"route"`
	GroupInterval  flow.Duration `json:"groupInterval,omitempty" of:"route"`
	RepeatInterval flow.Duration `json:"repeatInterval,omitempty" of:"route"`
	MuteTimes      []string      `json:"muteTimes,omitempty" of:"route"`
}

type muteTime struct {
	TimeZone string             `json:"timeZone" of:"windows" need:"write a name of the IANA database, for example Asia/Shanghai"`
	During   []timetable.Window `json:"during" doc:"when nothing is sent" need:"list at least one window" hint:"list windows, each with from and to"`
}

func (m muteTime) windows() *timetable.Windows {
	return &timetable.Windows{TimeZone: m.TimeZone, Open: m.During}
}

// takes is which keys a kind of channel has beside those of every channel. [3]
var takes = map[alert.Kind]struct{ needs, may []string }{
	alert.DingTalk:     {[]string{"url"}, []string{"secret", "keyword", "mention", "mentionFrom"}},
	alert.Lark:         {[]string{"url"}, []string{"secret", "keyword", "mention", "mentionFrom"}},
	alert.WeCom:        {[]string{"url"}, []string{"mention", "mentionFrom"}},
	alert.Slack:        {[]string{"url"}, []string{"mention", "mentionFrom"}},
	alert.PagerDuty:    {[]string{"secret"}, []string{"url"}},
	alert.Alertmanager: {[]string{"url"}, []string{"secret"}},
	alert.Webhook:      {[]string{"url"}, []string{"secret"}},
	alert.EventBridge:  {[]string{"url", "bus"}, nil},
}

// kinds are the kinds of channel, in the order of the guide.
var kinds = []alert.Kind{
	alert.DingTalk, alert.Lark, alert.WeCom, alert.Slack, alert.PagerDuty, alert.Alertmanager, alert.Webhook, alert.EventBridge,
}

// rated are the kinds of alert whose severity the file can say: not the one whose
// severity is its step's. [12]
var rated = slices.DeleteFunc(slices.Clone(routing.Kinds), func(k decide.AlertKind) bool { return k == decide.AlertFlow })

func words[T ~string](list []T) []string {
	out := make([]string, len(list))
	for i, w := range list {
		out[i] = string(w)
	}
	return out
}

var format = &yamlfile.Format{
	What: "an alerts file", List: "channels", Type: reflect.TypeFor[file](),
	Nouns: map[reflect.Type]string{
		reflect.TypeFor[channel]():          "a channel",
		reflect.TypeFor[routing.Route]():    "a route",
		reflect.TypeFor[routing.Match]():    "a match",
		reflect.TypeFor[muteTime]():         "a mute time",
		reflect.TypeFor[timetable.Window](): "a window",
	},
	Described: map[string]reflect.Type{"route": reflect.TypeFor[routing.Route](), "windows": reflect.TypeFor[timetable.Windows]()},
	Words:     map[string][]string{"channels": words(kinds), "severities": words(decide.Severities), "alerts": words(routing.Kinds)},
	Synonyms: map[string]string{
		"type": "kind", "webhook": "url", "address": "url", "endpoint": "url", "token": "secret", "routingKey": "secret", "key": "secret",
		"receiver": "channels", "receivers": "channels", "channel": "channels", "matchers": "match", "when": "match", "group_by": "groupBy",
		"group_wait": "groupWait", "group_interval": "groupInterval", "repeat_interval": "repeatInterval",
		"mute_time_intervals": "muteTimes", "time_intervals": "muteTimes", "children": "routes", "route": "routes", "commandName": "command",
		"instanceTags": "tags", "timezone": "timeZone", "open": "during", "at": "mention", "lang": "language",
	},
	Forms: forms,
	Shape: func(t reflect.Type, schema map[string]any) {
		if t == reflect.TypeFor[file]() {
			schema["properties"].(map[string]any)["severities"].(map[string]any)["propertyNames"] = map[string]any{"enum": words(rated)}
		}
	},
	Title: "Alerts of Aftercare", Description: "Where alerts go, and how",
}

// Schema returns the JSON Schema (draft 2020-12) of files of alerts, for editors.
func Schema() []byte { return format.Schema() }
