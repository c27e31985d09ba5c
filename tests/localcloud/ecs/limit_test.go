package ecs_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"aftercare/tests/localcloud/ecs"
)

// numbered is name.1 to name.n.
func numbered(name string, n int, value func(int) string) args {
	out := args{}
	for i := 1; i <= n; i++ {
		out[fmt.Sprintf("%s.%d", name, i)] = value(i)
	}
	return out
}

func tagged(name string, n int) args {
	out := numbered(name, n, func(i int) string { return fmt.Sprint("k", i) })
	renamed := args{}
	for key, value := range out {
		renamed[key+".Key"] = value
	}
	return renamed
}

func long(n int) string { return strings.Repeat("ä", n) }

// object is a JSON object with n members.
func object(n int) string {
	var members []string
	for i := range n {
		members = append(members, fmt.Sprintf(`"p%d":"v"`, i))
	}
	return "{" + strings.Join(members, ",") + "}"
}

// uses is a content with n parameters.
func uses(n int) string {
	var out strings.Builder
	for i := range n {
		fmt.Fprintf(&out, "{{p%d}} ", i)
	}
	return out.String()
}

func TestLimitsAndErrorCodesOfRunCommand(t *testing.T) {
	c := ready(t, nil)
	c.create(ecs.Instance{ID: "i-win", OSType: "windows"})
	for n := range 101 {
		c.create(ecs.Instance{ID: fmt.Sprintf("i-many-%d", n), Tags: map[string]string{"many": "yes"}})
	}
	base := shell("true")
	enabled := func(content string, more args) args {
		return base.with(args{"CommandContent": content, "EnableParameter": "true"}).with(more)
	}
	const ok = "no error"
	// In base64, 13,824 bytes are 18 KB and 18,432 bytes are 24 KB.
	for _, test := range []struct {
		name string
		args args
		want string
	}{
		{"no instance", base.with(args{"InstanceId.1": missing}), "MissingParam.InstanceId 400"},
		{"an empty instance", base.with(args{"InstanceId.1": ""}), "MissingParam.InstanceId 400"},
		{"one unknown instance among others", base.with(args{"InstanceId.2": "i-unknown"}), "InvalidInstance.NotFound 404"},
		{"a hundred instances", base.with(numbered("InstanceId", 100, func(i int) string { return fmt.Sprintf("i-many-%d", i) })), ok},
		{"the same instance a hundred and one times", base.with(numbered("InstanceId", 101, func(int) string { return one })), ok},
		{"a hundred and one instances", base.with(numbered("InstanceId", 101, func(i int) string { return fmt.Sprintf("i-many-%d", i-1) })),
			"InstanceIds.ExceedLimit 403"},
		{"a shell script for Windows", base.with(args{"InstanceId.1": "i-win"}), "InvalidInstance.NotMatch 400"},
		{"a PowerShell script for Linux", base.with(args{"Type": "RunPowerShellScript"}), "InvalidInstance.NotMatch 400"},
		{"ids and tags", base.with(tagged("ResourceTag", 1)), "InvalidResourceTag.ConflictWithInstanceIds 400"},
		{"tags that no instance has", base.with(args{"InstanceId.1": missing}).with(tagged("ResourceTag", 1)),
			"InvalidResourceTag.InstanceNotFound 400"},
		{"tags that too many instances have", base.with(args{"InstanceId.1": missing, "ResourceTag.1.Key": "many"}),
			"InstanceIds.ExceedLimit 403"},
		{"twenty-one resource tags", base.with(args{"InstanceId.1": missing}).with(tagged("ResourceTag", 21)), "NumberExceed.ResourceTags 400"},
		{"a resource tag without a key", base.with(args{"InstanceId.1": missing, "ResourceTag.1.Value": "v"}),
			"MissingParameter.ResourceTagKey 400"},
		{"a reserved resource tag", base.with(args{"InstanceId.1": missing, "ResourceTag.1.Key": "acs:x"}), "InvalidResourceTagKey.Malformed 400"},
		{"a resource tag with a URL", base.with(args{"InstanceId.1": missing, "ResourceTag.1.Key": "k", "ResourceTag.1.Value": "http://x"}),
			"InvalidResourceTagValue.Malformed 400"},
		{"a resource tag twice", base.with(args{"InstanceId.1": missing, "ResourceTag.1.Key": "k", "ResourceTag.2.Key": "k"}),
			"Duplicate.ResourceTagKey 400"},

		{"no type", base.with(args{"Type": missing}), "MissingParameter.Type 400"},
		{"an unknown type", base.with(args{"Type": "RunPerlScript"}), "InvalidCmdType.NotFound 404"},
		{"no content", base.with(args{"CommandContent": missing}), "MissingParameter.CommandContent 400"},
		{"a content of 24 KB in base64", base.with(args{"CommandContent": strings.Repeat("#", 18432)}), ok},
		{"a longer content", base.with(args{"CommandContent": strings.Repeat("#", 18433)}), "CmdContent.ExceedLimit 403"},
		{"a content of 24 KB sent as base64", base.with(args{"CommandContent": base64Of(strings.Repeat("#", 18432)), "ContentEncoding": "Base64"}), ok},
		{"a longer one sent as base64", base.with(args{"CommandContent": base64Of(strings.Repeat("#", 18433)), "ContentEncoding": "Base64"}),
			"CmdContent.ExceedLimit 403"},
		{"a kept content of 18 KB in base64", base.with(args{"CommandContent": strings.Repeat("#", 13824), "KeepCommand": "true"}), ok},
		{"a longer kept content", base.with(args{"CommandContent": strings.Repeat("#", 13825), "KeepCommand": "true"}), "CmdContent.ExceedLimit 403"},
		{"parameters count to the content", enabled("{{p0}}"+strings.Repeat("#", 18432-6), args{"Parameters": `{"p0":"v"}`}), "CmdContent.ExceedLimit 403"},

		{"a name of 128 characters", base.with(args{"Name": long(128)}), ok},
		{"a longer name", base.with(args{"Name": long(129)}), "CmdName.ExceedLimit 403"},
		{"a description of 512 characters", base.with(args{"Description": long(512)}), ok},
		{"a longer description", base.with(args{"Description": long(513)}), "CmdDesc.ExceedLimit 403"},
		{"a working directory of 200 characters", base.with(args{"WorkingDir": long(200)}), ok},
		{"a longer working directory", base.with(args{"WorkingDir": long(201)}), "InvalidParameter.WorkingDir 400"},
		{"a user name of 255 characters", base.with(args{"Username": long(255)}), ok},
		{"a longer user name", base.with(args{"Username": long(256)}), "Username.ExceedLimit 403"},
		{"a long password name", base.with(args{"WindowsPasswordName": long(256)}), "WindowsPasswordName.ExceedLimit 403"},
		{"a user on Windows without a password name", base.with(args{"InstanceId.1": "i-win", "Type": "RunBatScript", "Username": "bob"}),
			"WindowsPasswordName.Missed 403"},
		{"a password name", base.with(args{"WindowsPasswordName": "secret"}), ecs.CodeNotImitated + " 400"},
		{"a launcher of 1 KB", base.with(args{"Launcher": strings.Repeat("x", 1024)}), ecs.CodeNotImitated + " 400"},
		{"a longer launcher", base.with(args{"Launcher": strings.Repeat("x", 1025)}), "InvalidLauncher.LengthLimitExceeded 403"},
		{"a container", base.with(args{"ContainerName": "web"}), ecs.CodeNotImitated + " 400"},
		{"an OSS delivery", base.with(args{"OssOutputDelivery": "oss://bucket"}), ecs.CodeNotImitated + " 400"},
		{"parameters that change nothing", base.with(args{"Timed": "true", "OwnerId": "1", "ResourceOwnerAccount": "x"}), ok},
		{"a timeout that is no number", base.with(args{"Timeout": "soon"}), "InvalidParameter.Timeout 400"},
		{"a switch that is neither true nor false", base.with(args{"KeepCommand": "maybe"}), "InvalidParameter.KeepCommand 400"},
		{"TerminationMode ProcessTree", base.with(args{"TerminationMode": "ProcessTree"}), ok},
		{"an unknown TerminationMode", base.with(args{"TerminationMode": "Thread"}), "InvalidTerminationMode.NotFound 404"},

		{"twenty tags", base.with(tagged("Tag", 20)), ok},
		{"twenty-one tags", base.with(tagged("Tag", 21)), "NumberExceed.Tags 400"},
		{"a tag key of 64 characters", base.with(args{"Tag.1.Key": long(64), "Tag.1.Value": long(128)}), ok},
		{"a longer tag key", base.with(args{"Tag.1.Key": long(65)}), "InvalidTagKey.Malformed 400"},
		{"a longer tag value", base.with(args{"Tag.1.Key": "k", "Tag.1.Value": long(129)}), "InvalidTagValue.Malformed 400"},
		{"a reserved tag key", base.with(args{"Tag.1.Key": "aliyun-x"}), "InvalidTagKey.Malformed 400"},
		{"a tag without a key", base.with(args{"Tag.1.Value": "v"}), "MissingParameter.TagKey 400"},
		{"a tag key twice", base.with(args{"Tag.1.Key": "k", "Tag.2.Key": "k"}), "Duplicate.TagKey 400"},

		{"a token of 64 characters", base.with(args{"ClientToken": strings.Repeat("t", 64)}), ok},
		{"a longer token", base.with(args{"ClientToken": strings.Repeat("t", 65)}), "InvalidClientToken.Malformed 400"},
		{"a token that is not ASCII", base.with(args{"ClientToken": "tökén"}), "InvalidClientToken.Malformed 400"},

		{"an unknown RepeatMode", base.with(args{"RepeatMode": "Sometimes"}), "InvalidRepeatMode.NotFound 404"},
		{"RepeatMode DryRun", base.with(args{"RepeatMode": "DryRun"}), ecs.CodeNotImitated + " 400"},
		{"Period without a Frequency", base.with(args{"RepeatMode": "Period"}), "MissingParam.Frequency 400"},
		{"a Frequency beside another mode", base.with(args{"RepeatMode": "NextRebootOnly", "Frequency": "never"}), "InvalidParam.Frequency 400"},
		{"a rate of 59 seconds", base.with(args{"Frequency": "rate(59s)", "Timeout": "10"}), "InvalidParam.Frequency 400"},
		{"a rate of 60 seconds", base.with(args{"Frequency": "rate(60s)", "Timeout": "10"}), ok},
		{"a rate no longer than the timeout", base.with(args{"Frequency": "rate(60s)", "Timeout": "60"}), "InvalidParam.Frequency 400"},
		{"a rate of 7 days", base.with(args{"Frequency": "rate(7d)"}), ok},
		{"a rate of 8 days", base.with(args{"Frequency": "rate(8d)"}), "InvalidParam.Frequency 400"},
		{"a time that has passed", base.with(args{"Frequency": "at(2020-01-01 00:00:00 UTC)"}), "InvalidParam.Frequency 400"},
		{"a time to come", base.with(args{"Frequency": "at(2090-01-01 00:00:00 Asia/Shanghai)"}), ok},
		{"cron every 20 minutes", base.with(args{"Frequency": "0 */20 * * * ?"}), ok},
		{"cron every 5 seconds", base.with(args{"Frequency": "*/5 * * * * ?", "Timeout": "10"}), "InvalidParam.Frequency 400"},
		{"cron more often than the timeout", base.with(args{"Frequency": "0 * * * * ?", "Timeout": "61"}), "InvalidParam.Frequency 400"},
		{"cron on the last day", base.with(args{"Frequency": "0 0 0 L * ?"}), ecs.CodeNotImitated + " 400"},
		{"what is no schedule", base.with(args{"Frequency": "daily"}), "InvalidParam.Frequency 400"},

		{"parameters while they are disabled", base.with(args{"Parameters": `{"a":"b"}`}), "Parameter.Disabled 400"},
		{"empty parameters while they are disabled", base.with(args{"Parameters": `{}`}), ok},
		{"ten parameters", enabled(uses(20), args{"Parameters": object(10)}), ok},
		{"eleven parameters", enabled(uses(20), args{"Parameters": object(11)}), "ParameterCount.ExceedLimit 403"},
		{"a content with 21 parameters", enabled(uses(21), nil), "CmdParamCount.ExceedLimit 403"},
		{"a content with a name of 65 bytes", enabled("{{"+strings.Repeat("n", 65)+"}}", nil), "CmdParamName.ExceedLimit 403"},
		{"a content with a bad name", enabled("{{a.b}}", nil), "CmdParam.InvalidParamName 400"},
		{"a content with an empty name", enabled("{{ }}", nil), "CmdParam.EmptyKey 400"},
		{"a content with a stored parameter", enabled("{{oos-secret:x}}", nil), "ParameterStore.NotSupported 403"},
		{"a content that looks so while disabled", base.with(args{"CommandContent": "{{oos-secret:x}} {{a.b}} {{}}"}), ok},
		{"a parameter that the content lacks", enabled("{{a}}", args{"Parameters": `{"b":"v"}`}), "Parameter.NotMatched 403"},
		{"a parameter name of 65 characters", enabled("{{a}}", args{"Parameters": `{"` + long(65) + `":"v"}`}), "ParameterKey.ExceedLimit 403"},
		{"an empty parameter name", enabled("{{a}}", args{"Parameters": `{"":"v"}`}), "InvalidParameter.Parameters 400"},
		{"a parameter twice", enabled("{{a}}", args{"Parameters": `{"a":"v","A":"w"}`}), "ParameterKey.Duplicate 403"},
		{"a parameter that is a number", enabled("{{a}}", args{"Parameters": `{"a":1}`}), "ParameterType.NotSupported 403"},
		{"a parameter with a zero byte", enabled("{{a}}", args{"Parameters": `{"a":"\u0000"}`}), "InvalidParameterCharset.Parameters 403"},
		{"parameters that are a list", enabled("{{a}}", args{"Parameters": `["a"]`}), "InvalidParameter.Parameters 400"},
		{"parameters that are cut", enabled("{{a}}", args{"Parameters": `{"a":"v"`}), "InvalidParameter.Parameters 400"},
		{"parameters with something behind", enabled("{{a}}", args{"Parameters": `{"a":"v"} x`}), "InvalidParameter.Parameters 400"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := c.call("RunCommand", test.args)
			check(t, "error", fault(err), test.want)
		})
	}
}

