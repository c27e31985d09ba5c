package transport

import (
	"errors"
	"net"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

var hostname = regexp.MustCompile(`^[a-zA-Z0-9]([a-zA-Z0-9._-]*[a-zA-Z0-9])?$`)

// URL reads an address that requests may go to: https to anywhere, or http to
// this machine. Its errors complete a sentence that begins with the setting's
// name, and do not repeat the text, which may contain a key or a password.
func URL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil {
		return nil, errors.New("cannot be read as a URL")
	}
	host := u.Hostname()
	switch {
	case u.Scheme != "https" && (u.Scheme != "http" || host != "" && !loopback(host)):
		return nil, errors.New("must begin with https:// (http:// only for a loopback address)")
	case host == "":
		return nil, errors.New("names no host")
	case net.ParseIP(host) == nil && !hostname.MatchString(host):
		return nil, errors.New("names a host that is neither a host name nor an IP address")
	case !validPort(u):
		return nil, errors.New("has a port that is not from 1 to 65535")
	case u.User != nil:
		return nil, errors.New("has a user name, which is not supported")
	}
	if _, err := url.ParseQuery(u.RawQuery); err != nil {
		return nil, errors.New("has a query that cannot be read")
	}
	return u, nil
}

// Endpoint reads the address of a service, a URL without path and query, and
// returns its scheme and host[:port].
func Endpoint(text string) (scheme, host string, err error) {
	u, err := URL(text)
	if err != nil {
		return "", "", err
	}
	if u.Path != "" && u.Path != "/" || strings.ContainsAny(text, "?#") {
		return "", "", errors.New("must hold a scheme, a host and a port, and nothing else")
	}
	return u.Scheme, u.Host, nil
}

// HostOrEndpoint is Endpoint, but also accepts a bare host[:port], which it takes
// for https.
func HostOrEndpoint(text string) (scheme, host string, err error) {
	if !strings.Contains(text, "://") {
		text = "https://" + text
	}
	return Endpoint(text)
}

func validPort(u *url.URL) bool {
	if !strings.HasSuffix(u.Host, ":"+u.Port()) {
		return true // it has none
	}
	n, err := strconv.ParseUint(u.Port(), 10, 16)
	return err == nil && n > 0
}

// loopback reports whether a host is this machine. The system's resolver maps
// localhost to it (RFC 6761, section 6.3).
func loopback(host string) bool {
	return strings.EqualFold(host, "localhost") || net.ParseIP(host).IsLoopback()
}
