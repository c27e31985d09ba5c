package ecs_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"aftercare/tests/localcloud/ecs"
)

// pages follows NextToken to its end and returns the named field of each line.
func (c *cloud) pages(action string, a args, field string, path ...string) (all []string, sizes []int) {
	c.t.Helper()
	token := ""
	for {
		out := c.must(action, a.with(args{"NextToken": token}))
		page := dig(out, path...).([]any)
		sizes = append(sizes, len(page))
		for _, line := range page {
			all = append(all, fmt.Sprint(dig(line, field)))
		}
		holder := any(out)
		if path[0] == "Invocation" {
			holder = out["Invocation"]
		}
		if token = dig(holder, "NextToken").(string); token == "" {
			return all, sizes
		}
	}
}

func TestPaginationByToken(t *testing.T) {
	c := ready(t, nil)
	var want []string
	for range 12 {
		want = append([]string{c.run(shell("true"))}, want...) // newest first
	}
	c.end(want[0])

	got, sizes := c.pages("DescribeInvocations", args{"MaxResults": "5"}, "InvokeId", "Invocations", "Invocation")
	check(t, "invocations", fmt.Sprint(got), fmt.Sprint(want))
	check(t, "their pages", fmt.Sprint(sizes), "[5 5 2]")
	_, sizes = c.pages("DescribeInvocations", nil, "InvokeId", "Invocations", "Invocation")
	check(t, "pages of the default size", fmt.Sprint(sizes), "[10 2]")
	_, sizes = c.pages("DescribeInvocations", args{"MaxResults": "12"}, "InvokeId", "Invocations", "Invocation")
	check(t, "one full page", fmt.Sprint(sizes), "[12]")
	got, sizes = c.pages("DescribeInvocationResults", args{"MaxResults": "7"}, "InvokeId", "Invocation", "InvocationResults", "InvocationResult")
	check(t, "results", fmt.Sprint(got), fmt.Sprint(want))
	check(t, "their pages", fmt.Sprint(sizes), "[7 5]")

	// Calls accepted meanwhile neither repeat nor hide a line.
	first := c.must("DescribeInvocations", args{"MaxResults": "5"})
	check(t, "total", first["TotalCount"], any(12.0))
	c.run(shell("true"))
	second := c.must("DescribeInvocations", args{"MaxResults": "5", "NextToken": first["NextToken"].(string)})
	check(t, "line after the first page", dig(dig(second, "Invocations", "Invocation").([]any)[0], "InvokeId"), any(want[5]))

	// The older style.
	out := c.must("DescribeInvocations", args{"PageNumber": "3", "PageSize": "5"})
	check(t, "lines of the third page", len(dig(out, "Invocations", "Invocation").([]any)), 3)
	check(t, "page number", out["PageNumber"], any(3.0))
	for _, number := range []string{"99", "9223372036854775807"} {
		out = c.must("DescribeInvocations", args{"PageNumber": number})
		check(t, "lines of page "+number, len(dig(out, "Invocations", "Invocation").([]any)), 0)
	}
}

func TestPaginationOfInstancesAndAgents(t *testing.T) {
	c := open(t, nil)
	var want []string
	for n := range 7 {
		id := fmt.Sprintf("i-%d", n)
		want = append(want, id)
		c.create(ecs.Instance{ID: id})
	}
	got, sizes := c.pages("DescribeInstances", args{"MaxResults": "3"}, "InstanceId", "Instances", "Instance")
	check(t, "instances", fmt.Sprint(got), fmt.Sprint(want))
	check(t, "their pages", fmt.Sprint(sizes), "[3 3 1]")
	got, sizes = c.pages("DescribeCloudAssistantStatus", args{"MaxResults": "3"}, "InstanceId",
		"InstanceCloudAssistantStatusSet", "InstanceCloudAssistantStatus")
	check(t, "agents", fmt.Sprint(got), fmt.Sprint(want))
	check(t, "their pages", fmt.Sprint(sizes), "[3 3 1]")
	_, sizes = c.pages("DescribeCloudAssistantStatus", numbered("InstanceId", 7, func(i int) string { return want[i-1] }).with(args{"MaxResults": "2"}),
		"InstanceId", "InstanceCloudAssistantStatusSet", "InstanceCloudAssistantStatus")
	check(t, "MaxResults beside ids", fmt.Sprint(sizes), "[7]")
}

