package flow_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"aftercare/shared/flow"
	"aftercare/shared/flowfile"

	"github.com/google/go-cmp/cmp"
)

var both = []string{flow.TaskCompleted, flow.FirstHeartbeat}

// match asks one flow with this condition.
func match(t testing.TB, text string, on []string, ev flow.Event) flow.Outcome {
	t.Helper()
	d := definition(runStep("a"))
	d.On, d.When = on, text
	got := flow.NewSet([]flow.Definition{d}).Explain(ev, instance, 2)
	if len(got) != 1 {
		t.Fatalf("%d outcomes, want 1", len(got))
	}
	return got[0]
}

// mistakes are the texts of what is wrong with a flow's own when.
func mistakes(text string, on ...string) []string {
	var out []string
	for _, m := range flowfile.NewChecker().Condition(text, flow.Scope{On: on, InFlow: true}) {
		out = append(out, m.Text)
	}
	return out
}

// shown is an alert's text, as it is evaluated.
func shown(t testing.TB, text string, ev flow.Event) string {
	t.Helper()
	asked, rec := first(t, alertStep("a", text), ev)
	if asked.Alert == "" {
		t.Fatalf("%s: %s", text, rec.Reason)
	}
	return asked.Alert
}

// [10]
func TestAFlowWithoutAWhenMatches(t *testing.T) {
	if got := match(t, "", both, ended()); !got.Matched || got.Definition == nil || got.Definition.Name != "repair" {
		t.Errorf("got %+v", got)
	}
}

// [10]
func TestWhatAWhenIsOver(t *testing.T) {
	if got := match(t, `event.exitCode == 3 && instance.bootSeq == 4 && run.depth == 2`, both[:1], ended()); !got.Matched {
		t.Errorf("it does not match because %s", got.Reason)
	}
}

// [11]
func TestTheFirstClauseThatIsFalseIsTheReason(t *testing.T) {
	tests := []struct{ name, when, clause string }{
		{"the first", `event.exitCode == 0 && event.id == "x"`, `event.exitCode == 0`},
		{"the second", `event.exitCode == 3 && event.id == "x"`, `event.id == "x"`},
		{"written with and", `event.exitCode == 3 and event.id == "x"`, `event.id == "x"`},
		{"in brackets", `event.exitCode == 3 && (event.repeats == 1 && (event.id == "x" && false))`, `event.id == "x"`},
		{"over several lines", "event.exitCode == 3\n  && (event.id == \"x\"\n  || event.id == \"y\")", `event.id == "x" || event.id == "y"`},
		{"not taken apart in an or", `event.exitCode == 0 && true || event.id == "x" && true`, `event.exitCode == 0 && true || event.id == "x" && true`},
		{"one that would fail behind a false one", `event.exitCode == 0 && secondsBetween("", "") > 0`, `event.exitCode == 0`},
		{"as it is written", `event.id | upper() == 'x'`, `event.id | upper() == 'x'`},
		{"in brackets of its own", `(event.id == "x") && true`, `event.id == "x"`},
		{"that begins with brackets", `(event.id) == "x" && true`, `(event.id) == "x"`},
		{"in a chain of comparisons", `1 < event.exitCode < 2 < 3`, `event.exitCode < 2`},
		{"without its comments", "event.id == \"x\" // the first\n  || /* the second */ event.id == \"é\" && true // both", `event.id == "x" || event.id == "é" && true`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := match(t, test.when, both[:1], ended())
			if got.Matched || got.Failed || got.Reason != "when was false: "+test.clause {
				t.Errorf("got %+v, want the clause %q", got, test.clause)
			}
		})
	}
}

// [11]
func TestAnExplanationGivesTheValuesOfTheClause(t *testing.T) {
	d := definition(runStep("a"))
	d.When = `event.exitCode == 3 && (event.id == "x" || instance.state != "bootable" || event.repeats > run.depth || event.id == "y" || len(instance.tags) > 9)`
	set := flow.NewSet([]flow.Definition{d})
	want := []flow.Value{{"event.id", `"event-1"`}, {"instance.state", `"bootable"`}, {"event.repeats", "1"}, {"run.depth", "2"}, {"instance.tags", "{}"}}
	if diff := cmp.Diff(set.Explain(ended(), instance, 2)[0].Values, want); diff != "" {
		t.Errorf("got -, want +:\n%s", diff)
	}
	if got := set.Match(ended(), instance, 2)[0].Values; got != nil {
		t.Errorf("Match returns %v, want nothing", got)
	}
}

