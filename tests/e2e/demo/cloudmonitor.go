package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// envelope is the part of a CloudEvent that CloudMonitor's forms repeat.
type envelope struct {
	ID      string          `json:"id"`
	Type    string          `json:"type"`
	Time    string          `json:"time"`
	Account string          `json:"aliyunaccountid"`
	Region  string          `json:"aliyunregionid"`
	Data    json.RawMessage `json:"data"`
}

func readEnvelope(event json.RawMessage) (e envelope, at time.Time, err error) {
	if err := json.Unmarshal(event, &e); err != nil {
		return e, at, fmt.Errorf("read an event of the local cloud: %w", err)
	}
	at, err = time.Parse(time.RFC3339Nano, e.Time)
	return e, at, err
}

// classicEvent is an event as CloudMonitor's classic event rules push it.
func classicEvent(event json.RawMessage) ([]byte, error) {
	e, at, err := readEnvelope(event)
	if err != nil {
		return nil, err
	}
	return encode(map[string]any{
		"ver": "1.0", "id": "cms-" + e.ID, "product": "ECS", "level": "INFO",
		"name": strings.TrimPrefix(e.Type, "ecs:"), "userId": e.Account, "regionId": e.Region,
		"eventTime": at.In(time.FixedZone("", 8*60*60)).Format("20060102T150405.000-0700"),
		"content":   e.Data,
	}), nil
}

// subscriptionEvent is an event as CloudMonitor's subscription policies post
// it to a webhook.
func subscriptionEvent(event json.RawMessage) ([]byte, error) {
	e, at, err := readEnvelope(event)
	if err != nil {
		return nil, err
	}
	name := strings.TrimPrefix(e.Type, "ecs:")
	return encode(map[string]any{
		"userId": e.Account, "time": at.UnixMilli(), "severity": "INFO", "batchId": "demo",
		"alert": map[string]any{
			"alertStatus": "TRIGGERED", "source": "SYS_EVENT", "product": "ECS", "severity": "INFO",
			"eventName": name, "eventType": "Notification", "userId": e.Account, "timestamp": at.UnixMilli(),
			"dedupId": "dedup-" + e.ID, "traceId": "trace-" + e.ID, "eventRawContent": "{}", "eventContentMap": e.Data,
		},
	}), nil
}
