package eventbridge_test

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"aftercare/tests/localcloud/access"
	"aftercare/tests/localcloud/eventbridge"
	"aftercare/tests/localcloud/fault"
)

var key = access.Key{ID: "me", Secret: "s3cret"}

// busEvent is an event as the vendor's SDKs send it: the bus is an extension.
func busEvent(id, bus string) string {
	return fmt.Sprintf(`{"id":%q,"source":"my.app","specversion":"1.0","type":"app:Done","datacontenttype":"application/json; charset=utf-8","data":{"n":1},"aliyuneventbusname":%q}`, id, bus)
}

// callDataPlane sends a call as @alicloud/eventbridge does, signed.
func callDataPlane(t *testing.T, s *eventbridge.Server, signer access.Key, path string, header http.Header, body string) (status int, answer string) {
	t.Helper()
	h := http.Header{
		"Date": {time.Now().UTC().Format(http.TimeFormat)}, "Accept": {"application/json"},
		"X-Acs-Signature-Method": {"HMAC-SHA1"}, "X-Acs-Signature-Nonce": {rand.Text()}, "X-Acs-Signature-Version": {"1.0"},
		"X-Eventbridge-Version": {"2015-06-06"}, "Content-Type": {"application/cloudevents-batch+json; charset=utf-8"},
	}
	for name, values := range header {
		h[name] = values
	}
	tokens := ""
	if signer.Token != "" {
		h.Set("x-acs-accesskey-id", signer.ID)
		h.Set("x-acs-security-token", signer.Token)
		tokens = "x-acs-accesskey-id:" + signer.ID + "\nx-acs-security-token:" + signer.Token + "\n"
	}
	text := "POST\n\n" + h.Get("Content-Type") + "\n" + h.Get("Date") + "\n" + tokens + "x-acs-signature-method:HMAC-SHA1\nx-acs-signature-nonce:" +
		h.Get("X-Acs-Signature-Nonce") + "\nx-acs-signature-version:1.0\n" + path
	mac := hmac.New(sha1.New, []byte(signer.Secret))
	mac.Write([]byte(text))
	h.Set("Authorization", "acs:"+signer.ID+":"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	return send(t, s.Endpoint()+path, h, body)
}

func TestTheOlderDataPlane(t *testing.T) {
	var in inbox
	s := ordersServer(t, &in)
	body := "[" + strings.Join([]string{busEvent("a", "orders"), busEvent("b", "other"), busEvent("c", "default"), customEvent("d"), busEvent("", "orders")}, ",") + "]"
	status, answer := callDataPlane(t, s, key, "/openapi/putEvents", nil, body)
	var got struct {
		RequestID              string
		ResourceOwnerAccountID string
		FailedEntryCount       int
		EntryList              []struct{ EventID, ErrorCode string }
	}
	if err := json.Unmarshal([]byte(answer), &got); err != nil {
		t.Fatal(err)
	}
	want := []struct{ EventID, ErrorCode string }{
		{"a", "Success"}, {"b", "EventBusNotExist"}, {"c", "EventBusNotAllowed"}, {"d", "EventBusNotExist"}, {"", "InvalidEvent"},
	}
	if status != 200 || got.RequestID == "" || got.ResourceOwnerAccountID != "1234567890123456" || got.FailedEntryCount != 4 || !reflect.DeepEqual(got.EntryList, want) {
		t.Errorf("got %d %s, want the entries %v", status, answer, want)
	}
	for _, name := range []string{`"RequestId"`, `"ResourceOwnerAccountId"`, `"FailedEntryCount"`, `"EntryList"`, `"EventId"`, `"ErrorCode"`, `"ErrorMessage"`} {
		if !strings.Contains(answer, name) {
			t.Errorf("the answer %s lacks %s, as the SDK spells it", answer, name)
		}
	}
	if e := delivered(t, s, &in); e["id"] != "a" {
		t.Errorf("delivered %v, want the event a", e)
	}
}

func TestTheDataPlaneTakesEveryContentMode(t *testing.T) {
	for name, c := range map[string]struct {
		header http.Header
		body   string
	}{
		"structured": {http.Header{"Content-Type": {structured}}, busEvent("e", "orders")},
		"binary":     {binaryHeader("Ce-Aliyuneventbusname", "orders"), `{"n":1}`},
	} {
		t.Run(name, func(t *testing.T) {
			var in inbox
			s := ordersServer(t, &in)
			if status, answer := callDataPlane(t, s, key, "/openapi/putEvents", c.header, c.body); status != 200 || !strings.Contains(answer, `"FailedEntryCount":0`) {
				t.Fatalf("got %d %s", status, answer)
			}
			if e := delivered(t, s, &in); e["id"] != "e" || !reflect.DeepEqual(e["data"], map[string]any{"n": 1.0}) {
				t.Errorf("delivered %v", e)
			}
		})
	}
}

// TestTheTimeOfTheVendorsSampleIsTaken: it has a zone's name instead of an offset.
func TestTheTimeOfTheVendorsSampleIsTaken(t *testing.T) {
	s := listen(t, eventbridge.Options{Buses: []string{"orders"}})
	event := func(at string) string {
		return strings.TrimSuffix(customEvent("e"), "}") + `,"time":"` + at + `"}`
	}
	if status, answer := post(t, s.Endpoint()+"/eventbuses/orders/events", structured, event("2020-08-24T13:54:05.965Asia/Shanghai")); status != 200 {
		t.Errorf("got %d %s", status, answer)
	}
	if status, answer := post(t, s.Endpoint()+"/eventbuses/orders/events", structured, event("Asia/Shanghai")); status != 400 {
		t.Errorf("a zone alone: %d %s", status, answer)
	}
}

func TestTheDataPlaneRefusesInItsOwnLetters(t *testing.T) {
	var faults fault.Set
	faults.Add(fault.Fault{Call: "PutEvents", Mode: fault.ErrorBefore, Code: "Planned", Status: 500, Message: "as planned"})
	s := listen(t, eventbridge.Options{Buses: []string{"orders"}, Faults: &faults,
		Keys: access.NewKeys(key, access.Key{ID: "STS.x", Secret: "s", Token: "t"})})
	batch := "[" + busEvent("e", "orders") + "]"
	for _, tt := range []struct {
		name, path string
		signer     access.Key
		body       string
		status     int
		code       string
		message    string
	}{
		{"a planned fault", "putEvents", key, batch, 500, "Planned", "as planned"},
		{"another secret", "putEvents", access.Key{ID: "me", Secret: "other"}, batch, 403, "SignatureDoesNotMatch", "string to sign"},
		{"an unknown key", "putEvents", access.Key{ID: "you", Secret: "s3cret"}, batch, 403, "InvalidAccessKeyId", "not found"},
		{"a temporary key that ended", "putEvents", access.Key{ID: "STS.y", Secret: "s", Token: "t"}, batch, 403, "StsAccessIdExpired", "expired"},
		{"another token", "putEvents", access.Key{ID: "STS.x", Secret: "s", Token: "u"}, batch, 403, "SecurityTokenInvalid", "mismatch"},
		{"no token", "putEvents", access.Key{ID: "STS.x", Secret: "s"}, batch, 403, "SecurityTokenInvalid", "mandatory"},
		{"no batch", "putEvents", key, busEvent("e", "orders"), 400, "InvalidEvent", "JSON array"},
		{"more than 1 MB", "putEvents", key, strings.Repeat(" ", 1<<20+1), 413, "RequestTooLarge", "1 MB"},
		{"making a bus", "createEventBus", key, `{"EventBusName":"x"}`, 404, access.CodeNotImitated, "does not imitate POST /openapi/createEventBus"},
		{"a path that nobody knows", "", key, `{}`, 404, access.CodeNotImitated, "does not imitate"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			status, answer := callDataPlane(t, s, tt.signer, "/openapi/"+tt.path, nil, tt.body)
			var got map[string]string
			if err := json.Unmarshal([]byte(answer), &got); err != nil {
				t.Fatal(err)
			}
			if status != tt.status || got["code"] != tt.code || !strings.Contains(got["message"], tt.message) || got["requestId"] == "" {
				t.Errorf("got %d %s, want %d %s %q", status, answer, tt.status, tt.code, tt.message)
			}
		})
	}
	status, answer := send(t, s.Endpoint()+"/openapi/putEvents", http.Header{"Content-Type": {batched}}, batch)
	if status != 400 || !strings.Contains(answer, `"code":"IncompleteSignature"`) {
		t.Errorf("without a signature: %d %s", status, answer)
	}
	if s.Pending() != 0 {
		t.Errorf("%d deliveries of refused events", s.Pending())
	}
}
