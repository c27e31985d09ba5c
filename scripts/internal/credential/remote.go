package credential

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"aftercare/shared/transport"
)

const (
	// maxAnswer bounds an answer, in bytes. A token can have more than 2 KB.
	maxAnswer = 64 << 10
	// perTry bounds one request.
	perTry = 10 * time.Second
)

// assume exchanges a profile's access key for the temporary one of a role, by
// AssumeRole of STS, version 2015-04-01.
func (s Source) assume(ctx context.Context, p profile, from string) (Found, error) {
	endpoint := "sts.aliyuncs.com"
	if p.STSRegion != "" {
		endpoint = "sts." + p.STSRegion + ".aliyuncs.com"
	}
	scheme, host, err := transport.HostOrEndpoint(cmp.Or(s.STS, endpoint))
	if err != nil {
		return Found{}, fmt.Errorf("the endpoint of STS %w", err)
	}
	query := url.Values{"RoleArn": {p.RoleARN}, "RoleSessionName": {cmp.Or(p.SessionName, "aftercare")}}
	if p.ExternalID != "" {
		query.Set("ExternalId", p.ExternalID)
	}
	if p.ExpiredSeconds > 0 {
		query.Set("DurationSeconds", strconv.Itoa(p.ExpiredSeconds))
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, scheme+"://"+host+"/?"+query.Encode(), nil)
	if err != nil {
		return Found{}, errors.New("the profile makes no valid request to STS")
	}
	transport.Sign(r, nil, transport.Signed{Action: "AssumeRole", Version: "2015-04-01", At: s.Now(), Nonce: rand.Text()},
		transport.NewCredentials(p.AccessKeyID, p.AccessKeySecret, p.Token))
	var answer struct {
		Code, RequestID string
		Credentials     temporary
	}
	status, err := fetch(ctx, s.RoundTripper, r, &answer)
	switch {
	case err != nil:
		return Found{}, fmt.Errorf("assume the role of %s: %w", from, err)
	case status != http.StatusOK:
		return Found{}, fmt.Errorf("assume the role of %s: refused (status %d, code %s, request id %s)",
			from, status, transport.Printable(answer.Code), transport.Printable(answer.RequestID))
	}
	return answer.Credentials.found(from)
}

// metadataURL is the metadata service of an ECS instance.
const metadataURL = "http://100.100.100.200"

// role asks the metadata service for the temporary key of the instance's role, in
// its hardened mode, or in the older one unless that is forbidden. No proxy may
// come between.
func (s Source) role(ctx context.Context, name string) (Found, error) {
	direct := &http.Transport{DialContext: (&net.Dialer{Timeout: time.Second}).DialContext}
	defer direct.CloseIdleConnections()
	at := cmp.Or(s.Metadata, metadataURL)
	ask := func(method, path, header, value string) (transport.Outcome, error) {
		ctx, cancel := context.WithTimeout(ctx, perTry)
		defer cancel()
		r, err := http.NewRequestWithContext(ctx, method, at+path, nil)
		if err != nil {
			return transport.Outcome{}, errors.New("the name of the role is malformed")
		}
		if value != "" {
			r.Header.Set(header, value)
		}
		_, out := transport.Exchange(ctx, direct, r, maxAnswer)
		if !out.Complete {
			return out, errors.New("the metadata service does not answer: " + out.Cause)
		}
		return out, nil
	}
	token, err := ask(http.MethodPut, "/latest/api/token", "X-aliyun-ecs-metadata-token-ttl-seconds", "60")
	if err != nil {
		return Found{}, fmt.Errorf("ask for the role of this ECS instance: %w", err)
	}
	session := ""
	if token.Status == http.StatusOK {
		session = string(token.Body)
	} else if s.first("ALIBABA_CLOUD_IMDSV1_DISABLED") == "true" {
		return Found{}, fmt.Errorf("ask for the role of this ECS instance: no token (status %d)", token.Status)
	}
	const path = "/latest/meta-data/ram/security-credentials/"
	get := func(path string) ([]byte, error) {
		out, err := ask(http.MethodGet, path, "X-aliyun-ecs-metadata-token", session)
		if err == nil && out.Status != http.StatusOK {
			err = fmt.Errorf("status %d", out.Status)
		}
		if err != nil {
			return nil, fmt.Errorf("ask for the role of this ECS instance: %w", err)
		}
		return out.Body, nil
	}
	if name == "" {
		text, err := get(path)
		if err != nil {
			return Found{}, err
		}
		name = string(text)
	}
	body, err := get(path + url.PathEscape(name))
	if err != nil {
		return Found{}, err
	}
	var answer temporary
	_ = json.Unmarshal(body, &answer) // its fields are checked below
	return answer.found("the ECS role " + name)
}

// fetch sends a request and reads the JSON of its answer.
func fetch(ctx context.Context, by http.RoundTripper, r *http.Request, into any) (status int, err error) {
	ctx, cancel := context.WithTimeout(ctx, perTry)
	defer cancel()
	_, out := transport.Exchange(ctx, by, r, maxAnswer)
	if !out.Complete {
		return 0, errors.New("no answer: " + out.Cause)
	}
	_ = json.Unmarshal(out.Body, into) // an error answer may be of a proxy
	return out.Status, nil
}