func TestLimitsAndErrorCodesOfTheOtherActions(t *testing.T) {
	c := ready(t, nil)
	create := args{"Name": "saved", "Type": "RunShellScript", "CommandContent": base64Of("echo {{word}}"), "EnableParameter": "true"}
	id := c.must("CreateCommand", create)["CommandId"].(string)
	invoke := args{"CommandId": id, "InstanceId.1": one, "Parameters": `{"word":"w"}`}
	const ok = "no error"
	for _, test := range []struct {
		name   string
		action string
		args   args
		want   string
	}{
		{"a command", "CreateCommand", create, ok},
		{"a command in plain text", "CreateCommand", create.with(args{"CommandContent": "echo", "ContentEncoding": "PlainText"}), ok},
		{"a command that is not base64", "CreateCommand", create.with(args{"CommandContent": "echo {"}), "CmdContent.DecodeError 400"},
		{"a command without a name", "CreateCommand", create.with(args{"Name": missing}), "MissingParameter.Name 400"},
		{"a command of 18 KB", "CreateCommand", create.with(args{"CommandContent": base64Of(strings.Repeat("#", 13824))}), ok},
		{"a longer command", "CreateCommand", create.with(args{"CommandContent": base64Of(strings.Repeat("#", 13825))}), "CmdContent.ExceedLimit 403"},
		{"a command with a bad parameter", "CreateCommand", create.with(args{"CommandContent": base64Of("{{a b}}")}), "CmdParam.InvalidParamName 400"},
		{"a command with too many tags", "CreateCommand", create.with(tagged("Tag", 21)), "NumberExceed.Tags 400"},

		{"an invocation", "InvokeCommand", invoke, ok},
		{"an invocation of nothing", "InvokeCommand", invoke.with(args{"CommandId": missing}), "MissingParameter.CommandId 400"},
		{"an invocation of an unknown command", "InvokeCommand", invoke.with(args{"CommandId": "c-unknown"}), "InvalidCmdId.NotFound 404"},
		{"an invocation without parameters", "InvokeCommand", invoke.with(args{"Parameters": missing}), "Parameter.MissingValue 400"},
		{"an invocation on an unknown instance", "InvokeCommand", invoke.with(args{"InstanceId.1": "i-unknown"}), "InvalidInstance.NotFound 404"},
		{"an invocation with too long parameters", "InvokeCommand", invoke.with(args{"Parameters": `{"word":"` + strings.Repeat("x", 13824) + `"}`}),
			"CmdContent.ExceedLimit 403"},
		{"an invocation with a content", "InvokeCommand", invoke.with(args{"CommandContent": "echo"}), ecs.CodeNotImitated + " 400"},

		{"a stop of nothing", "StopInvocation", args{}, "MissingParameter.InvokeId 400"},
		{"a stop of an unknown invocation", "StopInvocation", args{"InvokeId": "t-unknown"}, "InvalidInvokeId.NotFound 404"},
		{"a stop on too many instances", "StopInvocation", args{"InvokeId": "t-unknown"}.with(numbered("InstanceId", 101, func(int) string { return one })),
			"InstanceIds.ExceedLimit 403"},

		{"a page of 50", "DescribeInvocations", args{"MaxResults": "50"}, ok},
		{"a page of 51", "DescribeInvocations", args{"MaxResults": "51"}, "InvalidParameter.MaxResults 400"},
		{"an empty page", "DescribeInvocationResults", args{"MaxResults": "0"}, "InvalidParameter.MaxResults 400"},
		{"a page size of 51", "DescribeInvocationResults", args{"PageSize": "51"}, "InvalidParameter.PageSize 400"},
		{"page number zero", "DescribeInvocationResults", args{"PageNumber": "0"}, "InvalidParameter.PageNumber 400"},
		{"a token of another service", "DescribeInvocations", args{"NextToken": "!"}, "InvalidParameter.NextToken 400"},
		{"the status of too many agents", "DescribeCloudAssistantStatus", numbered("InstanceId", 101, func(int) string { return one }),
			"InstanceIds.ExceedLimit 403"},
		{"the status of an unknown agent", "DescribeCloudAssistantStatus", args{"InstanceId.1": "i-unknown"}, "InvalidInstance.NotFound 404"},
		{"a page of 100 instances", "DescribeInstances", args{"MaxResults": "100"}, ok},
		{"a page of 101 instances", "DescribeInstances", args{"MaxResults": "101"}, "InvalidParameter.MaxResults 400"},
		{"ids that are no JSON", "DescribeInstances", args{"InstanceIds": one}, "InvalidInstanceIds.Malformed 400"},
		{"ids in the other style", "DescribeInstances", args{"InstanceId.1": one}, ecs.CodeNotImitated + " 400"},
		{"a filter that is not imitated", "DescribeInstances", args{"VpcId": "vpc-1"}, ecs.CodeNotImitated + " 400"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := c.call(test.action, test.args)
			check(t, "error", fault(err), test.want)
		})
	}
	// The SDK itself refuses a region that it was not made for, so this one is
	// asked without it.
	for _, action := range []string{"RunCommand", "StopInvocation"} {
		got := c.raw("POST", signed("POST", time.Now(), owner, args{"Action": action, "RegionId": "cn-other"}))
		check(t, action+" in another region", got, "InvalidRegionId.NotFound 404")
	}
}

