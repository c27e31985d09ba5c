package alertfile

import (
	"aftercare/shared/alert"
	"aftercare/shared/routing"
)

// FromEnv returns what is read in place of a file: the channels of the settings
// AFTERCARE_DINGTALK_URL and AFTERCARE_WEBHOOK_URL, with their secrets. If
// neither is set, alerts go nowhere. [11]
func FromEnv(getenv func(string) string) *File {
	f := &File{channels: map[string]channel{}}
	add := func(kind alert.Kind, prefix string) {
		if getenv(prefix+"_URL") == "" {
			return
		}
		c := channel{Kind: string(kind), URL: "${env:" + prefix + "_URL}"}
		if getenv(prefix+"_SECRET") != "" {
			c.Secret = "${env:" + prefix + "_SECRET}"
		}
		f.channels[string(kind)] = c
	}
	add(alert.DingTalk, "AFTERCARE_DINGTALK")
	add(alert.Webhook, "AFTERCARE_WEBHOOK")
	f.Routes = routing.NewSet(standard(f.ChannelNames()), nil)
	return f
}
