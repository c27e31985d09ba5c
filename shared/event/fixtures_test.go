package event_test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"aftercare/shared/event"
)

const fixtures = "../../tests/testdata/events"

const (
	account = "1044000000000317"
	region  = "cn-shanghai"
)

func code(n int64) *int64 { return &n }

func lasting(d time.Duration) *time.Duration { return &d }

func at(s string) time.Time {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		panic(err)
	}
	return t.UTC()
}

// rotated is the execution that most task fixtures are about.
func rotated(change func(*event.TaskCompleted)) event.TaskCompleted {
	t := event.TaskCompleted{
		Envelope: event.Envelope{
			ID:      "6f0c2a51-90d4-4f9e-b1b7-3d2e7716a4c8",
			Source:  "acs.ecs",
			Kind:    event.KindTaskCompleted,
			Account: account,
			Region:  region,
			Time:    at("2025-03-04T02:10:38Z"),
		},
		InstanceID:  "i-sh4web0017",
		InvokeID:    "t-sh01rotate0304",
		CommandID:   "c-sh01nightlyrotate",
		CommandName: "rotate-logs",
		Status:      event.StatusSuccess,
		ExitCode:    code(0),
		RepeatMode:  "Once",
		Repeats:     1,
		StartTime:   at("2025-03-04T02:10:31Z"),
		FinishTime:  at("2025-03-04T02:10:37Z"),
		OwnerUID:    account,
		PlayerUID:   "2066000000000981",
	}
	if change != nil {
		change(&t)
	}
	return t
}

// booted is the heartbeat that most heartbeat fixtures are about.
func booted(change func(*event.FirstHeartbeat)) event.FirstHeartbeat {
	h := event.FirstHeartbeat{
		Envelope: event.Envelope{
			ID:      "e41b-heartbeat",
			Source:  "acs.ecs",
			Kind:    event.KindFirstHeartbeat,
			Account: account,
			Region:  region,
			Time:    at("2025-03-04T02:10:38.642Z"),
		},
		InstanceID:   "i-sh4web0017",
		BizEventID:   "be-0d4c1f",
		AgentVersion: "2.2.4.812",
		Zone:         "cn-shanghai-g",
		DataRegion:   region,
		Uptime:       lasting(21500 * time.Millisecond),
		Extensions:   json.RawMessage(`{"agentVersion":"2.2.4.812","region":"cn-shanghai","azone":"cn-shanghai-g","uptime":21500}`),
	}
	if change != nil {
		change(&h)
	}
	return h
}

func cancelled(t *event.TaskCompleted) {
	t.InvokeID, t.Status, t.ExitCode = "t-sh01cancel9", event.StatusCancelled, nil
}

var stateChange = event.Ignored{
	Envelope: event.Envelope{
		ID: "5a90-state", Source: "acs.ecs", Kind: "Instance:StateChange",
		Account: account, Region: region, Time: at("2025-03-04T02:10:38Z"),
	},
	Reason: "this kind of event is not handled",
}

