package handler

import (
	"errors"
	"net"
	"net/url"
	"strings"
)

// checkURL says what is wrong with the URL of a service. Its errors do not
// repeat the value, which may hold a password by mistake.
func checkURL(v string) error {
	u, err := url.Parse(v)
	if err != nil || u.Host == "" {
		return errors.New("must be a URL such as https://name.example.com")
	}
	if u.User != nil || u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "" {
		return errors.New("must hold a scheme, a host and a port, and nothing else")
	}
	ip := net.ParseIP(u.Hostname())
	if ip == nil && !isHostname(u.Hostname()) {
		return errors.New("names no valid host")
	}
	if u.Scheme != "https" && (u.Scheme != "http" || ip == nil || !ip.IsLoopback()) {
		return errors.New("must begin with https:// (http:// only before a loopback IP address)")
	}
	return nil
}

// checkHost is checkURL for what may be a bare host, which is reached by
// https.
func checkHost(v string) error {
	if !strings.Contains(v, "://") {
		v = "https://" + v
	}
	return checkURL(v)
}

// checkWord says what is wrong with the name of a Tablestore instance, which
// becomes a header's value.
func checkWord(v string) error {
	if len(v) > 64 || strings.ContainsFunc(v, func(r rune) bool { return !isAlphanumeric(r) && r != '-' && r != '_' }) {
		return errors.New("must be at most 64 letters, digits, - and _")
	}
	return nil
}

func isHostname(s string) bool {
	return s != "" && isAlphanumeric(rune(s[0])) && isAlphanumeric(rune(s[len(s)-1])) &&
		!strings.ContainsFunc(s, func(r rune) bool { return !isAlphanumeric(r) && r != '-' && r != '.' })
}

func isAlphanumeric(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
}
