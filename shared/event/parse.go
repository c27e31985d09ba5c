package event

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// An event that exceeds these bounds is Malformed.
const (
	// maxStringLevels is how many JSON strings may enclose an event. Two
	// enclose each event of a payload that is a string whose text is an array
	// of strings.
	maxStringLevels = 3
	// maxNesting is how deeply objects and arrays may be nested in an event.
	// The deepest known one, CloudMonitor's webhook, has four levels.
	maxNesting = 64
	// jsonNesting is how deep encoding/json reads. A deeper array cannot be
	// split into elements.
	jsonNesting = 10_000
	// maxEventBytes is the size of one event, without the strings around it:
	// twice EventBridge's own limit of 256 KB, for the sake of CloudMonitor's
	// wrapping.
	maxEventBytes = 512 << 10
)

// Batch holds the events of one payload, in their order. Next reads a few at a
// time, so even a long array needs memory only for those.
type Batch struct {
	// Need lists what an event must have; one that lacks it is Malformed. Set
	// it before the first Next.
	Need Need

	payload []byte
	single  Event         // of a payload that is no array, else nil
	array   *json.Decoder // before its next element
	levels  int           // of strings that may still lie around an element
	read    int
	left    int
}

// Open begins to read a payload that EventBridge or CloudMonitor delivered. A
// batch is never empty: a payload that cannot be read as a whole, or holds no
// event, becomes one Malformed.
//
// A payload is an event, or an array of events, or a JSON string that holds
// either; the elements of an array may be JSON strings too. An event is a
// CloudEvent, the bare data of one, CloudMonitor's classic system event (name
// and content), or what CloudMonitor's subscriptions post to a webhook
// (alert). The prefix "ecs:" of a kind may be missing, and where an object is
// expected, a string that holds one will do. Field names are case-sensitive;
// of a name that comes twice, the last counts. A byte order mark in front is
// skipped.
//
// The fields that identify an execution or an instance must be there and well
// formed, else the event is Malformed. Any other field that is missing, or has
// a type or a form that Open cannot read, counts as not given: a start time in
// a new format leaves StartTime zero and does not lose the event. That includes
// times outside the years 2000 to 9999.
//
// Malformed.Raw may share the payload's memory, which must not change
// afterwards.
func Open(payload []byte) *Batch {
	value, levels, err := unwrap(payload, maxStringLevels)
	if err != nil {
		return one(Malformed{Reason: "payload " + err.Error()}, payload)
	}
	if value[0] != '[' {
		return one(parseEvent(value), payload)
	}
	n := 0
	for element, array := json.RawMessage(nil), elements(value); array.More(); n++ {
		_ = array.Decode(&element)
	}
	if n == 0 {
		return one(Malformed{Reason: "payload is an empty array"}, payload)
	}
	return &Batch{array: elements(value), left: n, levels: levels}
}

func one(e Event, payload []byte) *Batch { return &Batch{payload: payload, single: e, left: 1} }

// Left returns how many events Next has not read yet.
func (b *Batch) Left() int { return b.left }

// Next reads the next events, up to most of them; empty at the end.
func (b *Batch) Next(most int) []Event {
	events := make([]Event, 0, min(most, b.left))
	for len(events) < cap(events) {
		if b.single != nil {
			events = append(events, keepRaw(b.Need.check(b.single), b.payload, ""))
		} else {
			var raw json.RawMessage
			_ = b.array.Decode(&raw)
			e := b.Need.check(parseElement(raw, b.levels))
			events = append(events, keepRaw(e, raw, fmt.Sprintf("element %d: ", b.read)))
		}
		b.read++
		b.left--
	}
	return events
}

// Parse reads all events of a payload, as Open does.
func Parse(payload []byte) []Event {
	b := Open(payload)
	return b.Next(b.Left())
}

// parseElement reads one element of an array, which up to levels strings may
// still enclose.
func parseElement(element []byte, levels int) Event {
	value, _, err := unwrap(element, levels)
	if err != nil {
		return Malformed{Reason: err.Error()}
	}
	if value[0] == '[' {
		return Malformed{Reason: "is an array inside an array"}
	}
	return parseEvent(value)
}

// keepRaw adds the bytes to a Malformed, and the place to its reason.
func keepRaw(e Event, raw []byte, place string) Event {
	if m, ok := e.(Malformed); ok {
		m.Raw, m.Reason = raw, place+m.Reason
		return m
	}
	return e
}

// byteOrderMark is what some Windows editors and shells write in front of
// UTF-8. It is not part of the text.
var byteOrderMark = []byte("\uFEFF")

// unwrap takes up to levels JSON strings off a document. The value is valid
// JSON that begins with '{' or '['; left is how many more strings could have
// been taken off.
func unwrap(document []byte, levels int) (value []byte, left int, err error) {
	for left = levels; ; left-- {
		value = bytes.Trim(bytes.TrimPrefix(document, byteOrderMark), " \t\r\n")
		if err := check(value); err != nil {
			return nil, 0, err
		}
		switch value[0] {
		case '{', '[':
			return value, left, nil
		case '"':
			if left == 0 {
				return nil, 0, fmt.Errorf("lies in more than %d strings", maxStringLevels)
			}
			document = []byte(unquote(value))
		default:
			return nil, 0, fmt.Errorf("is %s, not an object", typeOf(value))
		}
	}
}

// check reports whether a document is JSON. It does not quote the input, as the
// messages of encoding/json do.
func check(document []byte) error {
	if len(document) == 0 {
		return errors.New("is empty")
	}
	if json.Valid(document) {
		return nil
	}
	if nesting(document) > jsonNesting {
		return fmt.Errorf("is nested deeper than %d levels", jsonNesting)
	}
	var syntax *json.SyntaxError
	var ignored json.RawMessage
	if errors.As(json.Unmarshal(document, &ignored), &syntax) && syntax.Offset < int64(len(document)) {
		return fmt.Errorf("is not JSON: syntax error at byte %d of %d", syntax.Offset, len(document))
	}
	return fmt.Errorf("is not JSON: it is cut off after %d bytes, or its last byte is wrong", len(document))
}
