package invoke_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"aftercare/shared/engine"
	"aftercare/shared/invoke"
	"aftercare/shared/openapi"
	"aftercare/shared/transport"
	"aftercare/tests/localcloud/access"
	"aftercare/tests/localcloud/functioncompute"
)

const (
	keyID   = "STS.HushKey"
	secret  = "HushSecret"
	token   = "HushToken"
	payload = `{"script":"HushScript"}`
)

var creds = transport.NewCredentials(keyID, secret, token)

// client returns a client of the service at an address.
func client(t *testing.T, endpoint string, creds transport.Credentials) *invoke.Client {
	t.Helper()
	pool := transport.NewPool(time.Now)
	t.Cleanup(pool.CloseIdleConnections)
	c, err := invoke.New(invoke.Config{Endpoint: endpoint, RoundTripper: pool}, creds)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestACallIsSignedAndCarriesItsPayload has the gateway's verifier check the
// signature, which accepts each nonce once.
func TestACallIsSignedAndCarriesItsPayload(t *testing.T) {
	verifier := access.NewVerifier(access.NewKeys(access.Key{ID: keyID, Secret: secret, Token: token}), time.Now)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if refused := verifier.Header(r, body); refused != nil {
			t.Errorf("refused: %+v", refused)
		}
		got := fmt.Sprint(r.Method, " ", r.URL, " ", r.Header.Get("x-fc-invocation-type"), " ", r.Header.Get("Content-Type"), " ", r.Header.Get("x-acs-action"))
		if want := "POST /2023-03-30/functions/submit/invocations Sync application/octet-stream InvokeFunction"; got != want {
			t.Errorf("the request is %q, want %q", got, want)
		}
		fmt.Fprintf(w, "answer to %s", body)
	}))
	t.Cleanup(s.Close)
	c := client(t, s.URL, creds)
	for range 2 {
		answer, err := c.Invoke(t.Context(), "submit", []byte(payload))
		if err != nil || string(answer) != "answer to "+payload {
			t.Errorf("got %q, %v", answer, err)
		}
	}
}

// TestAnAsynchronousCallEndsWhenTheServiceHasTakenIt: an answer that is not the
// service's word for that is no success.
func TestAnAsynchronousCallEndsWhenTheServiceHasTakenIt(t *testing.T) {
	for status, want := range map[int]error{
		http.StatusAccepted: nil, http.StatusOK: engine.ErrUnknownOutcome, http.StatusForbidden: engine.ErrDenied, http.StatusTooManyRequests: engine.ErrThrottled,
	} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			if kind := r.Header.Get("x-fc-invocation-type"); kind != "Async" || string(body) != payload {
				t.Errorf("a call of type %q with %q", kind, body)
			}
			w.WriteHeader(status)
		}))
		t.Cleanup(s.Close)
		if err := client(t, s.URL, creds).InvokeAsync(t.Context(), "alerts", []byte(payload)); !errors.Is(err, want) {
			t.Errorf("after %d: %v, want %v", status, err, want)
		}
	}
}

