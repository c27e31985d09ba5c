package openapi_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"aftercare/shared/engine"
	"aftercare/shared/openapi"
	"aftercare/shared/transport"
	"aftercare/tests/localcloud/access"
)

var creds = transport.NewCredentials("STS.HushKey", "HushSecret", "HushToken")

// client returns a client of a server that answers with these handlers, one for
// each try; the last one answers all others. The tries count what came.
func client(t *testing.T, answers ...http.HandlerFunc) (c *openapi.Client, tries *atomic.Int32) {
	t.Helper()
	tries = new(atomic.Int32)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answers[min(int(tries.Add(1)), len(answers))-1](w, r)
	}))
	t.Cleanup(s.Close)
	pool := transport.NewPool(time.Now)
	t.Cleanup(pool.CloseIdleConnections)
	c, err := openapi.New(openapi.Config{
		Endpoint: s.URL, Version: "2015-05-01", RoundTripper: pool, Backoff: transport.Backoff{First: 1, Most: 1},
	}, creds)
	if err != nil {
		t.Fatal(err)
	}
	return c, tries
}

func says(status int, text string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(status)
		sent, _ := io.ReadAll(r.Body)
		fmt.Fprint(w, strings.ReplaceAll(text, "ECHO", url.QueryEscape(fmt.Sprint(r.URL, r.Header, string(sent)))))
	}
}

func cut(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

// TestBothStylesAreSigned has the gateway's verifier read what arrives.
func TestBothStylesAreSigned(t *testing.T) {
	verifier := access.NewVerifier(access.NewKeys(access.Key{ID: "STS.HushKey", Secret: "HushSecret", Token: "HushToken"}), time.Now)
	c, tries := client(t, func(w http.ResponseWriter, r *http.Request) {
		call, refused := verifier.Call(w, r)
		if refused != nil || call.Action != "GetRole" || call.Version != "2015-05-01" ||
			call.Parameters.Get("RoleName") != "a b/ü" || call.Parameters.Get("Event") != `{"a": "b+c"}` {
			t.Errorf("got %+v, %+v", call, refused)
		}
		fmt.Fprint(w, `{"Role":{"Arn":"x"}}`)
	}, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if refused := verifier.Header(r, body); refused != nil {
			t.Errorf("refused: %+v", refused)
		}
		if got, want := fmt.Sprint(r.Method, " ", r.RequestURI, " ", string(body)), `PUT /2023-03-30/functions/a%20b?qualifier=LATEST {"cpu":0.2}`; got != want {
			t.Errorf("the request is %q, want %q", got, want)
		}
	})
	var role struct{ Role struct{ Arn string } }
	if err := c.RPC(t.Context(), "GetRole", url.Values{"RoleName": {"a b/ü"}}, url.Values{"Event": {`{"a": "b+c"}`}}, &role); err != nil || role.Role.Arn != "x" {
		t.Errorf("RPC: %+v, %v", role, err)
	}
	body := map[string]any{"cpu": 0.2}
	if err := c.ROA(t.Context(), "UpdateFunction", http.MethodPut, "/2023-03-30/functions/a b", url.Values{"qualifier": {"LATEST"}}, body, nil); err != nil {
		t.Errorf("ROA: %v", err)
	}
	if n := tries.Load(); n != 2 {
		t.Errorf("%d tries", n)
	}
}

