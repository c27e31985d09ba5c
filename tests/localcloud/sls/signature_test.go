package sls_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"aftercare/tests/localcloud/access"
	"aftercare/tests/localcloud/sls"
)

// signed are calls that aliyun-log-go-sdk v0.1.100 signed, with the key STS.x,
// the secret s3cret and the token tok.
var signed = map[string]struct {
	method, target, body string
	header               map[string]string
}{
	"version 1 with a body": {"POST", "/logstores", `{"logstoreName":"functions"}`, map[string]string{
		"Authorization": "LOG STS.x:QWBTFXXQeRj5D07hPh7weFNDKto=", "Content-MD5": "EC0191CC66DCFB8BE6C72DD64181EB8A",
		"Content-Type": "application/json", "Date": "Fri, 01 May 2026 12:00:00 GMT", "x-log-bodyrawsize": "28", "x-log-signaturemethod": "hmac-sha1",
	}},
	"version 1 with a query": {"GET", "/logstores/functions?type=log&from=1&to=2&query=a%3A%20b&topic=", "", map[string]string{
		"Authorization": "LOG STS.x:m3XhXaOYhLOswBOmJPfTzeLKMxY=", "Date": "Fri, 01 May 2026 12:00:00 GMT",
		"x-log-bodyrawsize": "0", "x-log-signaturemethod": "hmac-sha1",
	}},
	"version 4 with a body": {"POST", "/logstores", `{"logstoreName":"functions"}`, map[string]string{
		"Authorization": "SLS4-HMAC-SHA256 Credential=STS.x/20260501/cn-hangzhou/sls/aliyun_v4_request,Signature=ad62d80e8076451b3d80e247c8fe52d6641a0a48a3988e2e4270190ad36d0d48",
		"Content-Type":  "application/json", "x-log-bodyrawsize": "28", "x-log-date": "20260501T120000Z",
		"x-log-content-sha256": "0885933ab6681bd4c987c831edd043c6f0ad60908499c1f8baa756fc3c147932",
	}},
	"version 4 with a query": {"GET", "/logstores/functions?type=log&from=1&to=2&query=a%3A%20b&topic=", "", map[string]string{
		"Authorization":     "SLS4-HMAC-SHA256 Credential=STS.x/20260501/cn-hangzhou/sls/aliyun_v4_request,Signature=5366948d6425696594a2c3b40e2fb5842d51b28fe65344cb201adff6d858ffce",
		"x-log-bodyrawsize": "0", "x-log-date": "20260501T120000Z",
		"x-log-content-sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
	}},
}

// TestTheVendorsSignaturesPassAndNoOthers: a call that passes is answered with
// ProjectNotExist.
func TestTheVendorsSignaturesPassAndNoOthers(t *testing.T) {
	const passes = "ProjectNotExist"
	at := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	for name, c := range signed {
		for _, change := range []struct {
			name string
			do   func(*http.Request)
			now  time.Duration
			want string
		}{
			{"as it is", func(*http.Request) {}, 0, passes},
			{"another path", func(r *http.Request) { r.URL.Path = "/dashboards" }, 0, "SignatureNotMatch"},
			{"another query", func(r *http.Request) { r.URL.RawQuery = "type=logs" }, 0, "SignatureNotMatch"},
			{"another x-log header", func(r *http.Request) { r.Header.Set("x-log-other", "1") }, 0, "SignatureNotMatch"},
			{"no token", func(r *http.Request) { r.Header.Del("x-acs-security-token") }, 0, "Unauthorized"},
			{"no signature", func(r *http.Request) { r.Header.Del("Authorization") }, 0, "ParameterInvalid"},
			{"too late", func(*http.Request) {}, 16 * time.Minute, "RequestTimeExpired"},
		} {
			t.Run(name+", "+change.name, func(t *testing.T) {
				s := start(t, sls.Options{
					Keys: access.NewKeys(access.Key{ID: "STS.x", Secret: "s3cret", Token: "tok"}), Now: func() time.Time { return at.Add(change.now) },
				})
				r := httptest.NewRequest(c.method, c.target, strings.NewReader(c.body))
				r.Host = "aftercare-logs.cn-hangzhou.log.aliyuncs.com"
				r.Header.Set("x-log-apiversion", "0.6.0")
				r.Header.Set("x-acs-security-token", "tok")
				for name, value := range c.header {
					r.Header.Set(name, value)
				}
				change.do(r)
				w := httptest.NewRecorder()
				s.ServeHTTP(w, r)
				if got := w.Body.String(); !strings.Contains(got, `"`+change.want+`"`) {
					t.Errorf("answered %s, want %s", got, change.want)
				}
			})
		}
	}
}
