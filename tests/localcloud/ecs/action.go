package ecs

import (
	"context"
	"slices"
)

// handler answers a call.
type handler func(*Server, context.Context, params) (map[string]any, *apiError)

// action is one call of the API.
type action struct {
	known map[string]bool
	act   handler
}

var actions = map[string]action{
	"RunCommand": {set("InstanceId.N", "ResourceTag.N.Key", "ResourceTag.N.Value", "ResourceGroupId", "Type", "CommandContent",
		"ContentEncoding", "Timeout", "EnableParameter", "Parameters", "RepeatMode", "Frequency", "TerminationMode",
		"Launcher", "KeepCommand", "Name", "Description", "Username", "WindowsPasswordName", "WorkingDir",
		"Tag.N.Key", "Tag.N.Value", "ClientToken"), (*Server).runCommand},
	"InvokeCommand": {set("InstanceId.N", "ResourceTag.N.Key", "ResourceTag.N.Value", "ResourceGroupId", "CommandId", "Timeout",
		"Parameters", "RepeatMode", "Frequency", "TerminationMode", "Launcher", "Username", "WindowsPasswordName",
		"WorkingDir", "Tag.N.Key", "Tag.N.Value", "ClientToken"), (*Server).invokeCommand},
	"CreateCommand": {set("Name", "Type", "CommandContent", "ContentEncoding", "Description", "WorkingDir", "Timeout",
		"EnableParameter", "Launcher", "ResourceGroupId", "Tag.N.Key", "Tag.N.Value"), (*Server).createCommand},
	"StopInvocation": {set("InvokeId", "InstanceId.N"), (*Server).stopInvocation},
	"DescribeInvocations": {set("InvokeId", "InstanceId", "CommandId", "CommandName", "CommandType", "InvokeStatus",
		"RepeatMode", "IncludeOutput", "ContentEncoding", "Tag.N.Key", "Tag.N.Value", "ResourceGroupId",
		"MaxResults", "NextToken", "PageNumber", "PageSize"), describe(50, "Invocations", "Invocation", (*Server).listInvocations)},
	"DescribeInvocationResults": {set("InvokeId", "InstanceId", "CommandId", "InvokeRecordStatus", "IncludeHistory",
		"ContentEncoding", "Tag.N.Key", "Tag.N.Value", "ResourceGroupId",
		"MaxResults", "NextToken", "PageNumber", "PageSize"), within("Invocation",
		describe(50, "InvocationResults", "InvocationResult", (*Server).listResults))},
	"DescribeCloudAssistantStatus": {set("InstanceId.N", "OSType", "MaxResults", "NextToken", "PageNumber", "PageSize"),
		describe(50, "InstanceCloudAssistantStatusSet", "InstanceCloudAssistantStatus", (*Server).listAgents)},
	"DescribeInstances": {set("InstanceIds", "InstanceName", "Status", "ZoneId", "Tag.N.Key", "Tag.N.Value", "ResourceGroupId",
		"MaxResults", "NextToken", "PageNumber", "PageSize"), describe(100, "Instances", "Instance", (*Server).listInstances)},
}

func (s *Server) stopInvocation(_ context.Context, p params) (map[string]any, *apiError) {
	if !p.has("InvokeId") {
		return nil, bad("MissingParameter.InvokeId", "the parameter InvokeId is required")
	}
	ids := p.list("InstanceId")
	if len(ids) > 100 {
		return nil, forbidden("InstanceIds.ExceedLimit", "more than 100 instance ids are given")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	inv := s.byID[p.text("InvokeId")]
	if inv == nil {
		return nil, notFound("InvalidInvokeId.NotFound", "the invocation does not exist")
	}
	for _, id := range ids {
		if !slices.Contains(inv.Instances, id) {
			return nil, notFound("InvalidInstance.NotFound", "the invocation is not for the instance %s", id)
		}
	}
	for _, t := range inv.tasks {
		if len(ids) == 0 || slices.Contains(ids, t.InstanceID) {
			s.stop(t)
		}
	}
	if err := s.commit(); err != nil {
		return nil, internal(err)
	}
	return map[string]any{}, nil
}