var wantOfFixture = map[string][]event.Event{
	"task-completed/cloudevent.json": {rotated(nil)},
	"task-completed/numbers-and-owner-uid.json": {rotated(func(t *event.TaskCompleted) {
		t.Account = "" // the envelope names none
		t.ID, t.Time = "b2d8a6f0-failed", at("2025-03-04T05:00:11.031Z")
		t.CommandName, t.CommandID, t.InvokeID = "install-agent", "c-sh01install", "t-sh01install77"
		t.Status, t.ExitCode = event.StatusFailed, code(3)
		t.ErrorCode, t.ErrorDesc = "ExitCodeNonzero", "the script ended with a code other than zero"
		t.StartTime, t.FinishTime = at("2025-03-04T05:00:01.250Z"), at("2025-03-04T05:00:09.875Z")
	})},
	"task-completed/scheduled-run-with-masked-ids.json": {rotated(func(t *event.TaskCompleted) {
		t.ID, t.Time = "c1a4****-timeout", at("2025-03-04T02:10:38.9Z")
		t.InstanceID, t.InvokeID, t.CommandID = "i-sh4db************", "t-sh01**********", "c-sh01**********"
		t.CommandName = `vacuum "main" → 日志`
		t.RepeatMode, t.Repeats = "Period", 12
		t.Status, t.ExitCode = event.StatusTimeout, nil
		t.ErrorCode, t.ErrorDesc = "ExecutionTimeout", "not done within the time allowed"
	})},
	"task-completed/bare-data.json": {rotated(func(t *event.TaskCompleted) {
		t.Bare, t.ID, t.Source, t.Account, t.Time = true, "", "", "", time.Time{}
		t.InvokeID, t.Status, t.ExitCode = "t-sh01abort5", event.StatusAborted, nil
		t.ErrorCode, t.ErrorDesc = "ClientNotRunning", "the agent did not answer"
		t.StartTime, t.FinishTime = time.Time{}, at("2025-03-04T02:11:31Z")
	})},
	"task-completed/cloudmonitor.json": {rotated(func(t *event.TaskCompleted) {
		t.ID, t.Source, t.Time = "D0E1F9B2-5566-4A3B-9C40-2B7F10A6E3D4", "", at("2025-03-04T02:10:38.1Z")
	})},
	"task-completed/cloudmonitor-webhook.json": {rotated(func(t *event.TaskCompleted) {
		t.ID, t.Source, t.Time = "se-77fe03", "", at("2025-03-04T02:10:38.642Z")
	})},
	"task-completed/cloudmonitor-webhook-raw-content.json": {rotated(func(t *event.TaskCompleted) {
		t.ID, t.Source = "tr-90ab12", ""
		cancelled(t)
	})},
	"task-completed/array-of-objects.json": {
		rotated(nil),
		rotated(func(t *event.TaskCompleted) { t.ID = "77ce-cancel"; cancelled(t) }),
		event.Malformed{Reason: "element 2: no event of a known form: it has neither specversion, nor type and data, nor name and content, nor alert, nor the fields of a known kind's data"},
	},
	"task-completed/array-of-strings.json": {
		rotated(nil),
		rotated(func(t *event.TaskCompleted) {
			t.ID, t.Source, t.Time = "D0E1F9B2-5566-4A3B-9C40-2B7F10A6E3D4", "", at("2025-03-04T02:10:38.1Z")
		}),
	},
	"task-completed/string.json": {rotated(nil)},
	"task-completed/data-as-string.json": {rotated(func(t *event.TaskCompleted) {
		t.Time, t.Status, t.ExitCode = at("2025-03-04T02:10:00Z"), event.StatusTerminated, code(-1)
	})},
	"task-completed/unknown-status.json": {rotated(func(t *event.TaskCompleted) {
		t.Status, t.RepeatMode = "PartialFailed", "EveryReboot"
	})},
	"task-completed/not-final.json": {event.Ignored{
		Envelope: rotated(nil).Envelope, Reason: "the invocation status is not an end",
	}},
	"task-completed/without-invoke-id.json": {event.Malformed{Reason: "data.invokeId is missing"}},

	"first-heartbeat/cloudevent.json": {booted(nil)},
	"first-heartbeat/flat-fields.json": {booted(func(h *event.FirstHeartbeat) {
		h.ID, h.Account, h.Extensions = "e41c-heartbeat", "", nil
	})},
	"first-heartbeat/extensions-as-string.json": {booted(func(h *event.FirstHeartbeat) {
		h.ID = "e41d-heartbeat"
		h.Extensions = json.RawMessage(`{"agentVersion":"2.2.4.812","region":"cn-shanghai","azone":"cn-shanghai-g","uptime":"21500","osType":"linux"}`)
	})},
	"first-heartbeat/without-extensions.json": {event.FirstHeartbeat{
		Envelope: event.Envelope{
			ID: "e41e-heartbeat", Source: "acs.ecs", Kind: event.KindFirstHeartbeat, Account: account, Region: region,
		},
		InstanceID: "i-sh4db************",
		BizEventID: "be-0d4c20",
	}},
	"first-heartbeat/bare-data.json": {booted(func(h *event.FirstHeartbeat) {
		h.Bare, h.ID, h.Source, h.Account, h.Time = true, "", "", "", time.Time{}
	})},
	"first-heartbeat/cloudmonitor.json": {booted(func(h *event.FirstHeartbeat) {
		h.ID, h.Source = "D0E1F9B2-HB", ""
	})},
	"first-heartbeat/cloudmonitor-webhook.json": {booted(func(h *event.FirstHeartbeat) {
		h.ID, h.Source = "se-77fe03", ""
	})},
	// Only the ARN names the region.
	"first-heartbeat/cloudmonitor-webhook-raw-content.json": {booted(func(h *event.FirstHeartbeat) {
		h.ID, h.Source, h.Time, h.DataRegion = "tr-90ab12", "", at("2025-03-04T02:10:38Z"), ""
		h.Extensions = json.RawMessage(`{"agentVersion":"2.2.4.812","azone":"cn-shanghai-g","uptime":21500}`)
	})},
	"first-heartbeat/array-of-mixed-forms.json": {
		booted(nil),
		booted(func(h *event.FirstHeartbeat) {
			h.Bare, h.ID, h.Source, h.Account, h.Time = true, "", "", "", time.Time{}
		}),
		rotated(nil),
	},
	"first-heartbeat/without-instance.json": {event.Malformed{Reason: "data.vmName is missing"}},

	"instance-state-change/cloudevent.json": {stateChange},
	"instance-state-change/cloudmonitor.json": {event.Ignored{
		Envelope: event.Envelope{
			ID: "D0E1F9B2-SC", Kind: "Instance:StateChange",
			Account: account, Region: region, Time: at("2025-03-04T02:10:38.1Z"),
		},
		Reason: stateChange.Reason,
	}},
}

