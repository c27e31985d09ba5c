package ecs_test

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"aftercare/tests/localcloud/access"
	"aftercare/tests/localcloud/ecs"
)

// signed is a complete call, signed by hand.
func signed(method string, at time.Time, key access.Key, change args) url.Values {
	all := args{
		"Action": "DescribeInstances", "Version": "2014-05-26", "Format": "JSON", "RegionId": region,
		"Timestamp": at.UTC().Format("2006-01-02T15:04:05Z"), "SignatureMethod": "HMAC-SHA1",
		"SignatureVersion": "1.0", "SignatureType": "", "SignatureNonce": strconv.FormatInt(time.Now().UnixNano(), 16),
		"AccessKeyId": key.ID, "SecurityToken": key.Token,
	}.with(change)
	form := url.Values{}
	var pairs []string
	encode := func(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }
	for _, name := range slices.Sorted(maps.Keys(all)) {
		form.Set(name, all[name])
		pairs = append(pairs, encode(name)+"="+encode(all[name]))
	}
	mac := hmac.New(sha1.New, []byte(key.Secret+"&"))
	mac.Write([]byte(method + "&" + encode("/") + "&" + encode(strings.Join(pairs, "&"))))
	form.Set("Signature", base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	return form
}

// raw sends a call without an SDK and returns "Code status", or "200".
func (c *cloud) raw(method string, form url.Values) string {
	c.t.Helper()
	request, err := http.NewRequest(method, "http://"+c.Endpoint()+"/?"+form.Encode(), nil)
	if err != nil {
		c.t.Fatal(err)
	}
	code, _ := c.send(request)
	return code
}

// send sends a request and returns "Code status", or "200", and the message.
func (c *cloud) send(request *http.Request) (code, message string) {
	c.t.Helper()
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		c.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	if response.StatusCode == 200 {
		return "200", ""
	}
	var answer map[string]string // every value of an error is a string
	if err := json.Unmarshal(body, &answer); err != nil {
		c.t.Fatalf("the error %s: %v", body, err)
	}
	for _, name := range []string{"RequestId", "HostId", "Code", "Message", "Recommend"} {
		if _, there := answer[name]; !there {
			c.t.Errorf("the error %s lacks %s", body, name)
		}
	}
	return answer["Code"] + " " + strconv.Itoa(response.StatusCode), answer["Message"]
}

func TestCommonParameters(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	c := open(t, func(o *ecs.Options) { o.Now = func() time.Time { return now } })
	wrongSecret := access.Key{ID: owner.ID, Secret: "wrong"}
	for _, test := range []struct {
		name string
		form url.Values
		want string
	}{
		{"a call signed with a long-lived key passes", signed("POST", now, owner, nil), "200"},
		{"a call signed with a temporary key passes", signed("POST", now, temporary, nil), "200"},
		{"a wrong secret does not", signed("POST", now, wrongSecret, nil), "SignatureDoesNotMatch 400"},
		{"a signature for another method does not", signed("GET", now, owner, nil), "SignatureDoesNotMatch 400"},
		{"an unknown key", signed("POST", now, access.Key{ID: "LTAIother", Secret: "x"}, nil), "InvalidAccessKeyId.NotFound 404"},
		{"a temporary key without its token", signed("POST", now, access.Key{ID: temporary.ID, Secret: temporary.Secret}, nil),
			"MissingSecurityToken 400"},
		{"a temporary key with another token", signed("POST", now, temporary, args{"SecurityToken": "another"}),
			"InvalidSecurityToken.MismatchWithAccessKey 400"},
		{"a long-lived key with a token", signed("POST", now, owner, args{"SecurityToken": "another"}),
			"InvalidSecurityToken.MismatchWithAccessKey 400"},
		{"a temporary key that has expired", signed("POST", now, access.Key{ID: "STS.old", Secret: "x", Token: "old"}, nil),
			"InvalidSecurityToken.Expired 400"},
		{"a time stamp of 15 minutes ago passes", signed("POST", now.Add(-15*time.Minute), owner, nil), "200"},
		{"an older time stamp", signed("POST", now.Add(-15*time.Minute-time.Second), owner, nil), "InvalidTimeStamp.Expired 400"},
		{"a time stamp from the future", signed("POST", now.Add(15*time.Minute+time.Second), owner, nil), "InvalidTimeStamp.Expired 400"},
		{"a time stamp of another form", signed("POST", now, owner, args{"Timestamp": "today"}), "InvalidTimeStamp.Format 400"},
		{"no time stamp", signed("POST", now, owner, args{"Timestamp": missing}), "MissingTimestamp 400"},
		{"no nonce", signed("POST", now, owner, args{"SignatureNonce": missing}), "MissingSignatureNonce 400"},
		{"no access key", signed("POST", now, owner, args{"AccessKeyId": missing}), "MissingAccessKeyId 400"},
		{"no signature method", signed("POST", now, owner, args{"SignatureMethod": missing}), "MissingSignatureMethod 400"},
		{"another signature method", signed("POST", now, owner, args{"SignatureMethod": "HMAC-SHA256"}), "InvalidSignatureMethod 400"},
		{"another signature version", signed("POST", now, owner, args{"SignatureVersion": "2.0"}), "InvalidSignatureVersion 400"},
		{"another version of the API", signed("POST", now, owner, args{"Version": "2020-01-01"}), "InvalidVersion 400"},
		{"XML", signed("POST", now, owner, args{"Format": "XML"}), ecs.CodeNotImitated + " 400"},
		{"no format, which means XML", signed("POST", now, owner, args{"Format": missing}), ecs.CodeNotImitated + " 400"},
		{"a format that does not exist", signed("POST", now, owner, args{"Format": "YAML"}), "InvalidParameter.Format 400"},
		{"no action", signed("POST", now, owner, args{"Action": missing}), "MissingAction 400"},
		{"an action that is not imitated", signed("POST", now, owner, args{"Action": "DeleteInstance"}), "InvalidAction.NotFound 404"},
		{"no region", signed("POST", now, owner, args{"RegionId": missing}), "MissingParameter.RegionId 400"},
		{"another region", signed("POST", now, owner, args{"RegionId": "cn-beijing"}), "InvalidRegionId.NotFound 404"},
		{"a resource group", signed("POST", now, owner, args{"ResourceGroupId": "rg-1"}), "InvalidResourceGroup.NotFound 404"},
		{"a parameter that nobody knows", signed("POST", now, owner, args{"Colour": "red"}), ecs.CodeNotImitated + " 400"},
		{"characters that the signature escapes", signed("POST", now, owner, args{"InstanceName": "a b*c~d+e/%é&="}), "200"},
	} {
		t.Run(test.name, func(t *testing.T) {
			check(t, "answer", c.raw("POST", test.form), test.want)
		})
	}
	check(t, "a call with GET", c.raw("GET", signed("GET", now, owner, nil)), "200")
	check(t, "a call with PUT", c.raw("PUT", signed("PUT", now, owner, nil)), "UnsupportedHTTPMethod 400")

	twice := signed("POST", now, owner, nil)
	check(t, "the first time", c.raw("POST", twice), "200")
	check(t, "the same nonce again", c.raw("POST", twice), "SignatureNonceUsed 400")
	check(t, "another key with this nonce", c.raw("POST", signed("POST", now, temporary,
		args{"SignatureNonce": twice.Get("SignatureNonce")})), "200")

	for _, name := range []string{"InstanceName", "Action"} {
		double := signed("POST", now, owner, args{"InstanceName": "a"})
		double.Add(name, "b")
		check(t, name+" given twice", c.raw("POST", double), "InvalidParameter."+name+" 400")
	}
}

func TestTheUnmodifiedSDKSignsAndFails(t *testing.T) {
	c := open(t, nil)
	for name, test := range map[string]struct {
		key  access.Key
		want string
	}{
		"long-lived":   {owner, "no error"},
		"temporary":    {temporary, "no error"},
		"wrong secret": {access.Key{ID: owner.ID, Secret: "wrong"}, "SignatureDoesNotMatch 400"},
		"wrong token":  {access.Key{ID: temporary.ID, Secret: temporary.Secret, Token: "x"}, "InvalidSecurityToken.MismatchWithAccessKey 400"},
	} {
		for _, method := range []string{"POST", "GET"} {
			t.Run(name+" "+method, func(t *testing.T) {
				client := c.client(test.key)
				defer client.Shutdown()
				request := c.request("DescribeInstances", args{"InstanceName": "ä b*~'(!)"})
				request.Method = method
				_, err := client.ProcessCommonRequest(request)
				check(t, "error", fault(err), test.want)
			})
		}
	}
	// The SDK compares the strings to sign to distinguish a wrong secret from a bug.
	client := c.client(access.Key{ID: owner.ID, Secret: "wrong"})
	defer client.Shutdown()
	_, err := client.ProcessCommonRequest(c.request("DescribeInstances", nil))
	if !strings.Contains(err.Error(), "InvalidAccessKeySecret") {
		t.Errorf("the SDK does not say that the secret is wrong: %v", err)
	}
}
