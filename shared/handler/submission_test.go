package handler_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"aftercare/shared/handler"
	"aftercare/tests/rig"
)

// secret is a text that stands where a value does: nothing may repeat it.
const secret = "Pa55word"

// command is a good submission of a script.
func command() object {
	return object{"instanceId": "i-1", "dedupeKey": "k-1", "run": runOf("true")}
}

func runOf(content string) object {
	return object{"name": "job", "type": "RunShellScript", "content": content}
}

// run is a good submission with one other member of its script.
func run(name string, value any) []byte {
	return encode(command().with("run", runOf("true").with(name, value)))
}

// saved is a submission of a saved command with one other member.
func saved(name string, value any) []byte {
	return encode(command().with("run", nil).with("invoke", object{"commandId": "c-1"}.with(name, value)))
}

// parameters has n of them.
func parameters(n int) object {
	o := object{}
	for i := range n {
		o[fmt.Sprint("p", i)] = "v"
	}
	return o
}

func ids(n int) []string {
	var out []string
	for i := range n {
		out = append(out, fmt.Sprint("i-", i))
	}
	return out
}

// faultySubmissions is every fault of a submission, with the whole reason.
func faultySubmissions() map[string]struct {
	payload []byte
	reason  string
} {
	type c = struct {
		payload []byte
		reason  string
	}
	const (
		none     = "the payload is no submission: "
		interp   = "run.parameters: only scripts for sh, bash and PowerShell take parameters, and the last only without a param block and a using statement"
		plain    = "invoke.parameters: the value of host may hold letters, digits and _.:/@=+,- only, because the service does not quote it"
		oneOf    = "exactly one of run, invoke and cancel is needed"
		nameForm = "invoke.parameters: a name has 1 to 64 letters, digits, - and _"
	)
	cases := map[string]c{
		"nothing":                 {[]byte(""), none + "it is empty or cut off"},
		"cut off":                 {[]byte(`{"instanceId":"i-1"`), none + "it is empty or cut off"},
		"no JSON":                 {[]byte(secret), none + "not JSON, or nested too deeply, at byte 1"},
		"a list":                  {[]byte("[]"), none + "it is not a JSON object"},
		"a number":                {[]byte("1"), none + "it is not a JSON object"},
		"null":                    {[]byte("null"), "instanceId is missing\n" + oneOf},
		"20,000 levels":           {[]byte(`{"run":` + strings.Repeat("[", 20_000)), none + "not JSON, or nested too deeply, at byte 10007"},
		"two objects":             {[]byte(`{}{}`), none + "something follows its JSON object"},
		"an unknown field":        {encode(command().with("instance", secret)), none + `the field "instance" is not known`},
		"a long unknown field":    {encode(command().with(strings.Repeat("x", 1<<20), 1)), none + "it has a field that is not known"},
		"an unknown field of run": {run("timeouts", secret), none + `the field "timeouts" is not known`},
		"everything at once": {
			encode(object{"priority": 10, "expiresIn": "1s", "dedupeKey": strings.Repeat("k", 129), "run": object{"type": secret}, "invoke": object{}}),
			"instanceId is missing\ndedupeKey is longer than 128 bytes\npriority must be 0 to 9\nexpiresIn must be from 1m0s to 2160h0m0s\n" +
				"run.name needs 1 to 93 bytes without control characters\nrun.content is missing\n" +
				"run.type must be RunShellScript, RunBatScript or RunPowerShellScript\ninvoke.commandId is missing or malformed\n" + oneOf,
		},

		"an instance that is a number":    {encode(command().with("instanceId", 7)), none + "instanceId must be a text"},
		"instances that are a text":       {encode(command().with("instanceIds", secret)), none + "instanceIds must be a list"},
		"an instance that is a list":      {encode(command().with("instanceIds", []any{[]int{}})), none + "instanceIds must hold texts"},
		"a priority that is a text":       {encode(command().with("priority", secret)), none + "priority must be a whole number"},
		"a priority that is no whole one": {encode(command().with("priority", 1.5)), none + "priority must be a whole number"},
		"a script that is a text":         {encode(command().with("run", secret)), none + "run must be an object"},
		"parameters that are a list":      {run("parameters", []int{1}), none + "run.parameters must be an object"},
		"a parameter that is a number":    {run("parameters", object{"a": 1}), none + "run.parameters must hold texts"},
		"a timeout that is a number":      {run("timeout", 60), none + "run.timeout must be a text with a duration such as 90s, 5m or 24h"},
		"a cancel that is a text":         {encode(command().with("cancel", secret)), none + "cancel must be an object"},

		"no instance":               {encode(command().with("instanceId", nil)), "instanceId is missing"},
		"an empty instance":         {encode(command().with("instanceId", "")), "instanceId is missing"},
		"an instance with a slash":  {encode(command().with("instanceId", "i/"+secret)), "instance 1: an id has 1 to 128 printable characters, without space and slash"},
		"an instance with a space":  {encode(command().with("instanceIds", []string{"i-2", "i 3"}).with("instanceId", nil)), "instance 2: an id has 1 to 128 printable characters, without space and slash"},
		"an instance twice":         {encode(command().with("instanceIds", []string{"i-1"})), "an instance is named twice"},
		"a hundred and one":         {encode(command().with("instanceIds", ids(101)).with("instanceId", nil)), "instanceIds has 101 instances, at most 100 are allowed"},
		"100,000 wrong instances":   {encode(command().with("instanceIds", strings.Split(strings.Repeat("/,", 100_000), ","))), "instanceIds has 100002 instances, at most 100 are allowed"},
		"two without a key":         {encode(command().with("instanceIds", []string{"i-2"}).with("dedupeKey", nil)), "dedupeKey is missing: with more than one instance it is needed, so that a repeated submission does nothing twice"},
		"a long key":                {encode(command().with("dedupeKey", strings.Repeat("k", 129))), "dedupeKey is longer than 128 bytes"},
		"a priority of ten":         {encode(command().with("priority", 10)), "priority must be 0 to 9"},
		"a negative priority":       {encode(command().with("priority", -1)), "priority must be 0 to 9"},
		"a time that is none":       {encode(command().with("expiresIn", secret)), "expiresIn must be a duration such as 90s, 5m or 24h"},
		"too short a time":          {encode(command().with("expiresIn", "59s")), "expiresIn must be from 1m0s to 2160h0m0s"},
		"a negative time":           {encode(command().with("expiresIn", "-1h")), "expiresIn must be from 1m0s to 2160h0m0s"},
		"more than half of the TTL": {encode(command().with("expiresIn", "2161h")), "expiresIn must be from 1m0s to 2160h0m0s"},

		"neither run nor invoke nor cancel": {encode(command().with("run", nil)), oneOf},
		"run and invoke":                    {encode(command().with("invoke", object{"commandId": "c-1"})), oneOf},
		"run and cancel":                    {encode(command().with("cancel", object{"taskId": strings.Repeat("a", 32)})), oneOf},
		"invoke and cancel": {encode(command().with("run", nil).with("invoke", object{"commandId": "c-1"}).
			with("cancel", object{"taskId": strings.Repeat("a", 32)})), oneOf},
		"a cancel without a task":    {encode(command().with("run", nil).with("cancel", object{})), "cancel.taskId must be the 32 hex digits that a submission answered"},
		"a cancel of no task's id":   {encode(command().with("run", nil).with("cancel", object{"taskId": strings.Repeat("A", 32)})), "cancel.taskId must be the 32 hex digits that a submission answered"},
		"a cancel for two instances": {encode(command().with("run", nil).with("instanceIds", []string{"i-2"}).with("cancel", object{"taskId": strings.Repeat("a", 32)})), "cancel needs exactly one instance"},

		"no name":                   {run("name", nil), "run.name needs 1 to 93 bytes without control characters"},
		"a name of 94 bytes":        {run("name", strings.Repeat("n", 94)), "run.name needs 1 to 93 bytes without control characters"},
		"a name with a line end":    {run("name", "a\n"+secret), "run.name needs 1 to 93 bytes without control characters"},
		"no content":                {run("content", nil), "run.content is missing"},
		"too large a script":        {run("content", strings.Repeat("#", 18_433)), "run: the script is too large: 24580 characters as base64 with its parameters, at most 24576 are allowed"},
		"1 MB of script":            {run("content", strings.Repeat("#", 1<<20)), "run: the script is too large: 1398104 characters as base64 with its parameters, at most 24576 are allowed"},
		"no type":                   {run("type", nil), "run.type must be RunShellScript, RunBatScript or RunPowerShellScript"},
		"an unknown type":           {run("type", secret), "run.type must be RunShellScript, RunBatScript or RunPowerShellScript"},
		"a long folder":             {run("workingDir", strings.Repeat("d", 201)), "run.workingDir is longer than 200 characters"},
		"a long user":               {run("username", strings.Repeat("u", 256)), "run.username is longer than 255 characters"},
		"a timeout that is none":    {run("timeout", secret), "run.timeout must be a duration such as 90s, 5m or 24h"},
		"a timeout of 9 s":          {run("timeout", "9s"), "run.timeout must be from 10s to 24h0m0s"},
		"a timeout of 25 h":         {run("timeout", "25h"), "run.timeout must be from 10s to 24h0m0s"},
		"a parameter called PATH":   {run("parameters", object{"PATH": secret}), "run: PATH cannot be a parameter's name, because it has a meaning of its own as an environment variable: rename it"},
		"a parameter called a-b":    {run("parameters", object{"a-b": secret}), `run: "a-b" cannot be a parameter's name: use letters, digits and _, not a digit first, at most 64 characters`},
		"a parameter with a NUL":    {run("parameters", object{"a": secret + "\x00"}), "run: parameter a: the value contains a NUL byte, which no environment variable can hold"},
		"21 parameters":             {run("parameters", parameters(21)), "run: 21 parameters: at most 20 are allowed"},
		"parameters for Perl":       {encode(command().with("run", runOf("#!/usr/bin/"+secret+"\n").with("parameters", parameters(1)))), interp},
		"parameters for a batch":    {encode(command().with("run", runOf("dir").with("type", "RunBatScript").with("parameters", parameters(1)))), interp},
		"parameters before a param": {encode(command().with("run", runOf("param($x)").with("type", "RunPowerShellScript").with("parameters", parameters(1)))), interp},

		"a saved command without an id":   {saved("commandId", nil), "invoke.commandId is missing or malformed"},
		"a saved command with a slash":    {saved("commandId", "c/"+secret), "invoke.commandId is missing or malformed"},
		"a saved command's long user":     {saved("username", strings.Repeat("u", 256)), "invoke.username is longer than 255 characters"},
		"a saved command's short timeout": {saved("timeout", "1s"), "invoke.timeout must be from 10s to 24h0m0s"},
		"eleven saved parameters":         {saved("parameters", parameters(11)), "invoke.parameters has more than 10 entries"},
		"large saved parameters":          {saved("parameters", object{"host": strings.Repeat("v", 18_433)}), "invoke.parameters has more than 18432 bytes of names and values"},
		"a saved parameter without name":  {saved("parameters", object{"": "v"}), nameForm},
		"a saved parameter's long name":   {saved("parameters", object{strings.Repeat("n", 65): "v"}), nameForm},
		"a saved parameter's odd name":    {saved("parameters", object{"a}}" + secret: "v"}), nameForm},
	}
	for _, hostile := range []string{
		"$(" + secret + ")", "`" + secret + "`", "a;" + secret, "a " + secret, "a\n" + secret, "'" + secret, `"` + secret, `\` + secret,
		"a&" + secret, "a|" + secret, "a>" + secret, "{{" + secret + "}}", "%" + secret + "%", "!" + secret, "*" + secret, "~" + secret, "ü" + secret, "\x00" + secret,
	} {
		cases["a saved parameter "+hostile] = c{saved("parameters", object{"host": hostile}), plain}
	}
	// What is said of a payload is cut off at 2,000 bytes.
	var wrong []string
	var long strings.Builder
	for i := range 100 {
		wrong = append(wrong, fmt.Sprint("i/", i))
		fmt.Fprintf(&long, "instance %d: an id has 1 to 128 printable characters, without space and slash\n", i+1)
	}
	cases["a hundred wrong instances"] = c{
		encode(command().with("instanceIds", wrong).with("instanceId", nil)), long.String()[:2000] + " …",
	}
	return cases
}

func TestEveryFaultOfASubmissionIsToldAndItsPayloadKept(t *testing.T) {
	for name, c := range faultySubmissions() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := rig.New(t, rig.Options{})
			for range 2 {
				out, err := r.SubmitTask(c.payload)
				if err != nil {
					t.Fatalf("%v; log:\n%s", err, r.Log)
				}
				if len(out.Items) != 1 || out.Items[0].Result != handler.ResultQuarantined || out.Items[0].Reason != c.reason {
					t.Errorf("answered %+v, want it in quarantine, because %q", out.Items, c.reason)
				}
				checkKept(t, r, [][]byte{c.payload}, c.reason, out)
			}
			checkLog(t, r)
			if strings.Contains(r.Log.String()+inQuarantine(t, r)[0].Reason, secret) {
				t.Errorf("a value is repeated in the reason or in the log:\n%s", r.Log)
			}
			for _, id := range []string{"i-1", "i-2"} {
				if s := r.State(id); len(s.Tasks) > 0 || s.Instance.Rev > 0 {
					t.Errorf("instance %s has a state: %+v", id, s)
				}
			}
		})
	}
}

// TestSubmissionsAtTheirLimitsAreTaken guards the faults above against being
// told too early.
func TestSubmissionsAtTheirLimitsAreTaken(t *testing.T) {
	for name, payload := range map[string][]byte{
		"the longest name":              run("name", strings.Repeat("n", 93)),
		"the largest script":            run("content", strings.Repeat("#", 18_432)),
		"the longest folder":            run("workingDir", strings.Repeat("ü", 200)),
		"the longest user":              run("username", strings.Repeat("ü", 255)),
		"the shortest timeout":          run("timeout", "10s"),
		"the longest timeout":           run("timeout", "24h"),
		"twenty parameters":             run("parameters", parameters(20)),
		"hostile parameters of a run":   run("parameters", object{"a": "$(reboot) `reboot` '\"\\\n;|&"}),
		"the longest key":               encode(command().with("dedupeKey", strings.Repeat("k", 128))),
		"the shortest time":             encode(command().with("expiresIn", "1m")),
		"the longest time":              encode(command().with("expiresIn", "2160h")),
		"the lowest priority":           encode(command().with("priority", 0)),
		"no key":                        encode(command().with("dedupeKey", nil)),
		"an instance in the list":       encode(command().with("instanceId", nil).with("instanceIds", []string{"i-1"})),
		"ten saved parameters":          saved("parameters", parameters(10)),
		"a plain parameter":             saved("parameters", object{"host": "aZ09_.:/@=+,-"}),
		"an empty parameter":            saved("parameters", object{"host": ""}),
		"a saved parameter's long name": saved("parameters", object{strings.Repeat("n", 64): "v"}),
		"parameters for bash":           encode(command().with("run", runOf("#!/usr/bin/env bash\ntrue").with("parameters", parameters(1)))),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := rig.New(t, rig.Options{})
			item := only(t)(r.SubmitTask(payload))
			if item.Result != handler.ResultAccepted || item.Answer.Outcome != "queued" || len(r.State("i-1").Tasks) != 1 {
				t.Errorf("answered %+v, want it queued", item)
			}
		})
	}
}

func TestAHundredInstancesAreSubmittedToAtOnce(t *testing.T) {
	r := rig.New(t, rig.Options{})
	payload := encode(command().with("instanceId", nil).with("instanceIds", ids(100)))
	for _, want := range []string{handler.ResultAccepted, handler.ResultDuplicate} {
		out, err := r.SubmitTask(payload)
		if err != nil || len(out.Items) != 100 {
			t.Fatalf("%d items and %v, want a hundred", len(out.Items), err)
		}
		for i, item := range out.Items {
			if item.Result != want || item.InstanceID != fmt.Sprint("i-", i) || item.Answer.TaskID == "" {
				t.Fatalf("item %d is %+v, want it %s", i, item, want)
			}
		}
	}
}

// TestTheAnswerOfASubmissionIsReadable holds the names of the answer's
// members, which callers rely on.
func TestTheAnswerOfASubmissionIsReadable(t *testing.T) {
	r := rig.New(t, rig.Options{})
	out, err := r.SubmitTask(encode(command()))
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(out)
	if err != nil {
		t.Fatal(err)
	}
	taskID := out.Items[0].Answer.TaskID
	want := `{"requestId":"request-1","items":[{"result":"accepted","instanceId":"i-1","answer":{"instanceId":"i-1","taskId":"` +
		taskID + `","outcome":"queued"}}]}`
	if string(b) != want {
		t.Errorf("got  %s\nwant %s", b, want)
	}
}
