package event_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"aftercare/shared/event"
)

func base64Of(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

// around is an event of another kind, with an event or a record in its data.
func around(data string) string {
	return `{"specversion":"1.0","id":"w-1","source":"acs.eventbridge","type":"eventbridge:Events:Undelivered","data":` + data + `}`
}

// TestADeadLetterIsFoundInEveryForm: the event that can be sent again comes out byte
// for byte, or else the whole message.
func TestADeadLetterIsFoundInEveryForm(t *testing.T) {
	const submission = `{"dedupeKey":"k","instanceId":"i-1","run":{"name":"a"}}`
	data := task(nil)
	ended := `{"id":"e-1","source":"acs.ecs","specversion":"1.0","type":"ecs:CloudAssistant:TaskCompleted","data":` + data + `}`
	boot := strings.TrimSpace(string(readFixture(t, "first-heartbeat/cloudevent.json")))
	submit := `{"id":"s-1","source":"ci","specversion":"1.0","type":"aftercare:Task:Submit","data":` + submission + `}`
	foreign := `{"id":"f-1","source":"acs.oss","specversion":"1.0","type":"oss:Object:Put","data":` + task(nil) + `}`
	record := func(payload string) string {
		return `{"requestContext":{"functionArn":"acs:fc:cn-hangzhou:1234:functions/aftercare-submit-task/LATEST","condition":"RetryAttemptsExhausted"},` +
			`"requestPayload":` + payload + `,"responseContext":{"functionError":"timed out"}}`
	}
	end := event.Letter{Payload: []byte(ended), Kind: event.KindTaskCompleted, ID: "e-1"}
	with := func(l event.Letter, rule, cause, function string) event.Letter {
		l.Rule, l.Error, l.Function = rule, cause, function
		return l
	}
	whole := func(text string) event.Letter { return event.Letter{Payload: []byte(text)} }
	const function = "aftercare-submit-task"
	for name, c := range map[string]struct {
		message string
		want    []event.Letter
	}{
		"the event itself":                {ended, []event.Letter{end}},
		"in strings and blanks":           {" " + inStrings(ended, 2) + "\n", []event.Letter{end}},
		"in base64":                       {base64Of(ended), []event.Letter{end}},
		"in base64 in a string":           {quoted(base64Of(ended)), []event.Letter{end}},
		"in another event":                {around(ended), []event.Letter{end}},
		"in another event, as a string":   {around(quoted(ended)), []event.Letter{end}},
		"in another twice":                {around(around(ended)), []event.Letter{end}},
		"in a local cloud's line":         {`{"bus":"default","rule":"ends","attempts":4,"lastError":"down","event":` + ended + `}`, []event.Letter{with(end, "ends", "down", "")}},
		"with a rule and an error":        {around(`{"ruleName":"ends","errorMessage":"it timed out","events":[` + ended + `]}`), []event.Letter{with(end, "ends", "it timed out", "")}},
		"in a message of a queue":         {`{"MessageId":"5F","MessageBody":` + quoted(base64Of(ended)) + `}`, []event.Letter{end}},
		"twice the same":                  {`{"a":` + ended + `,"b":` + ended + `}`, []event.Letter{end}},
		"in a record of a failed call":    {around(record(quoted(ended))), []event.Letter{with(end, "", "timed out", function)}},
		"in its record, as an object":     {record(around(ended)), []event.Letter{with(end, "", "timed out", function)}},
		"a submission's event":            {submit, []event.Letter{{Payload: []byte(submit), Kind: event.KindSubmit, ID: "s-1"}}},
		"a submission in a record":        {around(record(quoted(submission))), []event.Letter{with(whole(submission), "", "timed out", function)}},
		"a record of the failed record":   {strings.Replace(record(record(quoted(submission))), "submit-task", "dead-letters", 1), []event.Letter{with(whole(submission), "", "timed out", function)}},
		"several in a record":             {record("[" + ended + "," + boot + "]"), []event.Letter{with(whole("["+ended+","+boot+"]"), "", "timed out", function)}},
		"several":                         {"[" + ended + "," + quoted(ended) + `,1,{"a":2}]`, []event.Letter{end, end, whole("1"), whole(`{"a":2}`)}},
		"two different ones in one":       {`{"a":` + ended + `,"b":` + boot + `}`, []event.Letter{whole(`{"a":` + ended + `,"b":` + boot + `}`)}},
		"an event of another kind":        {foreign, []event.Letter{whole(foreign)}},
		"data without its envelope":       {data, []event.Letter{{Payload: []byte(data), Kind: event.KindTaskCompleted}}},
		"too deep":                        {strings.Repeat(`{"a":`, 9) + ended + strings.Repeat("}", 9), []event.Letter{whole(strings.Repeat(`{"a":`, 9) + ended + strings.Repeat("}", 9))}},
		"an event that cannot be read":    {strings.Replace(ended, "t-1", "", 1), []event.Letter{whole(strings.Replace(ended, "t-1", "", 1))}},
		"an empty array":                  {"[]", []event.Letter{whole("[]")}},
		"nothing":                         {"", []event.Letter{whole("")}},
		"text":                            {"no event", []event.Letter{whole("no event")}},
		"a function that has no such ARN": {strings.Replace(record("7"), "acs:fc", "acs:oss", 1), []event.Letter{with(whole(strings.Replace(record("7"), "acs:fc", "acs:oss", 1)), "", "timed out", "")}},
	} {
		t.Run(name, func(t *testing.T) {
			got := event.Letters([]byte(c.message))
			if len(got) != len(c.want) {
				t.Fatalf("%d letters, want %d: %+v", len(got), len(c.want), got)
			}
			for i, want := range c.want {
				l := got[i]
				if string(l.Payload) != string(want.Payload) {
					t.Errorf("letter %d is\n%s, want\n%s", i, l.Payload, want.Payload)
				}
				l.Payload, want.Payload = nil, nil
				if l.Kind != want.Kind || l.ID != want.ID || l.Function != want.Function || l.Rule != want.Rule || l.Error != want.Error {
					t.Errorf("letter %d is %+v, want %+v", i, l, want)
				}
			}
		})
	}
}

// FuzzLetters: nothing is refused, and what is found was there.
func FuzzLetters(f *testing.F) {
	for _, name := range fixtureNames(f) {
		f.Add(readFixture(f, name))
	}
	for _, s := range []string{"", "[]", around(task(nil)), inStrings(task(nil), 3), base64Of(around("[1]")), `{"requestContext":{"functionArn":"acs:fc:::functions/a"},"requestPayload":""}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		letters := event.Letters(message)
		if len(letters) == 0 {
			t.Fatal("a message is no letter")
		}
		for _, l := range letters {
			again := event.Letters(l.Payload)
			if l.Kind != "" && (len(again) != 1 || again[0].Kind != l.Kind || string(again[0].Payload) != string(l.Payload)) {
				t.Errorf("%q is %q, and then %+v", message, l.Payload, again)
			}
		}
	})
}