func TestFiltersOfDescribeInvocations(t *testing.T) {
	c := ready(t, nil)
	c.create(ecs.Instance{ID: "i-two"})
	c.boot("i-two")
	tag := func(value string) args { return args{"Tag.1.Key": "aftercare:send", "Tag.1.Value": value} }
	good := c.run(shell("true").with(tag("a")).with(args{"Name": "good"}))
	failed := c.run(shell("false").with(tag("b")).with(args{"Name": "bad", "InstanceId.1": "i-two"}))
	both := c.run(shell("true").with(tag("c")).with(args{"Name": "both", "InstanceId.2": "i-two"}))
	waiting := c.run(shell("true").with(args{"RepeatMode": "NextRebootOnly"}))
	c.eventually("the ends", func() bool { return len(c.completed()) == 4 })
	for _, test := range []struct {
		name string
		args args
		want []string
	}{
		{"nothing", nil, []string{waiting, both, failed, good}},
		{"an invoke id", args{"InvokeId": good}, []string{good}},
		{"an unknown invoke id", args{"InvokeId": "t-unknown"}, nil},
		{"an instance", args{"InstanceId": "i-two"}, []string{both, failed}},
		{"a tag", tag("b"), []string{failed}},
		{"a tag that nothing has", tag("d"), nil},
		{"a tag's key", args{"Tag.1.Key": "aftercare:send"}, []string{both, failed, good}},
		{"a tag and an instance", tag("c").with(args{"InstanceId": one}), []string{both}},
		{"a tag and another instance", tag("a").with(args{"InstanceId": "i-two"}), nil},
		{"a name", args{"CommandName": "both"}, []string{both}},
		{"a type", args{"CommandType": "RunBatScript"}, nil},
		{"a status", args{"InvokeStatus": "Failed"}, []string{failed}},
		{"a status of the older words", args{"InvokeStatus": "Finished"}, []string{both, good}},
		{"a waiting status", args{"InvokeStatus": "Scheduled"}, []string{waiting}},
		{"a mode", args{"RepeatMode": "NextRebootOnly"}, []string{waiting}},
	} {
		got, _ := c.pages("DescribeInvocations", test.args, "InvokeId", "Invocations", "Invocation")
		check(t, "by "+test.name, fmt.Sprint(got), fmt.Sprint(test.want))
	}
	results, _ := c.pages("DescribeInvocationResults", args{"InvokeId": both}, "InstanceId", "Invocation", "InvocationResults", "InvocationResult")
	check(t, "instances of one invocation", fmt.Sprint(results), "[i-one i-two]")
	results, _ = c.pages("DescribeInvocationResults", args{"InvokeRecordStatus": "Stopped"}, "InstanceId", "Invocation", "InvocationResults", "InvocationResult")
	check(t, "stopped results", len(results), 0)

	line := c.invocations(args{"InvokeId": good})[0]
	check(t, "tag key", dig(dig(line, "Tags", "Tag").([]any)[0], "TagKey"), any("aftercare:send"))
	check(t, "tag value", dig(dig(line, "Tags", "Tag").([]any)[0], "TagValue"), any("a"))
	instance := dig(line, "InvokeInstances", "InvokeInstance").([]any)[0]
	if dig(instance, "FinishTime") == "" || dig(instance, "StartTime") == "" {
		t.Errorf("the instance %v lacks a time", instance)
	}
}

func TestAnAcceptedInvocationIsVisibleAfterALag(t *testing.T) {
	c := ready(t, func(o *ecs.Options) { o.Delays.VisibleAfter = 250 * time.Millisecond })
	asked := shell("true").with(args{"Tag.1.Key": "k", "Tag.1.Value": "v", "ClientToken": "token"})
	begin := time.Now()
	id := c.run(asked)
	found := len(c.invocations(args{"Tag.1.Key": "k", "Tag.1.Value": "v"}))
	results := c.must("DescribeInvocationResults", args{"InvokeId": id})
	if time.Since(begin) > 250*time.Millisecond {
		t.Skip("this machine is too slow to look within the lag")
	}
	check(t, "invocations at first", found, 0)
	check(t, "results at first", len(dig(results, "Invocation", "InvocationResults", "InvocationResult").([]any)), 0)
	check(t, "the same call meanwhile", c.run(asked), id)
	c.eventually("it is visible", func() bool { return len(c.invocations(args{"InvokeId": id})) == 1 })
	if lag := time.Since(begin); lag < 250*time.Millisecond {
		t.Errorf("visible after %v", lag)
	}
	check(t, "runs", len(c.Runs(one)), 1)
}

