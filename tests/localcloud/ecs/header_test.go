package ecs_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"aftercare/tests/localcloud/access"
	"aftercare/tests/localcloud/access/accesstest"
	"aftercare/tests/localcloud/ecs"
)

// headed is a call that is signed with ACS3, its parameters in the query and
// its form in the body.
func headed(endpoint, action string, at time.Time, key access.Key, query args, form string) *http.Request {
	values := url.Values{}
	for name, value := range query {
		values.Set(name, value)
	}
	r := httptest.NewRequest("POST", "http://"+endpoint+"/?"+values.Encode(), nil)
	r.RequestURI = "" // so that a client can send it
	r.Header.Set("x-acs-action", action)
	r.Header.Set("x-acs-version", "2014-05-26")
	if form != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	accesstest.Sign(r, form, key, at, time.Now().Format(time.RFC3339Nano))
	return r
}

func TestCallsSignedInAHeader(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	c := open(t, func(o *ecs.Options) { o.Now = func() time.Time { return now } })
	here := args{"RegionId": region}
	call := func(key access.Key, change args) *http.Request {
		return headed(c.Endpoint(), "DescribeInstances", now, key, here.with(change), "")
	}
	old := headed(c.Endpoint(), "DescribeInstances", now.Add(-16*time.Minute), owner, here, "")
	used := call(owner, nil)
	c.send(used.Clone(t.Context()))
	changed := headed(c.Endpoint(), "DescribeInstances", now, owner, nil, "RegionId="+region)
	changed.Body = io.NopCloser(strings.NewReader("RegionId=" + strings.ToUpper(region)))
	without := func(name string) *http.Request {
		r := call(owner, nil)
		r.Header.Del(name)
		accesstest.Resign(r, owner)
		return r
	}
	other := call(owner, nil)
	other.Header.Set("x-acs-version", "2019-01-01") // of CloudMonitor
	accesstest.Resign(other, owner)
	put := call(owner, nil)
	put.Method = "PUT"
	typed := headed(c.Endpoint(), "DescribeInstances", now, owner, here, "{}")
	typed.Header.Set("Content-Type", "application/json")
	accesstest.Resign(typed, owner)
	large := headed(c.Endpoint(), "DescribeInstances", now, owner, here, strings.Repeat("a", 4<<20+1))
	for _, test := range []struct {
		name    string
		request *http.Request
		want    string
		words   string
	}{
		{"a call signed with a long-lived key passes", call(owner, nil), "200", ""},
		{"a call signed with a temporary key passes", call(temporary, nil), "200", ""},
		{"parameters in a form pass", headed(c.Endpoint(), "DescribeInstances", now, owner, nil, "RegionId="+region), "200", ""},
		{"characters that are encoded pass", call(owner, args{"InstanceName": "a b*c~d+e/%é&="}), "200", ""},
		{"Format=JSON passes", call(owner, args{"Format": "JSON"}), "200", ""},
		{"XML", call(owner, args{"Format": "XML"}), ecs.CodeNotImitated + " 400", "XML"},
		{"a wrong secret", call(access.Key{ID: owner.ID, Secret: "wrong"}, nil), "SignatureDoesNotMatch 400", "server CanonicalRequest is [POST\n/\nRegionId="},
		{"an unknown key", call(access.Key{ID: "LTAIother", Secret: "x"}, nil), "InvalidAccessKeyId.NotFound 404", "not found"},
		{"a temporary key without its token", call(access.Key{ID: temporary.ID, Secret: temporary.Secret}, nil), "MissingSecurityToken 400", ""},
		{"an old date", old, "InvalidTimeStamp.Expired 400", ""},
		{"a nonce that was used", used, "SignatureNonceUsed 400", ""},
		{"another body", changed, "SignatureDoesNotMatch 400", "x-acs-content-sha256"},
		{"no date", without("x-acs-date"), "MissingTimestamp 400", "x-acs-date"},
		{"no action", without("x-acs-action"), "MissingAction 400", "x-acs-action"},
		{"no version", without("x-acs-version"), "MissingVersion 400", "x-acs-version"},
		{"another version of the API", other, "InvalidVersion 400", "2019-01-01"},
		{"an action that is not imitated", headed(c.Endpoint(), "DeleteInstance", now, owner, here, ""), "InvalidAction.NotFound 404", "DeleteInstance"},
		{"another region", call(owner, args{"RegionId": "cn-beijing"}), "InvalidRegionId.NotFound 404", ""},
		{"a parameter of signature version 1", call(owner, args{"Action": "RunCommand"}), ecs.CodeNotImitated + " 400", "Action"},
		{"a parameter that nobody knows", call(owner, args{"Colour": "red"}), ecs.CodeNotImitated + " 400", "Colour"},
		{"PUT", put, "UnsupportedHTTPMethod 400", ""},
		{"a body that is no form", typed, ecs.CodeNotImitated + " 400", "application/json"},
		{"a body over the limit", large, "RequestEntityTooLarge 413", "larger than 4194304 bytes"},
	} {
		t.Run(test.name, func(t *testing.T) {
			code, message := c.send(test.request)
			check(t, "answer", code, test.want)
			if !strings.Contains(message, test.words) {
				t.Errorf("message %q lacks %q", message, test.words)
			}
		})
	}
}

// A key is never said to be missing where it is only unreadable.
func TestWhatAnAuthorizationIsRefusedFor(t *testing.T) {
	c := open(t, nil)
	for authorization, want := range map[string]string{
		"ACS3-HMAC-SM3 Credential=a,SignedHeaders=host,Signature=b":   ecs.CodeNotImitated + " 400",
		"ACS3-RSA-SHA256 Credential=a,SignedHeaders=host,Signature=b": ecs.CodeNotImitated + " 400",
		"acs a:b":            ecs.CodeNotImitated + " 400",
		"ACS3-HMAC-SHA256":   "IncompleteSignature 400",
		"ACS3-HMAC-SHA256 x": "IncompleteSignature 400",
		"":                   "MissingAccessKeyId 400",
	} {
		r := headed(c.Endpoint(), "DescribeInstances", time.Now(), owner, nil, "")
		r.Header.Del("Authorization")
		if authorization != "" {
			r.Header.Set("Authorization", authorization)
		}
		code, message := c.send(r)
		check(t, "the answer to "+authorization, code, want)
		if !strings.Contains(message, "Authorization") && !strings.Contains(message, "the signature algorithm") {
			t.Errorf("the answer to %q does not say what it is about: %s", authorization, message)
		}
	}
}

// TestBothSignaturesAskForTheSame sends one call twice, with one client token.
func TestBothSignaturesAskForTheSame(t *testing.T) {
	c := ready(t, nil)
	asked := shell("true").with(args{"ClientToken": "token"})
	id := c.run(asked)
	response, err := http.DefaultClient.Do(headed(c.Endpoint(), "RunCommand", time.Now(), owner, asked.with(args{"RegionId": region}), ""))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var answer struct{ InvokeId string }
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	check(t, "the invocation", answer.InvokeId, id)
}
