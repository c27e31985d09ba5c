package access

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// algorithm is the only signature in a header that Header accepts. The vendor
// also has ACS3-HMAC-SM3 and ACS3-RSA-SHA256, and an older one that begins with
// acs.
const algorithm = "ACS3-HMAC-SHA256"

// Header checks a call that is signed by its header Authorization. It returns
// nil if the call passes.
func (v *Verifier) Header(r *http.Request, body []byte) *Refusal {
	name, fields, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if name != algorithm {
		return notImitated("the signature algorithm %q, only %s", name, algorithm)
	}
	given := make(map[string]string)
	for field := range strings.SplitSeq(fields, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(field), "=")
		given[name] = value
	}
	_, there := given["Signature"]
	if given["Credential"] == "" || given["SignedHeaders"] == "" || !there {
		return refuse("IncompleteSignature", "The request signature does not conform to Aliyun standards: the header Authorization lacks Credential, SignedHeaders or Signature.")
	}
	for _, need := range []struct{ header, parameter string }{
		{"x-acs-date", "Timestamp"}, {"x-acs-signature-nonce", "SignatureNonce"}, {"x-acs-content-sha256", "ContentSha256"},
	} {
		if r.Header.Get(need.header) == "" {
			return refuse("Missing"+need.parameter, "required HTTP header %s was not specified", need.header)
		}
	}
	signed := strings.Split(given["SignedHeaders"], ";")
	if name := unsigned(r, signed); name != "" {
		return refuse("IncompleteSignature", "The request signature does not conform to Aliyun standards: the header %s is not among the SignedHeaders.", name)
	}
	query, err := canonicalQuery(r.URL.RawQuery)
	if err != nil {
		return refuse("InvalidParameter", "the query cannot be read: %v", err)
	}
	hash := sum(body)
	if r.Header.Get("x-acs-content-sha256") != hash {
		return refuse("SignatureDoesNotMatch", "Specified signature does not match our calculation: the header x-acs-content-sha256 is not the hash of the body.")
	}
	canonical := canonicalRequest(r, query, signed, hash)
	text := algorithm + "\n" + sum([]byte(canonical))
	return v.check(claim{
		keyID: given["Credential"], token: r.Header.Get("x-acs-security-token"),
		stamp: r.Header.Get("x-acs-date"), nonce: r.Header.Get("x-acs-signature-nonce"), signature: given["Signature"],
		sign: func(secret string) string {
			mac := hmac.New(sha256.New, []byte(secret))
			mac.Write([]byte(text))
			return hex.EncodeToString(mac.Sum(nil))
		},
		mismatch: "Specified signature does not match our calculation. server StringToSign is [" + text + "] server CanonicalRequest is [" + canonical + "]",
	})
}

// unsigned returns a header that must be signed and is not, or "". The host and
// every x-acs header must be signed.
func unsigned(r *http.Request, signed []string) string {
	if !slices.Contains(signed, "host") {
		return "host"
	}
	for name := range r.Header {
		if lower := strings.ToLower(name); strings.HasPrefix(lower, "x-acs-") && !slices.Contains(signed, lower) {
			return lower
		}
	}
	return ""
}

// canonicalRequest writes a call in the form of the page named at timeWindow.
func canonicalRequest(r *http.Request, query string, signed []string, bodyHash string) string {
	path := r.URL.EscapedPath()
	if path == "" {
		path = "/"
	}
	var headers strings.Builder
	for _, name := range signed {
		value := r.Host
		if name != "host" {
			value = strings.TrimSpace(strings.Join(r.Header.Values(name), ","))
		}
		headers.WriteString(name + ":" + value + "\n")
	}
	return strings.Join([]string{r.Method, path, query, headers.String(), strings.Join(signed, ";"), bodyHash}, "\n")
}

func canonicalQuery(raw string) (string, error) {
	values, err := url.ParseQuery(raw)
	if err != nil {
		return "", err
	}
	var pairs []string
	for _, name := range slices.Sorted(maps.Keys(values)) {
		for _, value := range values[name] {
			pairs = append(pairs, escape(name)+"="+escape(value))
		}
	}
	return strings.Join(pairs, "&"), nil
}

func sum(data []byte) string {
	hash := sha256.Sum256(data)
	return hex.EncodeToString(hash[:])
}
