package sls

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// timeWindow is how far a call's date may be off the clock.
// Source: https://www.alibabacloud.com/help/en/sls/developer-reference/error-codes
const timeWindow = 15 * time.Minute

const (
	stampV4     = "20060102T150405Z"
	algorithmV4 = "SLS4-HMAC-SHA256"
)

// verify checks the signature of a call. Sources: for version 1
// https://www.alibabacloud.com/help/en/sls/developer-reference/request-signatures,
// for version 4 aliyun-log-go-sdk v0.1.100, signature_v4.go.
func (s *Server) verify(r *http.Request, body []byte) *apiError {
	head := r.Header.Get("Authorization")
	if fields, ok := strings.CutPrefix(head, algorithmV4+" "); ok {
		return s.verifyV4(r, fields, body)
	}
	if fields, ok := strings.CutPrefix(head, "LOG "); ok {
		return s.verifyV1(r, fields, body)
	}
	return refuse(http.StatusBadRequest, "ParameterInvalid", "Http extend authorization : authorization pair is invalid.")
}

// check compares a signature with that of the key, and the date with the clock.
func (s *Server) check(r *http.Request, id, signature string, at time.Time, dated error, sign func(secret string) string) *apiError {
	secret, err := s.opt.Keys.Secret(id, r.Header.Get("x-acs-security-token"))
	switch {
	case err != nil:
		return refuse(http.StatusUnauthorized, "Unauthorized", "AccessKeyId not found: %s", id)
	case subtle.ConstantTimeCompare([]byte(sign(secret)), []byte(signature)) == 0:
		return refuse(http.StatusUnauthorized, "SignatureNotMatch", "Signature %s not matched.", signature)
	case dated != nil:
		return refuse(http.StatusBadRequest, "InvalidRequestTime", "Request time does not follow its form.")
	case s.opt.Now().Sub(at).Abs() > timeWindow:
		return refuse(http.StatusBadRequest, "RequestTimeExpired", "Request time has been expired while server time is %s.", s.opt.Now().UTC().Format(time.RFC1123))
	}
	return nil
}

// signedHeader reports whether both versions cover a header.
func signedHeader(lower string) bool {
	return strings.HasPrefix(lower, "x-log-") || strings.HasPrefix(lower, "x-acs-")
}

// headers returns lines name:value, sorted, of the headers that fit.
func headers(r *http.Request, fits func(lower string) bool) []string {
	var out []string
	for name := range r.Header {
		if lower := strings.ToLower(name); fits(lower) {
			out = append(out, lower+":"+strings.TrimSpace(r.Header.Get(name)))
		}
	}
	slices.Sort(out)
	return out
}

func mac(make func() hash.Hash, key []byte, text string) []byte {
	m := hmac.New(make, key)
	m.Write([]byte(text))
	return m.Sum(nil)
}

func (s *Server) verifyV1(r *http.Request, fields string, body []byte) *apiError {
	id, signature, _ := strings.Cut(fields, ":")
	algorithm, known := map[string]func() hash.Hash{"hmac-sha1": sha1.New, "hmac-sha256": sha256.New}[r.Header.Get("x-log-signaturemethod")]
	if !known || r.Header.Get("x-log-apiversion") == "" {
		return refuse(http.StatusBadRequest, "InvalidSignatureMethod", "x-log-signaturemethod must be hmac-sha1 or hmac-sha256, and x-log-apiversion is required")
	}
	sum := r.Header.Get("Content-MD5")
	if len(body) > 0 && sum != fmt.Sprintf("%X", md5.Sum(body)) {
		return refuse(http.StatusBadRequest, "InvalidContentMD5", "Content-MD5 is not that of the body, in upper case.")
	}
	resource := r.URL.EscapedPath()
	query := r.URL.Query()
	var pairs []string
	for _, name := range slices.Sorted(maps.Keys(query)) {
		pairs = append(pairs, name+"="+strings.Join(query[name], ""))
	}
	if len(pairs) > 0 {
		resource += "?" + strings.Join(pairs, "&")
	}
	text := strings.Join(append(append([]string{r.Method, sum, r.Header.Get("Content-Type"), r.Header.Get("Date")}, headers(r, signedHeader)...), resource), "\n")
	at, err := http.ParseTime(r.Header.Get("Date"))
	return s.check(r, id, signature, at, err, func(secret string) string {
		return base64.StdEncoding.EncodeToString(mac(algorithm, []byte(secret), text))
	})
}

func (s *Server) verifyV4(r *http.Request, fields string, body []byte) *apiError {
	given := map[string]string{}
	for field := range strings.SplitSeq(fields, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(field), "=")
		given[name] = value
	}
	id, scope, _ := strings.Cut(given["Credential"], "/")
	stamp := r.Header.Get("x-log-date")
	at, err := time.Parse(stampV4, stamp)
	date, _, _ := strings.Cut(stamp, "T")
	if want := date + "/" + s.opt.Region + "/sls/aliyun_v4_request"; scope != want {
		return refuse(http.StatusUnauthorized, "SignatureNotMatch", "the scope must be %s", want)
	}
	hashed := sha256.Sum256(body)
	content := hex.EncodeToString(hashed[:])
	if r.Header.Get("x-log-content-sha256") != content {
		return refuse(http.StatusUnauthorized, "SignatureNotMatch", "x-log-content-sha256 is not the hash of the body")
	}
	query := r.URL.Query()
	var pairs []string
	for _, name := range slices.Sorted(maps.Keys(query)) {
		pair := name // as it is: only values are encoded
		if value := query.Get(name); value != "" {
			pair += "=" + strings.ReplaceAll(url.QueryEscape(value), "+", "%20")
		}
		pairs = append(pairs, pair)
	}
	lines := headers(r, func(lower string) bool { return signedHeader(lower) || lower == "content-type" })
	lines = append(lines, "host:"+r.Host)
	slices.Sort(lines)
	var names []string
	for _, line := range lines {
		name, _, _ := strings.Cut(line, ":")
		names = append(names, name)
	}
	canonical := strings.Join([]string{
		r.Method, r.URL.Path, strings.Join(pairs, "&"), strings.Join(lines, "\n") + "\n", strings.Join(names, ";"), content,
	}, "\n")
	sum := sha256.Sum256([]byte(canonical))
	text := strings.Join([]string{algorithmV4, stamp, scope, hex.EncodeToString(sum[:])}, "\n")
	return s.check(r, id, given["Signature"], at, err, func(secret string) string {
		key := mac(sha256.New, []byte("aliyun_v4"+secret), date)
		for _, part := range []string{s.opt.Region, "sls", "aliyun_v4_request"} {
			key = mac(sha256.New, key, part)
		}
		return hex.EncodeToString(mac(sha256.New, key, text))
	})
}