// TestACallIsTriedUntilItsOutcomeIsClear: what may pass and what may have been done
// is tried again, a refusal is not.
func TestACallIsTriedUntilItsOutcomeIsClear(t *testing.T) {
	fine := says(200, `{"Success":true,"Code":"200"}`)
	for name, c := range map[string]struct {
		answers []http.HandlerFunc
		tries   int32
		class   error // nil for a success
		code    string
	}{
		"a success":                   {[]http.HandlerFunc{fine}, 1, nil, ""},
		"a success in words":          {[]http.HandlerFunc{says(200, `{"Success":"true","Code":"whatever"}`)}, 1, nil, ""},
		"a success by its code":       {[]http.HandlerFunc{says(200, `{"Code":"Success"}`)}, 1, nil, ""},
		"a code that is a number":     {[]http.HandlerFunc{says(200, `{"Code":200}`)}, 1, nil, ""},
		"no word of it":               {[]http.HandlerFunc{says(200, `{"Role":{}}`)}, 1, nil, ""},
		"a cut":                       {[]http.HandlerFunc{cut, fine}, 2, nil, ""},
		"always a cut":                {[]http.HandlerFunc{cut}, 4, engine.ErrUnknownOutcome, ""},
		"throttled":                   {[]http.HandlerFunc{says(400, `{"Code":"Throttling.User"}`), says(429, ``), fine}, 3, nil, ""},
		"an error of the service":     {[]http.HandlerFunc{says(500, ``), fine}, 2, nil, ""},
		"always an error":             {[]http.HandlerFunc{says(503, `{"Code":"ServiceUnavailable"}`)}, 4, engine.ErrUnknownOutcome, "ServiceUnavailable"},
		"refused":                     {[]http.HandlerFunc{says(409, `{"Code":"EntityAlreadyExists.Role"}`)}, 1, engine.ErrInvalid, "EntityAlreadyExists.Role"},
		"refused, the other spelling": {[]http.HandlerFunc{says(404, `{"errorCode":"ProjectNotExist"}`)}, 1, engine.ErrInvalid, "ProjectNotExist"},
		"not allowed":                 {[]http.HandlerFunc{says(403, `{"Code":"NoPermission"}`)}, 1, engine.ErrDenied, "NoPermission"},
		"a failure in a success":      {[]http.HandlerFunc{says(200, `{"Success":false,"Code":"EventBusNotExist"}`)}, 1, engine.ErrInvalid, "EventBusNotExist"},
		"one in words":                {[]http.HandlerFunc{says(200, `{"Success":"false","Code":"404"}`)}, 1, engine.ErrInvalid, "404"},
		"one without a word of it":    {[]http.HandlerFunc{says(200, `{"Code":"RuleNotExist"}`)}, 1, engine.ErrInvalid, "RuleNotExist"},
		"a throttled one":             {[]http.HandlerFunc{says(200, `{"Success":false,"Code":"TooManyRequests"}`), fine}, 2, nil, ""},
		"an unreadable success":       {[]http.HandlerFunc{says(200, `<html>`)}, 4, engine.ErrUnknownOutcome, ""},
	} {
		t.Run(name, func(t *testing.T) {
			api, tries := client(t, c.answers...)
			var into struct{}
			err := api.RPC(t.Context(), "Act", nil, nil, &into)
			if !errors.Is(err, c.class) || openapi.Code(err) != c.code || tries.Load() != c.tries {
				t.Errorf("got %v (code %q) after %d tries, want %v (%q) after %d", err, openapi.Code(err), tries.Load(), c.class, c.code, c.tries)
			}
		})
	}
}

// TestAnErrorExplainsAndHoldsNoSecret: the service's message is shown, unless it is
// about the signature and so repeats the request.
func TestAnErrorExplainsAndHoldsNoSecret(t *testing.T) {
	for answer, want := range map[string]string{
		`{"Code":"AccessDenied","Message":"not authorized to perform\n 'fc:CreateTrigger'","RequestId":"r-1"}`: "Act: denied (status 403, code AccessDenied, request id r-1): not authorized to perform 'fc:CreateTrigger'",
		`{"Code":"SignatureDoesNotMatch","Message":"ECHO"}`:                                                    "Act: denied (status 403, code SignatureDoesNotMatch)",
		`{"Code":"InvalidSecurityToken.Expired","Message":"ECHO"}`:                                             "Act: denied (status 403, code InvalidSecurityToken.Expired)",
		`{"Code":"ECHO HushToken","Message":"ECHO"}`:                                                           "Act: denied (status 403)",
	} {
		c, _ := client(t, says(403, answer))
		err := c.RPC(t.Context(), "Act", url.Values{"Secret": {"HushParameter"}}, nil, nil)
		if err == nil || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
		// A key that may not is one that is known.
		if got, want := openapi.KeyRefused(err), strings.Contains(want, "Signature") || strings.Contains(want, "Token."); got != want {
			t.Errorf("%v: the key is refused: %v", err, got)
		}
		for _, verb := range []string{"%v", "%+v", "%#v"} {
			if text := fmt.Sprintf(verb, err); strings.Contains(text, "Hush") {
				t.Errorf("the error holds a secret: %s", text)
			}
		}
	}
}
