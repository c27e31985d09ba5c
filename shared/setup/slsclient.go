package setup

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"aftercare/shared/openapi"
	"aftercare/shared/transport"
)

// SLS calls Simple Log Service. It is safe for concurrent use.
//
// It signs with version 1 of the service's signature (HMAC-SHA1), which the vendor
// documents, all its endpoints take, and needs no region. Version 4 is described by
// the code of the SDKs alone.
type SLS struct {
	cfg          Config
	scheme, host string
	creds        transport.Credentials
}

// maxAnswer bounds an answer, in bytes: GetLogs returns 100 lines.
const maxAnswer = 20 << 20

// NewSLS returns a client for the projects of a region, or every mistake of cfg and
// creds at once. It makes no call.
func NewSLS(cfg Config, region string, creds transport.Credentials) (*SLS, error) {
	endpoint := cfg.Endpoint
	if endpoint == "" {
		endpoint = region + ".log.aliyuncs.com"
	}
	// Its checks of the endpoint and of the keys are those of all services.
	if _, err := openapi.New(openapi.Config{Endpoint: endpoint}, creds); err != nil {
		return nil, fmt.Errorf("set up sls: %w", err)
	}
	scheme, host, err := transport.HostOrEndpoint(endpoint)
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	cfg.Backoff = openapi.Pauses(cfg.Backoff)
	return &SLS{cfg, scheme, host, creds}, err
}

// call makes a call about a project, with a body as JSON unless it is nil, and reads
// the answer's JSON into a value unless that is nil. It tries again like openapi's
// calls. An error is an *openapi.Error.
func (c *SLS) call(ctx context.Context, name, method, project, path string, query url.Values, body, into any) error {
	var text []byte
	if body != nil {
		text = []byte(encode(body, ""))
	}
	return openapi.Insist(ctx, c.cfg.Backoff, func(ctx context.Context) error {
		r, err := c.request(ctx, method, project, path, query, text)
		if err != nil {
			return openapi.NotSent(name, "the request is malformed")
		}
		answer, out := transport.Exchange(ctx, c.cfg.RoundTripper, r, maxAnswer)
		if !out.Complete {
			return openapi.Unanswered(name, out)
		}
		whole := openapi.Answer{Status: out.Status, Header: answer.Header, Body: out.Body}
		if e := c.refused(name, whole); out.Status < 200 || out.Status > 299 || e.Code != "" {
			return e
		}
		if into != nil && json.Unmarshal(out.Body, into) != nil {
			return openapi.Unanswered(name, transport.Outcome{Sent: true, Status: out.Status, Cause: "the answer cannot be read"})
		}
		return nil
	})
}

// refused is the error of an answer. Messages may name the key.
func (c *SLS) refused(name string, answer openapi.Answer) *openapi.Error {
	e := openapi.Refused(name, answer).Explained(answer)
	id, _, _ := c.creds.Reveal()
	e.Message = strings.ReplaceAll(e.Message, id, "your key")
	return e
}

// request makes a signed request. A project is the first label of the host; on this
// machine, the request still goes to the address.
func (c *SLS) request(ctx context.Context, method, project, path string, query url.Values, body []byte) (*http.Request, error) {
	at := url.URL{Scheme: c.scheme, Host: project + "." + c.host, Path: path, RawQuery: query.Encode()}
	if c.scheme == "http" {
		at.Host = c.host
	}
	r, err := http.NewRequestWithContext(ctx, method, at.String(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Host = project + "." + c.host
	c.sign(r, query, body)
	return r, nil
}

// sign signs a request. Source:
// https://www.alibabacloud.com/help/en/sls/developer-reference/request-signatures
func (c *SLS) sign(r *http.Request, query url.Values, body []byte) {
	id, secret, token := c.creds.Reveal()
	date := c.cfg.Now().UTC().Format(http.TimeFormat)
	sum, kind := "", ""
	if body != nil {
		sum, kind = fmt.Sprintf("%X", md5.Sum(body)), "application/json"
		r.Header.Set("Content-MD5", sum)
		r.Header.Set("Content-Type", kind)
	}
	signed := map[string]string{
		"x-log-apiversion": "0.6.0", "x-log-signaturemethod": "hmac-sha1", "x-log-bodyrawsize": fmt.Sprint(len(body)),
	}
	if token != "" {
		signed["x-acs-security-token"] = token
	}
	lines := []string{r.Method, sum, kind, date}
	for _, name := range slices.Sorted(maps.Keys(signed)) {
		r.Header.Set(name, signed[name])
		lines = append(lines, name+":"+signed[name])
	}
	// The query is signed as it is meant, not as it is encoded.
	var pairs []string
	for _, name := range slices.Sorted(maps.Keys(query)) {
		pairs = append(pairs, name+"="+query.Get(name))
	}
	resource := r.URL.EscapedPath()
	if len(pairs) > 0 {
		resource += "?" + strings.Join(pairs, "&")
	}
	mac := hmac.New(sha1.New, []byte(secret))
	mac.Write([]byte(strings.Join(append(lines, resource), "\n")))
	r.Header.Set("Date", date)
	r.Header.Set("Authorization", "LOG "+id+":"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
}

// Line is one line of a log, by field.
type Line map[string]string

// Lines returns lines of a logstore that fit a query, the newest first, from one time
// until before another; at most 100. Whole is false if the service did not look at
// all of them in its time.
func (c *SLS) Lines(ctx context.Context, project, logstore, query string, from, before time.Time) (lines []Line, whole bool, err error) {
	var answer struct {
		Meta struct{ Progress string }
		Data []Line
	}
	err = c.call(ctx, "GetLogsV2", http.MethodPost, project, "/logstores/"+logstore+"/logs", nil, map[string]any{
		"from": from.Unix(), "to": before.Unix(), "query": query, "line": 100, "reverse": true,
	}, &answer)
	return answer.Data, answer.Meta.Progress == "Complete", err
}
