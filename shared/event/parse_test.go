package event_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

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
		{"white space", " \r\n\t", "payload is empty"},
		{"a truncated object", `{"type":"` + secret, "payload is not JSON: it is cut off after 16 bytes, or its last byte is wrong"},
		{"a truncated array", `[{"vmName":"i-1"},`, "payload is not JSON: it is cut off after 18 bytes, or its last byte is wrong"},
		{"text that is no JSON", secret + " " + secret, "payload is not JSON: syntax error at byte 1 of 15"},
		{"two documents", `{"vmName":"i-1"} {}`, "payload is not JSON: syntax error at byte 18 of 19"},
		{"a megabyte of text", big, "payload is not JSON: syntax error at byte 1 of 1048576"},
		{"a megabyte in one field", task(with("errorDesc", quoted(big))), "event is larger than 524288 bytes"},
		{"a number", "42", "payload is a number, not an object"},
		{"a boolean", "true", "payload is a boolean, not an object"},
		{"null", "null", "payload is null, not an object"},
		{"an empty array", "[ ]", "payload is an empty array"},
		{"an array inside an array", `[[{"vmName":"i-1"}]]`, "element 0: is an array inside an array"},
		{"an array inside an array, as a string", `["[]"]`, "element 0: is an array inside an array"},
		{"null in an array", `[null]`, "element 0: is null, not an object"},
		{"a string in an array that is no JSON", `["` + secret + `"]`, "element 0: is not JSON: syntax error at byte 1 of 7"},
		{"four strings around an event", inStrings(task(nil), 4), "payload lies in more than 3 strings"},
		{"two strings in an array in two strings", inStrings("["+inStrings(task(nil), 2)+"]", 2), "element 0: lies in more than 3 strings"},
		{"a million brackets", strings.Repeat("[", 1_000_000), "payload is nested deeper than 10000 levels"},
		{"deep objects", strings.Repeat(`{"a":`, 65) + "1" + strings.Repeat("}", 65), "event is nested deeper than 64 levels"},
		{"an object of no known form", `{"resourceId":"i-1"}`, "no event of a known form: it has neither specversion, nor type and data, nor name and content, nor alert, nor the fields of a known kind's data"},
		{"names in another case", `{"VMNAME":"i-1"}`, "no event of a known form: it has neither specversion, nor type and data, nor name and content, nor alert, nor the fields of a known kind's data"},
		{"a CloudEvent without a type", `{"specversion":"1.0","data":{}}`, "type is missing"},
		{"a type that is no string", `{"specversion":"1.0","type":["` + secret + `"],"data":{}}`, "type is an array, not a string"},
		{"a type of a megabyte's size", `{"type":"` + big[:300] + `","data":{}}`, "type is longer than 256 bytes"},
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
		{"an instance id with an escaped line end", task(with("instanceId", `"i-1\n"`)), "instanceId is not 1 to 128 printable ASCII characters without space and slash"},
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