// sameEvents compares without Malformed.Raw, which has its own test, and
// without the white space of Extensions.
var sameEvents = cmp.Options{
	cmpopts.IgnoreFields(event.Malformed{}, "Raw"),
	cmp.Transformer("json", func(raw json.RawMessage) any {
		var v any
		if raw != nil && json.Unmarshal(raw, &v) != nil {
			return "not JSON"
		}
		return v
	}),
}

func readFixture(t testing.TB, name string) []byte {
	t.Helper()
	payload, err := os.ReadFile(filepath.Join(fixtures, name))
	if err != nil {
		t.Fatal(err)
	}
	return payload
}

func TestEveryFixtureGivesTheExpectedEvents(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(fixtures, "*", "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no fixtures found: %v", err)
	}
	for _, file := range files {
		name := filepath.ToSlash(file[len(fixtures)+1:])
		t.Run(name, func(t *testing.T) {
			want, ok := wantOfFixture[name]
			if !ok {
				t.Fatal("no expectation for this fixture")
			}
			got := event.Parse(readFixture(t, name))
			if diff := cmp.Diff(got, want, sameEvents); diff != "" {
				t.Errorf("got (-) differs from want (+):\n%s", diff)
			}
		})
	}
	if len(files) != len(wantOfFixture) {
		t.Errorf("got %d fixtures, want %d", len(files), len(wantOfFixture))
	}
}

// TestTypedEventsCarryEveryFieldBack writes typed events back in the service's
// form. Nothing may be lost on the way there and back, and for the fixtures
// in the service's own form, the data must be the same again.
func TestTypedEventsCarryEveryFieldBack(t *testing.T) {
	for name, events := range wantOfFixture {
		t.Run(name, func(t *testing.T) {
			payload := readFixture(t, name)
			for i, e := range event.Parse(payload) {
				data := dataOf(e)
				if data == nil {
					continue
				}
				back := event.Parse(cloudEventOf(t, e, data))
				if diff := cmp.Diff(back, events[i:i+1], sameEvents); diff != "" {
					t.Errorf("event %d after a round trip (-) differs from before (+):\n%s", i, diff)
				}
				if filepath.Base(name) != "cloudevent.json" {
					continue
				}
				var came struct{ Data map[string]any }
				if err := json.Unmarshal(payload, &came); err != nil {
					t.Fatal(err)
				}
				// Said twice by the service, and not documented.
				delete(came.Data, "impact")
				delete(came.Data, "opsCode")
				if diff := cmp.Diff(data, came.Data, sameEvents); diff != "" {
					t.Errorf("data written back (-) differs from the fixture's (+):\n%s", diff)
				}
			}
		})
	}
}

