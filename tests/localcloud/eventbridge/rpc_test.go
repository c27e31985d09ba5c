package eventbridge_test

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aliyun/alibaba-cloud-sdk-go/sdk"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/auth/credentials"
	sdkerrors "github.com/aliyun/alibaba-cloud-sdk-go/sdk/errors"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/requests"

	"aftercare/tests/localcloud/access"
	"aftercare/tests/localcloud/access/accesstest"
	"aftercare/tests/localcloud/eventbridge"
	"aftercare/tests/localcloud/fault"
)

// callRPC calls an action with the vendor's SDK.
func callRPC(t *testing.T, s *eventbridge.Server, signer access.Key, action string, form map[string]string) (answer string, err error) {
	t.Helper()
	client, err := sdk.NewClientWithOptions("cn-hangzhou", sdk.NewConfig(), credentials.NewAccessKeyCredential(signer.ID, signer.Secret))
	if err != nil {
		t.Fatal(err)
	}
	r := requests.NewCommonRequest()
	r.Method, r.Scheme, r.Domain = "POST", "http", strings.TrimPrefix(s.Endpoint(), "http://")
	r.Product, r.Version, r.ApiName = "eventbridge", "2020-04-01", action
	r.SetReadTimeout(time.Minute) // the SDK's own is too short for a busy machine
	for name, value := range form {
		r.FormParams[name] = value
	}
	res, err := client.ProcessCommonRequest(r)
	return res.GetHttpContentString(), err
}

type rpcAnswer struct {
	Code, Message, RequestID string
	Success                  bool
	Data                     *struct {
		FailedEntryCount int
		EntryList        []struct{ EventID, ErrorCode, ErrorMessage string }
	}
}

func readRPC(t *testing.T, text string) (out rpcAnswer) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		t.Fatal(err)
	}
	if out.RequestID == "" {
		t.Errorf("the answer %s lacks a request id", text)
	}
	return out
}

func TestTheVendorsSDKPutsEvents(t *testing.T) {
	var in inbox
	s := ordersServer(t, &in)
	text, err := callRPC(t, s, key, "PutEvents", map[string]string{"EventBusName": "orders", "EventList": `[
		{"Id":"a","Source":"my.app","Type":"app:Done","Data":{"amount":99.90,"note":"a<b & c+d %"},"DataContentType":"application/json","DataSchema":"https://example.com/s",
		 "SpecVersion":"1.0","Subject":null,"Time":"2026-08-04T10:00:00Z"},
		{"Id":"b","Source":"my.app","Type":""}]`})
	if err != nil {
		t.Fatal(err)
	}
	got := readRPC(t, text)
	if got.Code != "200" || !got.Success || got.Data.FailedEntryCount != 1 || len(got.Data.EntryList) != 2 ||
		got.Data.EntryList[0].EventID != "a" || got.Data.EntryList[0].ErrorCode != "Success" || got.Data.EntryList[1].ErrorCode != "InvalidEvent" {
		t.Errorf("answered %s", text)
	}
	want := map[string]any{
		"id": "a", "source": "my.app", "type": "app:Done", "data": map[string]any{"amount": 99.9, "note": "a<b & c+d %"}, "datacontenttype": "application/json",
		"dataschema": "https://example.com/s", "specversion": "1.0", "time": "2026-08-04T10:00:00Z",
	}
	if e := delivered(t, s, &in); !reflect.DeepEqual(e, want) {
		t.Errorf("delivered %v, want %v", e, want)
	}
}

func TestPutEventsOfTheLargestSize(t *testing.T) {
	var in inbox
	s := ordersServer(t, &in)
	event := `{"Id":"e","Source":"s","Type":"t","Data":"` + strings.Repeat("杭", 20_000) + `"}`
	list := "[" + strings.Repeat(event+",", 15) + event + "]"
	if text, err := callRPC(t, s, key, "PutEvents", map[string]string{"EventBusName": "orders", "EventList": list + strings.Repeat(" ", 1<<20-len(list))}); err != nil || readRPC(t, text).Data.FailedEntryCount != 0 {
		t.Errorf("1 MB: %s %v", text, err)
	}
	waitIdle(t, s)
	if n := len(in.ids()); n != 16 {
		t.Errorf("delivered %d events, want 16", n)
	}
}

