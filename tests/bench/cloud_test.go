package main

import (
	"net/http"
	"testing"
	"time"
)

// asking returns a function that makes a call of a stand-in.
func asking(c *cloud) func(params ...string) (int, map[string]any) {
	return func(params ...string) (int, map[string]any) {
		given := map[string]string{}
		for i := 0; i < len(params); i += 2 {
			given[params[i]] = params[i+1]
		}
		return c.answer(func(name string) string { return given[name] })
	}
}

func TestTheStandInRefusesAllCallsOverTheRateUntilTheNextMinute(t *testing.T) {
	now := time.Date(2026, 11, 28, 10, 0, 30, 0, time.UTC)
	c := newCloud(2)
	c.now = func() time.Time { return now }
	ask := asking(c)
	send := func(token string) int {
		status, _ := ask("Action", "RunCommand", "InstanceId.1", "i-1", "Name", "n", "ClientToken", token)
		return status
	}
	for _, step := range []struct {
		second int
		token  string
		want   int
	}{
		{30, "a", http.StatusOK}, {31, "b", http.StatusOK}, {32, "c", http.StatusBadRequest}, {59, "c", http.StatusBadRequest},
		{60, "c", http.StatusOK}, {61, "a", http.StatusOK}, {61, "d", http.StatusBadRequest},
	} {
		now = now.Truncate(time.Hour).Add(time.Duration(step.second) * time.Second)
		if got := send(step.token); got != step.want {
			t.Errorf("%s at second %d got %d, want %d", step.token, step.second, got, step.want)
		}
	}
	accepted, refused, _, last := c.tally()
	if accepted != 3 || refused != 3 || last.Second() != 0 {
		t.Errorf("%d accepted, the last at %s, and %d refused; want 3, the last at second 60, and 3: a repeated token is no new command", accepted, last, refused)
	}
}

func TestTheStandInKnowsWhatItAccepted(t *testing.T) {
	c := newCloud(0)
	c.status = "Failed"
	ask := asking(c)
	for _, token := range []string{"a", "b", "a"} {
		ask("Action", "RunCommand", "InstanceId.1", "i-"+token, "Name", "n."+token, "ClientToken", token)
	}
	_, again := ask("Action", "RunCommand", "ClientToken", "b")
	found := func(params ...string) []any {
		_, answer := ask(append(params, "Action", "DescribeInvocations")...)
		return answer["Invocations"].(map[string]any)["Invocation"].([]any)
	}
	for name, params := range map[string][]string{
		"by its invoke id": {"InvokeId", again["InvokeId"].(string)},
		"by its tag":       {"Tag.1.Key", "k", "Tag.1.Value", "b"},
	} {
		list := found(params...)
		if len(list) != 1 || list[0].(map[string]any)["CommandName"] != "n.b" || list[0].(map[string]any)["InvocationStatus"] != "Failed" {
			t.Errorf("found %v %s, want the command n.b, which failed", list, name)
		}
	}
	if list := append(found("InvokeId", "t-bench0000002"), found("Tag.1.Key", "k", "Tag.1.Value", "c")...); len(list) > 0 {
		t.Errorf("found %v, which it never accepted", list)
	}
	ends := c.ends()
	if _, _, asked, _ := c.tally(); asked != 1 || len(ends) != 2 || ends[1].Invoke != again["InvokeId"] || ends[1].Name != "n.b" {
		t.Errorf("%d commands were asked for, ends are %v; want 1, and the ends of two commands", asked, ends)
	}
}

func TestAnAgentIsUpOnceItsInstanceBooted(t *testing.T) {
	c := newCloud(0)
	ask := asking(c)
	for _, want := range []string{"false", "true"} {
		_, answer := ask("Action", "DescribeCloudAssistantStatus", "InstanceId.1", "i-1")
		set := answer["InstanceCloudAssistantStatusSet"].(map[string]any)["InstanceCloudAssistantStatus"].([]any)
		if got := set[0].(map[string]any)["CloudAssistantStatus"]; got != want {
			t.Errorf("the agent's status is %v, want %s", got, want)
		}
		c.boot("i-1")
	}
}

func TestTheStandInKnowsEveryInstance(t *testing.T) {
	_, answer := asking(newCloud(0))("Action", "DescribeInstances", "InstanceIds", `["i-1","i-2"]`)
	if n := len(answer["Instances"].(map[string]any)["Instance"].([]any)); n != 2 {
		t.Errorf("%d instances are listed, want those that were asked about", n)
	}
}
