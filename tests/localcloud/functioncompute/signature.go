package functioncompute

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

const signatureAlgorithm = "ACS3-HMAC-SHA256"

// maxSkew is how far a request's x-acs-date may be from the server's clock.
// Source: https://www.alibabacloud.com/help/en/sdk/product-overview/v3-request-structure-and-signature
const maxSkew = 15 * time.Minute

// checkSignature checks a request that is signed, and lets one that is not
// pass unless signatures are required.
func (s *Server) checkSignature(r *http.Request, body []byte) *APIError {
	header := r.Header.Get("Authorization")
	if header == "" {
		if s.opt.RequireSignature {
			return &APIError{Status: 400, Code: "MissingRequiredHeader", Message: "required HTTP header Authorization was not specified"}
		}
		return nil
	}
	if s.opt.Keys == nil {
		return nil
	}
	fields, ok := strings.CutPrefix(header, signatureAlgorithm+" ")
	if !ok {
		return &APIError{Status: 400, Code: "InvalidArgument", Message: "the local Function Compute knows only signatures by " + signatureAlgorithm}
	}
	given := make(map[string]string)
	for field := range strings.SplitSeq(fields, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(field), "=")
		given[name] = value
	}
	at, err := time.Parse("2006-01-02T15:04:05Z", r.Header.Get("x-acs-date"))
	if err != nil || s.opt.Now().Sub(at).Abs() > maxSkew {
		return &APIError{Status: 400, Code: "InvalidTimeStamp.Expired", Message: "x-acs-date is missing, malformed or more than 15 minutes off"}
	}
	secret, err := s.opt.Keys.Secret(given["Credential"], r.Header.Get("x-acs-security-token"))
	if err != nil {
		return &APIError{Status: 403, Code: "InvalidAccessKeyID", Message: fmt.Sprintf("invalid access key ID '%s'", given["Credential"])}
	}
	signed := strings.Split(given["SignedHeaders"], ";")
	want := signature(r, body, signed, secret)
	if !coversRequest(r, signed) || !hmac.Equal([]byte(want), []byte(given["Signature"])) {
		return &APIError{Status: 403, Code: "SignatureNotMatch",
			Message: "The request signature we calculated does not match the signature you provided. Check your access key and signing method"}
	}
	return nil
}

// coversRequest reports whether the host and every x-acs header are signed.
func coversRequest(r *http.Request, signed []string) bool {
	for name := range r.Header {
		if lower := strings.ToLower(name); strings.HasPrefix(lower, "x-acs-") && !slices.Contains(signed, lower) {
			return false
		}
	}
	return slices.Contains(signed, "host")
}

// signature signs a request as the page of maxSkew says.
func signature(r *http.Request, body []byte, signed []string, secret string) string {
	hashed := sha256.Sum256(body)
	var headers strings.Builder
	for _, name := range signed {
		value := strings.TrimSpace(r.Header.Get(name))
		if name == "host" {
			value = r.Host
		}
		headers.WriteString(name + ":" + value + "\n")
	}
	path := r.URL.EscapedPath()
	if path == "" {
		path = "/"
	}
	canonical := strings.Join([]string{
		r.Method, path, canonicalQuery(r.URL.Query()), headers.String(),
		strings.Join(signed, ";"), hex.EncodeToString(hashed[:]),
	}, "\n")
	hashedRequest := sha256.Sum256([]byte(canonical))
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(signatureAlgorithm + "\n" + hex.EncodeToString(hashedRequest[:])))
	return hex.EncodeToString(mac.Sum(nil))
}

func canonicalQuery(values url.Values) string {
	var pairs []string
	for name, list := range values {
		for _, value := range list {
			pairs = append(pairs, escape(name)+"="+escape(value))
		}
	}
	slices.Sort(pairs)
	return strings.Join(pairs, "&")
}

// escape is percent-encoding by RFC 3986.
func escape(s string) string {
	return strings.NewReplacer("+", "%20", "*", "%2A", "%7E", "~").Replace(url.QueryEscape(s))
}