// TestAWrongBusIsAFailureWithStatus200: the SDK returns no error for it.
func TestAWrongBusIsAFailureWithStatus200(t *testing.T) {
	s := listen(t, eventbridge.Options{Keys: access.NewKeys(key)})
	for bus, want := range map[string]string{"other": "EventBusNotExist", eventbridge.DefaultBus: "EventBusNotAllowed"} {
		text, err := callRPC(t, s, key, "PutEvents", map[string]string{"EventBusName": bus, "EventList": `[{"Id":"a","Source":"s","Type":"t"}]`})
		if err != nil {
			t.Fatal(err)
		}
		if got := readRPC(t, text); got.Code != want || got.Success || got.Message == "" || got.Data != nil {
			t.Errorf("bus %s: %s, want %s without success", bus, text, want)
		}
	}
}

func TestRPCRefusals(t *testing.T) {
	var faults fault.Set
	faults.Add(fault.Fault{Call: "PutEvents", Mode: fault.ErrorBefore, Code: "Planned", Status: 500, Message: "as planned"})
	s := listen(t, eventbridge.Options{Buses: []string{"orders"}, Keys: access.NewKeys(key), Faults: &faults})
	const event = `{"Id":"a","Source":"s","Type":"t"}`
	for _, tt := range []struct {
		name   string
		signer access.Key
		action string
		bus    string
		list   string
		status int
		code   string
		want   string
	}{
		{"a planned fault", key, "PutEvents", "orders", "[" + event + "]", 500, "Planned", "as planned"},
		{"another secret", access.Key{ID: "me", Secret: "other"}, "PutEvents", "orders", "[" + event + "]", 400, "SignatureDoesNotMatch", ""},
		{"an unknown key", access.Key{ID: "you", Secret: "s3cret"}, "PutEvents", "orders", "[" + event + "]", 404, "InvalidAccessKeyId.NotFound", ""},
		{"another action", key, "CreateConnection", "orders", "[" + event + "]", 404, access.CodeNotImitated, `does not imitate the action "CreateConnection"`},
		{"no bus", key, "PutEvents", "", "[" + event + "]", 400, "MissingEventBusName", "EventBusName"},
		{"no list", key, "PutEvents", "orders", "", 400, "MissingEventList", "EventList"},
		{"a list that is an object", key, "PutEvents", "orders", event, 400, "InvalidEvent", "JSON array"},
		{"an empty list", key, "PutEvents", "orders", "[]", 400, "InvalidEvent", "JSON array"},
		{"17 events", key, "PutEvents", "orders", "[" + strings.Repeat(event+",", 16) + event + "]", 400, "InvalidEvent", "17 events"},
		{"more than 1 MB", key, "PutEvents", "orders", "[" + event + "]" + strings.Repeat(" ", 1<<20), 413, "RequestTooLarge", "1 MB"},
		{"an event that is a string", key, "PutEvents", "orders", `["x"]`, 400, "InvalidEvent", "event 1 of EventList"},
		{"the names of CloudEvents", key, "PutEvents", "orders", "[" + event + `,{"id":"b"}]`, 400, "InvalidEvent", `event 2 of EventList has the field "id"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			text, err := callRPC(t, s, tt.signer, tt.action, map[string]string{"EventBusName": tt.bus, "EventList": tt.list})
			var refused *sdkerrors.ServerError
			if !errors.As(err, &refused) {
				t.Fatalf("answered %s, error %v", text, err)
			}
			if refused.HttpStatus() != tt.status || refused.ErrorCode() != tt.code || !strings.Contains(refused.Message(), tt.want) || refused.RequestId() == "" {
				t.Errorf("got %d %s %q, want %d %s %q", refused.HttpStatus(), refused.ErrorCode(), refused.Message(), tt.status, tt.code, tt.want)
			}
		})
	}
}

func TestPutEventsSignedInAHeader(t *testing.T) {
	var in inbox
	s := ordersServer(t, &in)
	body := url.Values{"EventBusName": {"orders"}, "EventList": {`[{"Id":"a","Source":"s","Type":"t"}]`}}.Encode()
	for _, c := range []struct {
		signer        access.Key
		version, want string
	}{
		{key, "2020-04-01", `"Success":true`},
		{key, "2015-06-06", `"Code":"InvalidVersion"`},
		{access.Key{ID: "me", Secret: "other"}, "2020-04-01", `"Code":"SignatureDoesNotMatch"`},
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.Endpoint()+"/", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header = http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "X-Acs-Action": {"PutEvents"}, "X-Acs-Version": {c.version}}
		accesstest.Sign(req, body, c.signer, time.Now(), rand.Text())
		if status, answer := send(t, req.URL.String(), req.Header, body); !strings.Contains(answer, c.want) {
			t.Errorf("version %s, signed by %s: %d %s, want %s", c.version, c.signer.Secret, status, answer, c.want)
		}
	}
	if e := delivered(t, s, &in); e["id"] != "a" {
		t.Errorf("delivered %v", e)
	}
}
