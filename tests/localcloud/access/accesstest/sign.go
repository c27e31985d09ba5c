// Package accesstest signs calls for the tests of the services. It follows the
// vendor's page and shares no code with the verifier, so that a bug in either
// shows.
package accesstest

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"aftercare/tests/localcloud/access"
)

// Sign sets a request's body and signs the request with ACS3-HMAC-SHA256 as of
// the given time. Set the headers to sign before.
func Sign(r *http.Request, body string, key access.Key, at time.Time, nonce string) {
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader([]byte(body))), int64(len(body))
	if r.Header == nil {
		r.Header = http.Header{}
	}
	r.Header.Set("x-acs-date", at.UTC().Format("2006-01-02T15:04:05Z"))
	r.Header.Set("x-acs-signature-nonce", nonce)
	r.Header.Set("x-acs-content-sha256", hash(body))
	if key.Token != "" {
		r.Header.Set("x-acs-security-token", key.Token)
	}
	Resign(r, key)
}

// Resign signs a request with its present headers, without looking at its body.
func Resign(r *http.Request, key access.Key) {
	host := r.Host
	if host == "" {
		host = r.URL.Host
	}
	canonical := map[string]string{"host": host}
	for name := range r.Header {
		if lower := strings.ToLower(name); lower == "content-type" || strings.HasPrefix(lower, "x-acs-") {
			canonical[lower] = strings.TrimSpace(r.Header.Get(name))
		}
	}
	names := slices.Sorted(maps.Keys(canonical))
	query := r.URL.Query()
	lines := []string{r.Method, "/" + strings.TrimPrefix(r.URL.EscapedPath(), "/")}
	var pairs []string
	for _, name := range slices.Sorted(maps.Keys(query)) {
		for _, value := range query[name] {
			pairs = append(pairs, encode(name)+"="+encode(value))
		}
	}
	lines = append(lines, strings.Join(pairs, "&"))
	for _, name := range names {
		lines = append(lines, name+":"+canonical[name])
	}
	signed := strings.Join(names, ";")
	lines = append(lines, "", signed, r.Header.Get("x-acs-content-sha256"))
	mac := hmac.New(sha256.New, []byte(key.Secret))
	mac.Write([]byte("ACS3-HMAC-SHA256\n" + hash(strings.Join(lines, "\n"))))
	r.Header.Set("Authorization", "ACS3-HMAC-SHA256 Credential="+key.ID+",SignedHeaders="+signed+
		",Signature="+hex.EncodeToString(mac.Sum(nil)))
}

// encode percent-encodes a text by RFC 3986, byte by byte.
func encode(text string) string {
	var out strings.Builder
	for _, b := range []byte(text) {
		if b >= 'A' && b <= 'Z' || b >= 'a' && b <= 'z' || b >= '0' && b <= '9' || strings.IndexByte("-_.~", b) >= 0 {
			out.WriteByte(b)
			continue
		}
		out.WriteString("%" + strings.ToUpper(hex.EncodeToString([]byte{b})))
	}
	return out.String()
}

func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}
