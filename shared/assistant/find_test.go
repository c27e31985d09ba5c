package assistant_test

import (
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"aftercare/shared/decide"
	"aftercare/shared/engine"
)

const found = `{"InvokeId":"t-invoke1","CommandId":"c-1","CommandName":"collect-logs.0123456789abcdef0123456789abcdef","RepeatMode":"Once",
	"InvokeStatus":"Finished","InvocationStatus":"Failed","Tags":{"Tag":[{"Key":"owner","Value":"x"},{"Key":"aftercare:send","Value":"` + effect + `"}]},
	"InvokeInstances":{"InvokeInstance":[
		{"InstanceId":"i-other","InvocationStatus":"Success","ExitCode":0},
		{"InstanceId":"` + instance + `","InstanceInvokeStatus":"Finished","InvocationStatus":"Failed","ExitCode":3,"ErrorCode":"ExitCodeNonzero",
		 "ErrorInfo":"the exit code is not 0","Repeats":1,"StartTime":"2026-11-02T03:04:05Z","FinishTime":"2026-11-02T03:05:05Z","Output":"aGk="}]}}`

func page(next string, items string) string {
	return fmt.Sprintf(`{"RequestId":"REQ","NextToken":%q,"Invocations":{"Invocation":[%s]}}`, next, items)
}

var three = int64(3)

func wantFound() *decide.Invocation {
	return &decide.Invocation{
		InvokeID: "t-invoke1", CommandID: "c-1", CommandName: "collect-logs.0123456789abcdef0123456789abcdef", Token: effect, RepeatMode: "Once",
		Status: "Failed", ExitCode: &three, ErrorCode: "ExitCodeNonzero", ErrorDesc: "the exit code is not 0", Repeats: 1,
		StartTime:  time.Date(2026, 11, 2, 3, 4, 5, 0, time.UTC),
		FinishTime: time.Date(2026, 11, 2, 3, 5, 5, 0, time.UTC),
	}
}

func TestWhatIsAskedToFindAnInvocation(t *testing.T) {
	s := serve(t, ok(page("", found)))
	c := client(t, config(s))
	byToken, errToken := c.FindByToken(soon(t), instance, effect)
	byID, errID := c.FindByID(soon(t), instance, "t-invoke1")
	other, errOther := c.FindByID(soon(t), instance, "t-other")
	if err := errors.Join(errToken, errID, errOther); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]*decide.Invocation{wantFound(), wantFound(), nil}, []*decide.Invocation{byToken, byID, other}); diff != "" {
		t.Errorf("invocations (-want +got):\n%s", diff)
	}
	for i, want := range []map[string]string{
		{"InstanceId": instance, "Tag.1.Key": "aftercare:send", "Tag.1.Value": effect, "MaxResults": "50"},
		{"InstanceId": instance, "InvokeId": "t-invoke1", "MaxResults": "50"},
	} {
		if diff := cmp.Diff(want, flat(s.seen()[i].body)); diff != "" {
			t.Errorf("body %d (-want +got):\n%s", i, diff)
		}
	}
}

func item(tagValue, instanceID, status, more string) string {
	return fmt.Sprintf(`{"InvokeId":"t-invoke1","InvocationStatus":"Pending","Tags":{"Tag":[{"TagKey":"aftercare:send","TagValue":%q}]},
		"InvokeInstances":{"InvokeInstance":[{"InstanceId":%q,"InvocationStatus":%q%s}]}}`, tagValue, instanceID, status, more)
}