func TestDescribeInstances(t *testing.T) {
	c := ready(t, nil)
	c.create(ecs.Instance{ID: "i-two", Name: "second", Tags: map[string]string{"env": "prod", "app": "x"}, Zone: "cn-hangzhou-b"})
	c.create(ecs.Instance{ID: "i-three", Tags: map[string]string{"env": "test", "app": "x"}, OSType: "windows", ResourceGroup: "rg-x"})
	for _, test := range []struct {
		name string
		args args
		want string
	}{
		{"nothing", nil, "[i-one i-three i-two]"},
		{"ids", args{"InstanceIds": `["i-two","i-one","i-unknown"]`}, "[i-one i-two]"},
		{"no ids", args{"InstanceIds": `[]`}, "[]"},
		{"a tag", args{"Tag.1.Key": "env", "Tag.1.Value": "prod"}, "[i-two]"},
		{"two tags", args{"Tag.1.Key": "env", "Tag.1.Value": "test", "Tag.2.Key": "app"}, "[i-three]"},
		{"a tag that nothing has", args{"Tag.1.Key": "env", "Tag.1.Value": "dev"}, "[]"},
		{"a name", args{"InstanceName": "first"}, "[i-one]"},
		{"the begin of a name", args{"InstanceName": "sec*"}, "[i-two]"},
		{"a part of a name", args{"InstanceName": "*o*d*"}, "[i-two]"},
		{"a part of a name without *", args{"InstanceName": "sec"}, "[]"},
		{"a name that is no pattern", args{"InstanceName": "s.cond"}, "[]"},
		{"a resource group", args{"ResourceGroupId": "rg-x"}, "[i-three]"},
		{"a status", args{"Status": "Running"}, "[i-one]"},
		{"a zone", args{"ZoneId": "cn-hangzhou-b"}, "[i-two]"},
	} {
		got, _ := c.pages("DescribeInstances", test.args, "InstanceId", "Instances", "Instance")
		check(t, "by "+test.name, fmt.Sprint(got), test.want)
	}
	line := dig(c.must("DescribeInstances", args{"InstanceIds": `["i-three"]`}), "Instances", "Instance").([]any)[0]
	check(t, "status", dig(line, "Status"), any("Stopped"))
	check(t, "OSType", dig(line, "OSType"), any("windows"))
	check(t, "tags", fmt.Sprint(dig(line, "Tags", "Tag")), "[map[TagKey:app TagValue:x] map[TagKey:env TagValue:test]]")
}

