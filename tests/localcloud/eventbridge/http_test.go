package eventbridge_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"aftercare/tests/localcloud/eventbridge"
	"aftercare/tests/localcloud/fault"
)

const (
	structured = "application/cloudevents+json"
	batched    = "application/cloudevents-batch+json"
)

func customEvent(id string) string {
	return fmt.Sprintf(`{"id":%q,"source":"my.app","specversion":"1.0","type":"app:Done"}`, id)
}

func listen(t *testing.T, opt eventbridge.Options) *eventbridge.Server {
	t.Helper()
	s, err := eventbridge.Start(opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

func post(t *testing.T, url, contentType, body string) (status int, answer string) {
	t.Helper()
	return send(t, url, http.Header{"Content-Type": {contentType}}, body)
}

func TestEventsOverHTTP(t *testing.T) {
	var in inbox
	r := ruleTo(&in)
	r.Bus, r.Pattern = "orders", `{"source":["my.app"]}`
	s := listen(t, eventbridge.Options{Buses: []string{"orders"}, Rules: []eventbridge.Rule{r}, Region: "cn-hangzhou", Account: "123456789012"})
	url := s.Endpoint() + "/eventbuses/orders/events"

	status, answer := post(t, url, structured+"; charset=utf-8", customEvent("a"))
	if status != 200 || !strings.Contains(answer, `"FailedEntryCount":0`) || !strings.Contains(answer, `"EventId":"a"`) {
		t.Errorf("structured mode: %d %s", status, answer)
	}
	status, answer = post(t, url, batched, `[`+customEvent("b")+`,{"id":"bad"},`+customEvent("c")+`]`)
	var got struct {
		FailedEntryCount int
		EntryList        []struct{ EventID, ErrorCode, ErrorMessage string }
	}
	if err := json.Unmarshal([]byte(answer), &got); err != nil {
		t.Fatal(err)
	}
	if status != 200 || got.FailedEntryCount != 1 || len(got.EntryList) != 3 || got.EntryList[1].ErrorCode != "InvalidEvent" || got.EntryList[2].ErrorCode != "" {
		t.Errorf("batched mode: %d %s", status, answer)
	}
	waitIdle(t, s)
	ids := in.ids()
	slices.Sort(ids)
	if !slices.Equal(ids, []string{"a", "b", "c"}) {
		t.Errorf("delivered %v, want a, b and c", ids)
	}
	for _, want := range []string{`"aliyunaccountid":"123456789012"`, `"aliyuneventbusname":"orders"`, `"aliyunregionid":"cn-hangzhou"`, `"aliyunpublishtime":"20`} {
		if !strings.Contains(in.got[0], want) {
			t.Errorf("event %s lacks %s", in.got[0], want)
		}
	}
}

func TestRefusedRequests(t *testing.T) {
	s := listen(t, eventbridge.Options{Buses: []string{"orders"}})
	big := strings.Repeat("x", 256<<10)
	attribute := func(name, value string) string {
		return strings.TrimSuffix(customEvent("e"), "}") + fmt.Sprintf(`,%q:%s}`, name, value)
	}
	for _, tt := range []struct {
		name, bus, contentType, body string
		status                       int
		want                         string
	}{
		{"the default bus takes no custom events", "default", structured, customEvent("e"), 403, "EventBusNotAllowed"},
		{"a bus that does not exist", "other", structured, customEvent("e"), 404, "EventBusNotExist"},
		{"plain JSON", "orders", "application/json", customEvent("e"), 415, "there is no event"},
		{"no content type", "orders", "", customEvent("e"), 415, "UnsupportedMediaType"},
		{"another charset", "orders", structured + "; charset=gbk", customEvent("e"), 415, "UTF-8"},
		{"an empty body", "orders", structured, "", 400, "not a JSON object"},
		{"broken JSON", "orders", structured, `{"id":`, 400, "not a JSON object"},
		{"null", "orders", structured, `null`, 400, "not a JSON object"},
		{"an array in structured mode", "orders", structured, `[]`, 400, "not a JSON object"},
		{"an object in batched mode", "orders", batched, customEvent("e"), 400, "JSON array"},
		{"an empty batch", "orders", batched, `[]`, 400, "JSON array"},
		{"17 events in a batch", "orders", batched, `[` + strings.Repeat(customEvent("e")+",", 16) + customEvent("e") + `]`, 400, "17 events"},
		{"more than 1 MB", "orders", batched, strings.Repeat(" ", 1<<20+1), 413, "1 MB"},
		{"more than 256 KB", "orders", structured, attribute("data", `"`+big+`"`), 400, "more than 262144"},
		{"no id", "orders", structured, `{"source":"s","specversion":"1.0","type":"t"}`, 400, "id is missing"},
		{"an empty id", "orders", structured, `{"id":"","source":"s","specversion":"1.0","type":"t"}`, 400, "id is missing"},
		{"an id that is a number", "orders", structured, `{"id":1,"source":"s","specversion":"1.0","type":"t"}`, 400, "id is not a string"},
		{"no source", "orders", structured, `{"id":"e","specversion":"1.0","type":"t"}`, 400, "source is missing"},
		{"no type", "orders", structured, `{"id":"e","source":"s","specversion":"1.0"}`, 400, "type is missing"},
		{"no specversion", "orders", structured, `{"id":"e","source":"s","type":"t"}`, 400, "specversion is missing"},
		{"another specversion", "orders", structured, `{"id":"e","source":"s","specversion":"0.3","type":"t"}`, 400, "not 1.0"},
		{"a source that is no URI reference", "orders", structured, `{"id":"e","source":"%zz","specversion":"1.0","type":"t"}`, 400, "URI reference"},
		{"too long an id", "orders", structured, customEvent(strings.Repeat("i", 129)), 400, "id has more than 128"},
		{"too long a type", "orders", structured, `{"id":"e","source":"s","specversion":"1.0","type":"` + strings.Repeat("t", 65) + `"}`, 400, "type has more than 64"},
		{"too long a source", "orders", structured, `{"id":"e","source":"` + strings.Repeat("s", 129) + `","specversion":"1.0","type":"t"}`, 400, "source has more than 128"},
		{"too long a subject", "orders", structured, attribute("subject", `"`+strings.Repeat("s", 513)+`"`), 400, "subject has more than 512"},
		{"a time in another form", "orders", structured, attribute("time", `"2026-05-01 12:00:00"`), 400, "RFC 3339"},
		{"data of another type", "orders", structured, attribute("datacontenttype", `"text/xml"`), 400, "application/json"},
		{"binary data", "orders", structured, attribute("data_base64", `"AA=="`), 400, "data_base64"},
		{"an attribute with a capital", "orders", structured, attribute("myAttribute", `"x"`), 400, "myAttribute"},
		{"bytes that are no UTF-8", "orders", structured, attribute("data", "\"\xff\""), 400, "UTF-8"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			status, answer := post(t, s.Endpoint()+"/eventbuses/"+tt.bus+"/events", tt.contentType, tt.body)
			if status != tt.status || !strings.Contains(answer, tt.want) || !strings.Contains(answer, `"RequestId":"`) {
				t.Errorf("got %d %s, want %d and %q", status, answer, tt.status, tt.want)
			}
		})
	}
	if s.Pending() != 0 {
		t.Errorf("%d deliveries of refused events", s.Pending())
	}
	if status, answer := post(t, s.Endpoint()+"/other", structured, ""); status != 404 || !strings.Contains(answer, "PathNotSupported") {
		t.Errorf("another path: %d %s", status, answer)
	}
}

func TestEventsAtTheLimitsAreAccepted(t *testing.T) {
	s := listen(t, eventbridge.Options{Buses: []string{"orders"}})
	event := fmt.Sprintf(`{"id":%q,"source":%q,"specversion":"1.0","type":%q,"subject":%q,"time":"2026-05-01T12:00:00+08:00","datacontenttype":"application/json;charset=utf-8","data":`,
		strings.Repeat("é", 128), strings.Repeat("s", 128), strings.Repeat("t", 64), strings.Repeat("u", 512))
	event += `"` + strings.Repeat("x", 256<<10-len(event)-3) + `"}`
	status, answer := post(t, s.Endpoint()+"/eventbuses/orders/events", structured, event)
	if status != 200 {
		t.Errorf("%d bytes: %d %s", len(event), status, answer)
	}
	batch := `[` + strings.Repeat(customEvent("e")+",", 15) + customEvent("e") + `]`
	if status, answer := post(t, s.Endpoint()+"/eventbuses/orders/events", batched, batch); status != 200 {
		t.Errorf("16 events: %d %s", status, answer)
	}
}

func TestPlannedFaultsOfPutEvents(t *testing.T) {
	for _, mode := range fault.Modes {
		t.Run(string(mode), func(t *testing.T) {
			var in inbox
			var faults fault.Set
			r := ruleTo(&in)
			r.Bus, r.Pattern = "orders", `{}`
			s := listen(t, eventbridge.Options{Buses: []string{"orders"}, Rules: []eventbridge.Rule{r}, Faults: &faults})
			faults.Add(fault.Fault{Call: "PutEvents", Mode: mode, Code: "Planned", Status: 500})
			client := http.Client{Transport: faults.Impatient(http.DefaultTransport)}
			res, err := client.Post(s.Endpoint()+"/eventbuses/orders/events", structured, strings.NewReader(customEvent("e")))
			answered := mode == fault.ErrorBefore || mode == fault.ErrorAfter
			if answered != (err == nil) {
				t.Fatalf("got error %v", err)
			}
			if err == nil {
				if res.StatusCode != 500 {
					t.Errorf("status is %d, want 500", res.StatusCode)
				}
				_ = res.Body.Close()
			}
			waitIdle(t, s)
			want := 0
			if mode == fault.ErrorAfter || mode == fault.CutAfter || mode == fault.HangAfter {
				want = 1
			}
			if got := len(in.ids()); got != want {
				t.Errorf("delivered %d events, want %d", got, want)
			}
		})
	}
}
