package functioncompute_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"aftercare/tests/localcloud/access"
	"aftercare/tests/localcloud/access/accesstest"
	"aftercare/tests/localcloud/functioncompute"
)

const invocations = "/2023-03-30/functions/probe/invocations"

func send(t *testing.T, method, address, body string, header map[string]string) (res *http.Response, answer string) {
	t.Helper()
	req, err := http.NewRequest(method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range header {
		req.Header.Set(name, value)
	}
	return do(t, req)
}

func do(t *testing.T, req *http.Request) (*http.Response, string) {
	t.Helper()
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(data)
}

func TestInvokeFunctionOverHTTP(t *testing.T) {
	f := probe("probe")
	f.MaxInstances = 1
	busy := f
	busy.Name = "busy"
	s := start(t, functioncompute.Options{Functions: []functioncompute.Function{f, busy}, AsyncScale: 0.001})
	goOn := filepath.Join(t.TempDir(), "go-on")
	ended := make(chan functioncompute.Result, 1)
	go func() { ended <- invoke(t, s, "busy", `{"do":"block","file":"`+goOn+`"}`) }()
	eventually(t, "the instance is busy", func() bool { return s.Instances("busy") == 1 })

	for _, tt := range []struct {
		name, method, path, body string
		header                   map[string]string
		status                   int
		errorType, want          string
	}{
		{"a call without a type is synchronous", "POST", invocations, `{"do":"echo"}`, nil, 200, "", `{"do":"echo"}`},
		{"a synchronous call", "POST", invocations, `{"do":"echo"}`, map[string]string{"X-Fc-Invocation-Type": "Sync"}, 200, "", `{"do":"echo"}`},
		{"the qualifier LATEST", "POST", invocations + "?qualifier=LATEST", `{"do":"echo"}`, map[string]string{"X-Fc-Log-Type": "None"}, 200, "", `{"do":"echo"}`},
		{"a function error", "POST", invocations, `{"do":"fail"}`, nil, 200, "UnhandledInvocationError", `"errorMessage":"refused on purpose"`},
		{"an asynchronous call", "POST", invocations, `{"do":"echo"}`, map[string]string{"X-Fc-Invocation-Type": "Async"}, 202, "", ""},
		{"a function that does not exist", "POST", "/2023-03-30/functions/other/invocations", ``, nil, 404, "", `"Code":"FunctionNotFound","Message":"function 'other' does not exist."`},
		{"a function whose instances are busy", "POST", "/2023-03-30/functions/busy/invocations", ``, nil, 429, "", `"Code":"ResourceExhausted"`},
		{"another version", "POST", invocations + "?qualifier=7", ``, nil, 404, "", `"Code":"VersionNotFound"`},
		{"an alias that does not exist", "POST", invocations + "?qualifier=prod", ``, nil, 404, "", `"Code":"AliasNotFound"`},
		{"an unknown invocation type", "POST", invocations, ``, map[string]string{"X-Fc-Invocation-Type": "Later"}, 400, "", `"Code":"InvalidArgument"`},
		{"a log tail", "POST", invocations, ``, map[string]string{"X-Fc-Log-Type": "Tail"}, 400, "", "not imitated"},
		{"a delayed call", "POST", invocations, ``, map[string]string{"X-Fc-Async-Delay": "10"}, 400, "", "x-fc-async-delay is not imitated"},
		{"too large an asynchronous payload", "POST", invocations, strings.Repeat("x", 128<<10+1), map[string]string{"X-Fc-Invocation-Type": "Async"}, 400, "", `"Code":"EntityTooLarge"`},
		{"too large a synchronous payload", "POST", invocations, strings.Repeat("x", 32<<20+1), nil, 400, "", `"Code":"EntityTooLarge"`},
		{"another method", "GET", invocations, ``, nil, 400, "", `'GET' against '/2023-03-30/functions/probe/invocations' is not supported by the local Function Compute`},
		{"another call", "GET", "/2023-03-30/layers", ``, nil, 400, "", `"Code":"PathNotSupported"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			eventually(t, "queued calls are done", func() bool { return s.AsyncPending() == 0 })
			res, answer := send(t, tt.method, s.Endpoint()+tt.path, tt.body, tt.header)
			if res.StatusCode != tt.status || !strings.Contains(answer, tt.want) {
				t.Errorf("got %d %s, want %d %s", res.StatusCode, answer, tt.status, tt.want)
			}
			if got := res.Header.Get("X-Fc-Error-Type"); got != tt.errorType {
				t.Errorf("x-fc-error-type is %q, want %q", got, tt.errorType)
			}
			id := res.Header.Get("X-Fc-Request-Id")
			if id == "" {
				t.Error("x-fc-request-id is missing")
			}
			var refused struct{ RequestID, Code string }
			if res.StatusCode >= 400 {
				if err := json.Unmarshal([]byte(answer), &refused); err != nil || refused.RequestID != id {
					t.Errorf("error %s does not name request %s", answer, id)
				}
			}
		})
	}
	if err := os.WriteFile(goOn, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	<-ended
}

func TestSignatures(t *testing.T) {
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	owner := access.Key{ID: "owner", Secret: "secret"}
	temporary := access.Key{ID: "STS.x", Secret: "secret2", Token: "token/+="}
	s := start(t, functioncompute.Options{
		Functions: []functioncompute.Function{probe("probe")}, Keys: access.NewKeys(owner, temporary),
		Now: func() time.Time { return now },
	})
	strict := start(t, functioncompute.Options{
		Functions: []functioncompute.Function{probe("probe")}, Keys: access.NewKeys(owner), RequireSignature: true,
		Now: func() time.Time { return now },
	})
	const body = `{"do":"echo"}`
	for _, tt := range []struct {
		name   string
		server *functioncompute.Server
		change func(*http.Request) // before it is sent
		key    access.Key
		at     time.Time
		status int
		code   string
	}{
		{"a right signature", s, nil, owner, now, 200, ""},
		{"a right signature with a token", s, nil, temporary, now, 200, ""},
		{"a right signature where it is required", strict, nil, owner, now, 200, ""},
		{"no signature", s, func(r *http.Request) { r.Header.Del("Authorization") }, owner, now, 200, ""},
		{"no signature where it is required", strict, func(r *http.Request) { r.Header.Del("Authorization") }, owner, now, 400, "MissingRequiredHeader"},
		{"another secret", s, nil, access.Key{ID: "owner", Secret: "other"}, now, 403, "SignatureNotMatch"},
		{"an unknown key", s, nil, access.Key{ID: "nobody", Secret: "secret"}, now, 403, "InvalidAccessKeyID"},
		{"a wrong token", s, nil, access.Key{ID: "STS.x", Secret: "secret2", Token: "other"}, now, 403, "InvalidAccessKeyID"},
		{"no token", s, nil, access.Key{ID: "STS.x", Secret: "secret2"}, now, 403, "InvalidAccessKeyID"},
		{"another body", s, func(r *http.Request) {
			r.Body, r.ContentLength = io.NopCloser(strings.NewReader(`{"do":"fail"}`)), 13
		}, owner, now, 403, "SignatureNotMatch"},
		{"another query", s, func(r *http.Request) { r.URL.RawQuery = "qualifier=LATEST&x=2" }, owner, now, 403, "SignatureNotMatch"},
		{"another function", s, func(r *http.Request) { r.URL.Path = strings.Replace(r.URL.Path, "probe", "other", 1) }, owner, now, 403, "SignatureNotMatch"},
		{"a header that is not signed", s, func(r *http.Request) { r.Header.Set("x-acs-extra", "1") }, owner, now, 403, "SignatureNotMatch"},
		{"15 minutes old", s, nil, owner, now.Add(-15 * time.Minute), 200, ""},
		{"more than 15 minutes old", s, nil, owner, now.Add(-15*time.Minute - time.Second), 400, "InvalidTimeStamp.Expired"},
		{"another algorithm", s, func(r *http.Request) { r.Header.Set("Authorization", "acs owner:xyz") }, owner, now, 400, `"Code":"InvalidArgument","Message":"the local cloud does not imitate the signature algorithm`},
		{"no date", s, func(r *http.Request) { r.Header.Del("x-acs-date") }, owner, now, 400, `"Code":"MissingRequiredHeader","Message":"required HTTP header x-acs-date was not specified"`},
		{"no nonce", s, func(r *http.Request) { r.Header.Del("x-acs-signature-nonce") }, owner, now, 400, "x-acs-signature-nonce was not specified"},
		{"no hash of the body", s, func(r *http.Request) { r.Header.Del("x-acs-content-sha256") }, owner, now, 400, "x-acs-content-sha256 was not specified"},
		{"a nonce that was used", s, func(r *http.Request) { accesstest.Sign(r, body, owner, now, "a right signature") }, owner, now, 400, "SignatureNonceUsed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			query := url.Values{"qualifier": {"LATEST"}, "x": {"1"}}
			req, err := http.NewRequest("POST", tt.server.Endpoint()+invocations+"?"+query.Encode(), nil)
			if err != nil {
				t.Fatal(err)
			}
			accesstest.Sign(req, body, tt.key, tt.at, tt.name)
			if tt.change != nil {
				tt.change(req)
			}
			res, answer := do(t, req)
			if res.StatusCode != tt.status || !strings.Contains(answer, tt.code) {
				t.Errorf("got %d %s, want %d %s", res.StatusCode, answer, tt.status, tt.code)
			}
			for _, secret := range []string{"secret", "secret2", "token/+="} {
				if strings.Contains(strings.ReplaceAll(answer, "AccessKeySecret", ""), secret) {
					t.Errorf("answer %s contains a secret", answer)
				}
			}
		})
	}
}

func TestTheOldAPIIsRefusedInItsOwnShape(t *testing.T) {
	s := start(t, functioncompute.Options{Functions: []functioncompute.Function{probe("probe")}})
	res, answer := send(t, "POST", s.Endpoint()+"/2016-08-15/services/any/functions/probe/invocations", "{}",
		map[string]string{"Authorization": "FC owner:xyz"})
	// The SDK of that version reads these two names, in this case.
	var refused map[string]string
	if err := json.Unmarshal([]byte(answer), &refused); err != nil {
		t.Fatalf("%s: %v", answer, err)
	}
	if res.StatusCode != 400 || refused["ErrorCode"] != "PathNotSupported" ||
		!strings.Contains(refused["ErrorMessage"], "is not supported by the local Function Compute") {
		t.Errorf("got %d %s", res.StatusCode, answer)
	}
}
