package flow_test

import (
	"time"

	"aftercare/shared/command"
	"aftercare/shared/flow"
)

// begun is when the runs of the tests begin.
var begun = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

var instance = flow.Instance{
	ID: "i-bp1", State: "bootable", BootSeq: 4, BootTime: begun.Add(-time.Hour), AgentVersion: "2.2.3", OS: "linux",
	Region: "cn-hangzhou", Zone: "cn-hangzhou-h",
}

func ended() flow.Event {
	return flow.Event{
		Kind: flow.TaskCompleted, ID: "event-1", Source: "acs.ecs", Region: "cn-hangzhou", Account: "1234", Time: begun,
		InstanceID: "i-bp1", InvokeID: "t-hz1", CommandID: "c-hz1", CommandName: "install-agent", InvocationStatus: "Failed",
		ExitCode: 3, ErrorCode: "ExitCodeNonzero", ErrorDesc: "it's $(no)\nthing", RepeatMode: "Once", Repeats: 1,
		StartTime: begun.Add(-90 * time.Second), FinishTime: begun.Add(-30 * time.Second), OwnerUID: "o", PlayerUID: "p", FailedBefore: 2, Requeued: true,
	}
}

func booted() flow.Event {
	return flow.Event{
		Kind: flow.FirstHeartbeat, ID: "event-2", Source: "acs.ecs", Region: "cn-hangzhou", Account: "1234", Time: begun,
		InstanceID: "i-bp1", ExitCode: -1, BizEventID: "biz", AgentVersion: "2.2.3", Zone: "cn-hangzhou-h",
		DataRegion: "cn-hangzhou", Uptime: 20_000, Extensions: `{"a":1}`,
	}
}

// at is the moment so long after begun.
func at(d time.Duration) flow.Moment {
	return flow.Moment{Now: begun.Add(d), Instance: instance, Cause: "input at " + d.String()}
}

// definition is a flow with these steps and the file's defaults.
func definition(steps ...flow.Step) flow.Definition {
	return flow.Definition{
		Name: "repair", On: []string{flow.TaskCompleted}, Mode: flow.ModeLive, Timeout: hours(24), WhenBusy: flow.BusyQueue,
		Limits: flow.Limits{PerInstance: flow.InstanceLimit{Max: 30, Window: hours(1)}}, Steps: steps,
	}
}

func hours(n int) flow.Duration   { return flow.Duration(time.Duration(n) * time.Hour) }
func seconds(n int) flow.Duration { return flow.Duration(time.Duration(n) * time.Second) }

// runStep is a step that runs a script with these names and values.
func runStep(id string, parameters ...string) flow.Step {
	s := flow.Step{ID: id, Run: &command.Run{Name: "command of " + id, Type: "RunShellScript", Content: "true", Timeout: seconds(60)}}
	s.Run.Parameters = pairs(parameters)
	return s
}

func invokeStep(id string, parameters ...string) flow.Step {
	return flow.Step{ID: id, Invoke: &command.Invoke{CommandID: "c-hz9", Parameters: pairs(parameters)}}
}

func alertStep(id, text string) flow.Step     { return flow.Step{ID: id, Alert: text} }
func waitStep(id, duration string) flow.Step  { return flow.Step{ID: id, Wait: duration} }
func stopStep(id, result string) flow.Step    { return flow.Step{ID: id, Stop: result} }
func when(s flow.Step, text string) flow.Step { s.When = text; return s }

func onFailure(s flow.Step, next string) flow.Step { s.OnFailure = next; return s }
func timeout(s flow.Step, n int) flow.Step         { s.Timeout = seconds(n); return s }

func pairs(list []string) map[string]string {
	if len(list) == 0 {
		return nil
	}
	m := map[string]string{}
	for i := 0; i < len(list); i += 2 {
		m[list[i]] = list[i+1]
	}
	return m
}
