package event_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"aftercare/shared/event"
)

const fixtures = "../../tests/testdata/events"

var update = flag.Bool("update", false, "write what is got as what is wanted: read it before you keep it")

func at(s string) time.Time {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		panic(err)
	}
	return t.UTC()
}

func readFixture(t testing.TB, name string) []byte {
	t.Helper()
	payload, err := os.ReadFile(filepath.Join(fixtures, name))
	if err != nil {
		t.Fatal(err)
	}
	return payload
}

// shown is an event as testdata/fixtures.txt has it: the fields that are given,
// except for Raw.
func shown(t *testing.T, e event.Event) string {
	t.Helper()
	raw, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]any
	exact := json.NewDecoder(bytes.NewReader(raw))
	exact.UseNumber()
	if err := exact.Decode(&fields); err != nil {
		t.Fatal(err)
	}
	out, width := fmt.Sprintf("%T", e), 200
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		value, _ := json.Marshal(fields[name]) // with the members of Extensions in order
		if name != "Raw" && !slices.Contains([]string{`""`, "null", "false", `"0001-01-01T00:00:00Z"`}, string(value)) {
			field := fmt.Sprintf("  %s %s", name, value)
			if width += len(field); width > 120 {
				out, width = out+"\n", len(field)
			}
			out += field
		}
	}
	return out + "\n"
}

func fixtureNames(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(fixtures, "*", "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no fixtures found: %v", err)
	}
	for i, file := range files {
		files[i] = filepath.ToSlash(file[len(fixtures)+1:])
	}
	return files
}

func TestEveryFixtureGivesTheExpectedEvents(t *testing.T) {
	var got strings.Builder
	for _, name := range fixtureNames(t) {
		got.WriteString("\n# " + name + "\n")
		for _, e := range event.Parse(readFixture(t, name)) {
			got.WriteString(shown(t, e))
		}
	}
	same(t, "testdata/fixtures.txt", got.String())
}

// repeated is a text and how often it stands in a payload.
var repeated = regexp.MustCompile(`«(.+?)\*(\d+)»`)

// TestEveryPayloadGivesTheExpectedEvents reads the payloads of the file, the lines
// that begin with <. They have fields in all their forms, and whatever can be wrong.
func TestEveryPayloadGivesTheExpectedEvents(t *testing.T) {
	const file = "testdata/payloads.txt"
	lines, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	for line := range strings.Lines(string(lines)) {
		payload, ok := strings.CutPrefix(line, "<")
		if !ok {
			if line == "\n" || line[0] == '#' {
				got.WriteString(line)
			}
			continue
		}
		payload = repeated.ReplaceAllStringFunc(strings.Trim(payload, " \n"), func(part string) string {
			match := repeated.FindStringSubmatch(part)
			n, _ := strconv.Atoi(match[2])
			return strings.Repeat(match[1], n)
		})
		got.WriteString(line)
		for _, e := range event.Parse([]byte(payload)) {
			got.WriteString(shown(t, e))
			if m, ok := e.(event.Malformed); ok && string(m.Raw) != payload {
				fmt.Fprintf(&got, "  Raw %s\n", m.Raw)
			}
		}
	}
	same(t, file, got.String())
}

// same compares a file with what was got.
func same(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(got, string(want)); diff != "" {
		t.Errorf("got (-) differs from want (+):\n%s", diff)
	}
}

// TestTypedEventsCarryEveryFieldBack writes typed events back in the service's
// form. Nothing may be lost on the way there and back, and for the fixtures
// in the service's own form, the data must be the same again.
func TestTypedEventsCarryEveryFieldBack(t *testing.T) {
	for _, name := range fixtureNames(t) {
		t.Run(name, func(t *testing.T) {
			payload := readFixture(t, name)
			for i, e := range event.Parse(payload) {
				data, env := dataOf(e)
				if data == nil {
					continue
				}
				back := event.Parse(cloudEventOf(t, env, data))[0]
				if diff := cmp.Diff(shown(t, back), shown(t, e)); diff != "" {
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
				if diff := cmp.Diff(data, came.Data); diff != "" {
					t.Errorf("data written back (-) differs from the fixture's (+):\n%s", diff)
				}
			}
		})
	}
}

// dataOf writes the data of a typed event as the service does; nil for other
// events. It also returns the envelope.
func dataOf(e event.Event) (map[string]any, event.Envelope) {
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
		}, e.Envelope
	case event.FirstHeartbeat:
		data := map[string]any{"bizEventId": e.BizEventID, "vmName": e.InstanceID}
		if e.Extensions != nil {
			var extensions any
			if json.Unmarshal(e.Extensions, &extensions) == nil {
				data["extensions"] = extensions
			}
			return data, e.Envelope
		}
		data["agentVersion"], data["azone"], data["region"] = e.AgentVersion, e.Zone, e.DataRegion
		if e.Uptime != nil {
			data["uptime"] = e.Uptime.Milliseconds()
		}
		return data, e.Envelope
	case event.InstanceStateChange:
		return map[string]any{"resourceId": e.InstanceID, "resourceType": e.ResourceType, "state": string(e.State)}, e.Envelope
	}
	return nil, event.Envelope{}
}

func cloudEventOf(t *testing.T, env event.Envelope, data map[string]any) []byte {
	t.Helper()
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
