package access

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
)

// DataPlane checks a call of EventBridge's older data plane, whose header
// Authorization is acs:<access key id>:<signature>. It returns nil if the call
// passes. The body is not signed, only the header Content-MD5, which the
// vendor's SDKs do not send. Source: the package @alicloud/eventbridge-util of
// npm, 1.0.0.
func (v *Verifier) DataPlane(r *http.Request) *Refusal {
	fields := strings.Split(r.Header.Get("Authorization"), ":")
	if len(fields) != 3 || fields[0] != "acs" {
		return refuse("IncompleteSignature", "the header Authorization must be acs:<access key id>:<signature>")
	}
	for name, only := range map[string]string{"x-acs-signature-method": "HMAC-SHA1", "x-acs-signature-version": "1.0"} {
		if r.Header.Get(name) != only {
			return refuse("IncompleteSignature", "the header %s must be %s", name, only)
		}
	}
	nonce := r.Header.Get("x-acs-signature-nonce")
	if nonce == "" {
		return refuse("MissingSignatureNonce", "the header x-acs-signature-nonce is missing")
	}
	stamp := r.Header.Get("Date")
	if at, err := http.ParseTime(stamp); err == nil {
		stamp = at.UTC().Format(stampForm)
	}
	text := dataPlaneStringToSign(r)
	return v.check(claim{
		keyID: fields[1], token: r.Header.Get("x-acs-security-token"),
		stamp: stamp, nonce: nonce, signature: fields[2],
		sign: func(secret string) string {
			mac := hmac.New(sha1.New, []byte(secret))
			mac.Write([]byte(text))
			return base64.StdEncoding.EncodeToString(mac.Sum(nil))
		},
		mismatch: "the signature does not match; server string to sign is:" + text,
	})
}

// dataPlaneStringToSign is what the signature covers: the method, three
// headers, every x-acs header, and the path.
func dataPlaneStringToSign(r *http.Request) string {
	lines := []string{r.Method, r.Header.Get("Content-MD5"), r.Header.Get("Content-Type"), r.Header.Get("Date")}
	var signed []string
	for name := range r.Header {
		if name := strings.ToLower(name); strings.HasPrefix(name, "x-acs-") {
			signed = append(signed, name+":"+strings.TrimSpace(r.Header.Get(name)))
		}
	}
	slices.Sort(signed)
	return strings.Join(append(append(lines, signed...), r.URL.RequestURI()), "\n")
}