func TestThrottlingLastsUntilTheNextMinute(t *testing.T) {
	at := &clock{now: time.Date(2026, 3, 1, 12, 0, 50, 0, time.UTC)}
	c := ready(t, func(o *ecs.Options) {
		o.Now = at.Now
		o.Throttle = map[string]int{"RunCommand": 2}
	})
	send := func() string {
		form := signed("POST", at.Now(), owner, shell("true").with(args{"Action": "RunCommand"}))
		return c.raw("POST", form)
	}
	check(t, "first call", send(), "200")
	check(t, "second call", send(), "200")
	check(t, "third call", send(), "Throttling.User 400")
	at.move(9 * time.Second)
	check(t, "call at second 59", send(), "Throttling.User 400")
	check(t, "another action", c.raw("POST", signed("POST", at.Now(), owner, nil)), "200")
	at.move(time.Second)
	check(t, "call in the next minute", send(), "200")
	c.eventually("the runs", func() bool { return len(c.Runs(one)) == 3 })
}

func TestTheQuotaLastsUntilTheNextDay(t *testing.T) {
	at := &clock{now: time.Date(2026, 3, 1, 15, 59, 0, 0, time.UTC)} // 23:59 in China
	c := ready(t, func(o *ecs.Options) { o.Now, o.Quota = at.Now, 2 })
	send := func(more args) string {
		return c.raw("POST", signed("POST", at.Now(), owner, shell("true").with(args{"Action": "RunCommand"}).with(more)))
	}
	check(t, "a refused call", send(args{"Type": "x"}), "InvalidCmdType.NotFound 404")
	check(t, "first call", send(args{"ClientToken": "a"}), "200")
	check(t, "the same call again", send(args{"ClientToken": "a"}), "200")
	check(t, "second call", send(nil), "200")
	check(t, "third call", send(args{"ClientToken": "b"}), "Invocation.ExceedQuota 403")
	check(t, "the first call once more", send(args{"ClientToken": "a"}), "200")
	at.move(time.Minute)
	check(t, "the third call, the next day", send(args{"ClientToken": "b"}), "200")
	c.eventually("the runs", func() bool { return len(c.Runs(one)) == 3 })
}
