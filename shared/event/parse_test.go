package event_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"aftercare/shared/event"
)

// task writes the data of an execution's end, with some fields replaced;
// a field whose value is empty is left out.
func task(fields map[string]string) string {
	all := map[string]string{
		"instanceId": `"i-1"`, "invokeId": `"t-1"`, "invocationStatus": `"Failed"`,
		"exitCode": `"1"`, "repeatMode": `"Once"`,
	}
	for name, value := range fields {
		all[name] = value
	}
	var parts []string
	for name, value := range all {
		if value != "" {
			parts = append(parts, fmt.Sprintf("%q:%s", name, value))
		}
	}
	return "{" + strings.Join(parts, ",") + "}"
}

func with(name, value string) map[string]string { return map[string]string{name: value} }

func quoted(s string) string {
	raw, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(raw)
}

func inStrings(s string, levels int) string {
	for range levels {
		s = quoted(s)
	}
	return s
}

const secret = "hunter2"

func TestBadInputIsMalformedWithAReasonThatHelps(t *testing.T) {
	big := strings.Repeat("x", 1<<20)
	cases := []struct{ name, payload, want string }{
		{"an empty payload", "", "payload is empty"},
		{"a truncated object", `{"type":"` + secret, "payload is not JSON: it is cut off after 16 bytes, or its last byte is wrong"},
		{"text that is no JSON", secret + " " + secret, "payload is not JSON: syntax error at byte 1 of 15"},
		{"two documents", `{"vmName":"i-1"} {}`, "payload is not JSON: syntax error at byte 18 of 19"},
		{"a megabyte in one field", task(with("errorDesc", quoted(big))), "event is larger than 524288 bytes"},
		{"a number", "42", "payload is a number, not an object"},
		{"a boolean", "true", "payload is a boolean, not an object"},
		{"null", "null", "payload is null, not an object"},
		{"an empty array", "[ ]", "payload is an empty array"},
		{"an array inside an array", `[[{"vmName":"i-1"}]]`, "element 0: is an array inside an array"},
		{"an array inside an array, as a string", `["[]"]`, "element 0: is an array inside an array"},
		{"a string in an array that is no JSON", `["` + secret + `"]`, "element 0: is not JSON: syntax error at byte 1 of 7"},
		{"four strings around an event", inStrings(task(nil), 4), "payload lies in more than 3 strings"},
		{"two strings in an array in two strings", inStrings("["+inStrings(task(nil), 2)+"]", 2), "element 0: lies in more than 3 strings"},
		{"a million brackets", strings.Repeat("[", 1_000_000), "payload is nested deeper than 10000 levels"},
		{"deep objects", strings.Repeat(`{"a":`, 65) + "1" + strings.Repeat("}", 65), "event is nested deeper than 64 levels"},
		{"an object of no known form", `{"resourceId":"i-1"}`, "no event of a known form: it has neither specversion, nor type and data, nor name and content, nor alert, nor the fields of a known kind's data"},
		{"names in another case", `{"VMNAME":"i-1"}`, "no event of a known form: it has neither specversion, nor type and data, nor name and content, nor alert, nor the fields of a known kind's data"},
		{"a CloudEvent without a type", `{"specversion":"1.0","data":{}}`, "type is missing"},
		{"a type that is no string", `{"specversion":"1.0","type":["` + secret + `"],"data":{}}`, "type is an array, not a string"},
		{"a source that is too long", `{"type":"a","source":"` + big[:300] + `","data":{}}`, "the event's source is longer than 256 bytes"},
		{"a region that is too long", task(with("regionId", quoted(big[:300]))), "the event's region is longer than 256 bytes"},
		{"a CloudEvent without data", `{"specversion":"1.0","type":"ecs:CloudAssistant:TaskCompleted"}`, "data is missing"},
		{"data that is a list", `{"type":"CloudAssistant:TaskCompleted","data":[]}`, "data is an array, not an object"},
		{"data that is plain text", `{"type":"CloudAssistant:TaskCompleted","data":"` + secret + `"}`, "data is a string that does not hold an object"},
		{"data in a string that is deep", `{"type":"CloudAssistant:TaskCompleted","data":` + quoted(strings.Repeat(`{"a":`, 65)+"1"+strings.Repeat("}", 65)) + `}`, "data is a string that does not hold an object"},
		{"an event id with a slash", `{"type":"CloudAssistant:TaskCompleted","id":"a/b","data":` + task(nil) + `}`, "the event's id is not 1 to 128 printable ASCII characters without space and slash"},
		{"a classic event with other content", `{"name":"CloudAssistant:FirstHeartbeat","content":7}`, "content is a number, not an object"},
		{"a classic event without an instance", `{"name":"CloudAssistant:FirstHeartbeat","content":{}}`, "content.vmName is missing"},
		{"an alert that is a list", `{"alert":[]}`, "alert is an array, not an object"},
		{"an alert without a name", `{"alert":{}}`, "alert.eventName is missing"},
		{"an alert without content", `{"alert":{"eventName":"CloudAssistant:FirstHeartbeat","eventContentMap":{},"eventRawContent":"{}"}}`, "neither alert.eventContentMap nor alert.eventRawContent holds the event's data"},
		{"an alert without an instance", `{"alert":{"eventName":"CloudAssistant:FirstHeartbeat","eventContentMap":{"a":1}}}`, "alert.eventContentMap.vmName is missing"},
		{"no instance id", task(with("instanceId", "")), "instanceId is missing"},
		{"an instance id of null", task(with("instanceId", "null")), "instanceId is missing"},
		{"an empty invoke id", task(with("invokeId", `""`)), "invokeId is empty"},
		{"an invoke id that is a number", task(with("invokeId", "7")), "invokeId is a number, not a string"},
		{"an invoke id that is an object", task(with("invokeId", `{"a":"`+secret+`"}`)), "invokeId is an object, not a string"},
		{"an instance id with a slash", task(with("instanceId", `"i-1/log"`)), "instanceId is not 1 to 128 printable ASCII characters without space and slash"},
		{"an instance id of 129 characters", task(with("instanceId", quoted(big[:129]))), "instanceId is not 1 to 128 printable ASCII characters without space and slash"},
		{"an instance id that is not ASCII", task(with("instanceId", `"i-é"`)), "instanceId is not 1 to 128 printable ASCII characters without space and slash"},
		{"no status", task(with("invocationStatus", "")), "invocationStatus is missing"},
		{"a status that is too long", task(with("invocationStatus", quoted(big[:257]))), "invocationStatus is longer than 256 bytes"},
		{"a heartbeat with a space in its instance", `{"vmName":"i 1"}`, "vmName is not 1 to 128 printable ASCII characters without space and slash"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			events := event.Parse([]byte(c.payload))
			if len(events) != 1 {
				t.Fatalf("got %d events, want 1", len(events))
			}
			m, ok := events[0].(event.Malformed)
			if !ok {
				t.Fatalf("got %T, want Malformed", events[0])
			}
			if m.Reason != c.want {
				t.Errorf("got reason %q, want %q", m.Reason, c.want)
			}
			if strings.Contains(m.Reason, secret) {
				t.Errorf("reason %q quotes the payload", m.Reason)
			}
			if !strings.HasPrefix(c.want, "element") && string(m.Raw) != c.payload {
				t.Errorf("got %d raw bytes, want the payload's %d", len(m.Raw), len(c.payload))
			}
		})
	}
}

