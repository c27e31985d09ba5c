package access

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// RPC checks a call with signature version 1, HMAC-SHA1, which is among the
// parameters of the query and the form. It returns nil if the call passes.
func (v *Verifier) RPC(method string, form url.Values) *Refusal {
	if form.Get("AccessKeyId") == "" {
		return refuse("MissingAccessKeyId", "AccessKeyId is mandatory for this action: it is neither a parameter nor in the header Authorization.")
	}
	for _, name := range []string{"Signature", "SignatureMethod", "SignatureVersion", "SignatureNonce", "Timestamp"} {
		if form.Get(name) == "" {
			return refuse("Missing"+name, "%s is mandatory for this action.", name)
		}
	}
	if name := form.Get("SignatureMethod"); name != "HMAC-SHA1" {
		return refuse("InvalidSignatureMethod", "Specified signature method is not valid: %q, only HMAC-SHA1 is known.", name)
	}
	if name := form.Get("SignatureVersion"); name != "1.0" {
		return refuse("InvalidSignatureVersion", "Specified parameter SignatureVersion is not valid: %q, only 1.0 is known.", name)
	}
	text := rpcStringToSign(method, form)
	return v.check(claim{
		keyID: form.Get("AccessKeyId"), token: form.Get("SecurityToken"),
		stamp: form.Get("Timestamp"), nonce: form.Get("SignatureNonce"), signature: form.Get("Signature"),
		sign: func(secret string) string {
			mac := hmac.New(sha1.New, []byte(secret+"&"))
			mac.Write([]byte(text))
			return base64.StdEncoding.EncodeToString(mac.Sum(nil))
		},
		// The SDK compares what follows the colon with its own string.
		mismatch: "Specified signature is not matched with our calculation. server string to sign is:" + text,
	})
}

// rpcStringToSign returns what signature version 1 covers: the method, and every
// parameter except the signature, sorted.
func rpcStringToSign(method string, form url.Values) string {
	var pairs []string
	for _, name := range slices.Sorted(maps.Keys(form)) {
		if name != "Signature" {
			pairs = append(pairs, escape(name)+"="+escape(form.Get(name)))
		}
	}
	return method + "&%2F&" + escape(strings.Join(pairs, "&"))
}

// escape is the percent-encoding of both signatures.
func escape(text string) string { return strings.ReplaceAll(url.QueryEscape(text), "+", "%20") }
