package eventbridge_test

import (
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2"
	"github.com/cloudevents/sdk-go/v2/binding"
	cehttp "github.com/cloudevents/sdk-go/v2/protocol/http"

	"aftercare/tests/localcloud/access"
	"aftercare/tests/localcloud/eventbridge"
)

// send posts a body with these headers.
func send(t *testing.T, url string, header http.Header, body string) (status int, answer string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header = header
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(data)
}

// binaryHeader is that of a small event, with some headers changed; an empty
// text removes one.
func binaryHeader(changes ...string) http.Header {
	h := http.Header{
		"Ce-Id": {"e"}, "Ce-Source": {"my.app"}, "Ce-Type": {"app:Done"}, "Ce-Specversion": {"1.0"},
		"Content-Type": {"application/json"},
	}
	for i := 0; i < len(changes); i += 2 {
		if h.Set(changes[i], changes[i+1]); changes[i+1] == "" {
			h.Del(changes[i])
		}
	}
	return h
}

// ordersServer has a bus orders, whose events all go to an inbox.
func ordersServer(t *testing.T, in *inbox) *eventbridge.Server {
	t.Helper()
	r := ruleTo(in)
	r.Bus, r.Pattern = "orders", `{}`
	return listen(t, eventbridge.Options{Buses: []string{"orders"}, Rules: []eventbridge.Rule{r}, Keys: access.NewKeys(key)})
}

// delivered is the only event that came, without what the bus stamps on it.
func delivered(t *testing.T, s *eventbridge.Server, in *inbox) map[string]any {
	t.Helper()
	waitIdle(t, s)
	if len(in.got) != 1 {
		t.Fatalf("delivered %q, want one event", in.got)
	}
	var got map[string]any
	if err := json.Unmarshal([]byte(in.got[0]), &got); err != nil {
		t.Fatal(err)
	}
	maps.DeleteFunc(got, func(name string, _ any) bool { return strings.HasPrefix(name, "aliyun") })
	return got
}

func TestTheCloudEventsSDKPutsEventsInItsModes(t *testing.T) {
	for _, tt := range []struct {
		name string
		mode func(context.Context) context.Context
	}{
		{"binary, its default", func(ctx context.Context) context.Context { return ctx }},
		{"structured", binding.WithForceStructured},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var in inbox
			s := ordersServer(t, &in)
			client, err := cloudevents.NewClientHTTP(cehttp.WithTarget(s.Endpoint() + "/eventbuses/orders/events"))
			if err != nil {
				t.Fatal(err)
			}
			e := cloudevents.NewEvent()
			e.SetID("e-1")
			e.SetSource("/orders")
			e.SetType("created")
			e.SetTime(time.Date(2026, 5, 1, 12, 0, 0, 28e6, time.UTC))
			e.SetSubject("7 of a & b, für 杭州")
			e.SetExtension("tenant", "t-1")
			if err := e.SetData(cloudevents.ApplicationJSON, map[string]any{"amount": 7, "note": "a<b"}); err != nil {
				t.Fatal(err)
			}
			if res := client.Send(tt.mode(t.Context()), e); !cloudevents.IsACK(res) {
				t.Fatalf("send: %v", res)
			}
			want := map[string]any{
				"id": "e-1", "source": "/orders", "type": "created", "specversion": "1.0", "subject": "7 of a & b, für 杭州",
				"time": "2026-05-01T12:00:00.028Z", "tenant": "t-1", "datacontenttype": "application/json", "data": map[string]any{"amount": 7.0, "note": "a<b"},
			}
			if got := delivered(t, s, &in); !reflect.DeepEqual(got, want) {
				t.Errorf("delivered %v, want %v", got, want)
			}

			e.SetID(strings.Repeat("i", 129))
			var refused *cehttp.Result
			if res := client.Send(tt.mode(t.Context()), e); !cloudevents.ResultAs(res, &refused) || refused.StatusCode != 400 {
				t.Errorf("too long an id: %v", res)
			}
		})
	}
}

