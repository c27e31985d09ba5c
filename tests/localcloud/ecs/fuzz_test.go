package ecs_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"aftercare/tests/localcloud/access"
	"aftercare/tests/localcloud/access/accesstest"
	"aftercare/tests/localcloud/ecs"
)

// FuzzRequests sends calls as they are, signed with version 1, and signed in a
// header. Whatever comes, the answer is one that an SDK can read, an unsigned
// call is refused, and a signed one never fails for its signature. There is no
// instance, so no command runs.
func FuzzRequests(f *testing.F) {
	const form = "application/x-www-form-urlencoded"
	for _, seed := range []struct {
		how                                   uint8
		method, query, kind, body, authorized string
	}{
		{0, "POST", "Action=DescribeInstances&Version=2014-05-26&Format=JSON", "", "", ""},
		{0, "POST", "", form, "AccessKeyId=a&Signature=b&SignatureNonce=c&Timestamp=2026-03-01T12:00:00Z&SignatureMethod=HMAC-SHA1&SignatureVersion=1.0", ""},
		{0, "GET", "RegionId=cn-hangzhou", "", "", "ACS3-HMAC-SHA256 Credential=owner,SignedHeaders=host,Signature=0"},
		{0, "POST", "a=%zz", form, "%", "ACS3-HMAC-SM3 Credential=,SignedHeaders=,Signature="},
		{1, "POST", "Action=DescribeInstances&MaxResults=1&Tag.1.Key=k&Tag.1.Value=v", form, "InstanceName=a b*c~d%2Be", ""},
		{1, "GET", "Action=DescribeInvocations&NextToken=zzz&PageNumber=1", "", "", ""},
		{1, "POST", "Action=DescribeInstances&InstanceIds=%5B%22i%22%5D&a=1&a-b=2", form, "a.c=3", ""},
		{2, "POST", "RegionId=cn-hangzhou&InstanceId.1=i-one&MaxResults=0", "", "", "DescribeCloudAssistantStatus"},
		{2, "POST", "RegionId=cn-hangzhou&Type=RunShellScript&CommandContent=x&InstanceId.1=i", form, "Parameters={}", "RunCommand"},
		{2, "POST", "a=1&a-b=2&a.c=%C3%A9", "application/json", "{}", "DescribeInvocationResults"},
		{2, "GET", "RegionId=cn-hangzhou&PageNumber=9223372036854775807", "", "", "DescribeInstances"},
		{2, "GET", "IncludeHistory=yes&PageSize=-1&PageSize=2", "", "", "DescribeInvocationResults"},
	} {
		f.Add(seed.how, seed.method, seed.query, seed.kind, seed.body, seed.authorized)
	}
	server, err := ecs.Start(ecs.Options{Dir: f.TempDir(), Keys: access.NewKeys(owner)})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { server.Close() })
	var sent int
	f.Fuzz(func(t *testing.T, how uint8, method, query, kind, body, authorized string) {
		sent++
		nonce := fmt.Sprint(sent, " ", time.Now().UnixNano())
		r := &http.Request{Method: method, Host: "127.0.0.1", URL: &url.URL{Path: "/", RawQuery: query}, Header: http.Header{}}
		r.Header.Set("Content-Type", kind)
		accesstest.Sign(r, body, owner, time.Now(), nonce)
		r.Header.Del("Authorization")
		readable := true // by the signer
		switch how % 3 {
		case 0:
			r.Header.Set("Authorization", authorized)
		case 1:
			given, err := url.ParseQuery(query + "&" + body)
			readable = err == nil
			all := args{}
			for name, values := range given {
				if !strings.HasPrefix(name, "Signature") {
					all[name] = values[0]
				}
			}
			all = all.with(args{"SignatureNonce": nonce, "Timestamp": time.Now().UTC().Format(time.RFC3339), "AccessKeyId": owner.ID})
			encoded := signed(method, time.Now(), owner, all).Encode()
			r.Header = http.Header{"Content-Type": {kind}}
			if r.URL.RawQuery, body = encoded, ""; kind == form && method == "POST" {
				r.URL.RawQuery, body = "", encoded
			}
			r.Body = io.NopCloser(strings.NewReader(body))
		case 2:
			_, err := url.ParseQuery(query)
			readable = err == nil
			r.Header.Set("x-acs-action", authorized)
			r.Header.Set("x-acs-version", "2014-05-26")
			accesstest.Resign(r, owner)
		}
		w := httptest.NewRecorder()
		server.ServeHTTP(w, r)
		if w.Code == http.StatusOK {
			var answer struct{ RequestId string }
			if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || answer.RequestId == "" || how%3 == 0 {
				t.Errorf("answered %d %s, %v", w.Code, w.Body, err)
			}
			return
		}
		var refused map[string]string
		if err := json.Unmarshal(w.Body.Bytes(), &refused); err != nil || refused["Code"] == "" || refused["Message"] == "" || w.Code >= 500 {
			t.Errorf("answered %d %s, %v", w.Code, w.Body, err)
		}
		if how%3 != 0 && readable && slices.Contains([]string{"SignatureDoesNotMatch", "IncompleteSignature"}, refused["Code"]) {
			t.Errorf("a signed call was refused: %d %s", w.Code, w.Body)
		}
	})
}
