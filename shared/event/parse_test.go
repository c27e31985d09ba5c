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

// TestATraceIsKeptIfItIsOne: a traceparent of W3C's version 00.
func TestATraceIsKeptIfItIsOne(t *testing.T) {
	const good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	for text, want := range map[string]string{good: good, "": "", "01" + good[2:]: "", good + "0": "", "00-" + strings.ToUpper(good[3:]): "", good[:53] + "\n1": ""} {
		payload, err := json.Marshal(map[string]any{
			"specversion": "1.0", "id": "1", "source": "acs.ecs", "type": "ecs:CloudAssistant:FirstHeartbeat", "traceparent": text, "data": map[string]any{"vmName": "i-1"},
		})
		if err != nil {
			t.Fatal(err)
		}
		e, ok := event.Parse(payload)[0].(event.FirstHeartbeat)
		if !ok || e.Trace != want {
			t.Errorf("%q is %q, want %q", text, e.Trace, want)
		}
	}
}
