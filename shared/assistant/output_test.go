package assistant_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"aftercare/shared/decide"
	"aftercare/shared/engine"
)

// results is a page of DescribeInvocationResults.
func results(next string, lines ...string) string {
	return fmt.Sprintf(`{"RequestId":"REQ","Invocation":{"NextToken":%q,"InvocationResults":{"InvocationResult":[%s]}}}`,
		next, strings.Join(lines, ","))
}

// result is a line of one, about the instance, with further fields.
func result(status, output, more string) string {
	return fmt.Sprintf(`{"InvokeId":"t-invoke1","InstanceId":%q,"InvocationStatus":%q,"Output":%q%s}`, instance, status, output, more)
}

func encode64(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }

func TestOutputAsksForTheInvocationAndTheInstance(t *testing.T) {
	s := serve(t, ok(results("", result("Success", encode64("done\n"), `,"Dropped":0`))))
	got, err := client(t, config(s)).Output(soon(t), instance, "t-invoke1")
	if want := (decide.Output{Text: "done\n"}); err != nil || got != want {
		t.Errorf("Output() = %+v, %v, want %+v", got, err, want)
	}
	want := map[string]string{"InstanceId": instance, "InvokeId": "t-invoke1", "ContentEncoding": "Base64", "MaxResults": "50"}
	if diff := cmp.Diff(want, flat(s.seen()[0].body)); diff != "" {
		t.Errorf("body (-want +got):\n%s", diff)
	}
	if action := s.seen()[0].query.Get("Action"); action != "DescribeInvocationResults" {
		t.Errorf("asked %s", action)
	}
}

func TestWhatAResultMeans(t *testing.T) {
	finished := func(second int) string { return fmt.Sprintf(`,"FinishedTime":"2026-11-02T03:05:%02dZ"`, second) }
	on := func(line, field, value string) string {
		return strings.NewReplacer(`"`+field+`":"t-invoke1"`, `"`+field+`":"`+value+`"`, `"`+field+`":"`+instance+`"`, `"`+field+`":"`+value+`"`).Replace(line)
	}
	for name, c := range map[string]struct {
		body string
		want decide.Output
	}{
		"what was cut": {results("", result("Failed", encode64("tail"), `,"Dropped":49152`)), decide.Output{Text: "tail", Dropped: 49152}},
		"numbers may be strings": {results("", result("Failed", encode64("tail"), `,"Dropped":"7"`)),
			decide.Output{Text: "tail", Dropped: 7}},
		"an impossible number": {results("", result("Failed", encode64("tail"), `,"Dropped":-7`)), decide.Output{Text: "tail"}},
		"nothing was printed":  {results("", result("Success", "", "")), decide.Output{}},
		"it never started":     {results("", `{"InstanceId":"i-test0001","InvocationStatus":"Aborted","Output":null}`), decide.Output{}},
		"bytes that are no text": {results("", result("Success", encode64("a\xff\xfeb\xe4\xbd"), "")),
			decide.Output{Text: "a\uFFFDb\uFFFD"}},
		"base64 in lines": {results("", result("Success", "aGVs\nbG8=", "")), decide.Output{Text: "hello"}},
		"other instances and invocations": {results("", on(result("Success", encode64("other"), finished(9)), "InstanceId", "i-other"),
			on(result("Success", encode64("other"), finished(9)), "InvokeId", "t-other"), result("Success", encode64("mine"), finished(1))),
			decide.Output{Text: "mine"}},
		"a line without an invoke id": {results("", on(result("Success", encode64("mine"), ""), "InvokeId", "")), decide.Output{Text: "mine"}},
		"the newest of several": {results("", result("Success", encode64("old"), finished(1)), result("Success", encode64("new"), finished(3)),
			result("Success", encode64("middle"), finished(2))), decide.Output{Text: "new"}},
		"the last of several at once": {results("", result("Success", encode64("second"), finished(1)+`,"Repeats":2`),
			result("Success", encode64("third"), finished(1)+`,"Repeats":"3"`), result("Success", encode64("first"), finished(1)+`,"Repeats":1`)),
			decide.Output{Text: "third"}},
		"the first of several without a time": {results("", result("Success", encode64("one"), ""), result("Success", encode64("two"), "")),
			decide.Output{Text: "one"}},
		"one that runs again": {results("", result("Running", encode64("half"), finished(5)), result("Success", encode64("whole"), finished(1))),
			decide.Output{Text: "whole"}},
		"between two runs": {results("", result("Scheduled", encode64("last"), finished(1))), decide.Output{Text: "last"}},
		"an unknown word":  {results("", result("Error", encode64("why"), "")), decide.Output{Text: "why"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, ok(c.body))
			got, err := client(t, config(s)).Output(soon(t), instance, "t-invoke1")
			if err != nil || got != c.want {
				t.Errorf("Output() = %+v, %v, want %+v", got, err, c.want)
			}
		})
	}
}

