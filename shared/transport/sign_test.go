package transport_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"aftercare/shared/transport"
)

// TestSignaturesAreThoseOfTheVendor compares with the example of the vendor's
// page, with one that exercises the encoding, and with a request that the
// vendor's client for Node.js sent (@alicloud/fc20230330 4.7.6).
func TestSignaturesAreThoseOfTheVendor(t *testing.T) {
	for name, c := range map[string]struct {
		method, url, body string
		headers           map[string]string
		what              transport.Signed
		at                string
		creds             transport.Credentials
		want              string
	}{
		"the page's example": {
			method: "POST", url: "https://ecs.cn-shanghai.aliyuncs.com/?RegionId=cn-shanghai&ImageId=win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd",
			what: transport.Signed{Action: "RunInstances", Version: "2014-05-26", Nonce: "3156853299f313e23d1673dc12e1703d"},
			at:   "2023-10-26T10:22:32Z", creds: transport.NewCredentials("YourAccessKeyId", "YourAccessKeySecret", ""),
			want: "Credential=YourAccessKeyId,SignedHeaders=host;x-acs-action;x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version," +
				"Signature=06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0",
		},
		"a token, a body and a query with every kind of character": {
			method: "PUT", url: "https://123456789012.cn-hangzhou.fc.aliyuncs.com/2023-03-30/functions/aftercare-detect/aliases/live?" +
				url.Values{"note": {"a b*c~d/é"}}.Encode(),
			body:    `{"versionId":"7","additionalVersionWeight":{"8":0.1},"description":"canary"}`,
			headers: map[string]string{"Content-Type": "application/json; charset=utf-8", "Accept": "*/*"},
			what:    transport.Signed{Action: "UpdateAlias", Version: "2023-03-30", Nonce: "0123456789abcdef0123456789abcdef"},
			at:      "2026-01-02T03:04:05Z", creds: transport.NewCredentials("STS.ExampleKeyId", "ExampleSecret", "CAISexampletoken=="),
			want: "Credential=STS.ExampleKeyId,SignedHeaders=content-type;host;x-acs-action;x-acs-content-sha256;x-acs-date;x-acs-security-token;" +
				"x-acs-signature-nonce;x-acs-version,Signature=47799afc01eff1ad03fa7756f887e7d55e5c79234e4dc601b55336d9850095eb",
		},
		"a request of the vendor's client": {
			method: "POST", url: "http://127.0.0.1:46415/2023-03-30/functions/aftercare-submit-task/invocations",
			body: `{"instanceId":"i-1"}`,
			headers: map[string]string{
				"Content-Type": "application/octet-stream", "x-fc-invocation-type": "Sync",
				"x-acs-credentials-provider": "static_sts", "x-acs-accesskey-id": "STS.ExampleKeyId",
			},
			what: transport.Signed{Action: "InvokeFunction", Version: "2023-03-30", Nonce: "eb30d984f93c1ce9f1251ca7211883707055984516127e40cccc3674aebdebab"},
			at:   "2026-11-29T01:11:23Z", creds: transport.NewCredentials("STS.ExampleKeyId", "ExampleSecret", "CAISexampletoken=="),
			want: "Credential=STS.ExampleKeyId,SignedHeaders=content-type;host;x-acs-accesskey-id;x-acs-action;x-acs-content-sha256;" +
				"x-acs-credentials-provider;x-acs-date;x-acs-security-token;x-acs-signature-nonce;x-acs-version," +
				"Signature=a2cf2f7058f87625257d23f898055ae0a4dcafa396eb87038c42d924e1ef76a7",
		},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := http.NewRequest(c.method, c.url, strings.NewReader(c.body))
			if err != nil {
				t.Fatal(err)
			}
			for name, value := range c.headers {
				r.Header.Set(name, value)
			}
			if c.what.At, err = time.Parse(time.RFC3339, c.at); err != nil {
				t.Fatal(err)
			}
			c.what.At = c.what.At.In(time.FixedZone("", 8*3600))
			transport.Sign(r, []byte(c.body), c.what, c.creds)
			if got := r.Header.Get("Authorization"); got != "ACS3-HMAC-SHA256 "+c.want {
				t.Errorf("got %s\nwant %s", got, c.want)
			}
		})
	}
}
