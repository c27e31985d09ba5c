package ecs

import (
	"context"
	"slices"
)

// action is one call of the API.
type action struct {
	known map[string]bool
	act   func(*Server, context.Context, params) (map[string]any, *apiError)
}

var actions = map[string]action{
	"RunCommand": {set("InstanceId", "ResourceTag.Key", "ResourceTag.Value", "ResourceGroupId", "Type", "CommandContent",
		"ContentEncoding", "Timeout", "EnableParameter", "Parameters", "RepeatMode", "Frequency", "TerminationMode",
		"Launcher", "KeepCommand", "Name", "Description", "Username", "WindowsPasswordName", "WorkingDir",
		"Tag.Key", "Tag.Value", "ClientToken"), (*Server).runCommand},
	"InvokeCommand": {set("InstanceId", "ResourceTag.Key", "ResourceTag.Value", "ResourceGroupId", "CommandId", "Timeout",
		"Parameters", "RepeatMode", "Frequency", "TerminationMode", "Launcher", "Username", "WindowsPasswordName",
		"WorkingDir", "Tag.Key", "Tag.Value", "ClientToken"), (*Server).invokeCommand},
	"CreateCommand": {set("Name", "Type", "CommandContent", "ContentEncoding", "Description", "WorkingDir", "Timeout",
		"EnableParameter", "Launcher", "ResourceGroupId", "Tag.Key", "Tag.Value"), (*Server).createCommand},
	"StopInvocation": {set("InvokeId", "InstanceId"), (*Server).stopInvocation},
	"DescribeInvocations": {set("InvokeId", "InstanceId", "CommandId", "CommandName", "CommandType", "InvokeStatus",
		"RepeatMode", "IncludeOutput", "ContentEncoding", "Tag.Key", "Tag.Value", "ResourceGroupId",
		"MaxResults", "NextToken", "PageNumber", "PageSize"), (*Server).describeInvocations},
	"DescribeInvocationResults": {set("InvokeId", "InstanceId", "CommandId", "InvokeRecordStatus", "IncludeHistory",
		"ContentEncoding", "Tag.Key", "Tag.Value", "ResourceGroupId",
		"MaxResults", "NextToken", "PageNumber", "PageSize"), (*Server).describeInvocationResults},
	"DescribeCloudAssistantStatus": {set("InstanceId", "OSType", "MaxResults", "NextToken", "PageNumber", "PageSize"),
		(*Server).describeCloudAssistantStatus},
	"DescribeInstances": {set("InstanceIds", "InstanceName", "Status", "ZoneId", "Tag.Key", "Tag.Value", "ResourceGroupId",
		"MaxResults", "NextToken", "PageNumber", "PageSize"), (*Server).describeInstances},
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
