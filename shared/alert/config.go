package alert

import (
	"strings"

	"aftercare/shared/transport"
)

// Config configures the channels. A channel without a URL is not configured.
// All of it is secret: whoever knows a robot's URL can post as it.
type Config struct {
	// DingTalkURL is the webhook of a custom robot, with its access_token.
	DingTalkURL transport.Secret
	// DingTalkSecret is the key of a robot whose security setting is a
	// signature (it begins with SEC); not set for the other settings, a
	// keyword or a list of addresses.
	DingTalkSecret transport.Secret
	// WebhookURL receives each alert as JSON.
	WebhookURL transport.Secret
	// WebhookSecret is the key of the header X-Aftercare-Signature; without
	// it, messages are not signed.
	WebhookSecret transport.Secret
}

// Mistake is what is wrong with one setting. It never holds the value.
type Mistake struct {
	// Setting is the name of the field of Config.
	Setting string
	// Reason completes a sentence that begins with the setting's name.
	Reason string
}

func (m Mistake) Error() string { return m.Setting + " " + m.Reason }

// Mistakes returns everything that is wrong with the settings, in the order of
// Config's fields; none if New would accept them.
func (c Config) Mistakes() []Mistake {
	var mistakes []Mistake
	add := func(setting, reason string) {
		if reason != "" {
			mistakes = append(mistakes, Mistake{setting, reason})
		}
	}
	add("DingTalkURL", urlMistake(c.DingTalkURL))
	add("DingTalkSecret", secretMistake(c.DingTalkSecret, c.DingTalkURL, "DingTalkURL"))
	add("WebhookURL", urlMistake(c.WebhookURL))
	add("WebhookSecret", secretMistake(c.WebhookSecret, c.WebhookURL, "WebhookURL"))
	return mistakes
}

func urlMistake(address transport.Secret) string {
	if !address.IsSet() {
		return ""
	}
	if _, err := transport.URL(address.Reveal()); err != nil {
		return err.Error()
	}
	return ""
}

func secretMistake(secret, address transport.Secret, addressName string) string {
	switch text := secret.Reveal(); {
	case text == "":
		return ""
	case !address.IsSet():
		return "is set, but " + addressName + " is not"
	case strings.TrimSpace(text) != text:
		return "begins or ends with white space"
	}
	return ""
}
