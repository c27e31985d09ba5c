package event_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"aftercare/shared/event"
)

// isPart reports whether raw is a part of a payload, or of the text of the
// strings that lie around it. What is not UTF-8 in a text is U+FFFD.
func isPart(payload, raw []byte) bool {
	for {
		if bytes.Contains(payload, raw) || bytes.Contains(replaced(payload), replaced(raw)) {
			return true
		}
		var text string
		if json.Unmarshal(bytes.TrimPrefix(payload, []byte("\uFEFF")), &text) != nil {
			return false
		}
		payload = []byte(text)
	}
}

// replaced writes what is not UTF-8 in b as one U+FFFD, and so many of them.
func replaced(b []byte) []byte {
	return bytes.ToValidUTF8(bytes.ReplaceAll(b, []byte("\uFFFD"), []byte{0xff}), []byte("\uFFFD"))
}

func FuzzParse(f *testing.F) {
	for _, name := range fixtureNames(f) {
		f.Add(readFixture(f, name))
	}
	for _, s := range []string{"", "[]", `""`, `{"vmName":"i"}`, inStrings(task(nil), 3), "[" + quoted(task(nil)) + ",1]", `{"alert":{"eventName":"a"}}`,
		inStrings(`[{"":{}}]`, 1), inStrings(`[[1],"\u00e9"]`, 2), "\uFEFF" + task(nil)} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		before := bytes.Clone(payload)
		events := event.Parse(payload)
		if len(events) == 0 {
			t.Fatal("no event")
		}
		for _, e := range events {
			switch e := e.(type) {
			case event.Malformed:
				if e.Reason == "" || !isPart(payload, e.Raw) {
					t.Errorf("a Malformed without a reason, or with bytes of its own: %q", e.Reason)
				}
			case event.Ignored:
				if e.Reason == "" {
					t.Error("an Ignored without a reason")
				}
			case event.TaskCompleted:
				if n := strings.Count(e.Key(), "/"); n != 2 || len(e.Key()) > 300 || e.Status == "" {
					t.Errorf("key %q, status %q", e.Key(), e.Status)
				}
			case event.FirstHeartbeat:
				if e.InstanceID == "" || e.Uptime != nil && *e.Uptime < 0 || e.Extensions != nil && !json.Valid(e.Extensions) {
					t.Errorf("heartbeat %#v", e)
				}
			case event.InstanceStateChange:
				if e.InstanceID == "" || strings.Contains(e.InstanceID, "/") || e.State == "" {
					t.Errorf("state change %#v", e)
				}
			default:
				t.Errorf("an event of type %T", e)
			}
		}
		if !bytes.Equal(payload, before) {
			t.Error("the payload was changed")
		}
		if again := event.Parse(payload); !reflect.DeepEqual(again, events) {
			t.Error("a second Parse says something else")
		}
	})
}
