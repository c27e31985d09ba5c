package event

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// KindSubmit is the kind of an event whose data is a submission.
const KindSubmit Kind = "aftercare:Task:Submit"

// Letter is a dead letter: an event that could not be delivered, and what is known of
// it. What is not known is empty.
type Letter struct {
	// Payload can be sent again: it is the event as it was delivered, or the whole
	// message if no event, or more than one, was found in it.
	Payload []byte
	Kind    Kind
	ID      string
	// Function is the full name of the function that it was for.
	Function string
	// Rule and Error say by which rule of EventBridge it was sent, and how the last
	// delivery ended.
	Rule, Error string
}

// Letters reads a message about events that could not be delivered. EventBridge's
// form of such messages is not documented, so every form is accepted: the event
// itself, an event or a record around it, a JSON string or base64 around either, an
// array of them, and anything else. The result is never empty, and nothing is left
// out: each element of an array is a letter, and what holds no event is one as it came.
//
// Function Compute's record of a failed asynchronous invocation has the event in
// requestPayload, and the function in requestContext.functionArn.
// See https://www.alibabacloud.com/help/en/fc/user-guide/result-callback
func Letters(message []byte) []Letter {
	value := opened(message)
	if value == nil || value[0] != '[' {
		return []Letter{letterIn(message, value)}
	}
	var letters []Letter
	for list := elements(value); list.More(); {
		var element json.RawMessage
		_ = list.Decode(&element)
		letters = append(letters, letterIn(element, opened(element)))
	}
	if len(letters) == 0 {
		return []Letter{{Payload: message}}
	}
	return letters
}

// letterIn is the letter of a message that is opened already.
func letterIn(message, value []byte) Letter {
	if value == nil {
		return Letter{Payload: message}
	}
	s := search{found: map[string]Letter{}}
	if e, ok := deliverable(value, true); ok {
		s.found[string(value)] = e
	} else {
		s.in(value, maxWrappers)
	}
	letter := Letter{Payload: message}
	if len(s.found) == 1 {
		letter = slices.Collect(maps.Values(s.found))[0]
	}
	letter.Function, letter.Rule, letter.Error = s.function, s.rule, s.cause
	return letter
}

// opened returns the JSON object or array that a message is, without the strings and
// base64 around it; nil if it is neither.
func opened(message []byte) []byte {
	for range maxStringLevels + 1 {
		value, _, err := unwrap(message, maxStringLevels)
		if err == nil && nesting(value) <= maxNesting {
			return value
		}
		text := bytes.TrimSpace(message)
		if len(text) > 1 && text[0] == '"' && check(text) == nil {
			text = []byte(unquote(text))
		}
		plain, err := base64.StdEncoding.AppendDecode(nil, bytes.TrimSpace(text))
		if err != nil || len(plain) == 0 {
			return nil
		}
		message = plain
	}
	return nil
}

// deliverable reads an event that a function takes. Data without an envelope counts
// only where it can be nothing else.
func deliverable(value []byte, bare bool) (Letter, bool) {
	var env Envelope
	switch e := parseEvent(value).(type) {
	case TaskCompleted:
		env = e.Envelope
	case FirstHeartbeat:
		env = e.Envelope
	case InstanceStateChange:
		env = e.Envelope
	case Ignored:
		env = e.Envelope
		if env.Kind != KindSubmit {
			return Letter{}, false
		}
	default:
		return Letter{}, false
	}
	return Letter{Payload: value, Kind: env.Kind, ID: env.ID}, bare || !env.Bare
}

// maxWrappers is how many objects and arrays may lie around an event.
const maxWrappers = 8

// search looks for events inside a value.
type search struct {
	found                 map[string]Letter // by payload
	function, rule, cause string
}

func (s *search) in(value []byte, levels int) {
	switch {
	case levels == 0:
	case value[0] == '[':
		for list := elements(value); list.More(); {
			var element json.RawMessage
			_ = list.Decode(&element)
			s.member("", element, levels)
		}
	default:
		if e, ok := deliverable(value, false); ok {
			s.found[string(value)] = e
			return
		}
		o := objectOf("", value)
		context, _ := o.object("requestContext")
		if m := functionARN.FindStringSubmatch(context.text("functionArn")); m != nil && o.value("requestPayload") != nil {
			s.function = m[1]
			s.request(o.value("requestPayload"), levels)
			// What is beside it may only say why.
			delete(o.members, "requestPayload")
			found := maps.Clone(s.found)
			defer func() { s.found = found }()
		}
		for _, name := range slices.Sorted(maps.Keys(o.members)) {
			s.member(name, o.members[name], levels)
		}
	}
}

// functionARN matches the ARN of a function, with or without a qualifier.
var functionARN = regexp.MustCompile(`^acs:fc:[^:]*:[^:]*:(?:services/[^:]*/)?functions/([A-Za-z0-9_-]{1,64})(?:[/:.].*)?$`)

// request takes what a function was invoked with, whatever it is. The event in it is
// taken out of what lies around it.
func (s *search) request(payload []byte, levels int) {
	inner, value := search{found: map[string]Letter{}}, opened(payload)
	if value != nil {
		inner.in(value, levels-1)
	}
	if payload[0] == '"' {
		payload = []byte(unquote(payload))
	}
	letter := Letter{Payload: payload}
	if len(inner.found) == 1 {
		letter = slices.Collect(maps.Values(inner.found))[0]
	} else if value != nil && value[0] == '{' {
		if e, ok := deliverable(value, true); ok {
			letter = e
		}
	}
	s.found[string(letter.Payload)] = letter
	s.function, s.rule, s.cause = cmp.Or(inner.function, s.function), cmp.Or(s.rule, inner.rule), cmp.Or(s.cause, inner.cause)
}

// member looks into a member of an object, or an element of an array, which has no
// name. The first rule and the first error that are named count.
func (s *search) member(name string, raw []byte, levels int) {
	if value := opened(raw); value != nil {
		s.in(value, levels-1)
		return
	}
	text, _ := scalar(raw)
	if len(text) > maxWordBytes {
		text = strings.ToValidUTF8(text[:maxWordBytes], "") + " …"
	}
	name = strings.ToLower(name)
	switch {
	case s.rule == "" && slices.Contains(ruleNames, name):
		s.rule = text
	case s.cause == "" && slices.Contains(errorNames, name):
		s.cause = text
	}
}

// The names, in lower case, that a rule and the last error may have.
var (
	ruleNames  = []string{"rule", "rulename", "rulearn", "aliyunrulename"}
	errorNames = []string{"lasterror", "error", "errormessage", "errormsg", "errorcode", "functionerror"}
)