func TestAMalformedElementKeepsItsOwnBytesAndLeavesTheOthers(t *testing.T) {
	deep := `{"data":` + strings.Repeat("[", 9_000) + strings.Repeat("]", 9_000) + `}`
	payload := `[` + task(nil) + `, {"bad":1}, ` + inStrings(task(nil), 1) + `,"no" ,` + deep + `]`
	events := event.Parse([]byte(payload))
	if len(events) != 5 {
		t.Fatalf("got %d events, want 5", len(events))
	}
	for _, i := range []int{0, 2} {
		if _, ok := events[i].(event.TaskCompleted); !ok {
			t.Errorf("event %d: got %T, want TaskCompleted", i, events[i])
		}
	}
	for i, want := range map[int]string{1: `{"bad":1}`, 3: `"no"`, 4: deep} {
		if m, ok := events[i].(event.Malformed); !ok || string(m.Raw) != want {
			t.Errorf("event %d: got %#v, want Malformed with %s", i, events[i], want)
		}
	}
}

func TestTheLargestEventHas512KB(t *testing.T) {
	room := 512<<10 - len(task(with("errorDesc", quoted(""))))
	fits := task(with("errorDesc", quoted(strings.Repeat("x", room))))
	if _, ok := event.Parse([]byte(fits))[0].(event.TaskCompleted); !ok {
		t.Errorf("an event of %d bytes was refused", len(fits))
	}
	over := task(with("errorDesc", quoted(strings.Repeat("x", room+1))))
	if _, ok := event.Parse([]byte(over))[0].(event.Malformed); !ok {
		t.Errorf("an event of %d bytes was read", len(over))
	}
}

