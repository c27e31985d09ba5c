// Package currentsdk_test shows that the ECS SDK for Go that the vendor supports
// today, which signs with ACS3-HMAC-SHA256, works with the local ECS
// unmodified: it gets an endpoint, keys and the protocol, and nothing else.
package currentsdk_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	openapi "github.com/alibabacloud-go/darabonba-openapi/v2/utils"
	sdk "github.com/alibabacloud-go/ecs-20140526/v7/client"
	"github.com/alibabacloud-go/tea/tea"

	"aftercare/tests/localcloud/access"
	"aftercare/tests/localcloud/ecs"
)

const region = "cn-hangzhou"

var (
	owner     = access.Key{ID: "owner", Secret: "secret"}
	temporary = access.Key{ID: "STS.test", Secret: "secret", Token: "token"}
)

// start starts a server with two instances, i-one being up.
func start(t *testing.T) *ecs.Server {
	t.Helper()
	server, err := ecs.Start(ecs.Options{
		Dir: t.TempDir(), Keys: access.NewKeys(owner, temporary), Delays: ecs.Delays{Boot: -1, Pickup: -1},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	for _, id := range []string{"i-one", "i-two"} {
		if err := server.CreateInstance(ecs.Instance{ID: id, Name: "name of " + id, Tags: map[string]string{"id": id}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := server.Boot("i-one"); err != nil {
		t.Fatal(err)
	}
	return server
}

func clientOf(t *testing.T, server *ecs.Server, key access.Key) *sdk.Client {
	t.Helper()
	config := &openapi.Config{
		AccessKeyId: tea.String(key.ID), AccessKeySecret: tea.String(key.Secret),
		Endpoint: tea.String(server.Endpoint()), Protocol: tea.String("http"),
	}
	if key.Token != "" {
		config.SecurityToken = tea.String(key.Token)
	}
	client, err := sdk.NewClient(config)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// ended polls the results of an invocation until it has ended.
func ended(t *testing.T, client *sdk.Client, invoke *string) *sdk.DescribeInvocationResultsResponseBodyInvocationInvocationResultsInvocationResult {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); <-time.After(5 * time.Millisecond) {
		answer, err := client.DescribeInvocationResults(&sdk.DescribeInvocationResultsRequest{
			RegionId: tea.String(region), InvokeId: invoke, ContentEncoding: tea.String("PlainText"),
		})
		if err != nil {
			t.Fatal(err)
		}
		results := answer.Body.Invocation.InvocationResults.InvocationResult
		if len(results) != 1 {
			t.Fatalf("%d results", len(results))
		}
		if !slices.Contains([]string{"Pending", "Running", "Stopping"}, *results[0].InvocationStatus) {
			return results[0]
		}
	}
	t.Fatalf("%s has not ended", *invoke)
	return nil
}

func shell(content string) *sdk.RunCommandRequest {
	return &sdk.RunCommandRequest{
		RegionId: tea.String(region), Type: tea.String("RunShellScript"), CommandContent: tea.String(content),
		InstanceId: tea.StringSlice([]string{"i-one"}),
	}
}

func TestRunCommandWithAllItsFields(t *testing.T) {
	server := start(t)
	for name, key := range map[string]access.Key{"long-lived": owner, "temporary": temporary} {
		t.Run(name, func(t *testing.T) {
			client := clientOf(t, server, key)
			request := shell("echo '{{greeting}}' {{ACS::InstanceId}} é; exit 4").
				SetEnableParameter(true).SetParameters(map[string]any{"greeting": "a <b> & c*~"}).
				SetTimeout(20).SetName("current").SetClientToken(name).
				SetTag([]*sdk.RunCommandRequestTag{{Key: tea.String("of"), Value: tea.String(name)}})
			sent, err := client.RunCommand(request)
			if err != nil {
				t.Fatal(err)
			}
			r := ended(t, client, sent.Body.InvokeId)
			if *r.InvocationStatus != "Failed" || *r.ExitCode != 4 || *r.ErrorCode != "ExitCodeNonzero" || *r.Repeats != 1 ||
				*r.Output != "a <b> & c*~ i-one é\n" || *r.InstanceId != "i-one" || *r.FinishedTime == "" || *r.CommandId != *sent.Body.CommandId {
				t.Errorf("result = %s", r)
			}
			again, err := client.RunCommand(request)
			if err != nil || *again.Body.InvokeId != *sent.Body.InvokeId {
				t.Errorf("the same token: %v, %v", again, err)
			}
			found, err := client.DescribeInvocations(&sdk.DescribeInvocationsRequest{
				RegionId: tea.String(region), InstanceId: tea.String("i-one"), IncludeOutput: tea.Bool(true),
				Tag: []*sdk.DescribeInvocationsRequestTag{{Key: tea.String("of"), Value: tea.String(name)}},
			})
			if err != nil {
				t.Fatal(err)
			}
			if *found.Body.TotalCount != 1 {
				t.Fatalf("invocations = %s", found.Body)
			}
			inv := found.Body.Invocations.Invocation[0]
			if *inv.InvokeId != *sent.Body.InvokeId || *inv.CommandName != "current" || *inv.InvocationStatus != "Failed" ||
				*inv.Timeout != 20 || len(inv.Tags.Tag) != 1 || *inv.InvokeInstances.InvokeInstance[0].ExitCode != 4 {
				t.Errorf("invocation = %s", inv)
			}
		})
	}
}

func TestSavedCommandsAndStops(t *testing.T) {
	client := clientOf(t, start(t), owner)
	saved, err := client.CreateCommand(&sdk.CreateCommandRequest{
		RegionId: tea.String(region), Name: tea.String("saved"), Type: tea.String("RunShellScript"),
		CommandContent: tea.String("sleep 300"), ContentEncoding: tea.String("PlainText"),
	})
	if err != nil {
		t.Fatal(err)
	}
	sent, err := client.InvokeCommand(&sdk.InvokeCommandRequest{
		RegionId: tea.String(region), CommandId: saved.Body.CommandId, InstanceId: tea.StringSlice([]string{"i-two"}),
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.StopInvocation(&sdk.StopInvocationRequest{
		RegionId: tea.String(region), InvokeId: sent.Body.InvokeId, InstanceId: tea.StringSlice([]string{"i-two"}),
	}); err != nil {
		t.Fatal(err)
	}
	if r := ended(t, client, sent.Body.InvokeId); *r.InvocationStatus != "Cancelled" || *r.StopTime == "" {
		t.Errorf("result = %s", r)
	}
}

// page is one answer of a Describe action: what is on it, and the next token.
type page struct {
	lines []string
	next  *string
}

// describes are all the Describe actions, asked for one line.
var describes = map[string]func(client *sdk.Client, token *string) (page, error){
	"DescribeInstances": func(client *sdk.Client, token *string) (out page, err error) {
		answer, err := client.DescribeInstances(&sdk.DescribeInstancesRequest{RegionId: tea.String(region), MaxResults: tea.Int32(1), NextToken: token})
		if err != nil {
			return out, err
		}
		for _, i := range answer.Body.Instances.Instance {
			out.lines = append(out.lines, *i.InstanceName+" "+*i.Status)
		}
		return page{out.lines, answer.Body.NextToken}, nil
	},
	"DescribeCloudAssistantStatus": func(client *sdk.Client, token *string) (out page, err error) {
		answer, err := client.DescribeCloudAssistantStatus(&sdk.DescribeCloudAssistantStatusRequest{RegionId: tea.String(region), MaxResults: tea.Int32(1), NextToken: token})
		if err != nil {
			return out, err
		}
		for _, i := range answer.Body.InstanceCloudAssistantStatusSet.InstanceCloudAssistantStatus {
			out.lines = append(out.lines, *i.InstanceId+" "+*i.OSType)
		}
		return page{out.lines, answer.Body.NextToken}, nil
	},
	"DescribeInvocations": func(client *sdk.Client, token *string) (out page, err error) {
		answer, err := client.DescribeInvocations(&sdk.DescribeInvocationsRequest{RegionId: tea.String(region), MaxResults: tea.Int32(1), NextToken: token})
		if err != nil {
			return out, err
		}
		for _, i := range answer.Body.Invocations.Invocation {
			out.lines = append(out.lines, *i.CommandName)
		}
		return page{out.lines, answer.Body.NextToken}, nil
	},
	"DescribeInvocationResults": func(client *sdk.Client, token *string) (out page, err error) {
		answer, err := client.DescribeInvocationResults(&sdk.DescribeInvocationResultsRequest{RegionId: tea.String(region), MaxResults: tea.Int32(1), NextToken: token})
		if err != nil {
			return out, err
		}
		for _, r := range answer.Body.Invocation.InvocationResults.InvocationResult {
			out.lines = append(out.lines, *r.InstanceId+" "+*r.Username)
		}
		return page{out.lines, answer.Body.Invocation.NextToken}, nil
	},
}

func TestDescribesAndTheirPages(t *testing.T) {
	client := clientOf(t, start(t), owner)
	for _, name := range []string{"first", "second"} {
		sent, err := client.RunCommand(shell("true").SetName(name))
		if err != nil {
			t.Fatal(err)
		}
		ended(t, client, sent.Body.InvokeId)
	}
	for action, want := range map[string]string{
		"DescribeInstances":            "[name of i-one Running name of i-two Stopped]",
		"DescribeCloudAssistantStatus": "[i-one Linux i-two Linux]",
		"DescribeInvocations":          "[second first]",
		"DescribeInvocationResults":    "[i-one root i-one root]",
	} {
		t.Run(action, func(t *testing.T) {
			describe := describes[action]
			var lines []string
			for token := (*string)(nil); ; {
				got, err := describe(client, token)
				if err != nil {
					t.Fatal(err)
				}
				lines = append(lines, got.lines...)
				if token = got.next; *token == "" {
					break
				}
			}
			if got := fmt.Sprint(lines); got != want {
				t.Errorf("lines = %s, want %s", got, want)
			}
			_, err := describe(client, tea.String("zzz"))
			refused(t, err, "InvalidParameter.NextToken", 400, "NextToken")
		})
	}
}

// refused checks an error as users of this SDK read it.
func refused(t *testing.T, err error, code string, status int, words string) {
	t.Helper()
	var server *tea.SDKError
	if !errors.As(err, &server) {
		t.Fatalf("the error %v (%T) is not the SDK's", err, err)
	}
	if *server.Code != code || *server.StatusCode != status || !strings.Contains(*server.Message, words) || !strings.Contains(*server.Message, "request id: ") {
		t.Errorf("refused with %s, %d, %q, want %s, %d and %q", *server.Code, *server.StatusCode, *server.Message, code, status, words)
	}
}

func TestRefusals(t *testing.T) {
	server := start(t)
	describe := func(key access.Key) error {
		_, err := clientOf(t, server, key).DescribeInstances(&sdk.DescribeInstancesRequest{RegionId: tea.String(region)})
		return err
	}
	refused(t, describe(access.Key{ID: "other", Secret: "x"}), "InvalidAccessKeyId.NotFound", 404, "not found")
	refused(t, describe(access.Key{ID: owner.ID, Secret: "x"}), "SignatureDoesNotMatch", 400, "server StringToSign is [ACS3-HMAC-SHA256")
	refused(t, describe(access.Key{ID: temporary.ID, Secret: temporary.Secret, Token: "x"}), "InvalidSecurityToken.MismatchWithAccessKey", 400, "SecurityToken")

	client := clientOf(t, server, owner)
	_, err := client.RunCommand(shell("true").SetInstanceId(tea.StringSlice([]string{"i-unknown"})))
	refused(t, err, "InvalidInstance.NotFound", 404, "i-unknown")
	_, err = client.InvokeCommand(&sdk.InvokeCommandRequest{
		RegionId: tea.String(region), CommandId: tea.String("c-unknown"), InstanceId: tea.StringSlice([]string{"i-one"}),
	})
	refused(t, err, "InvalidCmdId.NotFound", 404, "")
	_, err = client.StopInvocation(&sdk.StopInvocationRequest{RegionId: tea.String(region), InvokeId: tea.String("t-unknown")})
	refused(t, err, "InvalidInvokeId.NotFound", 404, "")
	_, err = client.RunCommand(shell("true").SetLauncher("python3"))
	refused(t, err, ecs.CodeNotImitated, 400, "Launcher")
	_, err = client.DescribeRegions(&sdk.DescribeRegionsRequest{})
	refused(t, err, "InvalidAction.NotFound", 404, "DescribeRegions is not imitated")
}
