// Package typedsdk_test shows that the typed services/ecs client works with
// the local ECS unmodified. It is a package of its own because that client
// takes 1.6 GB of memory to compile.
package typedsdk_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aliyun/alibaba-cloud-sdk-go/sdk"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/auth/credentials"
	sdkerrors "github.com/aliyun/alibaba-cloud-sdk-go/sdk/errors"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/requests"
	typed "github.com/aliyun/alibaba-cloud-sdk-go/services/ecs"

	"aftercare/tests/localcloud/access"
	"aftercare/tests/localcloud/ecs"
)

var key = access.Key{ID: "STS.test", Secret: "secret", Token: "token"}

func start(t *testing.T) (*ecs.Server, *typed.Client) {
	t.Helper()
	server, err := ecs.Start(ecs.Options{
		Dir: t.TempDir(), Keys: access.NewKeys(key), Delays: ecs.Delays{Boot: -1, Pickup: -1},
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
	client, err := typed.NewClientWithOptions("cn-hangzhou", sdk.NewConfig().WithTimeout(time.Minute),
		credentials.NewStsTokenCredential(key.ID, key.Secret, key.Token))
	if err != nil {
		t.Fatal(err)
	}
	client.Domain = server.Endpoint()
	t.Cleanup(client.Shutdown)
	return server, client
}

// ended polls the results of an invocation until it has ended.
func ended(t *testing.T, client *typed.Client, invoke string) typed.InvocationResult {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
		request := typed.CreateDescribeInvocationResultsRequest()
		request.InvokeId, request.ContentEncoding = invoke, "PlainText"
		response, err := client.DescribeInvocationResults(request)
		if err != nil {
			t.Fatal(err)
		}
		results := response.Invocation.InvocationResults.InvocationResult
		if len(results) != 1 {
			t.Fatalf("%d results", len(results))
		}
		if !slices.Contains([]string{"Pending", "Running", "Stopping"}, results[0].InvocationStatus) {
			return results[0]
		}
		<-time.After(5 * time.Millisecond)
	}
	t.Fatalf("%s has not ended", invoke)
	return typed.InvocationResult{}
}

func TestRunCommandWithAllItsFields(t *testing.T) {
	_, client := start(t)
	request := typed.CreateRunCommandRequest()
	request.Type = "RunShellScript"
	request.CommandContent = "echo {{greeting}} {{ACS::InstanceId}}; exit 4"
	request.InstanceId = &[]string{"i-one"}
	request.EnableParameter = requests.NewBoolean(true)
	request.Parameters = map[string]any{"greeting": "a <b> & c"}
	request.CommandContent = strings.ReplaceAll(request.CommandContent, "{{greeting}}", "'{{greeting}}'")
	request.Timeout = requests.NewInteger(20)
	request.Name = "typed"
	request.ClientToken = "token"
	request.Tag = &[]typed.RunCommandTag{{Key: "aftercare:send", Value: "1"}}
	sent, err := client.RunCommand(request)
	if err != nil {
		t.Fatal(err)
	}
	r := ended(t, client, sent.InvokeId)
	if r.InvocationStatus != "Failed" || r.ExitCode != 4 || r.ErrorCode != "ExitCodeNonzero" || r.Repeats != 1 ||
		r.Output != "a <b> & c i-one\n" || r.InstanceId != "i-one" || r.FinishedTime == "" || r.CommandId != sent.CommandId {
		t.Errorf("result = %+v", r)
	}
	if len(r.Tags.Tag) != 1 || r.Tags.Tag[0].TagValue != "1" {
		t.Errorf("tags = %+v", r.Tags)
	}

	find := typed.CreateDescribeInvocationsRequest()
	find.Tag = &[]typed.DescribeInvocationsTag{{Key: "aftercare:send", Value: "1"}}
	find.InstanceId = "i-one"
	find.IncludeOutput = requests.NewBoolean(true)
	found, err := client.DescribeInvocations(find)
	if err != nil {
		t.Fatal(err)
	}
	if len(found.Invocations.Invocation) != 1 || found.TotalCount != 1 {
		t.Fatalf("invocations = %+v", found.Invocations)
	}
	inv := found.Invocations.Invocation[0]
	if inv.InvokeId != sent.InvokeId || inv.CommandName != "typed" || inv.InvocationStatus != "Failed" || inv.Timeout != 20 || inv.VmCount != 1 {
		t.Errorf("invocation = %+v", inv)
	}
	instances := inv.InvokeInstances.InvokeInstance
	if len(instances) != 1 || instances[0].ExitCode != 4 || instances[0].FinishTime == "" || instances[0].Output == "" {
		t.Errorf("instances = %+v", instances)
	}

	again, err := client.RunCommand(request)
	if err != nil || again.InvokeId != sent.InvokeId {
		t.Errorf("the same token: %v, %v", again, err)
	}
}

func TestSavedCommandsAndStops(t *testing.T) {
	_, client := start(t)
	create := typed.CreateCreateCommandRequest()
	create.Name, create.Type, create.CommandContent, create.ContentEncoding = "saved", "RunShellScript", "sleep 300", "PlainText"
	saved, err := client.CreateCommand(create)
	if err != nil {
		t.Fatal(err)
	}
	invoke := typed.CreateInvokeCommandRequest()
	invoke.CommandId, invoke.InstanceId = saved.CommandId, &[]string{"i-two"}
	sent, err := client.InvokeCommand(invoke)
	if err != nil {
		t.Fatal(err)
	}
	stop := typed.CreateStopInvocationRequest()
	stop.InvokeId, stop.InstanceId = sent.InvokeId, &[]string{"i-two"}
	if _, err := client.StopInvocation(stop); err != nil {
		t.Fatal(err)
	}
	if r := ended(t, client, sent.InvokeId); r.InvocationStatus != "Cancelled" || r.StopTime == "" {
		t.Errorf("result = %+v", r)
	}
}

func TestInstancesAndAgents(t *testing.T) {
	_, client := start(t)
	describe := typed.CreateDescribeInstancesRequest()
	describe.Tag = &[]typed.DescribeInstancesTag{{Key: "id", Value: "i-two"}}
	describe.InstanceIds = `["i-one","i-two"]`
	response, err := client.DescribeInstances(describe)
	if err != nil {
		t.Fatal(err)
	}
	if found := response.Instances.Instance; len(found) != 1 || found[0].InstanceName != "name of i-two" ||
		found[0].Status != "Stopped" || len(found[0].Tags.Tag) != 1 {
		t.Errorf("instances = %+v", found)
	}
	status := typed.CreateDescribeCloudAssistantStatusRequest()
	status.InstanceId = &[]string{"i-one", "i-two"}
	agents, err := client.DescribeCloudAssistantStatus(status)
	if err != nil {
		t.Fatal(err)
	}
	set := agents.InstanceCloudAssistantStatusSet.InstanceCloudAssistantStatus
	if len(set) != 2 || set[1].CloudAssistantStatus != "false" || set[1].OSType != "Linux" {
		t.Errorf("agents = %+v", set)
	}
}

func TestErrorsAreServerErrors(t *testing.T) {
	_, client := start(t)
	request := typed.CreateRunCommandRequest()
	request.Type, request.CommandContent, request.InstanceId = "RunShellScript", "true", &[]string{"i-unknown"}
	_, err := client.RunCommand(request)
	var server *sdkerrors.ServerError
	if !errors.As(err, &server) || server.ErrorCode() != "InvalidInstance.NotFound" || server.HttpStatus() != 404 || server.RequestId() == "" {
		t.Errorf("error = %v", err)
	}
	other := typed.CreateDescribeRegionsRequest()
	_, err = client.DescribeRegions(other)
	if !errors.As(err, &server) || server.ErrorCode() != "InvalidAction.NotFound" || !strings.Contains(server.Message(), "DescribeRegions") {
		t.Errorf("error of an action that is not imitated = %v", err)
	}
}