func TestWhatAListingMeans(t *testing.T) {
	exit := func(n int64) *int64 { return &n }
	for name, c := range map[string]struct {
		item string
		want *decide.Invocation
	}{
		"nothing":                         {"", nil},
		"no list":                         {"", nil},
		"another token":                   {item("other", instance, "Running", ""), nil},
		"another instance":                {item(effect, "i-other", "Running", ""), nil},
		"another tag with the same value": {`{"InvokeId":"t-invoke1","Tags":{"Tag":[{"Key":"x","Value":"` + effect + `"}]}}`, nil},
		"a running one has no exit code yet": {item(effect, instance, "Running", `,"ExitCode":0`),
			&decide.Invocation{InvokeID: "t-invoke1", Token: effect, Status: "Running"}},
		"an aborted one never had one": {item(effect, instance, "Aborted", `,"ExitCode":0,"ErrorCode":"DeliveryTimeout"`),
			&decide.Invocation{InvokeID: "t-invoke1", Token: effect, Status: "Aborted", ErrorCode: "DeliveryTimeout"}},
		"numbers may be strings": {item(effect, instance, "Success", `,"ExitCode":"0","Repeats":"2"`),
			&decide.Invocation{InvokeID: "t-invoke1", Token: effect, Status: "Success", ExitCode: exit(0), Repeats: 2}},
		"strings may be numbers": {item(effect, instance, "Failed", `,"ExitCode":-1,"ErrorCode":17,"ErrorInfo":null`),
			&decide.Invocation{InvokeID: "t-invoke1", Token: effect, Status: "Failed", ExitCode: exit(-1), ErrorCode: "17"}},
		"an unknown word is kept": {item(effect, instance, "Error", `,"StartTime":"2026-11-02T03:04Z","FinishTime":"soon"`),
			&decide.Invocation{InvokeID: "t-invoke1", Token: effect, Status: "Error", StartTime: time.Date(2026, 11, 2, 3, 4, 0, 0, time.UTC)}},
		"one that names no instance yet counts": {`{"InvokeId":"t-invoke1","InvocationStatus":"Pending","Tags":{"Tag":[{"Key":"aftercare:send","Value":"` + effect + `"}]}}`,
			&decide.Invocation{InvokeID: "t-invoke1", Token: effect, Status: "Pending"}},
	} {
		t.Run(name, func(t *testing.T) {
			body := page("", c.item)
			if name == "no list" {
				body = `{"RequestId":"REQ","TotalCount":0}`
			}
			s := serve(t, ok(body))
			got, err := client(t, config(s)).FindByToken(soon(t), instance, effect)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("invocation (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAListingIsReadToItsEnd(t *testing.T) {
	s := serve(t, inTurn(
		ok(page("p2", item("other", instance, "Success", ""))),
		fail(503, "ServiceUnavailable"),
		ok(page("p3", "")),
		ok(page("", found))))
	got, err := client(t, config(s)).FindByToken(soon(t), instance, effect)
	if err != nil || got == nil {
		t.Fatalf("FindByToken() = %v, %v, want the one on the third page", got, err)
	}
	var tokens []string
	for _, r := range s.seen() {
		tokens = append(tokens, r.body.Get("NextToken"))
	}
	if diff := cmp.Diff([]string{"", "p2", "p2", "p3"}, tokens); diff != "" {
		t.Errorf("page tokens (-want +got):\n%s", diff)
	}
}

// (decide rule 24)
func TestAnIncompleteListingIsNoProofOfAbsence(t *testing.T) {
	for name, c := range map[string]reply{
		"the listing never ends":       func(w http.ResponseWriter, n int, _ seen) { fmt.Fprint(w, page(fmt.Sprint(n), "")) },
		"a page leads to itself":       ok(page("again", "")),
		"an answer without a list":     ok(`{"RequestId":"REQ"}`),
		"an answer that is no JSON":    ok(`<html>`),
		"a list of another kind":       ok(`{"Invocations":{"Invocation":"none"}}`),
		"the second page is throttled": inTurn(ok(page("p2", "")), fail(400, "Throttling")),
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, c)
			got, err := client(t, config(s)).FindByToken(soon(t), instance, effect)
			if err == nil {
				t.Fatalf("FindByToken() = %v without an error", got)
			}
			if name == "the second page is throttled" {
				wantClasses(t, err, engine.ErrThrottled)
			} else {
				wantClasses(t, err, engine.ErrUnavailable)
			}
			if n := len(s.seen()); n > 5 && name != "the listing never ends" {
				t.Errorf("%d calls were made", n)
			}
		})
	}
}

func TestAReadWithoutAnIDMakesNoCall(t *testing.T) {
	s := serve(t, ok(page("", found)))
	c := client(t, config(s))
	_, byToken := c.FindByToken(soon(t), instance, "")
	_, onNone := c.FindByToken(soon(t), "", effect)
	_, byID := c.FindByID(soon(t), instance, "")
	_, byIDOnNone := c.FindByID(soon(t), "", "t-1")
	_, output := c.Output(soon(t), instance, "")
	_, outputOnNone := c.Output(soon(t), "", "t-1")
	_, status := c.AgentStatus(soon(t), "")
	for _, err := range []error{byToken, onNone, byID, byIDOnNone, output, outputOnNone, status, c.Stop(soon(t), instance, ""), c.Stop(soon(t), "", "t-1")} {
		wantClasses(t, err, engine.ErrInvalid)
	}
	if n := len(s.seen()); n != 0 {
		t.Errorf("%d calls were made", n)
	}
}

func TestAgentStatus(t *testing.T) {
	list := func(items string) string {
		return `{"TotalCount":1,"InstanceCloudAssistantStatusSet":{"InstanceCloudAssistantStatus":[` + items + `]}}`
	}
	for name, c := range map[string]struct {
		body string
		want decide.AgentStatus
	}{
		"up": {list(`{"InstanceId":"i-other","CloudAssistantStatus":"false"},
			{"InstanceId":"i-test0001","CloudAssistantStatus":"true","CloudAssistantVersion":"2.2.3.612","OSType":"Linux","SupportSessionManager":true}`),
			decide.AgentStatus{Ready: true, Version: "2.2.3.612", OS: "Linux"}},
		"up, as a boolean": {list(`{"InstanceId":"i-test0001","CloudAssistantStatus":true,"OSType":"Windows"}`),
			decide.AgentStatus{Ready: true, OS: "Windows"}},
		"down": {list(`{"InstanceId":"i-test0001","CloudAssistantStatus":"false","CloudAssistantVersion":"","OSType":"Linux"}`),
			decide.AgentStatus{OS: "Linux"}},
		"another instance's":    {list(`{"InstanceId":"i-other","CloudAssistantStatus":"true"}`), decide.AgentStatus{}},
		"an unknown instance's": {`{"TotalCount":0}`, decide.AgentStatus{}},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, ok(c.body))
			got, err := client(t, config(s)).AgentStatus(soon(t), instance)
			if err != nil {
				t.Fatal(err)
			}
			if got != c.want {
				t.Errorf("AgentStatus() = %+v, want %+v", got, c.want)
			}
			if r := s.seen()[0]; r.body.Get("InstanceId.1") != instance || r.query.Get("Action") != "DescribeCloudAssistantStatus" {
				t.Errorf("asked %s %v", r.query.Get("Action"), r.body)
			}
		})
	}
}