func TestBinaryMode(t *testing.T) {
	event := map[string]any{"id": "e", "source": "my.app", "type": "app:Done", "specversion": "1.0", "datacontenttype": "application/json"}
	with := func(changes ...any) map[string]any {
		out := maps.Clone(event)
		for i := 0; i < len(changes); i += 2 {
			out[changes[i].(string)] = changes[i+1]
		}
		return out
	}
	for _, tt := range []struct {
		name, body string
		header     http.Header
		want       map[string]any
	}{
		{"with data", `{"n":1}`, binaryHeader(), with("data", map[string]any{"n": 1.0})},
		{"with null as data", `null`, binaryHeader(), with("data", nil)},
		{"with a content type and no data, as cloudevents for JavaScript sends it", "", binaryHeader("Content-Type", "application/json; charset=utf-8"),
			with("datacontenttype", "application/json; charset=utf-8")},
		{"percent-encoded", "", binaryHeader("Ce-Subject", "100%25%20%E6%9D%AD"), with("subject", "100% 杭")},
		{"quoted", "", binaryHeader("Ce-Subject", `"a \"b\" \\c"`), with("subject", `a "b" \c`)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var in inbox
			s := ordersServer(t, &in)
			if status, answer := send(t, s.Endpoint()+"/eventbuses/orders/events", tt.header, tt.body); status != 200 {
				t.Fatalf("got %d %s", status, answer)
			}
			if got := delivered(t, s, &in); !reflect.DeepEqual(got, tt.want) {
				t.Errorf("delivered %v, want %v", got, tt.want)
			}
		})
	}
}

func TestMalformedBinaryEventsAreRefused(t *testing.T) {
	var in inbox
	s := ordersServer(t, &in)
	twice := binaryHeader()
	twice.Add("Ce-Id", "f")
	for _, tt := range []struct {
		name, body string
		header     http.Header
		status     int
		want       string
	}{
		{"no id", "", binaryHeader("Ce-Id", ""), 400, "attribute id is missing"},
		{"no source", "", binaryHeader("Ce-Source", ""), 400, "attribute source is missing"},
		{"no type", "", binaryHeader("Ce-Type", ""), 400, "attribute type is missing"},
		{"no specversion", "", binaryHeader("Ce-Specversion", ""), 400, "attribute specversion is missing"},
		{"another specversion", "", binaryHeader("Ce-Specversion", "0.3"), 400, "not 1.0"},
		{"an id given twice", "", twice, 400, "ce-id is given more than once"},
		{"a time in another form", "", binaryHeader("Ce-Time", "yesterday"), 400, "RFC 3339"},
		{"an attribute with a hyphen", "", binaryHeader("Ce-My-Own", "x"), 400, `\"my-own\"`},
		{"data in a header", "", binaryHeader("Ce-Data", "x"), 400, "ce-data is not allowed"},
		{"the type of the data in a header of its own", "", binaryHeader("Ce-Datacontenttype", "text/xml"), 400, "ce-datacontenttype is not allowed"},
		{"a bare percent sign", "", binaryHeader("Ce-Subject", "100%"), 400, "%25 for %"},
		{"a header in Latin-1", "", binaryHeader("Ce-Subject", "f\xfcr"), 400, "ce-subject is not UTF-8"},
		{"data that is not JSON", `{"n":`, binaryHeader(), 400, "the body is not JSON"},
		{"data that is not UTF-8", "\"\xff\"", binaryHeader(), 400, "UTF-8"},
		{"data of another type", `<a/>`, binaryHeader("Content-Type", "text/xml"), 415, "application/json"},
		{"data of no type", `{}`, binaryHeader("Content-Type", ""), 415, "application/json"},
		{"another charset", `{}`, binaryHeader("Content-Type", "application/json; charset=gbk"), 415, "UTF-8"},
		{"another event format", `<a/>`, binaryHeader("Content-Type", "application/cloudevents+xml"), 415, "application/json"},
		{"more than 256 KB", `"` + strings.Repeat("x", 256<<10) + `"`, binaryHeader(), 400, "more than 262144"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			status, answer := send(t, s.Endpoint()+"/eventbuses/orders/events", tt.header, tt.body)
			if status != tt.status || !strings.Contains(answer, tt.want) || !strings.Contains(answer, `"RequestId":"`) {
				t.Errorf("got %d %s, want %d and %q", status, answer, tt.status, tt.want)
			}
		})
	}
	waitIdle(t, s)
	if len(in.got) > 0 {
		t.Errorf("delivered %q", in.got)
	}
}
