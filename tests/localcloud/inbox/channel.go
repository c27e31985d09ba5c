package inbox

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// The channels.
const (
	DingTalk     = "dingtalk"
	Lark         = "lark"
	WeCom        = "wecom"
	Slack        = "slack"
	PagerDuty    = "pagerduty"
	Alertmanager = "alertmanager"
	Webhook      = "webhook"
)

// Channel holds the settings of one channel. The zero value accepts any token,
// checks no signature, demands no word, and has the vendor's limits.
type Channel struct {
	// Token is the credential in the address: DingTalk's access_token, the end of
	// Lark's and Slack's paths, WeCom's key. PagerDuty's is the routing key.
	// Empty: any.
	Token string `json:"token"`
	// Secret is the key of signatures: DingTalk's SEC…, Lark's, or whsec_… of
	// Standard Webhooks. Empty: signatures are not checked.
	Secret string `json:"secret"`
	// Keywords: a message must hold one of them. None: any message will do.
	Keywords []string `json:"keywords"`
	// AllowFrom lists the IP addresses that may send. None: all may.
	AllowFrom []string `json:"allowFrom"`
	// PerMinute and PerSecond are the most messages for one token in any minute
	// or second. 0 is the vendor's limit, and a negative number is no limit.
	PerMinute int `json:"perMinute"`
	PerSecond int `json:"perSecond"`
	// BarSeconds is how long a robot that was too fast is refused. 0 is what the
	// vendor does, and a negative number is not at all.
	BarSeconds int `json:"barSeconds"`
	// HTTP429 makes Lark answer a robot that is too fast as its gateway does, with
	// status 429, code 99991400 and headers x-ogw-ratelimit-*, instead of status
	// 200 and code 11232.
	HTTP429 bool `json:"http429"`
	// BusySeconds is how long Lark is too busy for messages after each full and
	// half hour, which it answers as it answers a bot that is too fast.
	BusySeconds int `json:"busySeconds"`
	// ResolveSeconds is when an alert without an end resolves itself; 0 is an
	// Alertmanager's 5 minutes.
	ResolveSeconds int `json:"resolveSeconds"`
}

// Names lists the channels.
func Names() []string {
	var names []string
	for _, v := range vendors {
		names = append(names, v.name)
	}
	return names
}

// Settings lists the settings that a channel has, as they are named in JSON; nil
// if there is no such channel.
func Settings(channel string) []string {
	if v := vendorOf(channel); v != nil {
		return v.has
	}
	return nil
}

// Check returns an error for a setting that the channel does not have.
func (c Channel) Check(channel string) error {
	has := Settings(channel)
	if has == nil {
		return fmt.Errorf("the inbox has no channel %q: it has %s", channel, strings.Join(Names(), ", "))
	}
	for name, set := range map[string]bool{
		"token": c.Token != "", "secret": c.Secret != "", "keywords": len(c.Keywords) > 0, "allowFrom": len(c.AllowFrom) > 0,
		"perMinute": c.PerMinute != 0, "perSecond": c.PerSecond != 0, "barSeconds": c.BarSeconds != 0,
		"http429": c.HTTP429, "busySeconds": c.BusySeconds != 0, "resolveSeconds": c.ResolveSeconds != 0,
	} {
		if set && !slices.Contains(has, name) {
			return fmt.Errorf("the channel %s has no setting %s: it has %s", channel, name, strings.Join(has, ", "))
		}
	}
	return nil
}

// pace is how fast one robot sent.
type pace struct {
	recent []time.Time // accepted messages of the last minute
	barred time.Time   // until then, everything is refused
}

// pace returns that of the call's token; the caller holds mu.
func (s *Server) pace(v *vendor, c *call) *pace {
	key := v.name + " " + v.token(c)
	if s.paces[key] == nil {
		s.paces[key] = &pace{}
	}
	return s.paces[key]
}

// take counts a message, or returns how long to wait until one is accepted.
func (p *pace) take(c Channel, now time.Time) time.Duration {
	if wait := p.barred.Sub(now); wait > 0 {
		return wait
	}
	if wait := time.Duration(c.BusySeconds)*time.Second - now.Sub(now.Truncate(30*time.Minute)); wait > 0 {
		return wait
	}
	for len(p.recent) > 0 && now.Sub(p.recent[0]) >= time.Minute {
		p.recent = p.recent[1:]
	}
	over := func(most int, span time.Duration) time.Duration {
		if most <= 0 || len(p.recent) < most {
			return 0
		}
		return span - now.Sub(p.recent[len(p.recent)-most])
	}
	wait := max(over(c.PerMinute, time.Minute), over(c.PerSecond, time.Second))
	if wait <= 0 {
		p.recent = append(p.recent, now)
		return 0
	}
	if c.BarSeconds > 0 {
		wait = time.Duration(c.BarSeconds) * time.Second
		p.barred = now.Add(wait)
	}
	return wait
}
