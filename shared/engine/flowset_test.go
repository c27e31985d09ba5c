package engine_test

import (
	"time"

	"aftercare/shared/command"
	"aftercare/shared/flow"
)

// define is a flow with the defaults of a file. Flows are made here without a
// file, so that a test can have some that a file may not: those that lead to
// themselves.
func define(name, on, when string, steps ...flow.Step) flow.Definition {
	return flow.Definition{
		Name: name, On: []string{on}, When: when, Mode: flow.ModeLive, WhenBusy: flow.BusyQueue,
		Timeout: flow.Duration(24 * time.Hour), Steps: steps,
		Limits: flow.Limits{PerInstance: flow.InstanceLimit{Max: 30, Window: flow.Duration(time.Hour)}},
	}
}

// with changes a flow or a step.
func with[T flow.Definition | flow.Step](d T, change ...func(*T)) T {
	for _, c := range change {
		c(&d)
	}
	return d
}

// run is a step with a script; the parameter who is the instance's id.
func run(id, name, content string, change ...func(*flow.Step)) flow.Step {
	return with(flow.Step{ID: id, Run: &command.Run{
		Name: name, Type: "RunShellScript", Content: content, Timeout: flow.Duration(time.Minute),
		Parameters: map[string]string{"who": "${{ event.instanceId }}"},
	}}, change...)
}

func when(text string) func(*flow.Step) { return func(s *flow.Step) { s.When = text } }

func onFailure(what string) func(*flow.Step) { return func(s *flow.Step) { s.OnFailure = what } }

func stepTimeout(d time.Duration) func(*flow.Step) {
	return func(s *flow.Step) { s.Timeout = flow.Duration(d) }
}

func captures(s *flow.Step) { s.Capture = true }

// retry tries again after these ends, at once.
func retry(most int, on ...string) func(*flow.Step) {
	return func(s *flow.Step) { s.Retry = &flow.Retry{Max: most, On: on, Factor: 1} }
}

// backoff gives a retry a bound for its delays.
func backoff(d time.Duration) func(*flow.Step) {
	return func(s *flow.Step) { s.Retry.Backoff, s.Retry.MaxBackoff = flow.Duration(d), flow.Duration(d) }
}

func say(id, text string) flow.Step { return flow.Step{ID: id, Alert: text} }

func wait(id, what string) flow.Step { return flow.Step{ID: id, Wait: what} }

func invoke(id, commandID string, change ...func(*flow.Step)) flow.Step {
	return with(flow.Step{ID: id, Invoke: &command.Invoke{CommandID: commandID}}, change...)
}

const (
	onEnd  = flow.TaskCompleted
	onBoot = flow.FirstHeartbeat
)
