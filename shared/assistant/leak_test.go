package assistant_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"aftercare/shared/assistant"
)

// unwrapAll is err and everything that it wraps.
func unwrapAll(err error) []error {
	if err == nil {
		return nil
	}
	all := []error{err}
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		all = append(all, unwrapAll(e.Unwrap())...)
	case interface{ Unwrap() []error }:
		for _, inner := range e.Unwrap() {
			all = append(all, unwrapAll(inner)...)
		}
	}
	return all
}

func TestNoErrorHoldsASecret(t *testing.T) {
	echo := func(status int) reply {
		return func(w http.ResponseWriter, _ int, r seen) {
			w.WriteHeader(status)
			fmt.Fprintf(w, `{"Code":%q,"Message":%q,"RequestId":%q}`, r.all.Encode(), r.all.Encode(), r.all.Encode())
		}
	}
	failures := map[string]reply{
		"a wrong signature":               fail(400, "SignatureDoesNotMatch"),
		"a long code":                     fail(418, strings.Repeat("SecretCommandText", 5)),
		"a code that is no word":          fail(418, "c=SecretCommandText"),
		"a gateway that repeats the call": echo(502),
		"a refusal that repeats the call": echo(403),
		"success that repeats the call":   echo(200),
		"an error that makes the SDK panic": func(w http.ResponseWriter, _ int, r seen) {
			w.WriteHeader(400)
			fmt.Fprintf(w, `{"Code":400,"Message":%q}`, r.all.Encode())
		},
		"a cut":  cut,
		"half":   half,
		"a hang": hang,
		"a redirect": func(w http.ResponseWriter, _ int, r seen) {
			w.Header().Set("Location", "http://127.0.0.1:1/?"+r.query.Encode())
			w.WriteHeader(307)
		},
	}
	for name, answer := range failures {
		for _, m := range methods {
			t.Run(m.name+": "+name, func(t *testing.T) {
				s := serve(t, answer)
				cfg := config(s)
				cfg.PerTry = 200 * time.Millisecond
				cfg.Retries = 1
				err := m.call(soon(t), client(t, cfg))
				if err == nil && (m.write || name != "success that repeats the call") && m.name != "Stop" {
					t.Fatal("no error")
				}
				var secrets []string
				for _, r := range s.seen() {
					secrets = append(secrets, r.all.Get("Signature"), r.all.Get("SignatureNonce"), s.URL)
				}
				wantNoSecret(t, err, secrets)
			})
		}
	}
	for _, m := range methods {
		t.Run(m.name+": a RoundTripper that repeats the URL", func(t *testing.T) {
			var secrets []string
			cfg := config(&service{Server: &httptest.Server{URL: "https://ecs.test"}})
			cfg.RoundTripper = carrier(func(r *http.Request) (*http.Response, error) {
				secrets = append(secrets, r.URL.Query().Get("Signature"), "ecs.test")
				return nil, &url.Error{Op: "Post", URL: r.URL.String(), Err: errors.New(r.URL.String())}
			})
			wantNoSecret(t, m.call(soon(t), client(t, cfg)), secrets)
		})
		t.Run(m.name+": a RoundTripper that panics", func(t *testing.T) {
			cfg := config(&service{Server: &httptest.Server{URL: "https://ecs.test"}})
			cfg.RoundTripper = carrier(func(r *http.Request) (*http.Response, error) { panic(r.URL.String()) })
			err := m.call(soon(t), client(t, cfg))
			wantClasses(t, err, m.lost())
			wantNoSecret(t, err, nil)
		})
	}
}

func wantNoSecret(t *testing.T, err error, secrets []string) {
	t.Helper()
	secrets = append(secrets, keyID, keySecret, stsToken, content, "SecretCommandText", "SecretParameterValue",
		base64.StdEncoding.EncodeToString([]byte(content))[:12], "AccessKeyId", "SignatureMethod", "://")
	for _, secret := range slices.Clone(secrets) {
		secrets = append(secrets, url.QueryEscape(secret))
	}
	for _, e := range unwrapAll(err) {
		for _, verb := range []string{"%v", "%+v", "%#v", "%q"} {
			text := fmt.Sprintf(verb, e)
			for _, secret := range secrets {
				if secret != "" && strings.Contains(text, secret) {
					t.Errorf("error %s holds %q", text, secret)
				}
			}
		}
	}
}

func TestAnErrorWithoutACallHoldsNothingOfTheCommand(t *testing.T) {
	send := runSend()
	send.Command.Run.Content = "#!/opt/SecretCommandText\n" + content
	c := client(t, assistant.Config{Region: "cn-test"})
	_, run := c.Send(t.Context(), send)
	invoke := invokeSend()
	invoke.Command.Invoke.Parameters = map[string]string{"a": "'SecretParameterValue'"}
	_, value := c.Send(t.Context(), invoke)
	for _, err := range []error{run, value} {
		if err == nil {
			t.Fatal("no error")
		}
		wantNoSecret(t, err, nil)
	}
}