// [12]
func TestTheFieldsOfAnEvent(t *testing.T) {
	common := map[string]string{
		"id": "event-1", "kind": "task-completed", "source": "acs.ecs", "region": "cn-hangzhou", "account": "1234",
		"time": "2026-03-02T09:00:00Z", "instanceId": "i-bp1",
	}
	task := map[string]string{
		"invokeId": "t-hz1", "commandId": "c-hz1", "commandName": "install-agent", "invocationStatus": "Failed", "exitCode": "3",
		"errorCode": "ExitCodeNonzero", "errorDesc": "it's $(no)\nthing", "repeatMode": "Once", "repeats": "1",
		"startTime": "2026-03-02T08:58:30Z", "finishTime": "2026-03-02T08:59:30Z", "ownerUid": "o", "playerUid": "p", "failedBefore": "2", "requeued": "true",
	}
	heartbeat := map[string]string{
		"vmName": "i-bp1", "bizEventId": "biz", "agentVersion": "2.2.3", "azone": "cn-hangzhou-h", "dataRegion": "cn-hangzhou",
		"uptime": "20000", "extensions": `{"a":1}`,
	}
	check := func(fields map[string]string, ev flow.Event) {
		for name, want := range fields {
			if got := shown(t, "${{ event."+name+" }}", ev); got != want {
				t.Errorf("event.%s: got %q, want %q", name, got, want)
			}
		}
	}
	check(common, ended())
	check(task, ended())
	check(heartbeat, booted())
	exist := func(fields map[string]string, other string, want func(name string) []string) {
		for name := range fields {
			for _, on := range [][]string{both, {other}} {
				if diff := cmp.Diff(mistakes("event."+name+` == event.id`, on...), want(name)); diff != "" && name != "kind" {
					t.Errorf("event.%s in a flow on %v (-got +want):\n%s", name, on, diff)
				}
			}
		}
	}
	exist(common, both[0], func(string) []string { return nil })
	exist(task, both[1], func(name string) []string {
		return []string{"event." + name + " exists only in flows on task-completed"}
	})
	exist(heartbeat, both[0], func(name string) []string {
		return []string{"event." + name + " exists only in flows on first-heartbeat"}
	})
	if got := flowfile.NewChecker().Condition(`event.uptime > event.exitCode`, flow.Scope{InFlow: true}); len(got) > 0 {
		t.Errorf("the fields of every kind, where the kinds are not known: %v", got)
	}
}

// [12]
func TestTimesAreTextInUTCWithWholeSeconds(t *testing.T) {
	ev := ended()
	ev.Time = time.Date(2026, 3, 2, 17, 0, 0, 999, time.FixedZone("", 8*3600))
	ev.StartTime = time.Time{}
	if got, want := shown(t, `${{ event.time }}|${{ event.startTime }}|${{ run.startedAt }}|${{ instance.bootTime }}`, ev),
		"2026-03-02T09:00:00Z||2026-03-02T09:00:00Z|2026-03-02T08:00:00Z"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// The story of boot-flows shows that it is that of the moment.
//
// [13]
func TestTheFieldsOfTheInstance(t *testing.T) {
	const all = `${{ instance.id }} ${{ instance.state }} ${{ instance.bootSeq }} ${{ instance.agentVersion }} ${{ instance.os }} ` +
		`${{ instance.region }} ${{ instance.zone }} ${{ instance.failedRuns }}`
	if got, want := shown(t, all, ended()), "i-bp1 bootable 4 2.2.3 linux cn-hangzhou cn-hangzhou-h 0"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// [14]
func TestWhatIsKnownOfTheRunWhenAFlowStarts(t *testing.T) {
	if got := match(t, `run.depth == 2 && run.attempt == 1 && run.startedAt == ""`, both, ended()); !got.Matched {
		t.Error(got.Reason)
	}
}

// [16]
func TestTextsWithExpressions(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"none", "a } b }} {{ $x ${y}", "a } b }} {{ $x ${y}"},
		{"several, side by side", "${{event.id}}${{ event.exitCode }}.", "event-13."},
		{"numbers, true and false", `${{ 1 }} ${{ 1.50 }} ${{ 2 / 1 }} ${{ 10 ** 21 }} ${{ event.exitCode > 1 }} ${{ !true }}`, "1 1.5 2 1000000000000000000000 true false"},
		{"braces in quotes and mappings", `${{ "}}" + '}}' + ` + "`}}`" + ` + {"a": {"b": "\"}}"}}.a.b }}`, `}}}}}}"}}`},
		{"text that looks like an expression stays", "${{ event.errorDesc + \"${{ 1 }}\" }}", "it's $(no)\nthing${{ 1 }}"},
		{"a $ before", "$${{ 1 }}", "$1"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := shown(t, test.text, ended()); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
			faults := flowfile.NewChecker().Template(test.text, flow.Scope{On: both[:1]})
			static, dynamic := flow.Static(test.text)
			if len(faults) > 0 || dynamic != strings.Contains(test.text, "${{") || !dynamic && static != test.text {
				t.Errorf("the checker says %q, %t, %v", static, dynamic, faults)
			}
		})
	}
}