func TestOldInvocationsAreForgotten(t *testing.T) {
	at := &clock{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	dir, path := t.TempDir(), statePath(t)
	keep := func(o *ecs.Options) { o.Dir, o.Path, o.Now, o.Retain = dir, path, at.Now, 3 }
	c := ready(t, keep)
	c.create(ecs.Instance{ID: "i-down"})
	send := func(instance, token string) string {
		return c.at(at, "RunCommand", shell("true").with(args{"InstanceId.1": instance, "ClientToken": token}))["InvokeId"].(string)
	}
	listed := func() string {
		var ids []string
		for _, line := range dig(c.at(at, "DescribeInvocations", nil), "Invocations", "Invocation").([]any) {
			ids = append(ids, dig(line, "InvokeId").(string))
		}
		return fmt.Sprint(ids)
	}
	waiting := send("i-down", "a")
	var sent []string
	for n := range 4 {
		sent = append(sent, send(one, fmt.Sprint(n)))
		c.eventually("its end", func() bool { return len(c.completed()) == n+1 })
	}
	check(t, "what is left over 3", listed(), fmt.Sprint([]string{sent[3], sent[2], waiting}))
	check(t, "runs", len(c.Runs(one)), 2)

	at.move(31 * 24 * time.Hour)
	last := send(one, "0") // the token's time is over too
	c.eventually("its end", func() bool { return len(c.completed()) == 5 })
	check(t, "what is left after 31 days", listed(), fmt.Sprint([]string{last, waiting}))
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	c = open(t, keep)
	check(t, "what is left after a restart", listed(), fmt.Sprint([]string{last, waiting}))
	check(t, "runs after a restart", len(c.Runs(one)), 1)
}

func TestAPageTokenIsForTheQueryThatMadeIt(t *testing.T) {
	dir, path := t.TempDir(), statePath(t)
	keep := func(o *ecs.Options) { o.Dir, o.Path = dir, path }
	c := open(t, keep)
	for _, id := range []string{"i-a", "i-b", "i-c"} {
		c.create(ecs.Instance{ID: id, Tags: map[string]string{"k": "v"}})
	}
	for range 2 {
		c.run(shell("true").with(args{"InstanceId.1": "i-a"}))
	}
	token := func(action string, a args, path ...string) string {
		t.Helper()
		return dig(c.must(action, a.with(args{"MaxResults": "1"})), path...).(string)
	}
	actions := []string{"DescribeInstances", "DescribeCloudAssistantStatus", "DescribeInvocations", "DescribeInvocationResults"}
	tokens := map[string]string{}
	for _, action := range actions {
		path := []string{"NextToken"}
		if action == "DescribeInvocationResults" {
			path = []string{"Invocation", "NextToken"}
		}
		tokens[action] = token(action, nil, path...)
	}
	tagged := token("DescribeInstances", args{"Tag.1.Key": "k"}, "NextToken")
	ask := func(action, token string, more args) string {
		_, err := c.call(action, args{"NextToken": token}.with(more))
		return fault(err)
	}
	const refused = "InvalidParameter.NextToken 400"
	for _, action := range actions {
		own := tokens[action]
		check(t, action+" with its own", ask(action, own, nil), "no error")
		check(t, action+" with its own and another page size", ask(action, own, args{"MaxResults": "2"}), "no error")
		for _, garbled := range []string{"zzz", "Zm9v", "!!", own[1:], own[:len(own)-1], own + "A", own + "\n", strings.ToLower(own)} {
			check(t, fmt.Sprintf("%s with %q", action, garbled), ask(action, garbled, nil), refused)
		}
		for _, other := range actions {
			if other != action {
				check(t, action+" with one of "+other, ask(action, tokens[other], nil), refused)
			}
		}
	}
	check(t, "one of a query that shows other fields", ask("DescribeInvocations", tokens["DescribeInvocations"], args{"IncludeOutput": "true", "ContentEncoding": "PlainText"}), "no error")
	check(t, "one of a query with a filter, with it", ask("DescribeInstances", tagged, args{"Tag.1.Key": "k"}), "no error")
	check(t, "one of a query with a filter, without it", ask("DescribeInstances", tagged, nil), refused)
	check(t, "one of a query without a filter, with it", ask("DescribeInstances", tokens["DescribeInstances"], args{"Tag.1.Key": "k"}), refused)

	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	c = open(t, keep)
	check(t, "one from before a restart", ask("DescribeInstances", tokens["DescribeInstances"], nil), "no error")
}

// A parameter in the wrong style would else be no filter at all.
func TestAListIsReadWholeOrRefused(t *testing.T) {
	c := ready(t, nil)
	for _, a := range []args{
		{"Tag.2.Key": "k"}, {"Tag.0.Key": "k"}, {"Tag.01.Key": "k"}, {"Tag.1.Key": "k", "Tag.3.Value": "v"},
		{"Tag.1.Key": "k", "Tag.02.Key": "l"}, {"Tag.1.Key": "k", "Tag.99999999999999999999.Key": "l"},
	} {
		_, err := c.call("DescribeInstances", a)
		check(t, fmt.Sprint(a), fault(err), ecs.CodeNotImitated+" 400")
	}
	for action, a := range map[string]args{
		"DescribeInvocations":          {"InstanceId.1": one},
		"DescribeInvocationResults":    {"InstanceId.1": one},
		"DescribeCloudAssistantStatus": {"InstanceId": one},
		"StopInvocation":               {"InvokeId": "t-1", "InstanceId": one},
		"DescribeInstances":            {"Tag.N.Key": "k"},
	} {
		_, err := c.call(action, a)
		check(t, action, fault(err), ecs.CodeNotImitated+" 400")
	}
}