func TestAByteOrderMarkInFrontIsSkipped(t *testing.T) {
	const mark = "\uFEFF"
	for _, payload := range []string{mark + task(nil), mark + " " + quoted(mark+task(nil)), mark + "[" + task(nil) + "]", "[" + quoted(mark+task(nil)) + "]"} {
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

func TestThreeStringsAroundAnEventAreTakenOff(t *testing.T) {
	for _, payload := range []string{
		inStrings(task(nil), 3),
		inStrings("["+task(nil)+"]", 3),
		inStrings("["+inStrings(task(nil), 2)+"]", 1),
		" \n" + task(nil) + "\n",
	} {
		if e, ok := event.Parse([]byte(payload))[0].(event.TaskCompleted); !ok || e.InstanceID != "i-1" {
			t.Errorf("%s: got %#v", payload, e)
		}
	}
}

// parseTask parses a payload that must be one TaskCompleted.
func parseTask(t *testing.T, payload string) event.TaskCompleted {
	t.Helper()
	e := event.Parse([]byte(payload))[0]
	got, ok := e.(event.TaskCompleted)
	if !ok {
		t.Fatalf("%s: got %#v, want TaskCompleted", payload, e)
	}
	return got
}

func TestNumbersAreReadInEveryForm(t *testing.T) {
	none := int64(-999)
	for raw, want := range map[string]int64{
		`0`: 0, `"0"`: 0, `-1`: -1, `"137"`: 137, `" 3 "`: 3, `3221225477`: 3221225477, `2.0`: 2, `1.9e4`: 19000,
		`"9223372036854775807"`: 1<<63 - 1,
		``:                      none, `null`: none, `""`: none, `"none"`: none, `1.5`: none, `1e300`: none, `"NaN"`: none, `"Inf"`: none,
		`{}`: none, `[1]`: none, `true`: none,
	} {
		got := none
		if c := parseTask(t, task(with("exitCode", raw))).ExitCode; c != nil {
			got = *c
		}
		if got != want {
			t.Errorf("exitCode %s: got %d, want %d", raw, got, want)
		}
	}
	for raw, want := range map[string]int64{`7`: 7, `"7"`: 7, `-7`: 0, `"x"`: 0, ``: 0} {
		if got := parseTask(t, task(with("repeats", raw))).Repeats; got != want {
			t.Errorf("repeats %s: got %d, want %d", raw, got, want)
		}
	}
	for raw, want := range map[string]string{``: "", `null`: "", `""`: "", `"0"`: "", `0`: "", `5`: "5", `"BadCronExpression"`: "BadCronExpression", `{}`: ""} {
		if got := parseTask(t, task(with("errorCode", raw))).ErrorCode; got != want {
			t.Errorf("errorCode %s: got %q, want %q", raw, got, want)
		}
	}
	for raw, want := range map[string]time.Duration{`0`: 0, `"1500"`: 1500 * time.Millisecond, `2e3`: 2 * time.Second, `-1`: -1, `"soon"`: -1, `9223372036854775807`: -1, ``: -1} {
		payload := `{"vmName":"i-1"}`
		if raw != "" {
			payload = `{"vmName":"i-1","uptime":` + raw + `}`
		}
		h := event.Parse([]byte(payload))[0].(event.FirstHeartbeat)
		if (h.Uptime != nil) != (want >= 0) || h.Uptime != nil && *h.Uptime != want {
			t.Errorf("uptime %s: got %v, want %v", raw, h.Uptime, want)
		}
	}
}

func TestEveryKnownFormOfATimeIsRead(t *testing.T) {
	for raw, want := range map[string]string{
		`"2020-11-19T21:04:42Z"`:                 "2020-11-19T21:04:42Z",
		`"2021-10-15T07:06:34.028Z"`:             "2021-10-15T07:06:34.028Z",
		`"2020-11-19T21:04:41+08:00"`:            "2020-11-19T13:04:41Z",
		`"2020-11-19T21:04:41.5-05:30"`:          "2020-11-20T02:34:41.5Z",
		`"2020-11-19T21:04:42.179PRC"`:           "2020-11-19T13:04:42.179Z",
		`"2020-11-19T21:04:42 PRC"`:              "2020-11-19T13:04:42Z",
		`"2020-08-17T16:04:46.149Asia/Shanghai"`: "2020-08-17T08:04:46.149Z",
		`"1990-07-17T16:04:46Asia/Shanghai"`:     "",
		`"20190409T121826.922+0800"`:             "2019-04-09T04:18:26.922Z",
		`"20190409T121826Z"`:                     "2019-04-09T12:18:26Z",
		`"2019-11-11T11:00Z"`:                    "2019-11-11T11:00:00Z",
		`"2019-11-11T11:00+08:00"`:               "2019-11-11T03:00:00Z",
		`"2019-11-11T11:00:01+0800"`:             "2019-11-11T03:00:01Z",
		`1704780333642`:                          "2024-01-09T06:05:33.642Z",
		`"1704780333000"`:                        "2024-01-09T06:05:33Z",
		`" 2020-11-19T21:04:42Z "`:               "2020-11-19T21:04:42Z",
		`"2020-11-19T21:04:42"`:                  "",
		`1704780333`:                             "",
		`0`:                                      "",
		`-1704780333000`:                         "",
		`9223372036854775807`:                    "",
		`"0001-01-01T00:00:00Z"`:                 "",
		`"1999-12-31T23:59:59Z"`:                 "",
		`"2000-01-01T00:00:00Z"`:                 "2000-01-01T00:00:00Z",
		`"9999-12-31T23:59:59-12:00"`:            "",
		`"2020-13-45T21:04:42Z"`:                 "",
		`"PRC"`:                                  "",
		`""`:                                     "",
		`"` + strings.Repeat("2", 100) + `"`:     "",
		`{"time":"2020-11-19T21:04:42Z"}`:        "",
		`true`:                                   "",
	} {
		got := parseTask(t, `{"specversion":"1.0","type":"CloudAssistant:TaskCompleted","time":`+raw+`,"data":`+task(with("finishTime", raw))+`}`)
		var wanted time.Time
		if want != "" {
			wanted = at(want)
		}
		if got.FinishTime != wanted || got.Time != wanted {
			t.Errorf("%s: got %v and %v, want %v", raw, got.FinishTime, got.Time, wanted)
		}
	}
}

func TestStatusesThatAreNoEndAreIgnoredAndUnknownOnesKept(t *testing.T) {
	for status, ignored := range map[string]bool{
		"Pending": true, "Running": true, "Stopping": true, "Scheduled": true,
		"Success": false, "Failed": false, "Timeout": false, "Aborted": false, "Invalid": false, "Cancelled": false, "Terminated": false,
		"Error": false, "success": false, "Half done": false,
	} {
		e := event.Parse([]byte(task(with("invocationStatus", quoted(status)))))[0]
		if ignored {
			if i, ok := e.(event.Ignored); !ok || i.Kind != event.KindTaskCompleted || i.Reason == "" {
				t.Errorf("%s: got %#v, want Ignored with its kind and a reason", status, e)
			}
			continue
		}
		if c, ok := e.(event.TaskCompleted); !ok || string(c.Status) != status {
			t.Errorf("%s: got %#v, want it kept", status, e)
		}
	}
}

func TestTheEnvelopeTakesItsRegionFromTheDataAndNeverItsAccount(t *testing.T) {
	const kind = `"type":"ecs:CloudAssistant:FirstHeartbeat"`
	cases := []struct{ name, payload, account, region string }{
		{"the envelope counts first",
			`{` + kind + `,"aliyunaccountid":1,"aliyunregionid":"cn-a","data":{"vmName":"i-1","ownerId":"2","regionId":"cn-b"}}`, "1", "cn-a"},
		{"blanks around an account", `{` + kind + `,"aliyunaccountid":" 1\n","data":{"vmName":"i-1"}}`, "1", ""},
		{"blanks name no account", `{` + kind + `,"aliyunaccountid":" ","data":{"vmName":"i-1"}}`, "", ""},
		{"a mask names no account", `{` + kind + `,"aliyunaccountid":"1234****","data":{"vmName":"i-1"}}`, "", ""},
		{"a rounded number names no account", `{` + kind + `,"aliyunaccountid":1.2e15,"data":{"vmName":"i-1"}}`, "", ""},
		{"regionId of the data counts before the others",
			`{` + kind + `,"data":{"vmName":"i-1","ownerUid":"2","ownerId":"3","regionId":"cn-b","region":"cn-c"}}`, "", "cn-b"},
		{"bare data", `{"vmName":"i-1","ownerUid":"2","ownerId":"3"}`, "", ""},
		{"the region inside extensions counts before the flat one",
			`{` + kind + `,"data":{"vmName":"i-1","extensions":{"region":"cn-c"},"region":"cn-d"}}`, "", "cn-c"},
		{"the flat region", `{` + kind + `,"data":{"vmName":"i-1","region":"cn-d"}}`, "", "cn-d"},
		{"CloudMonitor's user and region",
			`{"name":"CloudAssistant:FirstHeartbeat","userId":"4","regionId":"cn-e","resourceId":"acs:ecs:cn-f:5:instance/i-1","content":{"vmName":"i-1","ownerId":"6","region":"cn-g"}}`, "4", "cn-e"},
		{"the ARN comes last",
			`{"name":"CloudAssistant:FirstHeartbeat","resourceId":"acs:ecs:cn-f:5:instance/i-1","content":{"vmName":"i-1","ownerId":"6"}}`, "", "cn-f"},
		{"a resource that is not an ARN has no region",
			`{"name":"CloudAssistant:FirstHeartbeat","resourceId":"i-1","content":{"vmName":"i-1"}}`, "", ""},
		{"an alert without meta",
			`{"userId":"8","alert":{"eventName":"CloudAssistant:FirstHeartbeat","arn":"acs:ecs:cn-h:7:instance/i-1","eventContentMap":{"vmName":"i-1"}}}`, "8", "cn-h"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			h, ok := event.Parse([]byte(c.payload))[0].(event.FirstHeartbeat)
			if !ok || h.Account != c.account || h.Region != c.region {
				t.Errorf("got account %q, region %q (%t), want %q, %q", h.Account, h.Region, ok, c.account, c.region)
			}
		})
	}
}

func TestOfANameThatComesTwiceTheLastCounts(t *testing.T) {
	got := parseTask(t, `{"instanceId":"i-1","invokeId":"t-1","invocationStatus":"Failed","instanceId":{},"instan\u0063eId":"i-2"}`)
	if got.InstanceID != "i-2" {
		t.Errorf("got %s, want i-2", got.InstanceID)
	}
}

func TestTextsAreValidUnicode(t *testing.T) {
	for _, raw := range []string{"\"a\xff\xfeb\"", `"a\ud800b"`, "\"\\n\xff\""} {
		got := parseTask(t, task(with("errorDesc", raw))).ErrorDesc
		if got == "" || !utf8.ValidString(got) {
			t.Errorf("%q: got %q, want valid UTF-8", raw, got)
		}
	}
}

// (ledger rule 12)
func TestKeysTellExecutionsApart(t *testing.T) {
	start := at("2025-03-04T02:10:31.900Z")
	cases := []struct {
		name, mode string
		start      time.Time
		repeats    int64
		want       string
	}{
		{"a command that runs once", "Once", start, 0, "i-1/t-1/once"},
		{"the same, counted from one", "Once", start, 1, "i-1/t-1/once"},
		{"at the next boot only", "NextRebootOnly", start, 1, "i-1/t-1/once"},
		{"a dry run", "DryRun", start, 1, "i-1/t-1/once"},
		{"no mode", "", start, 3, "i-1/t-1/once"},
		{"a mode that is not known", "Sometimes", start, 3, "i-1/t-1/once"},
		{"a schedule", "Period", start, 3, "i-1/t-1/1741054231"},
		{"each boot", "EveryReboot", start, 3, "i-1/t-1/1741054231"},
		{"a schedule without a start", "Period", time.Time{}, 3, "i-1/t-1/3"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			e := event.TaskCompleted{InstanceID: "i-1", InvokeID: "t-1", RepeatMode: c.mode, StartTime: c.start, Repeats: c.repeats}
			if got := e.Key(); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
			if got := e.Suffix(); got != c.want[len("i-1/t-1/"):] {
				t.Errorf("got suffix %s", got)
			}
		})
	}
}

func TestOnlyASuccessHasTheExitCodeZero(t *testing.T) {
	zero, code := int64(0), int64(-1)
	for status, want := range map[event.Status]*int64{
		event.StatusSuccess: &zero, event.StatusFailed: nil, event.StatusTimeout: nil, event.StatusAborted: nil,
		event.StatusInvalid: nil, event.StatusCancelled: nil, event.StatusTerminated: nil, "Error": nil, "": nil,
	} {
		if got := status.Exit(&zero); got != want {
			t.Errorf("%s with 0: %v", status, got)
		}
		if status.Exit(&code) != &code || status.Exit(nil) != nil {
			t.Errorf("%s changes another exit code", status)
		}
	}
}

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
	for name := range wantOfFixture {
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
