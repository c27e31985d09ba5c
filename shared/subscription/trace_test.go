package subscription_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"aftercare/shared/setup"
	"aftercare/shared/subscription"
	"aftercare/shared/transport"
)

// answers is a service that answers calls without a network.
type answers func(call url.Values) string

func (a answers) RoundTrip(r *http.Request) (*http.Response, error) {
	call := r.URL.Query()
	call.Set("Action", r.Header.Get("x-acs-action"))
	return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(a(call))), Request: r}, nil
}

func (a answers) client(t *testing.T) *subscription.Client {
	t.Helper()
	c, err := subscription.New(subscription.Config{Site: site, RoundTripper: a}, transport.NewCredentials(key.ID, key.Secret, ""))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestAChangeThatTheServiceDoesNotShowIsSaid, after a minute.
func TestAChangeThatTheServiceDoesNotShowIsSaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stale := answers(func(url.Values) string { return `{"Success":true,"Data":{"EventBuses":[],"Rules":[]}}` }).client(t)
		begin, made := time.Now(), 0
		_, err := setup.Apply(t.Context(), stale.Complete(false), transport.Backoff{}, func(setup.Change) { made++ })
		var lag *setup.LagError
		if !errors.As(err, &lag) || len(lag.Left) != 4 || made != 4 || time.Since(begin) < time.Minute {
			t.Fatalf("after %s, made %d: %v", time.Since(begin), made, err)
		}
		if want := ": bus aftercare: new; bus aftercare-dead: new; rule "; !strings.Contains(err.Error(), want) {
			t.Errorf("it says %v", err)
		}
	})
}

// TestWhatABusReceivedIsRead in pages, with times in milliseconds.
func TestWhatABusReceivedIsRead(t *testing.T) {
	from := time.Date(2026, 11, 29, 8, 0, 0, 0, time.UTC)
	pages := 0
	c := answers(func(call url.Values) string {
		switch call.Get("Action") {
		case "QueryEvent":
			if call.Get("EventId") == "e-2" {
				return `{"Success":true,"Data":{"EventBusName":"default","EventMap":{"e-2":"{\"id\":\"e-2\"}"}}}`
			}
			return fmt.Sprintf(`{"Code":"200","Success":true,"Data":{"id":%q,"source":%q}}`, call.Get("EventId"), call.Get("EventSource"))
		case "QueryEventTraces":
			return `{"Success":true,"Data":[{"Action":"PUSH","RuleName":"r","NotifyStatus":"500","NotifyTime":1796000000000,"Endpoint":"e"}]}`
		}
		pages++
		if call.Get("StartTime") != "1795939200000" || call.Get("EndTime") != "1795942800000" || call.Get("EventBusName") != "default" || call.Get("Limit") != "100" {
			t.Errorf("the call is %v", call)
		}
		if call.Get("NextToken") == "" {
			return `{"Success":true,"Data":{"Events":[{"EventId":"e-1","EventSource":"acs.ecs","EventType":"k","EventReceivedTime":1795939201500}],"NextToken":"more","Total":2}}`
		}
		return `{"Success":true,"Data":{"Events":[{"EventId":"e-2","EventSource":"acs.ecs","EventType":"k","EventReceivedTime":"1795939202000"}],"Total":2}}`
	}).client(t)
	var got []string
	err := c.EachTraced(t.Context(), "default", "k", from, from.Add(time.Hour), func(e subscription.Traced) error {
		got = append(got, e.ID+" "+e.Source+" "+e.Type+" "+e.Received.Sub(from).String())
		return nil
	})
	if want := "e-1 acs.ecs k 1.5s, e-2 acs.ecs k 2s"; err != nil || strings.Join(got, ", ") != want {
		t.Errorf("got %v, %v, want %s", got, err, want)
	}
	if pages != 2 {
		t.Errorf("it read %d pages", pages)
	}
	enough := errors.New("enough")
	if err := c.EachTraced(t.Context(), "default", "k", from, from.Add(time.Hour), func(subscription.Traced) error { return enough }); !errors.Is(err, enough) || pages != 3 {
		t.Errorf("it does not end: %v after %d pages", err, pages)
	}
	if event, err := c.Event(t.Context(), "default", "acs.ecs", "e-1"); err != nil || string(event) != `{"id":"e-1","source":"acs.ecs"}` {
		t.Errorf("the event is %s, %v", event, err)
	}
	if event, err := c.Event(t.Context(), "default", "acs.ecs", "e-2"); err != nil || string(event) != `"{\"id\":\"e-2\"}"` {
		t.Errorf("the event in a map is %s, %v", event, err)
	}
	traces, err := c.Traces(t.Context(), "default", "e-1")
	if want := (subscription.Trace{Action: "PUSH", RuleName: "r", NotifyStatus: "500", NotifyTime: 1796000000000, Endpoint: "e"}); err != nil || len(traces) != 1 || traces[0] != want {
		t.Errorf("its way is %+v, %v", traces, err)
	}
}

// TestAnAnswerWithoutAResultIsNoResult of TestEventPattern.
func TestAnAnswerWithoutAResultIsNoResult(t *testing.T) {
	c := answers(func(call url.Values) string {
		if call.Get("Action") == "TestEventPattern" {
			return `{"Success":true,"Data":{}}`
		}
		return `{"Success":true,"Data":{"EventBuses":[],"Rules":[{"RuleName":"aftercare-task-completed-ecs","FilterPattern":"{}"}],"Targets":[]}}`
	}).client(t)
	_, err := c.Try(t.Context(), func(tried subscription.Tried) { t.Errorf("it says %+v", tried) })
	if err == nil || !strings.Contains(err.Error(), "has no Result") {
		t.Errorf("got %v", err)
	}
}
