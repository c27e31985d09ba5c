package access_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"aftercare/tests/localcloud/access"
)

// dataPlaneKey signed putEvents, by the vendor's package for Node.js
// (@alicloud/eventbridge-util 1.0.0).
var dataPlaneKey = access.Key{ID: "STS.x", Secret: "s3cret", Token: "tok"}

func putEvents() *http.Request {
	r := httptest.NewRequest("POST", "/openapi/putEvents", strings.NewReader("[]"))
	for name, value := range map[string]string{
		"Date": "Fri, 01 May 2026 12:00:00 GMT", "Content-Type": "application/cloudevents-batch+json; charset=utf-8",
		"x-acs-signature-nonce": "n-1", "x-acs-signature-method": "HMAC-SHA1", "x-acs-signature-version": "1.0",
		"x-acs-accesskey-id": "STS.x", "x-acs-security-token": "tok", "x-eventbridge-version": "2015-06-06",
		"Authorization": "acs:STS.x:ZztcIebKMBSkEwGYIJwdq7ssPuM=",
	} {
		r.Header.Set(name, value)
	}
	return r
}

func TestTheDataPlaneAcceptsTheVendorsSignatureOnce(t *testing.T) {
	at := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	verifier := access.NewVerifier(access.NewKeys(dataPlaneKey), func() time.Time { return at })
	if refused := verifier.DataPlane(putEvents()); refused != nil {
		t.Errorf("refused: %+v", refused)
	}
	if refused := verifier.DataPlane(putEvents()); refused == nil || refused.Code != "SignatureNonceUsed" {
		t.Errorf("sent again: %+v, want SignatureNonceUsed", refused)
	}
}

func TestTheDataPlaneRefusesOtherSignatures(t *testing.T) {
	for _, c := range []struct {
		name, header, value string
		later               time.Duration
		want                string
	}{
		{name: "no signature", header: "Authorization", want: "IncompleteSignature"},
		{name: "another kind of signature", header: "Authorization", value: "ACS3-HMAC-SHA256 Credential=STS.x", want: "IncompleteSignature"},
		{name: "another algorithm", header: "x-acs-signature-method", value: "HMAC-SHA256", want: "IncompleteSignature"},
		{name: "another version", header: "x-acs-signature-version", value: "2.0", want: "IncompleteSignature"},
		{name: "no nonce", header: "x-acs-signature-nonce", want: "MissingSignatureNonce"},
		{name: "another nonce", header: "x-acs-signature-nonce", value: "n-2", want: "SignatureDoesNotMatch"},
		{name: "another x-acs header", header: "x-acs-other", value: "1", want: "SignatureDoesNotMatch"},
		{name: "another content type", header: "Content-Type", value: "application/json", want: "SignatureDoesNotMatch"},
		{name: "another hash", header: "Content-MD5", value: "x", want: "SignatureDoesNotMatch"},
		{name: "another date", header: "Date", value: "Fri, 01 May 2026 12:00:01 GMT", want: "SignatureDoesNotMatch"},
		{name: "an unknown key", header: "Authorization", value: "acs:LTAI:x=", want: "InvalidAccessKeyId.NotFound"},
		{name: "another token", header: "x-acs-security-token", value: "old", want: "InvalidSecurityToken.MismatchWithAccessKey"},
		{name: "too late", header: "Accept", value: "*/*", later: 16 * time.Minute, want: "InvalidTimeStamp.Expired"},
	} {
		t.Run(c.name, func(t *testing.T) {
			now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC).Add(c.later)
			verifier := access.NewVerifier(access.NewKeys(dataPlaneKey), func() time.Time { return now })
			r := putEvents()
			r.Header.Set(c.header, c.value)
			if refused := verifier.DataPlane(r); refused == nil || refused.Code != c.want {
				t.Errorf("got %+v, want %s", refused, c.want)
			}
		})
	}
}