// TestTheLocalFunctionComputeTakesTheSignature finds no function there, but a
// wrong key is refused before.
func TestTheLocalFunctionComputeTakesTheSignature(t *testing.T) {
	s, err := functioncompute.Start(functioncompute.Options{
		Keys: access.NewKeys(access.Key{ID: keyID, Secret: secret, Token: token}), RequireSignature: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	for _, c := range []struct {
		creds transport.Credentials
		code  string
		class error
	}{
		{creds, "FunctionNotFound", engine.ErrInvalid},
		{transport.NewCredentials(keyID, "another", token), "SignatureNotMatch", engine.ErrDenied},
		{transport.NewCredentials(keyID, secret, ""), "InvalidAccessKeyID", engine.ErrDenied},
	} {
		_, err := client(t, s.Endpoint(), c.creds).Invoke(t.Context(), "submit", nil)
		var refused *openapi.Error
		if !errors.As(err, &refused) || refused.Code != c.code || !errors.Is(err, c.class) || refused.RequestID == "" {
			t.Errorf("got %v, want %s", err, c.code)
		}
	}
}

func TestErrorsSayWhatFailedAndHoldNoSecret(t *testing.T) {
	answer := func(status int, body string, headers ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("x-fc-request-id", "req-1")
			for i := 0; i < len(headers); i += 2 {
				w.Header().Set(headers[i], headers[i+1])
			}
			w.WriteHeader(status)
			sent, _ := io.ReadAll(r.Body)
			fmt.Fprint(w, strings.NewReplacer("ECHO", url.QueryEscape(fmt.Sprint(r.Header, string(sent)))).Replace(body))
		}
	}
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		class  error // nil for a function's error
		want   string
	}{
		"a function's error": {
			answer(200, `{"errorMessage":"ECHO"}`, "x-fc-error-type", "FunctionTimeoutError"), nil,
			"the function submit failed (FunctionTimeoutError, request id req-1)",
		},
		"an error type that is no word": {
			answer(200, ``, "x-fc-error-type", "HushToken HushSecret"), nil, "the function submit failed (, request id req-1)",
		},
		"no such function": {
			answer(404, `{"Code":"FunctionNotFound","Message":"ECHO"}`), engine.ErrInvalid,
			"invoke submit: invalid request (status 404, code FunctionNotFound, request id req-1)",
		},
		"the other spelling": {
			answer(403, `{"errorCode":"AccessDenied","errorMessage":"ECHO"}`), engine.ErrDenied,
			"invoke submit: denied (status 403, code AccessDenied, request id req-1)",
		},
		"an expired date": {
			answer(400, `{"Code":"InvalidTimeStamp.Expired"}`), engine.ErrDenied,
			"invoke submit: denied (status 400, code InvalidTimeStamp.Expired, request id req-1)",
		},
		"no room": {
			answer(429, `{"Code":"ResourceExhausted"}`), engine.ErrThrottled,
			"invoke submit: throttled (status 429, code ResourceExhausted, request id req-1)",
		},
		"throttled": {
			answer(503, `{"Code":"ResourceThrottled"}`), engine.ErrThrottled,
			"invoke submit: throttled (status 503, code ResourceThrottled, request id req-1)",
		},
		"a function that did not start": {
			answer(412, `{"Code":"FunctionNotStarted"}`), engine.ErrUnavailable,
			"invoke submit: unavailable (status 412, code FunctionNotStarted, request id req-1)",
		},
		"an error of the service": {
			answer(500, `{"Code":"ECHO"}`), engine.ErrUnknownOutcome, "invoke submit: outcome unknown (status 500, request id req-1)",
		},
		"a proxy":    {answer(407, `<html>ECHO`), engine.ErrInvalid, "invoke submit: invalid request (status 407, request id req-1)"},
		"a redirect": {answer(302, ``, "Location", "http://127.0.0.1:1/"), engine.ErrUnknownOutcome, "invoke submit: outcome unknown (status 302, request id req-1)"},
		"a cut": {
			func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, engine.ErrUnknownOutcome,
			"invoke submit: outcome unknown (connection lost)",
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewServer(c.answer)
			t.Cleanup(s.Close)
			_, err := client(t, s.URL, creds).Invoke(t.Context(), "submit", []byte(payload))
			if err == nil || err.Error() != c.want {
				t.Fatalf("got  %v\nwant %s", err, c.want)
			}
			var failed *invoke.FunctionError
			if errors.As(err, &failed) != (c.class == nil) || c.class != nil && !errors.Is(err, c.class) {
				t.Errorf("%v is a function's error or of another class than %v", err, c.class)
			}
			for _, verb := range []string{"%v", "%+v", "%#v"} {
				if text := fmt.Sprintf(verb, err); strings.Contains(text, "Hush") || strings.Contains(text, s.URL) {
					t.Errorf("the error holds a secret: %s", text)
				}
			}
		})
	}
}

func TestNothingIsSentIfItCannotBe(t *testing.T) {
	if _, err := client(t, "http://127.0.0.1:1", creds).Invoke(t.Context(), "submit", nil); !errors.Is(err, engine.ErrUnavailable) {
		t.Errorf("without a connection: %v", err)
	}
	if _, err := client(t, "http://127.0.0.1:1", creds).Invoke(t.Context(), "a/../Hush", nil); !errors.Is(err, engine.ErrInvalid) || strings.Contains(err.Error(), "Hush") {
		t.Errorf("a malformed name: %v", err)
	}
	_, err := invoke.New(invoke.Config{Endpoint: "http://fc.example/Hush"}, transport.Credentials{})
	if !errors.Is(err, engine.ErrDenied) || !strings.Contains(err.Error(), "endpoint must begin with https://") || strings.Contains(err.Error(), "Hush") {
		t.Errorf("two mistakes: %v", err)
	}
}
