package assistant_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"aftercare/shared/assistant"
	"aftercare/shared/engine"
	"aftercare/shared/transport"
)

func TestRequestsGoByHTTPSUnlessToALoopbackAddress(t *testing.T) {
	for _, c := range []struct{ endpoint, want string }{
		{"", "https://ecs.cn-test.aliyuncs.com"},
		{"ecs-vpc.cn-test.aliyuncs.com", "https://ecs-vpc.cn-test.aliyuncs.com"},
		{"https://ecs.example:8443/", "https://ecs.example:8443"},
		{"127.0.0.1:8080", "https://127.0.0.1:8080"},
		{"http://127.0.0.1:8080", "http://127.0.0.1:8080"},
		{"http://[::1]:8080/", "http://[::1]:8080"},
	} {
		t.Run(c.endpoint, func(t *testing.T) {
			got := ""
			cfg := assistant.Config{Region: "cn-test", Endpoint: c.endpoint}
			cfg.RoundTripper = carrier(func(r *http.Request) (*http.Response, error) {
				got = r.URL.Scheme + "://" + r.URL.Host
				return canned(200, `{"InvokeId":"t-1"}`), nil
			})
			if _, err := client(t, cfg).Send(soon(t), runSend()); err != nil {
				t.Fatal(err)
			}
			if got != c.want {
				t.Errorf("sent to %s, want %s", got, c.want)
			}
		})
	}
}

func canned(status int, body string) *http.Response {
	return &http.Response{
		StatusCode: status, Status: http.StatusText(status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)),
	}
}

func TestNewNamesEveryMistakeAndNoValue(t *testing.T) {
	good := assistant.Config{Region: "cn-test"}
	with := func(change func(*assistant.Config)) assistant.Config {
		cfg := good
		change(&cfg)
		return cfg
	}
	endpoint := func(e string) assistant.Config { return with(func(c *assistant.Config) { c.Endpoint = e }) }
	for name, c := range map[string]struct {
		cfg  assistant.Config
		want string
	}{
		"no region":             {with(func(c *assistant.Config) { c.Region = "" }), "region"},
		"a region with a dot":   {with(func(c *assistant.Config) { c.Region = "secret.example" }), "region"},
		"plain http to a host":  {endpoint("http://secret.example"), "endpoint must begin with https"},
		"a path":                {endpoint("https://secret.example/x"), "endpoint must hold"},
		"a port out of range":   {endpoint("secret.example:99999"), "endpoint has a port"},
		"a negative time limit": {with(func(c *assistant.Config) { c.PerTry = -1 }), "negative"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := assistant.New(c.cfg, creds)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("New() = %v, want it to name %q", err, c.want)
			}
			if err != nil && strings.Contains(err.Error(), "secret") {
				t.Errorf("New() = %v repeats the value", err)
			}
		})
	}
	_, err := assistant.New(assistant.Config{Endpoint: "ftp://x"}, transport.NewCredentials("x", "", ""))
	for _, want := range []string{"region", "endpoint", "access key"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("New() = %v, want it to name the %s too", err, want)
		}
	}
	if !errors.Is(err, engine.ErrDenied) {
		t.Errorf("New() = %v, want ErrDenied for want of keys", err)
	}
}

func TestALongLivedKeySendsNoSecurityToken(t *testing.T) {
	cfg := assistant.Config{Region: "cn-test", RoundTripper: carrier(func(r *http.Request) (*http.Response, error) {
		if r.URL.Query().Has("SecurityToken") || r.URL.Query().Get("AccessKeyId") != "LTAI" {
			t.Error("the request is not signed by the long-lived key alone")
		}
		return canned(200, `{}`), nil
	})}
	c, err := assistant.New(cfg, transport.NewCredentials("LTAI", "s", ""))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Stop(soon(t), instance, "t-1"); err != nil {
		t.Error(err)
	}
}

func TestProxySettingsOfTheEnvironmentDoNotReachTheSDK(t *testing.T) {
	t.Setenv("NO_PROXY", "([")
	t.Setenv("HTTP_PROXY", "http://user:%zz@proxy")
	t.Setenv("HTTPS_PROXY", "http://user:%zz@proxy")
	cfg := assistant.Config{Region: "cn-test", RoundTripper: carrier(func(*http.Request) (*http.Response, error) {
		return canned(200, `{}`), nil
	})}
	if err := client(t, cfg).Stop(soon(t), instance, "t-1"); err != nil {
		t.Error(err)
	}
}

func TestCredentialsNeverPrint(t *testing.T) {
	cfg := assistant.Config{Region: "cn-test"}
	c := client(t, cfg)
	encoded, err := json.Marshal(struct{ Keys transport.Credentials }{creds})
	if err != nil {
		t.Fatal(err)
	}
	out := string(encoded)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		out += fmt.Sprintf(verb+verb+verb, creds, &creds, []transport.Credentials{creds}) + fmt.Sprintf(verb, c)
	}
	for _, secret := range []string{keyID, keySecret, stsToken, fmt.Sprintf("%x", keySecret), fmt.Sprintf("%x", stsToken)} {
		if strings.Contains(out, secret) {
			t.Errorf("%q is in the output", secret)
		}
	}
}
