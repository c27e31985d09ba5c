package handler

import (
	"context"
	"errors"

	"aftercare/shared/decide"
	"aftercare/shared/engine"
)

// watchedShared is the ledger's part that no instance owns. It notes the concerns
// that are read beside stops and breakers.
type watchedShared struct {
	engine.Shared
	watch *watch
}

// Control is the ledger's.
func (s watchedShared) Control(ctx context.Context) (decide.Control, error) {
	c, err := s.Shared.Control(ctx)
	if err == nil {
		s.watch.read(c.Concerns)
	}
	return c, err
}

// watchedCommander is Cloud Assistant. It notes which rights its calls show, and the
// quota.
type watchedCommander struct {
	engine.Commander
	by *invocation
}

// Send is Cloud Assistant's.
func (c watchedCommander) Send(ctx context.Context, s engine.Send) (string, error) {
	right := "ecs:RunCommand"
	if s.Command.Invoke != nil {
		right = "ecs:InvokeCommand"
	}
	id, err := c.Commander.Send(ctx, s)
	c.by.right(right, err)
	switch {
	case errors.Is(err, engine.ErrQuotaExceeded):
		c.by.watch.show(decide.QuotaUsedUp(c.by.now()))
	case err == nil:
		c.by.watch.send()
	}
	return id, err
}

// Stop is Cloud Assistant's.
func (c watchedCommander) Stop(ctx context.Context, instanceID, invokeID string) error {
	err := c.Commander.Stop(ctx, instanceID, invokeID)
	c.by.right("ecs:StopInvocation", err)
	return err
}

// FindByToken is Cloud Assistant's.
func (c watchedCommander) FindByToken(ctx context.Context, instanceID, token string) (*decide.Invocation, error) {
	found, err := c.Commander.FindByToken(ctx, instanceID, token)
	c.by.right("ecs:DescribeInvocations", err)
	return found, err
}

// FindByID is Cloud Assistant's.
func (c watchedCommander) FindByID(ctx context.Context, instanceID, invokeID string) (*decide.Invocation, error) {
	found, err := c.Commander.FindByID(ctx, instanceID, invokeID)
	c.by.right("ecs:DescribeInvocations", err)
	return found, err
}

// AgentStatuses is Cloud Assistant's.
func (c watchedCommander) AgentStatuses(ctx context.Context, instanceIDs []string) (map[string]decide.AgentStatus, error) {
	found, err := c.Commander.AgentStatuses(ctx, instanceIDs)
	c.by.right("ecs:DescribeCloudAssistantStatus", err)
	return found, err
}

// Instances is Cloud Assistant's.
func (c watchedCommander) Instances(ctx context.Context, sel engine.Selector) (map[string]decide.Machine, error) {
	found, err := c.Commander.Instances(ctx, sel)
	c.by.right("ecs:DescribeInstances", err)
	return found, err
}

// Output is Cloud Assistant's.
func (c watchedCommander) Output(ctx context.Context, instanceID, invokeID string) (decide.Output, error) {
	out, err := c.Commander.Output(ctx, instanceID, invokeID)
	c.by.right("ecs:DescribeInvocationResults", err)
	return out, err
}
