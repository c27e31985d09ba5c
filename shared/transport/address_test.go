package transport_test

import (
	"fmt"
	"strings"
	"testing"

	"aftercare/shared/transport"
)

// The mistakes in an address. The word HUSH in a test's address is what none
// may repeat.
const (
	unreadable = "cannot be read as a URL"
	onlyHTTPS  = "must begin with https:// (http:// only for a loopback address)"
	noHost     = "names no host"
	badHost    = "names a host that is neither a host name nor an IP address"
	badPort    = "has a port that is not from 1 to 65535"
	userName   = "has a user name, which is not supported"
	badQuery   = "has a query that cannot be read"
	hostOnly   = "must hold a scheme, a host and a port, and nothing else"
)

// judge calls a rule and returns what it says is wrong.
func judge(t *testing.T, err error) string {
	t.Helper()
	if err == nil {
		return ""
	}
	if strings.Contains(err.Error(), "HUSH") {
		t.Errorf("the mistake repeats the address: %s", err)
	}
	return err.Error()
}

func TestAddressesAreHTTPSOrOnThisMachine(t *testing.T) {
	for want, addresses := range map[string][]string{
		"": {
			"https://host", "https://host/", "https://a-b.c_d.example", "https://127.0.0.1:8443", "https://[2001:db8::1]:443",
			"HTTPS://Host.Example", "http://localhost", "http://localhost:9000", "http://LocalHost:9000", "HTTP://LOCALHOST",
			"http://127.0.0.1", "http://127.255.255.254:1", "http://[::1]", "http://[::1]:65535", "http://[::ffff:127.0.0.1]",
		},
		onlyHTTPS: {
			"http://host", "http://10.0.0.1", "http://0.0.0.0", "http://128.0.0.1", "http://[::]", "http://[2001:db8::1]",
			"http://[::1%25lo]", "http://127.1", "http://2130706433", "http://localhost.HUSH.example", "http://127.0.0.1.HUSH.example",
			"http://localhost@HUSH.example", "http://localhost:HUSH@HUSH.example", "ftp://127.0.0.1", "file:///HUSH", "HUSH", "//HUSH", "",
		},
		noHost: {
			"https://", "https:///HUSH", "https://:443", "https:HUSH", "http://", "http://:80",
		},
		badHost: {
			"https://-HUSH", "https://HUSH.", `https://HUSH"`, "https://HUSH*", "https://[fe80::1%25HUSH]",
		},
		badPort: {
			"https://host:0", "https://host:65536", "https://host:99999", "https://host:", "https://[::1]:", "http://localhost:99999",
		},
		userName: {
			"https://HUSH:HUSH@host", "https://HUSH@host", "https://@host",
		},
		unreadable: {
			"https://host:HUSH", "https://HUSH host", " https://HUSH", "https://host/HUSH\n", "\x7f://HUSH", "https://[HUSH",
			`http://127.0.0.1\@HUSH`, "https://host/%zzHUSH",
		},
		badQuery: {
			"https://host?a=%zzHUSH", "https://host?HUSH;a",
		},
	} {
		for _, address := range addresses {
			u, err := transport.URL(address)
			if got := judge(t, err); got != want {
				t.Errorf("URL(%q): %q, want %q", address, got, want)
			}
			if (u == nil) != (want != "") {
				t.Errorf("URL(%q) = %v", address, u)
			}
			scheme, host, err := transport.Endpoint(address)
			got := judge(t, err)
			if got != want && !(want == badQuery && got == hostOnly) {
				t.Errorf("Endpoint(%q): %q, want %q", address, got, want)
			}
			if err == nil && (scheme != u.Scheme || host != u.Host) {
				t.Errorf("Endpoint(%q) = %q, %q", address, scheme, host)
			}
		}
	}
}

func TestAWebhookHasAPathAndAQueryAndAnEndpointHasNeither(t *testing.T) {
	for _, address := range []string{
		"https://host/HUSH", "https://host/?HUSH=1", "https://host?HUSH", "https://host?", "https://host#HUSH", "https://host#", "http://localhost:1//",
	} {
		u, err := transport.URL(address)
		if err != nil || u.String() != strings.TrimSuffix(address, "#") {
			t.Errorf("URL(%q) = %v, %v", address, u, err)
		}
		_, _, err = transport.Endpoint(address)
		if got := judge(t, err); got != hostOnly {
			t.Errorf("Endpoint(%q): %q, want %q", address, got, hostOnly)
		}
	}
}

func TestABareHostIsReachedByHTTPS(t *testing.T) {
	for text, want := range map[string]string{
		"ecs.cn-hangzhou.aliyuncs.com": "https ecs.cn-hangzhou.aliyuncs.com",
		"host:8080":                    "https host:8080",
		"http://localhost:80":          "http localhost:80",
		"http://host":                  onlyHTTPS,
		"host/HUSH":                    hostOnly,
	} {
		scheme, host, err := transport.HostOrEndpoint(text)
		got := judge(t, err)
		if err == nil {
			got = fmt.Sprint(scheme, " ", host)
		}
		if got != want {
			t.Errorf("HostOrEndpoint(%q): %q, want %q", text, got, want)
		}
	}
}
