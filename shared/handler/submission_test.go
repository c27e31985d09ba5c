package handler_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	"aftercare/shared/handler"
	"aftercare/tests/rig"
)

// secret is a text that stands where a value does: nothing may repeat it.
const secret = "Pa55word"

// request is a good submission of a script.
func request() object {
	return object{"instanceId": "i-1", "dedupeKey": "k-1", "run": runOf("true")}
}

func runOf(content string) object {
	return object{"name": "job", "type": "RunShellScript", "content": content}
}

// run is a good submission with one other member of its script.
func run(name string, value any) []byte {
	return encode(request().with("run", runOf("true").with(name, value)))
}

// saved is a submission of a saved command with one other member.
func saved(name string, value any) []byte {
	return encode(request().with("run", nil).with("invoke", object{"commandId": "c-1"}.with(name, value)))
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

// mistakenSubmissions has submissions with mistakes, and the whole reason of each.
func mistakenSubmissions() map[string]struct {
	payload []byte
	reason  string
} {
	type c = struct {
		payload []byte
		reason  string
	}
	const (
		not        = "the payload is not a submission: "
		oneOf      = "the payload needs exactly one of run, invoke, flow, cancel, retry, stop and resume"
		idForm     = ": an id has 1 to 128 printable ASCII characters, without space and slash"
		expiry     = "expiresIn must be from 1m to 2160h"
		taskID     = "cancel.taskId must be the 32 hex digits that a submission answered"
		whichTasks = "cancel needs exactly one of taskId, dedupeKey, label, run and all"
		isText     = "must be a text"
	)
	cases := map[string]c{
		"nothing":               {[]byte(""), not + "it is empty"},
		"blanks":                {[]byte("\ufeff \n"), not + "it is empty"},
		"cut off":               {[]byte(`{"instanceId":"i-1"`), not + "it is cut off"},
		"no JSON":               {[]byte(secret), not + "it is not JSON, or nested too deeply, at byte 1"},
		"null":                  {[]byte("null"), not + "it is not a JSON object"},
		"20,000 levels":         {[]byte(`{"run":` + strings.Repeat("[", 20_000)), not + "it is not JSON, or nested too deeply, at byte 10007"},
		"two objects":           {[]byte(`{}{}`), not + "something follows its JSON object"},
		"GBK":                   {[]byte(`{"run":{"content":"touch ` + "\xc8\xd5" + `"}}`), not + "it is not UTF-8 at byte 26"},
		"UTF-16":                {[]byte("\xff\xfe{\x00}\x00"), not + "it is not UTF-8 at byte 1"},
		"half a pair":           {[]byte(`{"run":{"content":"\ud83d"}}`), not + "it has half of a surrogate pair at byte 20: write the whole character"},
		"the first half of all": {[]byte(`{"run":{"content":"\ud800"}}`), not + "it has half of a surrogate pair at byte 20: write the whole character"},
		"the other half":        {[]byte(`{"run":{"content":"\\\ude00"}}`), not + "it has half of a surrogate pair at byte 22: write the whole character"},
		"an unknown field":      {encode(request().with("instance", secret)), `the payload has no field "instance", did you mean "instanceId"?`},
		"a field of other case": {encode(request().with("DedupeKey", secret)), `the payload has no field "DedupeKey", did you mean "dedupeKey"?`},
		"a long unknown field": {
			encode(request().with(strings.Repeat("x", 1<<20), 1)),
			`the payload has no field "` + strings.Repeat("x", 60) + `": its fields are dedupeKey, instanceId, instanceIds, select, priority, notBefore, spread, expiresIn, bootDeadline, onBootDeadline, whenNotBootable, repeatMode, labels, submittedBy, reason, run, invoke, flow, inputs, cancel, retry, stop, resume`,
		},
		"an unknown field of run": {run("timeouts", secret), `run has no field "timeouts", did you mean "timeout"?`},
		"a field twice":           {[]byte(`{"instanceId":"i-1","instanceId":"i-2","run":{"name":"job","type":"RunShellScript","content":"true"}}`), `the payload has the field "instanceId" twice: remove one`},
		"a field of run twice":    {[]byte(`{"instanceId":"i-1","run":{"name":"job","name":"job","type":"RunShellScript","content":"true"}}`), `run has the field "name" twice: remove one`},
		"a parameter twice":       {[]byte(`{"instanceId":"i-1","run":{"name":"job","type":"RunShellScript","content":"true","parameters":{"a":"1","a":"1"}}}`), `run.parameters has the field "a" twice: remove one`},
		"shape and values at once": {
			encode(request().with("priority", 12).with("run", object{"name": "job", "type": "Shell", "conent": "true", "timeout": "5s"})),
			`run has no field "conent", did you mean "content"?` + "\npriority must be 0 to 9\n" +
				"run.type must be RunShellScript, RunBatScript or RunPowerShellScript\nrun.content is empty: write the script\nrun.timeout must be from 10s to 24h",
		},
		"everything at once": {
			encode(object{"priority": 10, "expiresIn": "1s", "dedupeKey": strings.Repeat("k", 129), "run": object{"type": secret}, "invoke": object{}}),
			"instanceId is missing\ndedupeKey has 129 bytes, at most 128 are allowed\npriority must be 0 to 9\n" + expiry + "\n" +
				"run.name is missing: name the command\nrun.type must be RunShellScript, RunBatScript or RunPowerShellScript\nrun.content is empty: write the script\n" +
				"invoke.commandId must be the id of a saved command: c- and letters and digits\n" + oneOf,
		},

		"a stop without a reason":     {[]byte(`{"stop":{}}`), "reason is missing: say why, for those who find it stopped"},
		"a stop of an empty name":     {[]byte(`{"reason":"why","stop":{"flow":""}}`), "stop.flow must be a flow's name, 1 to 63 of a-z, 0-9 and -: leave it out for everything"},
		"a stop of two things":        {[]byte(`{"reason":"why","stop":{"instance":"i-1","label":"l"}}`), "stop takes one of flow, instance and label, or none for everything"},
		"a stop of wrong things":      {[]byte(`{"reason":"why","stop":{"label":"` + secret + ` "}}`), "stop.label must be a label, 1 to 64 letters, digits and . _ : / = -: leave it out for everything"},
		"a resume of a number":        {[]byte(`{"resume":{"instance":1}}`), "resume.instance must be a text"},
		"a stop of a submission":      {encode(request().with("run", nil).with("reason", "why").with("stop", object{})), "stop takes only dedupeKey, submittedBy and reason beside it: remove the other fields"},
		"a stop and a resume at once": {[]byte(`{"reason":"why","stop":{},"resume":{}}`), oneOf},
		"instances that are a text":   {encode(request().with("instanceIds", secret)), "instanceIds must be a list"},
		"an instance that is a list":  {encode(request().with("instanceIds", []any{[]int{}, "i-2", nil})), "instanceIds must hold texts"},
		"a priority that is a text":   {encode(request().with("priority", secret)), "priority must be a whole number"},
		"a script that is a text":     {encode(request().with("run", secret)), "run must be a JSON object"},
		"parameters that are a list":  {run("parameters", []int{1}), "run.parameters must be a JSON object"},
		"a parameter that is null":    {run("parameters", object{"a": nil}), "run.parameters must hold texts"},
		"a timeout that is a number":  {run("timeout", 60), "run.timeout must be a text with a duration such as 90s, 5m or 24h"},

		"no instance":               {encode(request().with("instanceId", nil)), "instanceId is missing"},
		"an instance with a slash":  {encode(request().with("instanceId", "i/"+secret)), "instanceIds is wrong at instance 1" + idForm},
		"an instance with a space":  {encode(request().with("instanceIds", []string{"i-2", "i 3"}).with("instanceId", nil)), "instanceIds is wrong at instance 2" + idForm},
		"what is no instance":       {encode(request().with("instanceIds", []string{"~sweep"})), "instanceIds is wrong at instance 1" + idForm},
		"an instance twice":         {encode(request().with("instanceIds", []string{"i-1"})), "instanceIds names an instance twice: remove one"},
		"a thousand and one":        {encode(request().with("instanceIds", ids(1001)).with("instanceId", nil)), "instanceIds has 1001 instances, at most 1000 are allowed"},
		"100,000 wrong instances":   {encode(request().with("instanceIds", strings.Split(strings.Repeat("/,", 100_000), ","))), "instanceIds has 100002 instances, at most 1000 are allowed"},
		"two without a key":         {encode(request().with("instanceIds", []string{"i-2"}).with("dedupeKey", nil)), "dedupeKey is missing: with more than one instance it is needed, so that a repeated submission does nothing twice"},
		"an empty key":              {encode(request().with("dedupeKey", "")), "dedupeKey is empty: write a key, or leave it out"},
		"a key that is a number":    {encode(request().with("dedupeKey", 7)), "dedupeKey " + isText},
		"a priority without bounds": {[]byte(`{"instanceId":"i-1","priority":99999999999999999999,"run":{"name":"job","type":"RunShellScript","content":"true"}}`), "priority must be a whole number"},
		"a time without its zone":   {encode(request().with("notBefore", "2026-03-01T02:00:00")), "notBefore must be a time with its zone, such as 2026-03-01T02:00:00+08:00"},
		"a day":                     {encode(request().with("notBefore", "2026-03-01")), "notBefore must be a time with its zone, such as 2026-03-01T02:00:00+08:00"},
		"a time that is a number":   {encode(request().with("notBefore", 7)), "notBefore must be a text with a time and its zone, such as 2026-03-01T02:00:00+08:00"},
		"a time that is an object":  {encode(request().with("notBefore", object{"wall": 1})), "notBefore must be a text with a time and its zone, such as 2026-03-01T02:00:00+08:00"},
		"a time in another year":    {encode(request().with("notBefore", "2999-03-01T02:00:00Z")), "notBefore is too late: with spread and expiresIn, the command would expire more than 2160h from now"},
		"a wide spread":             {encode(request().with("spread", "25h")), "spread must be from 1m to 24h"},
		"a long wait and a spread":  {encode(request().with("spread", "1h").with("expiresIn", "2160h")), "notBefore is too late: with spread and expiresIn, the command would expire more than 2160h from now"},
		"a deadline after the end":  {encode(request().with("bootDeadline", "168h")), "bootDeadline must be at least 1m, and shorter than expiresIn"},
		"an odd act at a deadline":  {encode(request().with("bootDeadline", "1h").with("onBootDeadline", "stop")), "onBootDeadline must be alert, drop or run"},
		"an act without a deadline": {encode(request().with("onBootDeadline", "drop")), "onBootDeadline needs a bootDeadline"},
		"a deadline without a wait": {encode(request().with("bootDeadline", "1h").with("whenNotBootable", "run")), "bootDeadline is for a command that waits for its instance: leave out whenNotBootable"},
		"an odd act without a boot": {encode(request().with("whenNotBootable", "alert")), "whenNotBootable must be wait, fail or run"},
		"a refusal at a later time": {encode(request().with("whenNotBootable", "fail").with("spread", "1h")), "whenNotBootable cannot be fail with a notBefore or a spread: write a bootDeadline and onBootDeadline drop"},
		"a selector of long texts": {
			encode(request().with("instanceId", nil).with("select", object{
				"name": strings.Repeat("é", 129), "resourceGroup": strings.Repeat("r", 130), "tags": object{"role": strings.Repeat("t", 129)},
			})),
			"select.tags has a key or a value of more than 128 characters\nselect.name has 129 characters, at most 128 are allowed\nselect.resourceGroup has 130 characters, at most 128 are allowed",
		},
		"a selector of a tag with a long key": {
			encode(request().with("instanceId", nil).with("select", object{"tags": object{strings.Repeat("t", 129): ""}})),
			"select.tags has a key or a value of more than 128 characters",
		},
		"a schedule": {encode(request().with("repeatMode", "Period")), "repeatMode must be Once: for every boot write a flow on first-heartbeat, " +
			"for a schedule one on schedule"},
		"a label with a space":     {encode(request().with("labels", []string{"a", "b c"})), "labels is wrong at label 2: a label has 1 to 64 letters, digits and . _ : / = -"},
		"an empty label":           {encode(request().with("labels", []string{""})), "labels is wrong at label 1: a label has 1 to 64 letters, digits and . _ : / = -"},
		"a long label":             {encode(request().with("labels", []string{strings.Repeat("l", 65)})), "labels is wrong at label 1: a label has 1 to 64 letters, digits and . _ : / = -"},
		"a label twice":            {encode(request().with("labels", []string{"a", "b", "a"})), "labels has a label twice: remove one"},
		"labels that are a text":   {encode(request().with("labels", secret)), "labels must be a list"},
		"a cancel with a priority": {encode(request().with("run", nil).with("priority", 1).with("cancel", object{"taskId": strings.Repeat("a", 32)})), "cancel takes none of the keys that describe a command's wait: remove them"},
		"text instead of a time":   {encode(request().with("expiresIn", secret)), "expiresIn must be a duration such as 90s, 5m or 24h"},
		"a timeout of 0":           {run("timeout", "0m0s"), "run.timeout must not be 0: leave it out for the default"},

		"neither run nor invoke nor cancel": {encode(request().with("run", nil)), oneOf},
		"run and invoke":                    {encode(request().with("invoke", object{"commandId": "c-1"})), oneOf},
		"invoke and cancel": {encode(request().with("run", nil).with("invoke", object{"commandId": "c-1"}).
			with("cancel", object{"taskId": strings.Repeat("a", 32)})), oneOf},
		"a cancel of nothing":        {encode(request().with("run", nil).with("cancel", object{})), whichTasks},
		"a cancel of two kinds":      {encode(request().with("run", nil).with("cancel", object{"label": "a", "all": true})), whichTasks},
		"a cancel of an odd label":   {encode(request().with("run", nil).with("cancel", object{"label": "a b"})), "cancel.label must have 1 to 64 letters, digits and . _ : / = -"},
		"a cancel of no run's id":    {encode(request().with("run", nil).with("cancel", object{"run": "a"})), "cancel.run must be the 32 hex digits of a flow run"},
		"a flow with a priority":     {encode(request().with("run", nil).with("flow", "clean").with("priority", 9)), "flow takes none of the keys that describe a command's wait: remove them"},
		"a flow of no name":          {encode(request().with("run", nil).with("flow", "Clean")), "flow must be a flow's name, 1 to 63 of a-z, 0-9 and -"},
		"inputs of a command":        {encode(request().with("inputs", object{"a": "b"})), "inputs are only for a flow: remove them"},
		"inputs that are no texts":   {encode(request().with("run", nil).with("flow", "clean").with("inputs", object{"a": 1})), "inputs must hold texts"},
		"a retry of no run":          {encode(request().with("run", nil).with("retry", object{})), "retry.run must be the 32 hex digits of a flow run"},
		"a retry of no run's id":     {encode(request().with("run", nil).with("retry", object{"run": "a"})), "retry.run must be the 32 hex digits of a flow run"},
		"a retry with a label":       {encode(request().with("run", nil).with("labels", []string{"a"}).with("retry", object{"run": strings.Repeat("a", 32)})), "retry takes none of the keys that describe a command's wait: remove them"},
		"a retry for two instances":  {encode(request().with("run", nil).with("instanceIds", []string{"i-2"}).with("retry", object{"run": strings.Repeat("a", 32)})), "retry needs exactly one instance"},
		"a cancel of not all":        {encode(request().with("run", nil).with("cancel", object{"all": false})), "cancel.all must be true, or left out"},
		"a cancel of no task's id":   {encode(request().with("run", nil).with("cancel", object{"taskId": strings.Repeat("A", 32)})), taskID},
		"a cancel for two instances": {encode(request().with("run", nil).with("instanceIds", []string{"i-2"}).with("cancel", object{"taskId": strings.Repeat("a", 32)})), "cancel needs exactly one instance"},

		"no name":                      {run("name", nil), "run.name is missing: name the command"},
		"content that is a number":     {run("content", 7), "run.content " + isText},
		"a saved parameter's odd name": {saved("parameters", object{"a}}": "v"}), `invoke.parameters."a}}" is not a saved command's parameter: use letters, digits, _ and - in names, at most 64`},
	}
	// What is said of a payload is cut off at 2,000 bytes.
	var wrong []string
	var long strings.Builder
	for i := range 100 {
		wrong = append(wrong, fmt.Sprint("i/", i))
		fmt.Fprintf(&long, "instanceIds is wrong at instance %d%s\n", i+1, idForm)
	}
	cases["a hundred wrong instances"] = c{
		encode(request().with("instanceIds", wrong).with("instanceId", nil)), long.String()[:2000] + " …",
	}
	return cases
}

func TestEveryMistakeOfASubmissionIsAnsweredAndItsPayloadKept(t *testing.T) {
	for name, c := range mistakenSubmissions() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if testing.Short() && rand.IntN(3) > 0 {
				t.Skip("make faults makes every mistake")
			}
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

// TestALongReasonIsCutBetweenCharacters wherever its 2,000th byte lies.
func TestALongReasonIsCutBetweenCharacters(t *testing.T) {
	r := rig.New(t, rig.Options{})
	for shift := range 3 {
		payload := request()
		for i := range 40 {
			payload = payload.with(fmt.Sprintf("%s%02d%s", strings.Repeat("x", shift), i, strings.Repeat("检", 50)), 1)
		}
		reason := only(t)(r.SubmitTask(encode(payload))).Reason
		if len(reason) > 2010 || !utf8.ValidString(reason) || strings.ContainsRune(reason, utf8.RuneError) || !strings.HasSuffix(reason, " …") {
			t.Errorf("the reason is cut to %q", reason[max(0, len(reason)-20):])
		}
	}
}

// TestGoodSubmissionsAreTaken guards the mistakes above against being found too
// early. Those at their limits are in reference_test.go.
func TestGoodSubmissionsAreTaken(t *testing.T) {
	for name, payload := range map[string][]byte{
		"a replacement character": run("content", "echo \ufffd"),
		"no key":                  encode(request().with("dedupeKey", nil)),
		"an instance in the list": encode(request().with("instanceId", nil).with("instanceIds", []string{"i-1"})),
		"a saved command":         saved("parameters", object{"host": ""}),
	} {
		r := rigWith(t, "i-1")
		item := only(t)(r.SubmitTask(payload))
		if item.Result != handler.ResultAccepted || item.Answer.Outcome != "queued" || len(r.State("i-1").Tasks) != 1 {
			t.Errorf("%s: answered %+v, want it queued", name, item)
		}
	}
}

func TestAHundredInstancesAreSubmittedToAtOnce(t *testing.T) {
	r := rigWith(t, ids(100)...)
	payload := encode(request().with("instanceId", nil).with("instanceIds", ids(100)))
	for _, want := range []string{handler.ResultAccepted, handler.ResultDuplicate} {
		out, err := r.SubmitTask(payload)
		if err != nil || len(out.Items) != 100 {
			t.Fatalf("%d items and %v, want a hundred", len(out.Items), err)
		}
		if text := string(encode(out)); !strings.HasPrefix(text, `{"requestId":"request-`) || !strings.Contains(text,
			`"items":[{"result":"`+want+`","instanceId":"i-0","answer":{"instanceId":"i-0","taskId":"`) {
			t.Errorf("the answer's members are %.200s", text)
		}
		for i, item := range out.Items {
			if item.Result != want || item.InstanceID != fmt.Sprint("i-", i) || item.Answer.TaskID == "" {
				t.Fatalf("item %d is %+v, want it %s", i, item, want)
			}
		}
	}
}

// TestOneKeyMaySubmitToOtherInstances once the first submission is done, as those who
// split a long list do. The same instances refuse it. (decide rules 12, 138)
func TestOneKeyMaySubmitToOtherInstances(t *testing.T) {
	r := rigWith(t, ids(4)...)
	for _, c := range []struct {
		instances []string
		want      string
	}{
		{ids(4)[:2], handler.ResultAccepted}, {ids(4)[2:], handler.ResultAccepted}, {ids(4)[:2], handler.ResultDuplicate}, {ids(4)[1:3], handler.ResultRefused},
	} {
		out, err := r.SubmitTask(encode(request().with("instanceId", nil).with("instanceIds", c.instances)))
		must(t, err)
		for _, item := range out.Items {
			if item.Result != c.want || len(out.Items) != 2 {
				t.Errorf("to %v: %+v, want %s", c.instances, item, c.want)
			}
		}
	}
}