func TestWithoutAResultThereIsNoOutputYet(t *testing.T) {
	for name, body := range map[string]string{
		"an invocation that is unknown": results(""),
		"no list and a count":           `{"Invocation":{"TotalCount":0}}`,
		"one that waits":                results("", result("Pending", "", "")),
		"one that runs":                 results("", result("Running", encode64("half"), "")),
		"one that is being stopped":     results("", result("Stopping", encode64("half"), "")),
		"one before its first run":      results("", result("Scheduled", "", `,"FinishedTime":""`)),
		"one without a status":          results("", result("", "", "")),
		"another instance's":            results("", `{"InstanceId":"i-other","InvocationStatus":"Success","Output":"aGk="}`),
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, ok(body))
			got, err := client(t, config(s)).Output(soon(t), instance, "t-invoke1")
			wantClasses(t, err, engine.ErrUnavailable)
			if got != (decide.Output{}) || len(s.seen()) != 1 {
				t.Errorf("Output() = %+v after %d calls, want nothing after 1", got, len(s.seen()))
			}
		})
	}
}

func TestResultsAreReadToTheirEnd(t *testing.T) {
	s := serve(t, inTurn(
		ok(results("p2", result("Success", encode64("old"), `,"FinishedTime":"2026-11-02T03:05:01Z"`))),
		fail(503, "ServiceUnavailable"),
		ok(results("p3", result("Success", encode64("new"), `,"FinishedTime":"2026-11-02T03:05:03Z"`))),
		ok(results("", result("Success", encode64("middle"), `,"FinishedTime":"2026-11-02T03:05:02Z"`)))))
	got, err := client(t, config(s)).Output(soon(t), instance, "t-invoke1")
	if err != nil || got.Text != "new" || len(s.seen()) != 4 {
		t.Errorf("Output() = %+v, %v after %d calls, want the newest after 4", got, err, len(s.seen()))
	}
}

func TestAnUnreadableResultIsAskedForAgain(t *testing.T) {
	good := ok(results("", result("Success", encode64("good"), "")))
	for name, bad := range map[string]string{
		"no base64":                 results("", result("Success", "SecretOutput!", "")),
		"base64 that is cut":        results("", result("Success", "aGVsb", "")),
		"a list of another kind":    `{"Invocation":{"InvocationResults":{"InvocationResult":"none"}}}`,
		"an answer without a list":  `{"RequestId":"REQ","Invocation":{}}`,
		"an answer without a thing": `{"RequestId":"REQ"}`,
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, inTurn(ok(bad), good))
			if got, err := client(t, config(s)).Output(soon(t), instance, "t-invoke1"); err != nil || got.Text != "good" {
				t.Errorf("Output() = %+v, %v, want the second answer's", got, err)
			}
			s = serve(t, ok(bad))
			_, err := client(t, config(s)).Output(soon(t), instance, "t-invoke1")
			wantClasses(t, err, engine.ErrUnavailable)
			if strings.Contains(err.Error(), "SecretOutput") {
				t.Errorf("the error holds the output: %v", err)
			}
		})
	}
}

func TestLocalECSAnswersWhatAScriptPrinted(t *testing.T) {
	_, c := booted(t, nil)
	ran := func(token, script string) string {
		t.Helper()
		send := runSend()
		send.Token, send.Command.Run.Content, send.Command.Run.Parameters = token, script, nil
		id, err := c.Send(soon(t), send)
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	output := func(id string) (out decide.Output) {
		t.Helper()
		eventually(t, "there is an output", func() bool {
			var err error
			out, err = c.Output(soon(t), instance, id)
			return err == nil
		})
		return out
	}
	if got, want := output(ran("few", `printf 'out\n'; printf 'err\377\n' >&2; exit 3`)), (decide.Output{Text: "out\nerr\uFFFD\n"}); got != want {
		t.Errorf("output = %+v, want %+v", got, want)
	}
	// The cuts fall into the middle of characters.
	large := output(ran("many", `printf x; i=0; while [ $i -lt 3000 ]; do printf '电源电源'; i=$((i+1)); done; printf y`))
	if large.Dropped != 2+3000*12-24<<10 || !utf8.ValidString(large.Text) || strings.Count(large.Text, "\uFFFD") != 1 ||
		!strings.HasPrefix(large.Text, "x电源") || !strings.HasSuffix(large.Text, "电源y") {
		t.Errorf("a large output has %d bytes, %d are dropped: %.40q …", len(large.Text), large.Dropped, large.Text)
	}
	if got := output(ran("none", "true")); got != (decide.Output{}) {
		t.Errorf("output = %+v, want none", got)
	}

	long := ran("long", "echo half; sleep 60")
	eventually(t, "it runs", func() bool {
		found, err := c.FindByID(soon(t), instance, long)
		return err == nil && found != nil && found.Status == "Running"
	})
	for _, id := range []string{long, "t-unknown"} {
		_, err := c.Output(soon(t), instance, id)
		wantClasses(t, err, engine.ErrUnavailable)
	}
	_, err := c.Output(soon(t), "i-other", long)
	wantClasses(t, err, engine.ErrUnavailable)
	if err := c.Stop(soon(t), instance, long); err != nil {
		t.Fatal(err)
	}
	output(long)
}
