package access_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"aftercare/tests/localcloud/access"
	"aftercare/tests/localcloud/access/accesstest"
)

// published is a call that the vendor signed for others to compare with.
// Source: https://www.alibabacloud.com/help/en/sdk/product-overview/v3-request-structure-and-signature
func published() *http.Request {
	r := httptest.NewRequest("POST", "/?ImageId=win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd&RegionId=cn-shanghai", nil)
	r.Host = "ecs.cn-shanghai.aliyuncs.com"
	r.Header.Set("x-acs-action", "RunInstances")
	r.Header.Set("x-acs-version", "2014-05-26")
	r.Header.Set("x-acs-date", "2023-10-26T10:22:32Z")
	r.Header.Set("x-acs-signature-nonce", "3156853299f313e23d1673dc12e1703d")
	r.Header.Set("x-acs-content-sha256", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
	r.Header.Set("Authorization", "ACS3-HMAC-SHA256 Credential=YourAccessKeyId,"+
		"SignedHeaders=host;x-acs-action;x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version,"+
		"Signature=06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0")
	return r
}

var (
	publishedKey = access.Key{ID: "YourAccessKeyId", Secret: "YourAccessKeySecret"}
	publishedAt  = time.Date(2023, 10, 26, 10, 22, 32, 0, time.UTC)
)

func TestThePublishedSignature(t *testing.T) {
	verifier := access.NewVerifier(access.NewKeys(publishedKey), func() time.Time { return publishedAt })
	if refused := verifier.Header(published(), nil); refused != nil {
		t.Errorf("the verifier refuses it: %+v", refused)
	}
	ours := published()
	accesstest.Resign(ours, publishedKey)
	if got, want := ours.Header.Get("Authorization"), published().Header.Get("Authorization"); got != want {
		t.Errorf("the tests sign it as %s, want %s", got, want)
	}
}

// TestASignatureOverEverything has a token, a type, a path and characters that
// are encoded. Two of the vendor's SDKs make this signature.
func TestASignatureOverEverything(t *testing.T) {
	key := access.Key{ID: "STS.ExampleKeyId", Secret: "ExampleSecret", Token: "CAISexampletoken=="}
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	const body = `{"versionId":"7","additionalVersionWeight":{"8":0.1},"description":"canary"}`
	r := httptest.NewRequest("PUT", "/2023-03-30/functions/aftercare-detect/aliases/live?note=a%20b*c~d%2F%C3%A9", nil)
	r.Host = "123456789012.cn-hangzhou.fc.aliyuncs.com"
	for name, value := range map[string]string{
		"Content-Type": "application/json; charset=utf-8", "x-acs-action": "UpdateAlias", "x-acs-version": "2023-03-30",
	} {
		r.Header.Set(name, value)
	}
	accesstest.Sign(r, body, key, at, "0123456789abcdef0123456789abcdef")
	if !strings.HasSuffix(r.Header.Get("Authorization"), "Signature=47799afc01eff1ad03fa7756f887e7d55e5c79234e4dc601b55336d9850095eb") {
		t.Errorf("the tests sign it as %s", r.Header.Get("Authorization"))
	}
	verifier := access.NewVerifier(access.NewKeys(key), func() time.Time { return at })
	if refused := verifier.Header(r, []byte(body)); refused != nil {
		t.Errorf("the verifier refuses it: %+v", refused)
	}
}

func TestWhatASignedHeaderIsRefusedFor(t *testing.T) {
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	long := access.Key{ID: "long", Secret: "s1"}
	temporary := access.Key{ID: "STS.x", Secret: "s2", Token: "t2"}
	drop := func(name string) func(*http.Request) { return func(r *http.Request) { r.Header.Del(name) } }
	replace := func(from, to string) func(*http.Request) {
		return func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), from, to, 1))
		}
	}
	body := func(text string) func(*http.Request) {
		return func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader(text)) }
	}
	for _, c := range []struct {
		name   string
		key    access.Key
		at     time.Time
		change func(*http.Request) // of the signed call
		code   string
		words  string
	}{
		{"nothing", long, now, nil, "", ""},
		{"nothing, with a token", temporary, now, nil, "", ""},
		{"an unknown key", access.Key{ID: "other", Secret: "s1"}, now, nil, "InvalidAccessKeyId.NotFound", "not found"},
		{"a wrong secret", access.Key{ID: "long", Secret: "s2"}, now, nil, "SignatureDoesNotMatch", "server StringToSign is [ACS3-HMAC-SHA256\n"},
		{"a wrong secret, with what was hashed", access.Key{ID: "long", Secret: "s2"}, now, nil, "SignatureDoesNotMatch", "server CanonicalRequest is [POST\n/\na=1&a-b=2&a.c=3\n"},
		{"a token of another key", access.Key{ID: "STS.x", Secret: "s2", Token: "t1"}, now, nil, "InvalidSecurityToken.MismatchWithAccessKey", ""},
		{"a temporary key without its token", access.Key{ID: "STS.x", Secret: "s2"}, now, nil, "MissingSecurityToken", ""},
		{"a temporary key that has ended", access.Key{ID: "STS.y", Secret: "s2", Token: "t2"}, now, nil, "InvalidSecurityToken.Expired", ""},
		{"15 minutes of age, no more", long, now.Add(-15 * time.Minute), nil, "", ""},
		{"its age", long, now.Add(-15*time.Minute - time.Second), nil, "InvalidTimeStamp.Expired", "expired"},
		{"a date in the future", long, now.Add(15*time.Minute + time.Second), nil, "InvalidTimeStamp.Expired", "expired"},
		{"text instead of a date", long, now, func(r *http.Request) {
			r.Header.Set("x-acs-date", "Fri, 01 May 2026 12:00:00 GMT")
			accesstest.Resign(r, long)
		}, "InvalidTimeStamp.Format", "not well formatted"},
		{"no date", long, now, drop("x-acs-date"), "MissingTimestamp", "x-acs-date"},
		{"no nonce", long, now, drop("x-acs-signature-nonce"), "MissingSignatureNonce", "x-acs-signature-nonce"},
		{"no hash of the body", long, now, drop("x-acs-content-sha256"), "MissingContentSha256", "x-acs-content-sha256"},
		{"another body", long, now, body("b=2"), "SignatureDoesNotMatch", "hash of the body"},
		{"another body, under the signed hash of none", long, now, func(r *http.Request) {
			accesstest.Sign(r, "", long, now, "n")
			body("b=2")(r)
		}, "SignatureDoesNotMatch", "hash of the body"},
		{"another query", long, now, func(r *http.Request) { r.URL.RawQuery = "a=2" }, "SignatureDoesNotMatch", "CanonicalRequest"},
		{"another path", long, now, func(r *http.Request) { r.URL.Path = "/x" }, "SignatureDoesNotMatch", "CanonicalRequest"},
		{"another host", long, now, func(r *http.Request) { r.Host = "other" }, "SignatureDoesNotMatch", "CanonicalRequest"},
		{"another action", long, now, func(r *http.Request) { r.Header.Set("x-acs-action", "B") }, "SignatureDoesNotMatch", "CanonicalRequest"},
		{"a header that is not signed", long, now, func(r *http.Request) { r.Header.Set("x-acs-extra", "1") }, "IncompleteSignature", "x-acs-extra"},
		{"a host that is not signed", long, now, replace(";host;", ";"), "IncompleteSignature", "host"},
		{"a query that cannot be read", long, now, func(r *http.Request) { r.URL.RawQuery = "a=%zz" }, "InvalidParameter", "query"},
		{"no credential", long, now, replace("Credential=", "Credentials="), "IncompleteSignature", "Credential"},
		{"no signed headers", long, now, replace("SignedHeaders=", "Headers="), "IncompleteSignature", "SignedHeaders"},
		{"no signature", long, now, replace("Signature=", "S="), "IncompleteSignature", "Signature"},
		{"SM3", long, now, replace("ACS3-HMAC-SHA256", "ACS3-HMAC-SM3"), access.CodeNotImitated, "ACS3-HMAC-SM3"},
		{"RSA", long, now, replace("ACS3-HMAC-SHA256", "ACS3-RSA-SHA256"), access.CodeNotImitated, "ACS3-RSA-SHA256"},
		{"the older algorithm", long, now, func(r *http.Request) { r.Header.Set("Authorization", "acs long:x") }, access.CodeNotImitated, `"acs"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			verifier := access.NewVerifier(access.NewKeys(long, temporary), func() time.Time { return now })
			r := httptest.NewRequest("POST", "/?a.c=3&a-b=2&a=1", nil)
			r.Header.Set("x-acs-action", "A")
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			accesstest.Sign(r, "b=1", c.key, c.at, "n")
			if c.change != nil {
				c.change(r)
			}
			read, err := io.ReadAll(r.Body)
			if err != nil {
				t.Fatal(err)
			}
			refused := verifier.Header(r, read)
			switch {
			case refused == nil && c.code != "":
				t.Errorf("it passes, want %s", c.code)
			case refused != nil && (refused.Code != c.code || !strings.Contains(refused.Message, c.words)):
				t.Errorf("refused with %+v, want %s and %q", refused, c.code, c.words)
			}
		})
	}
}

func TestANonceCountsOnceForItsKey(t *testing.T) {
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	one, other := access.Key{ID: "one", Secret: "s1"}, access.Key{ID: "other", Secret: "s2"}
	verifier := access.NewVerifier(access.NewKeys(one, other), func() time.Time { return now })
	send := func(key access.Key, ahead time.Duration) string {
		r := httptest.NewRequest("POST", "/", nil)
		accesstest.Sign(r, "", key, now.Add(ahead), "n")
		if refused := verifier.Header(r, nil); refused != nil {
			return refused.Code
		}
		return ""
	}
	for _, c := range []struct {
		name string
		key  access.Key
		want string
	}{
		{"the first time", one, ""},
		{"again", one, "SignatureNonceUsed"},
		{"with another key", other, ""},
	} {
		if got := send(c.key, 15*time.Minute); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	now = now.Add(29 * time.Minute)
	if got := send(one, -14*time.Minute); got != "SignatureNonceUsed" {
		t.Errorf("29 minutes later, while its stamp is valid: %q", got)
	}
}
