package transport

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// algorithm is the signature that every service of the vendor's API gateway
// takes. Source: the page "V3 request structure and signature",
// https://www.alibabacloud.com/help/resource-management/latest/common-parameters
const algorithm = "ACS3-HMAC-SHA256"

// Signed says what a request asks of a service, and what makes it unique.
type Signed struct {
	Action  string // for example InvokeFunction
	Version string // of the service's API
	// At is when the request is made. The service refuses one that is 15 minutes
	// off.
	At time.Time
	// Nonce is unique for each try.
	Nonce string
}

// Sign adds the headers of a signed request to r, whose body is body. It covers
// the host, the content type and every header that begins with x-acs-.
func Sign(r *http.Request, body []byte, s Signed, c Credentials) {
	id, secret, token := c.Reveal()
	h := r.Header
	h.Set("x-acs-action", s.Action)
	h.Set("x-acs-version", s.Version)
	h.Set("x-acs-date", s.At.UTC().Format("2006-01-02T15:04:05Z"))
	h.Set("x-acs-signature-nonce", s.Nonce)
	h.Set("x-acs-content-sha256", sum(body))
	if token != "" {
		h.Set("x-acs-security-token", token)
	}
	covered := []string{"host"}
	for name := range h {
		if name = strings.ToLower(name); name == "content-type" || strings.HasPrefix(name, "x-acs-") {
			covered = append(covered, name)
		}
	}
	slices.Sort(covered)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(algorithm + "\n" + sum([]byte(canonical(r, covered)))))
	h.Set("Authorization", algorithm+" Credential="+id+",SignedHeaders="+strings.Join(covered, ";")+
		",Signature="+hex.EncodeToString(mac.Sum(nil)))
}

// canonical writes a request in the form that its signature covers.
func canonical(r *http.Request, covered []string) string {
	host := r.Host
	if host == "" {
		host = r.URL.Host
	}
	path := r.URL.EscapedPath()
	if path == "" {
		path = "/"
	}
	lines := []string{r.Method, path, encodeQuery(r.URL.Query())}
	for _, name := range covered {
		value := host
		if name != "host" {
			value = strings.TrimSpace(r.Header.Get(name))
		}
		lines = append(lines, name+":"+value)
	}
	lines = append(lines, "", strings.Join(covered, ";"), r.Header.Get("x-acs-content-sha256"))
	return strings.Join(lines, "\n")
}

// encodeQuery sorts and encodes a query as RFC 3986 says, where a space is %20.
// url.QueryEscape differs only in the space.
func encodeQuery(query url.Values) string { return strings.ReplaceAll(query.Encode(), "+", "%20") }

func sum(data []byte) string {
	hash := sha256.Sum256(data)
	return hex.EncodeToString(hash[:])
}
