package rig

import (
	"context"
	"fmt"

	"github.com/aliyun/fc-runtime-go-sdk/fccontext"

	"aftercare/shared/handler"
	"aftercare/tests/localcloud/fault"
)

// Process is one function instance: its invocations share what those of a
// function's binary share. It handles all functions' invocations.
type Process struct {
	*handler.Function
	rig *Rig
}

// Another starts another function instance beside the rig's own.
func (r *Rig) Another() *Process {
	r.t.Helper()
	f, err := handler.NewWith("rig", r.Settings, r.Log, r.Now)
	r.must(err)
	return &Process{Function: f, rig: r}
}

// Restart replaces the rig's function instance with a new one, as after a crash.
func (r *Rig) Restart() {
	r.t.Helper()
	r.process = r.Another()
}

// Context returns the context of a new invocation, as Function Compute makes it.
func (r *Rig) Context() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(context.Background(), r.Timeout)
	return fccontext.NewContext(ctx, &fccontext.FcContext{
		RequestID: fmt.Sprintf("request-%d", r.requests.Add(1)),
		Region:    Region, AccountId: Account, Function: fccontext.Function{Name: "aftercare-rig"},
		Credentials: fccontext.Credentials{
			AccessKeyId: r.Key.ID, AccessKeySecret: r.Key.Secret, SecurityToken: r.Key.Token,
		},
	}), cancel
}

func (p *Process) call(h handler.Handler, payload []byte) (handler.Outcome, error) {
	ctx, cancel := p.rig.Context()
	defer cancel()
	p.rig.mu.Lock()
	p.rig.crash = cancel
	p.rig.mu.Unlock()
	return h(ctx, payload)
}

// Crash ends the latest invocation as if its process were killed: no call that it
// makes from now on reaches a service. Call Restart next.
func (r *Rig) Crash() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.crash()
}

// CrashAt makes the invocation crash that makes the named call next. The mode
// says whether that call takes effect.
func (r *Rig) CrashAt(call string, mode fault.Mode) {
	r.Faults.Add(fault.Fault{Call: call, Mode: mode, OnStrike: r.Crash})
}

// TaskCompleted invokes the function task-completed.
func (p *Process) TaskCompleted(payload []byte) (handler.Outcome, error) {
	return p.call(p.Function.TaskCompleted, payload)
}

// FirstHeartbeat invokes the function first-heartbeat.
func (p *Process) FirstHeartbeat(payload []byte) (handler.Outcome, error) {
	return p.call(p.Function.FirstHeartbeat, payload)
}

// StateChange invokes the function instance-state.
func (p *Process) StateChange(payload []byte) (handler.Outcome, error) {
	return p.call(p.Function.StateChange, payload)
}

// SubmitTask invokes the function submit-task.
func (p *Process) SubmitTask(payload []byte) (handler.Outcome, error) {
	return p.call(p.Function.SubmitTask, payload)
}

// DeadLetters invokes the function dead-letters.
func (p *Process) DeadLetters(payload []byte) (handler.Outcome, error) {
	return p.call(p.Function.DeadLetters, payload)
}

// Sweep invokes the function sweep.
func (p *Process) Sweep() (handler.Outcome, error) {
	return p.call(p.Function.Sweep, []byte(`{}`))
}

// TaskCompleted invokes the function task-completed of the rig's own process.
func (r *Rig) TaskCompleted(payload []byte) (handler.Outcome, error) {
	return r.process.TaskCompleted(payload)
}

// FirstHeartbeat invokes the function first-heartbeat of the rig's own process.
func (r *Rig) FirstHeartbeat(payload []byte) (handler.Outcome, error) {
	return r.process.FirstHeartbeat(payload)
}

// StateChange invokes the function instance-state of the rig's own process.
func (r *Rig) StateChange(payload []byte) (handler.Outcome, error) {
	return r.process.StateChange(payload)
}

// SubmitTask invokes the function submit-task of the rig's own process.
func (r *Rig) SubmitTask(payload []byte) (handler.Outcome, error) {
	return r.process.SubmitTask(payload)
}

// DeadLetters invokes the function dead-letters of the rig's own process.
func (r *Rig) DeadLetters(payload []byte) (handler.Outcome, error) {
	return r.process.DeadLetters(payload)
}

// Sweep invokes the function sweep of the rig's own process.
func (r *Rig) Sweep() (handler.Outcome, error) { return r.process.Sweep() }
