package ecs

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"sort"
	"strings"
	"time"

	"aftercare/tests/localcloud/access"
)

// timeWindow is how far a request's time stamp may be from the clock.
const timeWindow = 15 * time.Minute

// authenticate checks the common parameters of a call: who signed it, that the
// signature fits, that it is fresh, and that it was not sent before.
func (s *Server) authenticate(method string, form url.Values) *apiError {
	for _, name := range []string{"AccessKeyId", "Signature", "SignatureNonce", "Timestamp"} {
		if form.Get(name) == "" {
			return bad("Missing"+name, "the common parameter %s is required", name)
		}
	}
	if form.Get("SignatureMethod") != "HMAC-SHA1" || form.Get("SignatureVersion") != "1.0" {
		return bad("IncompleteSignature", "only signature version 1.0 with HMAC-SHA1 is known")
	}
	if version := form.Get("Version"); version != "2014-05-26" {
		return bad("InvalidVersion", "the version %q is not 2014-05-26", version)
	}
	if format := form.Get("Format"); !strings.EqualFold(format, "JSON") {
		return notImitated("the format %q, only JSON", format)
	}
	id, token := form.Get("AccessKeyId"), form.Get("SecurityToken")
	secret, err := s.options.Keys.Secret(id, token)
	switch {
	case errors.Is(err, access.ErrUnknownID) && strings.HasPrefix(id, "STS.") && token != "":
		// Only its end makes a temporary key unknown.
		return bad("InvalidSecurityToken.Expired", "the security token has expired")
	case errors.Is(err, access.ErrUnknownID):
		return notFound("InvalidAccessKeyId.NotFound", "the access key id is not known")
	case errors.Is(err, access.ErrWrongToken) && token == "":
		return bad("MissingSecurityToken", "the access key id is temporary and needs its SecurityToken")
	case errors.Is(err, access.ErrWrongToken):
		return bad("InvalidSecurityToken.MismatchWithAccessKey", "the security token does not belong to the access key id")
	case err != nil:
		return refuse(http.StatusInternalServerError, "InternalError", "the access key could not be checked")
	}
	text := stringToSign(method, form)
	mac := hmac.New(sha1.New, []byte(secret+"&"))
	mac.Write([]byte(text))
	want := base64.StdEncoding.EncodeToString(mac.Sum(nil))
	if !hmac.Equal([]byte(want), []byte(form.Get("Signature"))) {
		// The SDK compares what follows the colon with its own string.
		return bad("SignatureDoesNotMatch", "the signature does not match; server string to sign is:%s", text)
	}
	stamp, err := time.Parse("2006-01-02T15:04:05Z", form.Get("Timestamp"))
	if err != nil {
		return bad("InvalidTimeStamp.Format", "the time stamp has not the form yyyy-MM-ddTHH:mm:ssZ")
	}
	now := s.options.Now()
	if now.Sub(stamp).Abs() > timeWindow {
		return bad("InvalidTimeStamp.Expired", "the time stamp is more than 15 minutes from the server's time")
	}
	if !s.nonces.use(id+" "+form.Get("SignatureNonce"), now) {
		return bad("SignatureNonceUsed", "the signature nonce was used before")
	}
	return nil
}

// stringToSign is what signature version 1 signs: the method, and every
// parameter but the signature, sorted.
func stringToSign(method string, form url.Values) string {
	names := make([]string, 0, len(form))
	for name := range form {
		if name != "Signature" {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	pairs := make([]string, len(names))
	for i, name := range names {
		pairs[i] = escape(name) + "=" + escape(form.Get(name))
	}
	return method + "&%2F&" + escape(strings.Join(pairs, "&"))
}

var rfc3986 = strings.NewReplacer("+", "%20", "*", "%2A", "%7E", "~")

func escape(text string) string { return rfc3986.Replace(url.QueryEscape(text)) }