// dataOf writes the data of a typed event as the service does; nil for
// other events.
func dataOf(e event.Event) map[string]any {
	stamp := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.Format(time.RFC3339Nano)
	}
	switch e := e.(type) {
	case event.TaskCompleted:
		exit, errorCode := "", e.ErrorCode
		if e.ExitCode != nil {
			exit = strconv.FormatInt(*e.ExitCode, 10)
		}
		if errorCode == "" {
			errorCode = "0"
		}
		return map[string]any{
			"commandId": e.CommandID, "commandName": e.CommandName, "exitCode": exit,
			"startTime": stamp(e.StartTime), "finishTime": stamp(e.FinishTime),
			"instanceId": e.InstanceID, "invokeId": e.InvokeID, "invocationStatus": string(e.Status),
			"ownerId": e.OwnerUID, "playerUid": e.PlayerUID, "repeatMode": e.RepeatMode,
			"repeats": strconv.FormatInt(e.Repeats, 10), "errorCode": errorCode, "errorDesc": e.ErrorDesc,
		}
	case event.FirstHeartbeat:
		data := map[string]any{"bizEventId": e.BizEventID, "vmName": e.InstanceID}
		if e.Extensions != nil {
			var extensions any
			if json.Unmarshal(e.Extensions, &extensions) == nil {
				data["extensions"] = extensions
			}
			return data
		}
		data["agentVersion"], data["azone"], data["region"] = e.AgentVersion, e.Zone, e.DataRegion
		if e.Uptime != nil {
			data["uptime"] = e.Uptime.Milliseconds()
		}
		return data
	}
	return nil
}

func cloudEventOf(t *testing.T, e event.Event, data map[string]any) []byte {
	t.Helper()
	var env event.Envelope
	switch e := e.(type) {
	case event.TaskCompleted:
		env = e.Envelope
	case event.FirstHeartbeat:
		env = e.Envelope
	}
	whole := map[string]any{
		"specversion": "1.0", "type": "ecs:" + env.Kind, "id": env.ID, "source": env.Source,
		"aliyunaccountid": env.Account, "aliyunregionid": env.Region, "data": data,
		"time": env.Time.Format(time.RFC3339Nano),
	}
	if env.Bare {
		whole = maps.Clone(data)
		whole["regionId"] = env.Region
	}
	payload, err := json.Marshal(whole)
	if err != nil {
		t.Fatal(err)
	}
	return payload
}

func TestExtensionsStayAnObjectWhereTheyCameAsAString(t *testing.T) {
	h := event.Parse(readFixture(t, "first-heartbeat/extensions-as-string.json"))[0].(event.FirstHeartbeat)
	var got map[string]any
	if err := json.Unmarshal(h.Extensions, &got); err != nil || got["osType"] != "linux" {
		t.Errorf("got %s (%v), want an object with osType", h.Extensions, err)
	}
}

// BenchmarkParse covers the smallest and the largest form of an event, and
// what most deliveries look like.
func BenchmarkParse(b *testing.B) {
	for _, name := range []string{
		"task-completed/cloudevent.json", "task-completed/bare-data.json",
		"first-heartbeat/cloudmonitor-webhook.json", "instance-state-change/cloudevent.json",
	} {
		payload := readFixture(b, name)
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(payload)))
			b.ReportAllocs()
			for b.Loop() {
				event.Parse(payload)
			}
		})
	}
}
