package faults_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"aftercare/shared/event"
	"aftercare/shared/handler"
	"aftercare/tests/rig"
)

const noticing = `
version: 1
flows:
  - name: notice
    on: task-completed
    when: event.commandName == "breaks" && event.invocationStatus == "Failed"
    steps:
      - id: look
        run: {type: RunShellScript, content: "echo looked"}
`

// twins returns an event of EventBridge as CloudMonitor brings it: by a classic rule,
// and by a subscription policy. Both have ids of their own.
func twins(t *testing.T, cloudEvent []byte) (classic, policy []byte) {
	t.Helper()
	var e struct {
		ID, Type, Time string
		Account        string `json:"aliyunaccountid"`
		Region         string `json:"aliyunregionid"`
		Data           json.RawMessage
	}
	mustDo(json.Unmarshal(cloudEvent, &e))
	at, err := time.Parse(time.RFC3339Nano, e.Time)
	mustDo(err)
	name := strings.TrimPrefix(e.Type, "ecs:")
	classic = encode(map[string]any{
		"ver": "1.0", "id": "cms-" + e.ID, "product": "ECS", "level": "INFO", "name": name, "userId": e.Account, "regionId": e.Region,
		"eventTime": at.In(time.FixedZone("", 8*60*60)).Format("20060102T150405.000-0700"), "content": e.Data,
	})
	policy = encode(map[string]any{
		"userId": e.Account, "time": at.UnixMilli(), "severity": "INFO",
		"alert": map[string]any{
			"alertStatus": "TRIGGERED", "source": "SYS_EVENT", "product": "ECS", "eventName": name, "userId": e.Account, "timestamp": at.UnixMilli(),
			"dedupId": "dedup-" + e.ID, "eventRawContent": "{}", "eventContentMap": e.Data,
		},
	})
	return classic, policy
}

// TestBothRoutesAtOnceAreSafe: EventBridge's event and its twins of CloudMonitor, in any
// order and together, are one record, one flow run and one alert.
func TestBothRoutesAtOnceAreSafe(t *testing.T) {
	t.Parallel()
	for order, c := range map[string][]int{
		"EventBridge first": {0, 1, 2}, "a classic rule first": {1, 0, 2}, "a policy first": {2, 1, 0}, "at once": nil,
	} {
		t.Run(order, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, scenario{flows: noticing})
			boot(r)
			must(submission("breaks", "exit 3", 5)(r))
			own := r.Take(event.KindTaskCompleted)
			classic, policy := twins(t, own)
			payloads := [][]byte{own, classic, policy}
			var items []handler.Item
			for _, i := range c {
				out, err := r.TaskCompleted(payloads[i])
				mustDo(err)
				items = append(items, out.Items...)
			}
			if c == nil {
				var all []invocation
				for _, payload := range payloads {
					all = append(all, func(p *rig.Process) (handler.Outcome, error) { return p.TaskCompleted(payload) })
				}
				items = atOnce(t, r, all...)
			}
			oneWins(t, items, handler.ResultRecorded)
			must(r.TaskCompleted(r.Take(event.KindTaskCompleted))) // that of the flow's step
			finish(t, r)
			records := r.Records(instanceID)
			got := fmt.Sprintf("%d executions, %d runs, %d alerts, %d commands", len(records.Executions), len(records.Runs), len(r.Alerts()), len(r.ECS.Runs(instanceID)))
			if want := "2 executions, 1 runs, 1 alerts, 2 commands"; got != want {
				t.Errorf("got %s, want %s; log:\n%s", got, want, r.Log)
			}
			before := all(t, r)
			for _, payload := range slices.Backward(payloads) {
				again(t, func() (handler.Outcome, error) { return r.TaskCompleted(payload) })
			}
			if after := all(t, r); after != before {
				t.Errorf("twins that came late changed\n%s\nto\n%s", before, after)
			}
		})
	}
}
