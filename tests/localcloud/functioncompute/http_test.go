package functioncompute_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"aftercare/tests/localcloud/access"
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
		{"another version", "POST", invocations + "?qualifier=prod", ``, nil, 404, "", `"Code":"VersionNotFound"`},
		{"an unknown invocation type", "POST", invocations, ``, map[string]string{"X-Fc-Invocation-Type": "Later"}, 400, "", `"Code":"InvalidArgument"`},
		{"a log tail", "POST", invocations, ``, map[string]string{"X-Fc-Log-Type": "Tail"}, 400, "", "not imitated"},
		{"a delayed call", "POST", invocations, ``, map[string]string{"X-Fc-Async-Delay": "10"}, 400, "", "x-fc-async-delay is not imitated"},
		{"too large an asynchronous payload", "POST", invocations, strings.Repeat("x", 128<<10+1), map[string]string{"X-Fc-Invocation-Type": "Async"}, 400, "", `"Code":"EntityTooLarge"`},
		{"too large a synchronous payload", "POST", invocations, strings.Repeat("x", 32<<20+1), nil, 400, "", `"Code":"EntityTooLarge"`},
		{"another method", "GET", invocations, ``, nil, 404, "", `'GET' against '/2023-03-30/functions/probe/invocations' is not supported`},
		{"another call", "GET", "/2023-03-30/functions", ``, nil, 404, "", `"Code":"PathNotSupported"`},
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

// sign signs a request with ACS3-HMAC-SHA256.
func sign(req *http.Request, body string, key access.Key) {
	hash := func(s string) string { sum := sha256.Sum256([]byte(s)); return hex.EncodeToString(sum[:]) }
	req.Header.Set("x-acs-content-sha256", hash(body))
	if key.Token != "" {
		req.Header.Set("x-acs-security-token", key.Token)
	}
	names := []string{"host"}
	for name := range req.Header {
		if lower := strings.ToLower(name); strings.HasPrefix(lower, "x-acs-") {
			names = append(names, lower)
		}
	}
	slices.Sort(names)
	canonical := req.Method + "\n" + req.URL.EscapedPath() + "\n" + req.URL.Query().Encode() + "\n"
	for _, name := range names {
		value := req.Header.Get(name)
		if name == "host" {
			value = req.URL.Host
		}
		canonical += name + ":" + value + "\n"
	}
	canonical += "\n" + strings.Join(names, ";") + "\n" + hash(body)
	mac := hmac.New(sha256.New, []byte(key.Secret))
	mac.Write([]byte("ACS3-HMAC-SHA256\n" + hash(canonical)))
	req.Header.Set("Authorization", "ACS3-HMAC-SHA256 Credential="+key.ID+",SignedHeaders="+strings.Join(names, ";")+
		",Signature="+hex.EncodeToString(mac.Sum(nil)))
}

// TestSignerOfTheseTests checks sign against the example that the vendor
// publishes:
// https://www.alibabacloud.com/help/en/sdk/product-overview/v3-request-structure-and-signature
func TestSignerOfTheseTests(t *testing.T) {
	req, err := http.NewRequest("POST", "https://ecs.cn-shanghai.aliyuncs.com/?ImageId=win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd&RegionId=cn-shanghai", nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"x-acs-action": "RunInstances", "x-acs-version": "2014-05-26", "x-acs-date": "2023-10-26T10:22:32Z",
		"x-acs-signature-nonce": "3156853299f313e23d1673dc12e1703d",
	} {
		req.Header.Set(name, value)
	}
	sign(req, "", access.Key{ID: "YourAccessKeyId", Secret: "YourAccessKeySecret"})
	const want = "Signature=06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0"
	if got := req.Header.Get("Authorization"); !strings.HasSuffix(got, want) {
		t.Errorf("got %s, want %s", got, want)
	}
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
		{"another algorithm", s, func(r *http.Request) { r.Header.Set("Authorization", "acs owner:xyz") }, owner, now, 400, "InvalidArgument"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			query := url.Values{"qualifier": {"LATEST"}, "x": {"1"}}
			req, err := http.NewRequest("POST", tt.server.Endpoint()+invocations+"?"+query.Encode(), strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("x-acs-date", tt.at.Format("2006-01-02T15:04:05Z"))
			req.Header.Set("x-acs-signature-nonce", "n-1")
			sign(req, body, tt.key)
			if tt.change != nil {
				tt.change(req)
			}
			res, answer := do(t, req)
			if res.StatusCode != tt.status || !strings.Contains(answer, tt.code) {
				t.Errorf("got %d %s, want %d %s", res.StatusCode, answer, tt.status, tt.code)
			}
			for _, secret := range []string{"secret", "secret2", "token/+="} {
				if strings.Contains(strings.ReplaceAll(answer, "AccessKeySecret", ""), secret) {
					t.Errorf("answer %s tells a secret", answer)
				}
			}
		})
	}
}
