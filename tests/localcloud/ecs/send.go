package ecs

import (
	"context"
	"time"
)

// send does what RunCommand and InvokeCommand share: idempotence, and one commit
// of everything.
func (s *Server) send(ctx context.Context, p params, read func() (*invocation, map[string]string, *apiError)) (map[string]any, *apiError) {
	answer, key, e := s.openToken(p)
	if e != nil {
		return nil, e
	}
	if answer == nil {
		defer s.forgetToken(key) // does nothing after closeToken
		if !s.accepting(ctx) {
			return nil, internal(context.Canceled)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		var inv *invocation
		inv, answer, e = read()
		if e == nil {
			e = s.takeQuota()
		}
		if e != nil {
			return nil, e
		}
		s.accept(inv)
		s.closeToken(key, answer)
		if err := s.commit(); err != nil {
			return nil, internal(err)
		}
	}
	out := map[string]any{}
	for name, value := range answer {
		out[name] = value
	}
	return out, nil
}

// acceptLate waits for Delays.Accept, and reports false if the client or the
// server left meanwhile.
func (s *Server) acceptLate(ctx context.Context) bool {
	if s.options.Delays.Accept <= 0 {
		return true
	}
	timer := time.NewTimer(s.options.Delays.Accept)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
	case <-s.done:
	}
	return false
}

func (s *Server) runCommand(ctx context.Context, p params) (map[string]any, *apiError) {
	return s.send(ctx, p, func() (*invocation, map[string]string, *apiError) {
		kept, e := p.boolean("KeepCommand")
		if e != nil {
			return nil, nil, e
		}
		c, e := readCommand(p, "PlainText")
		if e != nil {
			return nil, nil, e
		}
		c.Kept = kept
		inv, e := s.readInvocation(p, c)
		if e != nil {
			return nil, nil, e
		}
		inv.Command.ID = newID("c-")
		return inv, map[string]string{"CommandId": inv.Command.ID, "InvokeId": inv.ID}, nil
	})
}

func (s *Server) invokeCommand(ctx context.Context, p params) (map[string]any, *apiError) {
	return s.send(ctx, p, func() (*invocation, map[string]string, *apiError) {
		if !p.has("CommandId") {
			return nil, nil, bad("MissingParameter.CommandId", "the parameter CommandId is required")
		}
		c := s.commands[p.text("CommandId")]
		if c == nil {
			return nil, nil, notFound("InvalidCmdId.NotFound", "the command does not exist")
		}
		if c.EnableParameter && len(definedNames(c.Content)) > 0 && !p.has("Parameters") {
			return nil, nil, bad("Parameter.MissingValue", "the command defines parameters, and no Parameters are given")
		}
		inv, e := s.readInvocation(p, *c)
		if e != nil {
			return nil, nil, e
		}
		return inv, map[string]string{"InvokeId": inv.ID}, nil
	})
}

// accept registers an invocation and lets its tasks begin. The caller holds the
// lock and commits.
func (s *Server) accept(inv *invocation) {
	s.forget()
	s.seq++
	inv.Seq = s.seq
	s.invocations = append(s.invocations, inv)
	s.byID[inv.ID] = inv
	s.put(bucketInvocations, ordered(inv.Seq), inv)
	if c := inv.Command; c.Kept && s.commands[c.ID] == nil {
		s.commands[c.ID] = &c
		s.put(bucketCommands, c.ID, c)
	}
	for _, id := range inv.Instances {
		i := s.instances[id]
		t := &task{InvokeID: inv.ID, InstanceID: id, Updated: inv.Created, HeldFrom: i.Boots, invocation: inv}
		t.Status = statusScheduled
		inv.tasks = append(inv.tasks, t)
		i.adopt(t)
		switch inv.RepeatMode {
		case modeOnce:
			s.wait(t)
			s.deliverLater(i)
		case modePeriod:
			t.Next, _ = inv.plan.after(inv.Created, inv.Created) // readFrequency saw one
			s.arm(t)
			s.putTask(t)
		default:
			s.putTask(t)
		}
	}
}
