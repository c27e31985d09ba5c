package alert

import (
	"net"
	"net/url"
	"strings"
)

// Config says which channels there are. A channel without a URL is not
// configured. All of it is secret: whoever knows a robot's URL can post as it.
type Config struct {
	// DingTalkURL is the webhook of a custom robot, with its access_token.
	DingTalkURL Secret
	// DingTalkSecret is the key of a robot whose security setting is a
	// signature (it begins with SEC); not set for the other settings, a
	// keyword or a list of addresses.
	DingTalkSecret Secret
	// WebhookURL receives each alert as JSON.
	WebhookURL Secret
	// WebhookSecret is the key of the header X-Aftercare-Signature; without
	// it, messages are not signed.
	WebhookSecret Secret
}

// Fault is what is wrong with one setting. It never holds the value.
type Fault struct {
	// Setting is the name of the field of Config.
	Setting string
	// Reason completes a sentence that begins with the setting's name.
	Reason string
}

func (f Fault) Error() string { return f.Setting + " " + f.Reason }

// Faults returns everything that is wrong with the settings, in the order of
// Config's fields; none if New would accept them.
func (c Config) Faults() []Fault {
	var faults []Fault
	fault := func(setting, reason string) {
		if reason != "" {
			faults = append(faults, Fault{setting, reason})
		}
	}
	if c.DingTalkURL.IsSet() {
		_, reason := parseURL(c.DingTalkURL)
		fault("DingTalkURL", reason)
	}
	fault("DingTalkSecret", secretFault(c.DingTalkSecret, c.DingTalkURL, "DingTalkURL"))
	if c.WebhookURL.IsSet() {
		_, reason := parseURL(c.WebhookURL)
		fault("WebhookURL", reason)
	}
	fault("WebhookSecret", secretFault(c.WebhookSecret, c.WebhookURL, "WebhookURL"))
	return faults
}

// parseURL returns the URL that is set, or what is wrong with it, in its own
// words: those of package url quote the value.
func parseURL(setting Secret) (u *url.URL, fault string) {
	u, err := url.Parse(setting.Reveal())
	if err != nil {
		return nil, "cannot be read as a URL"
	}
	if _, err := url.ParseQuery(u.RawQuery); err != nil {
		return nil, "has a query that cannot be read"
	}
	switch {
	case u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())):
		return nil, "must begin with https:// (http:// only for a loopback address)"
	case u.Hostname() == "":
		return nil, "names no host"
	case u.User != nil:
		return nil, "has a user name, which is not supported"
	}
	return u, ""
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func secretFault(secret, address Secret, addressName string) string {
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
