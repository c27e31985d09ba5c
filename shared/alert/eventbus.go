package alert

import (
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	"aftercare/shared/transport"
)

// maxEvent is the longest event that EventBridge takes, in bytes. Source:
// https://www.alibabacloud.com/help/en/eventbridge/product-overview/limits
const maxEvent = 64_000

// eventBus puts one event on a custom bus of EventBridge, by the action
// PutEvents.
type eventBus struct {
	endpoint
	creds transport.Credentials
}

func (eventBus) markup() markup { return plainMarkup }

func (b eventBus) write(m message) ([]byte, bool) {
	event := encode([]any{map[string]any{
		"Id": m.ID, "Source": "aftercare", "Type": typeOf(m), "Subject": m.Group, "Time": m.At.UTC().Format(time.RFC3339Nano),
		"SpecVersion": "1.0", "DataContentType": "application/json", "Data": dataOf(m),
	}})
	form := url.Values{"EventBusName": {b.Bus}, "EventList": {string(event)}}
	return []byte(form.Encode()), len(event) <= maxEvent
}

func (b eventBus) sign(r *http.Request, body []byte, m message) {
	if r.URL.Path == "" {
		r.URL.Path = "/"
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	transport.Sign(r, body, transport.Signed{Action: "PutEvents", Version: "2020-04-01", At: m.now, Nonce: rand.Text()}, b.creds)
}

// eventBusCodes are the meanings of the beginnings of error codes. Source:
// https://www.alibabacloud.com/help/en/eventbridge/error-codes
var eventBusCodes = []struct {
	prefix string
	verdict
}{
	{"Throttling", throttled(usualWait)},
	{"RequestLimit", throttled(usualWait)},
	{"FlowControl", throttled(usualWait)},
	{"Signature", denied(PartSign, "the request's signature is refused")},
	{"IncompleteSignature", denied(PartSign, "the request's signature is refused")},
	{"InvalidTimeStamp", denied(PartSign, "the request's time is refused")},
	{"InvalidAccessKeyId", denied(PartSign, "the access key is refused")},
	{"InvalidSecurityToken", denied(PartSign, "the security token is refused")},
	{"MissingSecurityToken", denied(PartSign, "the security token is missing")},
	{"SecurityToken", denied(PartSign, "the security token is refused")},
	{"StsAccessIdExpired", denied(PartSign, "the access key has expired")},
	{"NoPermission", denied("", "the right to put events is missing")},
	{"Forbidden", denied("", "the right to put events is missing")},
	{"AccessDenied", denied("", "the right to put events is missing")},
	{"EventBusNotExist", invalid(PartAddress, "the bus does not exist")},
	{"EventBusNotAllowed", invalid(PartAddress, "the bus takes no events of ours")},
	{"RequestTooLarge", invalid(PartLimit, "the event is too long")},
	{"ServiceUnavailable", unavailable("the service is not available")},
}

func (eventBus) judge(a answer) verdict {
	var body struct {
		Success *bool
		Code    string
		Data    struct {
			FailedEntryCount int
			EntryList        []struct{ ErrorCode string }
		}
	}
	switch err := json.Unmarshal(a.body, &body); {
	case err != nil || body.Success == nil:
		return unknown("the answer is not that of EventBridge")
	case !*body.Success:
		return meaning(body.Code)
	case body.Data.FailedEntryCount > 0 && len(body.Data.EntryList) > 0:
		return meaning(body.Data.EntryList[0].ErrorCode)
	case body.Data.FailedEntryCount > 0:
		return meaning("")
	}
	return verdict{}
}

// meaning is what a code means. Others are refusals whose code is not repeated:
// it could be any word.
func meaning(code string) verdict {
	for _, c := range eventBusCodes {
		if strings.HasPrefix(code, c.prefix) {
			return c.verdict
		}
	}
	return invalid("", "EventBridge refuses the event")
}

func (eventBus) refusal(a answer) (verdict, bool) {
	var body struct{ Code string }
	_ = json.Unmarshal(a.body, &body) // a proxy may answer with anything
	if a.status >= 500 && !strings.HasPrefix(body.Code, "Service") || body.Code == "" {
		return verdict{}, false
	}
	return meaning(body.Code).with("HTTP status", float64(a.status)), true
}
