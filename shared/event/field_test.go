package event_test

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"aftercare/shared/event"
)

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
func TestEachExecutionHasItsKey(t *testing.T) {
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
