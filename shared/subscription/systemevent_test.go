package subscription_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"aftercare/shared/engine"
	"aftercare/shared/subscription"
	"aftercare/shared/transport"
	"aftercare/tests/localcloud/access"
	"aftercare/tests/localcloud/cloudmonitor"
	"aftercare/tests/localcloud/fault"
)

const (
	endName   = "CloudAssistant:TaskCompleted"
	stateName = "Instance:StateChange"
)

// systemEvent is a CloudEvent of a service.
func systemEvent(name, region, instance string, at time.Time) json.RawMessage {
	return json.RawMessage(fmt.Sprintf(`{"id":"e","source":"acs.ecs","type":"ecs:%s","subject":"acs:ecs:%s:1:instance/%s","aliyunregionid":%q,"time":%q,"data":{"instanceId":%q}}`,
		name, region, instance, region, at.Format(time.RFC3339), instance))
}

// monitor is a client of CloudMonitor at an endpoint, or of answers.
func monitor(t *testing.T, endpoint string, carry http.RoundTripper) *subscription.CloudMonitor {
	t.Helper()
	if carry == nil {
		pool := transport.NewPool(time.Now)
		t.Cleanup(pool.CloseIdleConnections)
		carry = pool
	}
	c, err := subscription.NewCloudMonitor(subscription.Config{
		Site: site, Endpoint: endpoint, RoundTripper: carry, Backoff: transport.Backoff{First: time.Millisecond, Most: time.Millisecond},
	}, transport.NewCredentials(key.ID, key.Secret, ""))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestSystemEventsOfATimeAreRead from all pages of all its parts, of one region.
func TestSystemEventsOfATimeAreRead(t *testing.T) {
	from := time.Date(2026, 11, 29, 8, 0, 0, 0, time.UTC)
	events := []json.RawMessage{
		systemEvent(endName, "cn-hangzhou", "i-early", from.Add(-time.Second)), systemEvent(endName, "cn-hangzhou", "i-late", from.Add(25*time.Minute)),
		systemEvent(endName, "cn-beijing", "i-elsewhere", from), systemEvent(stateName, "cn-hangzhou", "i-other", from),
		systemEvent(endName, "CN-HANGZHOU", "i-case", from),
	}
	want := map[string]bool{"i-case": true}
	for n := range 250 {
		id := fmt.Sprint("i-", n)
		want[id] = true
		events = append(events, systemEvent(endName, "cn-hangzhou", id, from.Add(time.Duration(n)*6*time.Second)))
	}
	faults := &fault.Set{}
	s, err := cloudmonitor.Start(cloudmonitor.Options{
		Keys: access.NewKeys(key), Faults: faults, Events: func() ([]json.RawMessage, error) { return events, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	c := monitor(t, s.Endpoint(), nil)
	faults.Add(fault.Fault{Call: "DescribeSystemEventAttribute", Nth: 2, Mode: fault.ErrorBefore, Status: http.StatusBadRequest, Code: "Throttling.User"})
	got := map[string]bool{}
	err = c.EachSystemEvent(t.Context(), endName, from, from.Add(25*time.Minute), func(e subscription.SystemEvent) error {
		var text string
		var content struct{ InstanceID string }
		if json.Unmarshal(e.Content, &text) != nil || json.Unmarshal([]byte(text), &content) != nil || e.Name != endName || !strings.HasSuffix(e.ResourceID, content.InstanceID) {
			t.Errorf("got %+v", e)
		}
		got[content.InstanceID] = true
		return nil
	})
	if err != nil || len(got) != len(want) {
		t.Errorf("got %d events, %v, want %d", len(got), err, len(want))
	}
	for id := range want {
		if !got[id] {
			t.Errorf("%s is missing", id)
		}
	}
	enough, n := errors.New("enough"), 0
	err = c.EachSystemEvent(t.Context(), endName, from, from.Add(time.Hour), func(subscription.SystemEvent) error { n++; return enough })
	if !errors.Is(err, enough) || n != 1 {
		t.Errorf("after an error it goes on: %d, %v", n, err)
	}
}

func TestAnswersAboutSystemEvents(t *testing.T) {
	from := time.Date(2026, 11, 29, 8, 0, 0, 0, time.UTC)
	one := fmt.Sprintf(`{"Name":%q,"RegionId":"cn-hangzhou","Time":"%d","Content":{"state":"Running"}}`, stateName, from.UnixMilli())
	for _, c := range []struct {
		name, answer string
		want         int
		says         string
	}{
		{"a time as a text, and content as an object", `{"Code":"200","Success":"true","SystemEvents":{"SystemEvent":[` + one + `]}}`, 1, ""},
		{"no list", `{"Code":"200","Success":"true"}`, 0, "has no SystemEvents"},
		{"an empty list", `{"Code":"200","Success":"true","SystemEvents":{}}`, 0, ""},
		{"a failure with status 200", `{"Code":"403","Success":"false","Message":"not allowed"}`, 0, "not allowed"},
		{"pages without end", `{"Code":"200","Success":"true","SystemEvents":{"SystemEvent":[` + strings.Repeat(one+",", 99) + one + `]}}`, 10_000, "more than 10000 events of Instance:StateChange within 10m"},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := 0
			err := monitor(t, "", answers(func(url.Values) string { return c.answer })).EachSystemEvent(t.Context(), stateName, from, from.Add(10*time.Minute),
				func(e subscription.SystemEvent) error {
					if n++; !e.Time.Equal(from) || string(e.Content) != `{"state":"Running"}` {
						t.Errorf("got %+v", e)
					}
					return nil
				})
			if n != c.want || (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %d events and %v, want %d and %q", n, err, c.want, c.says)
			}
		})
	}
}

// TestAKeyThatCloudMonitorRefuses is an error that leaks nothing.
func TestAKeyThatCloudMonitorRefuses(t *testing.T) {
	s, err := cloudmonitor.Start(cloudmonitor.Options{Keys: access.NewKeys(), Events: func() ([]json.RawMessage, error) { return nil, nil }})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	err = monitor(t, s.Endpoint(), nil).EachSystemEvent(t.Context(), endName, time.Now().Add(-time.Minute), time.Now(), func(subscription.SystemEvent) error { return nil })
	if !errors.Is(err, engine.ErrDenied) || strings.Contains(err.Error(), "Hush") {
		t.Errorf("it says %v", err)
	}
}