func TestThreeStringsAndAByteOrderMarkAreTakenOff(t *testing.T) {
	const mark = "\uFEFF"
	for _, payload := range []string{
		inStrings(task(nil), 3), inStrings("["+task(nil)+"]", 3), inStrings("["+inStrings(task(nil), 2)+"]", 1), " \n" + task(nil) + "\n",
		mark + task(nil), mark + " " + quoted(mark+task(nil)), mark + "[" + task(nil) + "]", "[" + quoted(mark+task(nil)) + "]",
	} {
		if e, ok := event.Parse([]byte(payload))[0].(event.TaskCompleted); !ok || e.InstanceID != "i-1" {
			t.Errorf("%q: got %#v", payload, e)
		}
	}
	for _, payload := range []string{mark, mark + mark + task(nil), task(nil) + mark} {
		if m, ok := event.Parse([]byte(payload))[0].(event.Malformed); !ok || string(m.Raw) != payload {
			t.Errorf("%q: got %#v, want it malformed, and kept with its mark", payload, m)
		}
	}
}

func TestAnArrayOfAnyLengthIsReadAsManyAtATimeAsIsAsked(t *testing.T) {
	const n = 25_000
	b := event.Open([]byte("[" + strings.Repeat("0,", n) + task(nil) + "]"))
	read := 0
	for b.Left() > 0 {
		events := b.Next(10_000)
		for i, e := range events {
			place := fmt.Sprintf("element %d: ", read+i)
			if m, bad := e.(event.Malformed); bad != (read+i < n) || bad && !strings.HasPrefix(m.Reason, place) {
				t.Fatalf("%s got %#v", place, e)
			}
		}
		read += len(events)
		if read+b.Left() != n+1 {
			t.Fatalf("%d events were read and %d are left of %d", read, b.Left(), n+1)
		}
	}
	if more := b.Next(1); len(more) > 0 {
		t.Errorf("there are more: %v", more)
	}
}

func TestAnEventThatLacksWhatIsNeededIsMalformed(t *testing.T) {
	const whole = `{"type":"CloudAssistant:TaskCompleted","id":"e-1","aliyunaccountid":"4","data":%s}`
	classic := `{"name":"CloudAssistant:FirstHeartbeat","content":{"vmName":"i-1"}}`
	webhook := `{"userId":"4","alert":{"eventName":"CloudAssistant:FirstHeartbeat","eventContentMap":{"vmName":"i-1"}}}`
	envelope, account, id := event.Need{Envelope: true}, event.Need{Account: true}, event.Need{ID: true}
	for _, c := range []struct {
		name, payload string
		need          event.Need
		lacks         string
	}{
		{"nothing is needed of bare data", task(nil), event.Need{}, ""},
		{"bare data has no envelope", task(nil), envelope, "an envelope"},
		{"nor has it in a string in an array", "[" + quoted(task(nil)) + "]", envelope, "an envelope"},
		{"nor an account, whatever it says of owners", task(with("ownerUid", `"4"`)), account, "an account"},
		{"nor an id", task(with("id", `"e-1"`)), id, "an id"},
		{"a CloudEvent has all", fmt.Sprintf(whole, task(nil)), event.Need{Envelope: true, Account: true, ID: true}, ""},
		{"a classic event is an envelope", classic, envelope, ""},
		{"which need not have an account", classic, account, "an account"},
		{"a webhook's alert is an envelope", webhook, event.Need{Envelope: true, Account: true}, ""},
		{"which need not have an id", webhook, id, "an id"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := event.Open([]byte(c.payload))
			b.Need = c.need
			e := b.Next(2)[0]
			m, refused := e.(event.Malformed)
			if refused != (c.lacks != "") || refused && !strings.HasSuffix(m.Reason, "refused by the settings: the event lacks "+c.lacks) {
				t.Errorf("got %#v, want it to lack %q", e, c.lacks)
			}
			if refused && !bytes.Contains([]byte(c.payload), m.Raw) {
				t.Errorf("%q is kept of %s", m.Raw, c.payload)
			}
		})
	}
	b := event.Open([]byte(`{"type":"Disk:Stalled","data":{}}`))
	b.Need = id
	if e, ok := b.Next(1)[0].(event.Ignored); !ok {
		t.Errorf("got %#v, want an event of another kind ignored", e)
	}
}
