package assistant_test

import (
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
		{"http://127.0.0.1:8080", "http://127.0.0.1:8080"},
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
	cfg := assistant.Config{Region: "secret.region", Endpoint: "http://secret.example", PerTry: -1}
	_, err := assistant.New(cfg, transport.NewCredentials("secret", "", ""))
	if !errors.Is(err, engine.ErrDenied) || strings.Contains(err.Error(), "secret") {
		t.Fatalf("New() = %v, want ErrDenied for want of keys, and no value", err)
	}
	for _, want := range []string{"region", "endpoint must begin with https", "access key", "negative"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("New() = %v, want it to name the %s too", err, want)
		}
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

func TestAClientPrintsNoCredentials(t *testing.T) {
	out := ""
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		out += fmt.Sprintf(verb, client(t, assistant.Config{Region: "cn-test"}))
	}
	for _, secret := range []string{keyID, keySecret, stsToken, fmt.Sprintf("%x", keySecret), fmt.Sprintf("%x", stsToken)} {
		if strings.Contains(out, secret) {
			t.Errorf("%q is in the output", secret)
		}
	}
}
