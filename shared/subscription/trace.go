package subscription

import (
	"context"
	"encoding/json"
	"net/url"
	"strconv"
	"time"
)

// maxTraced is the longest page of traced events. Source:
// https://www.alibabacloud.com/help/en/eventbridge/developer-reference/api-eventbridge-2020-04-01-querytracedevents
const maxTraced = 100

// Traced is an event that a bus received.
type Traced struct {
	ID, Source, Type string
	Received         time.Time
}

// EachTraced calls a function with each event of a type that a bus received from
// one time until before another, in the service's order, and ends with its first
// error. How long the service keeps them is not documented.
func (c *Client) EachTraced(ctx context.Context, bus, kind string, from, before time.Time, event func(Traced) error) error {
	query := url.Values{
		"EventBusName": {bus}, "EventType": {kind}, "Limit": {strconv.Itoa(maxTraced)},
		"StartTime": {strconv.FormatInt(from.UnixMilli(), 10)}, "EndTime": {strconv.FormatInt(before.UnixMilli(), 10)},
	}
	return each(ctx, c, "QueryTracedEvents", "Events", query, func(e struct {
		EventID           string `json:"EventId"`
		EventSource       string
		EventType         string
		EventReceivedTime json.Number // in ms; an older page has it as a text
	}) error {
		ms, _ := e.EventReceivedTime.Int64() // only people read it
		return event(Traced{e.EventID, e.EventSource, e.EventType, time.UnixMilli(ms).UTC()})
	})
}

// Event returns an event that a bus received, as it was delivered. The service's page
// documents it as the data, and shows it as a text in a map by the ids.
func (c *Client) Event(ctx context.Context, bus, source, id string) (json.RawMessage, error) {
	var answer struct{ Data json.RawMessage }
	err := c.api.RPC(ctx, "QueryEvent", url.Values{"EventBusName": {bus}, "EventSource": {source}, "EventId": {id}}, nil, &answer)
	var data struct{ EventMap map[string]json.RawMessage }
	_ = json.Unmarshal(answer.Data, &data) // an event has no such member
	if in, ok := data.EventMap[id]; ok {
		return in, err
	}
	return answer.Data, err
}

// Trace is one step of an event's way to the targets. Its texts are the service's,
// and their words are not documented.
type Trace struct {
	Action, RuleName, NotifyStatus, NotifyLatency, RuleMatchingTime, Endpoint string
	NotifyTime, ReceivedTime                                                  int64 // in ms; 0 if it has none
}

// Traces returns the way of an event that a bus received.
func (c *Client) Traces(ctx context.Context, bus, id string) ([]Trace, error) {
	var answer struct{ Data []Trace }
	err := c.api.RPC(ctx, "QueryEventTraces", url.Values{"EventBusName": {bus}, "EventId": {id}}, nil, &answer)
	return answer.Data, err
}