// [16]
func TestWhatIsNoTextEndsItsStep(t *testing.T) {
	for text, want := range map[string]string{"${{ first([nil]) }}": "the result is nothing (nil)", "${{ first([[1]]) }}": "the result is a list: it must be text"} {
		if _, rec := first(t, alertStep("a", text), ended()); !strings.Contains(rec.Reason, want) {
			t.Errorf("%s: got %q, want %q in it", text, rec.Reason, want)
		}
	}
}

// What people write by mistake is in the bad files of package flowfile.
//
// [17]
func TestWhatExpressionsCannotSay(t *testing.T) {
	tests := []struct{ text, want string }{
		{`event.id == "` + strings.Repeat("x", 4096) + `"`, "at most 4096 are allowed"},
		{strings.Repeat("1+", 1200) + "1 == 1", "the expression is too large"},
	}
	for _, name := range []string{
		"now", "date", "duration", "timezone", "repeat", "replace", "join", "map", "reduce", "groupBy", "sortBy", "sort", "keys", "toJSON",
		"toBase64", "fromBase64", "get", "concat", "flatten", "uniq", "sum", "mean", "median", "find", "type", "toPairs", "bitand",
	} {
		tests = append(tests, struct{ text, want string }{name + `(event.id) == ""`, ""})
	}
	for _, test := range tests {
		if got := mistakes(test.text, both[0]); len(got) == 0 || !strings.Contains(got[0], test.want) {
			t.Errorf("%.60s: got %q, want %q in it", test.text, got, test.want)
		}
	}
}

// [17]
func TestAnEvaluationIsBounded(t *testing.T) {
	ev := ended()
	ev.ErrorDesc = strings.Repeat("a,", 5000)
	for _, text := range []string{
		`len(1..1000000000) > 0`, `count(1..10000000, # > 3) > 0`, `len(filter(1..9999, true)) + len(filter(1..9999, true)) > 0`,
		`len(split(event.errorDesc, ",")) > 0`, `len(split(event.errorDesc, "")) > 0`, `round(1.5) in 1..10000000`,
	} {
		if got := match(t, text, both[:1], ev); !got.Failed {
			t.Errorf("%s: got %+v, want it to be too much", text, got)
		}
	}
	for _, text := range []string{
		`any(1..1000, event.errorDesc matches "a.b")`, `any(1..1000, match(event.errorDesc, "b(c)", 1) == "c")`,
		`any(1..1000, len(lines(event.errorDesc)) > 1)`, `any(1..1500, event.errorDesc == event.id)`, `any(1..1000, upper(event.errorDesc) == "")`,
	} {
		if got := match(t, text, both[:1], ev); !got.Failed || !strings.Contains(got.Reason, "takes more than 10000000 steps") {
			t.Errorf("%s: got %+v, want it to be too much", text, got)
		}
	}
}

// [17]
func TestPatternsAreBounded(t *testing.T) {
	for text, want := range map[string]string{
		`event.id matches event.source`:                         "the pattern of matches must be written as text in quotes",
		`match(event.id, event.source) == ""`:                   "the pattern of match must be written as text in quotes",
		`match(event.id, "a(b)", event.exitCode) == ""`:         "the group of match must be written as a number",
		`match(event.id, "a(b)", 2) == ""`:                      "there is no group 2: groups are pairs of brackets, of which the pattern has 1",
		`event.id matches "([a-z]{100}){10}"`:                   "at most 1000 are allowed",
		`match(event.id, "(") == ""`:                            "a ( in it is never closed",
		`match(event.id) == ""`:                                 "match takes more arguments",
		`any(["a"], match(event.id, #) == "")`:                  "the pattern of match must be written as text in quotes",
		`event.id matches "[a-z]{1,400}" && event.region == ""`: "",
	} {
		got := strings.Join(mistakes(text, both[0]), "; ")
		if !strings.Contains(got, want) || (want == "") != (got == "") {
			t.Errorf("%s: got %q, want %q in it", text, got, want)
		}
	}
}

