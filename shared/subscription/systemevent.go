package subscription

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"aftercare/shared/openapi"
	"aftercare/shared/transport"
)

const (
	cloudMonitorVersion = "2019-01-01"
	// maxSystemEvents is the longest page of system events. Source:
	// https://www.alibabacloud.com/help/en/cms/developer-reference/api-cms-2019-01-01-describesystemeventattribute
	maxSystemEvents = 100
	// The pages have numbers: an event that comes late, or is dropped, moves others to
	// another page. So each question is about a short time, and reads few pages.
	shortest, parts, maxPages = 10 * time.Minute, 48, 100
)

// CloudMonitor calls CloudMonitor 1.0, which keeps the services' system events, too. It
// is safe for concurrent use.
type CloudMonitor struct {
	region string
	api    *openapi.Client
}

// NewCloudMonitor is New for CloudMonitor. Of the site it needs the region.
func NewCloudMonitor(cfg Config, creds transport.Credentials) (*CloudMonitor, error) {
	api, err := openapi.New(openapi.Config{
		Endpoint: cmp.Or(cfg.Endpoint, "metrics."+cfg.Site.Region+".aliyuncs.com"), Version: cloudMonitorVersion,
		RoundTripper: cfg.RoundTripper, Now: cfg.Now, Backoff: cfg.Backoff,
	}, creds)
	if err != nil {
		return nil, fmt.Errorf("set up cloudmonitor: %w", err)
	}
	return &CloudMonitor{cfg.Site.Region, api}, nil
}

// SystemEvent is an event as CloudMonitor keeps it, without the id of its delivery.
type SystemEvent struct {
	Name, ResourceID string
	Time             time.Time
	// Content is the event's data: a JSON object, or a string that holds one.
	Content json.RawMessage
}

// EachSystemEvent calls a function with each event of a name, such as
// Instance:StateChange, that happened in the region from one time until before
// another, in no order, and ends with its first error. An event may come twice. How
// long the service keeps them is not documented.
func (c *CloudMonitor) EachSystemEvent(ctx context.Context, name string, from, before time.Time, event func(SystemEvent) error) error {
	step := max(shortest, before.Sub(from)/parts)
	for ; from.Before(before); from = from.Add(step) {
		if err := c.pages(ctx, name, from, earlier(from.Add(step), before), event); err != nil {
			return err
		}
	}
	return nil
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// pages reads the pages of a short time. The answer is about all regions, and pages
// of the service contradict each other about the case of its words.
func (c *CloudMonitor) pages(ctx context.Context, name string, from, before time.Time, event func(SystemEvent) error) error {
	const action = "DescribeSystemEventAttribute"
	query := url.Values{
		"Name": {name}, "PageSize": {strconv.Itoa(maxSystemEvents)},
		"StartTime": {strconv.FormatInt(from.UnixMilli(), 10)}, "EndTime": {strconv.FormatInt(before.UnixMilli(), 10)},
	}
	for page := 1; page <= maxPages; page++ {
		query.Set("PageNumber", strconv.Itoa(page))
		var answer struct {
			SystemEvents *struct {
				SystemEvent []struct {
					Name       string
					ResourceID string          `json:"ResourceId"`
					RegionID   string          `json:"RegionId"`
					Time       json.RawMessage // a number of ms
					Content    json.RawMessage
				}
			}
		}
		if err := c.api.RPC(ctx, action, query, nil, &answer); err != nil {
			return err
		}
		// An answer without a list is not an empty list.
		if answer.SystemEvents == nil {
			return errors.New(action + ": the answer has no SystemEvents")
		}
		for _, e := range answer.SystemEvents.SystemEvent {
			ms, err := strconv.ParseInt(string(bytes.Trim(e.Time, `"`)), 10, 64)
			if err != nil || !strings.EqualFold(e.Name, name) || !strings.EqualFold(e.RegionID, c.region) {
				continue
			}
			if err := event(SystemEvent{Name: e.Name, ResourceID: e.ResourceID, Time: time.UnixMilli(ms).UTC(), Content: e.Content}); err != nil {
				return err
			}
		}
		if len(answer.SystemEvents.SystemEvent) < maxSystemEvents {
			return nil
		}
	}
	return fmt.Errorf("%s: more than %d events of %s within %s", action, maxPages*maxSystemEvents, name, before.Sub(from))
}