// What a command printed is never in the reason: [72]
//
// [17]
func TestValuesAreTakenOutOfText(t *testing.T) {
	ev := ended()
	for _, test := range []struct{ printed, text, want string }{
		{"/dev/vda1 40G 36G 91% /", `int(match(event.errorDesc, "([0-9]+)%", 1)) > 90`, "true"},
		{"used=5", `match(event.errorDesc, "[a-z]+")`, "used"},
		{"used=5", `match(event.errorDesc, "free=(\\d+)", 1) ?? "none"`, "none"},
		{"used=5", `match(event.errorDesc, "(free)|used", 1) == nil`, "true"},
		{"used=5", `int(match(event.errorDesc, "free=(\\d+)", 1)) > 1`, "int got nothing, as from a match that fails"},
		{"used=5", `float(match(event.errorDesc, "free=(\\d+)", 1) ?? "2") > 1`, "true"},
		{"a\r\nb\n\nc", `len(lines(event.errorDesc))`, "4"},
		{"a\r\nb\n", `lines(event.errorDesc)[1] + last(lines(event.errorDesc))`, "bb"},
		{"", `len(lines(event.errorDesc))`, "0"},
		{"a=1\nb=22", `int(trimPrefix(first(filter(lines(event.errorDesc), # startsWith "b=")), "b="))`, "22"},
		{`{"disks": [{"used": 91, "name": "vda"}], "share": 0.5}`, `any(fromJSON(event.errorDesc).disks, .used > 90)`, "true"},
		{`{"disks": [{"used": 91, "name": "vda"}], "share": 0.5}`, `fromJSON(event.errorDesc).disks[0].used + 1`, "92"},
		{`{"share": 0.5}`, `fromJSON(event.errorDesc).share * 2`, "1"},
		{`{"share": 0.5}`, `fromJSON(event.errorDesc).missing ?? "none"`, "none"},
		{`12345678`, `string(fromJSON(event.errorDesc))`, "12345678"},
		{`secret: 1`, `fromJSON(event.errorDesc).a`, "fromJSON got text that is not JSON"},
		{`{} secret`, `fromJSON(event.errorDesc).a`, "fromJSON got text with something after the JSON"},
		{`1e999`, `fromJSON(event.errorDesc)`, "fromJSON got a number that is too large"},
		{strings.Repeat("[", 20000), `fromJSON(event.errorDesc) == nil`, "fromJSON got text that is not JSON"},
	} {
		ev.ErrorDesc = test.printed
		asked, rec := first(t, alertStep("a", "${{ "+test.text+" }}"), ev)
		got := asked.Alert + rec.Reason
		if rec.Status == flow.StepSucceeded {
			got = asked.Alert
		}
		if !strings.Contains(got, test.want) || rec.Status == flow.StepSucceeded && got != test.want || strings.Contains(got, "secret") {
			t.Errorf("%s: got %q, want %q", test.text, got, test.want)
		}
		if m := flowfile.NewChecker().Template("${{ "+test.text+" }}", flow.Scope{On: both[:1]}); len(m) > 0 {
			t.Errorf("%s: %v", test.text, m)
		}
	}
}

// [19]
func TestAFlowWhoseWhenCannotBeEvaluatedDoesNotStart(t *testing.T) {
	tests := []struct{ when, want string }{
		{`event.exitCode == 3 && secondsBetween("", event.time) > 0`, `when could not be evaluated: secondsBetween("", event.time) > 0 (event.time is "2026-03-02T09:00:00Z"): secondsBetween got an empty time: the event does not contain it`},
		{`1 % (event.repeats - 1) == 0`, "when could not be evaluated: 1 % (event.repeats - 1) == 0 (event.repeats is 1): a number is divided by zero"},
		{`split(event.id, ",")[3] == ""`, `when could not be evaluated: split(event.id, ",")[3] == "" (event.id is "event-1"): there is no element 3 in a list of 1`},
		{`int(event.errorDesc) == 1`, "when could not be evaluated: int(event.errorDesc) == 1: int got something that is not a whole number"},
		{`event.nothing == ""`, `when cannot be compiled: event has no field "nothing": `},
	}
	for _, test := range tests {
		got := match(t, test.when, both[:1], ended())
		if got.Matched || !got.Failed || got.Definition != nil || !strings.HasPrefix(got.Reason, test.want) || strings.Contains(got.Reason, "\n") {
			t.Errorf("%s: got %+v, want %q", test.when, got, test.want)
		}
	}
}

// [85]
func TestWordsThatAFieldCanHave(t *testing.T) {
	for name, words := range map[string][]string{"event.invocationStatus": flow.Statuses, "instance.state": flow.States, "steps.status.status": flow.StepStatuses} {
		for _, word := range words {
			if got := flowfile.NewChecker().Condition(fmt.Sprintf("%s == %q", name, word), flow.Scope{On: both[:1], Steps: []string{"status"}}); len(got) > 0 {
				t.Errorf("%s == %q: %v", name, word, got)
			}
		}
	}
}
