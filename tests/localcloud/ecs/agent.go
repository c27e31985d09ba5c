package ecs

import (
	"slices"
	"time"
)

// keptResults bounds the results that are kept of a repeated invocation.
const keptResults = 100

// wait makes a task Pending: it runs when the agent picks it up, or ends as
// Aborted. The caller holds the lock and commits.
func (s *Server) wait(t *task) {
	t.Status, t.Updated = statusPending, s.options.Now()
	t.due = time.Now().Add(s.options.Delays.Pickup)
	t.waits++
	waits := t.waits
	s.after(s.options.Delays.AbortAfter, func() {
		if t.Status != statusPending || t.waits != waits {
			return
		}
		// What is due is picked up in time, though on a busy machine this comes first.
		s.deliver(s.instances[t.InstanceID])
		if t.Status == statusPending {
			s.abort(t)
		}
	})
	s.putTask(t)
}

// deliverLater schedules the moment when the agent may pick up the commands that
// wait now.
func (s *Server) deliverLater(i *instance) {
	s.after(s.options.Delays.Pickup, func() { s.deliver(i) })
}

// deliver starts the commands that the agent may have picked up by now. The caller
// holds the lock and commits.
func (s *Server) deliver(i *instance) {
	if !i.AgentUp {
		return
	}
	for _, t := range slices.Clone(i.open) {
		if t.Status == statusPending && !time.Now().Before(t.due) {
			s.start(t)
		}
	}
}

// abort ends a task that no agent picked up in time.
func (s *Server) abort(t *task) {
	i := s.instances[t.InstanceID]
	code, info := "ClientNotRunning", "the Cloud Assistant Agent is not running"
	beat := i.heartbeat(s.options.Now(), s.options.Delays.HeartbeatEvery)
	switch {
	case i.State != "Running":
		code, info = "InstanceNotRunning", "the instance is not running"
	case i.AgentUp:
		code, info = "DeliveryTimeout", "the command could not be sent in time"
	case !beat.IsZero() && s.options.Now().Sub(beat) <= s.options.Delays.HeartbeatValid && i.AgentStopped:
		code, info = "ClientNotResponse", "the Cloud Assistant Agent does not respond"
	}
	t.reset()
	s.finish(t, statusAborted, code, info)
}

// reset begins a new outcome.
func (t *task) reset() {
	t.outcome = outcome{No: t.No + 1, Status: t.Status, Repeats: t.Repeats}
	t.why = ""
}

// start runs a task's script, or ends the task if the script cannot run. The
// caller holds the lock and commits.
func (s *Server) start(t *task) {
	i := s.instances[t.InstanceID]
	t.reset()
	job, code, info := s.prepare(t, i)
	if code != "" {
		s.finish(t, statusInvalid, code, info)
		return
	}
	now := s.options.Now()
	t.Repeats++
	t.Status, t.Start, t.Updated = statusRunning, now, now
	i.LastInvoked = now
	i.Invoked++
	s.put(bucketInstances, i.ID, i)
	if i.windows() && job.program == "" {
		s.pretend(t, i)
		return
	}
	s.putTask(t)
	r := s.recordRun(t)
	if s.commit() != nil {
		return // what is not known to be running must not run
	}
	t.script = newScript(job)
	i.scripts[t.script] = true
	s.background.Add(1)
	go s.execute(t, i, t.script, r)
}

// execute runs a script and ends its task. It returns when the script's process
// is gone.
func (s *Server) execute(t *task, i *instance, sc *script, r *run) {
	defer s.background.Done()
	end := sc.run(s.guard)
	s.ended(t, i, r, end)
	<-sc.gone
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(i.scripts, sc)
}

func (s *Server) ended(t *task, i *instance, r *run, end ending) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t.script = nil
	t.Output, t.Dropped = end.output, end.dropped
	switch {
	case t.Status == statusStopping:
		s.finish(t, statusTerminated, "", "")
	case t.why != "":
		s.finish(t, statusFailed, t.why, "the command was interrupted while it ran")
	case end.timedOut:
		t.Finish = t.Start.Add(t.invocation.Limit)
		s.finish(t, statusTimeout, "ExecutionTimeout", "the command ran longer than its timeout")
	case end.err != nil:
		s.finish(t, statusFailed, "ExecutionException", end.err.Error())
	default:
		t.ExitCode = end.exit
		r.ExitCode = &end.exit
		s.finishByExit(t)
	}
	s.endRun(r, end)
	if r.ExitCode != nil {
		s.obey(i, end.exit)
	}
	s.commit() // a failure shows in the next call
}

// finishByExit ends a run of a task whose script exited by itself.
func (s *Server) finishByExit(t *task) {
	if t.ExitCode != 0 {
		s.finish(t, statusFailed, "ExitCodeNonzero", "the exit code of the command is not zero")
		return
	}
	s.finish(t, statusSuccess, "", "")
}

// obey stops or restarts the instance if an exit code asks for it.
func (s *Server) obey(i *instance, exit int64) {
	stop, restart := int64(193), int64(194)
	if i.windows() {
		stop, restart = 3009, 3010
	}
	switch {
	case i.State != "Running":
	case exit == stop:
		s.halt(i)
	case exit == restart:
		s.restart(i)
	default:
		return
	}
	s.put(bucketInstances, i.ID, i)
}

// finish ends a run of a task, emits the event, and decides whether the task
// will run again. The caller holds the lock and commits.
func (s *Server) finish(t *task, status, code, info string) {
	now := s.options.Now()
	stopped := status == statusCancelled || status == statusTerminated
	t.Status, t.ErrorCode, t.ErrorInfo, t.Updated = status, code, info, now
	if t.Finish.IsZero() {
		t.Finish = now
	}
	if stopped {
		t.Stop = now
	}
	t.why = ""
	s.emitCompleted(t)
	if mode := t.invocation.RepeatMode; mode == modePeriod || mode == modeEachReboot {
		t.History = append(t.History, t.outcome)
		t.History = t.History[max(0, len(t.History)-keptResults):]
		if !stopped && s.again(t) {
			t.Status = statusScheduled
		}
	}
	if t.ended() {
		if i := s.instances[t.InstanceID]; i != nil {
			i.open = slices.DeleteFunc(i.open, func(o *task) bool { return o == t })
		}
	}
	s.putTask(t)
}

// again arms the next run of a repeated task, and reports whether it has one.
func (s *Server) again(t *task) bool {
	if t.invocation.RepeatMode == modeEachReboot {
		return true
	}
	from := t.Next
	if from.IsZero() {
		from = t.invocation.Created
	}
	next, ok := t.invocation.plan.after(from, t.invocation.Created)
	if !ok {
		return false
	}
	t.Next = next
	s.arm(t)
	return true
}

// arm starts a Period task at its next time. Missed times are skipped, but a
// task with a single time ends as Aborted if it missed it.
func (s *Server) arm(t *task) {
	next := t.Next
	s.after(max(next.Sub(s.options.Now()), 0), func() {
		if t.Status != statusScheduled || !t.Next.Equal(next) {
			return
		}
		switch i := s.instances[t.InstanceID]; {
		case i.AgentUp:
			s.start(t)
		case t.invocation.plan.once():
			s.abort(t)
		default:
			s.again(t)
			s.putTask(t)
		}
	})
}

// stop ends a task for StopInvocation: a task that has not started is Cancelled,
// and a running one is killed and becomes Terminated.
func (s *Server) stop(t *task) {
	switch t.Status {
	case statusPending, statusScheduled:
		t.reset()
		s.finish(t, statusCancelled, "", "")
	case statusRunning:
		t.Status, t.Updated = statusStopping, s.options.Now()
		if t.script != nil {
			t.script.stop()
		}
		s.putTask(t)
	}
}

// resume continues the tasks that were open when the state was last closed. It
// does not run a script again. The caller holds the lock and commits.
func (s *Server) resume() {
	s.endLostRuns()
	for _, inv := range s.invocations {
		s.byID[inv.ID] = inv
		if inv.RepeatMode == modePeriod {
			inv.plan, _ = parseSchedule(inv.Frequency) // it was accepted
		}
	}
	for _, i := range s.instances {
		if i.State == "Running" && !i.AgentUp && !i.AgentStopped {
			s.agentLater(i)
		}
		for _, t := range slices.Clone(i.open) {
			switch t.Status {
			case statusPending:
				s.wait(t)
			case statusScheduled:
				if t.invocation.RepeatMode == modePeriod {
					s.catchUp(t)
				}
			case statusStopping:
				s.finish(t, statusTerminated, "", "")
			case statusRunning:
				s.finish(t, statusFailed, "ExecutionInterrupted", "the command was interrupted while it ran")
			}
		}
		s.deliverLater(i)
	}
}

// catchUp arms a Period task again, skipping the times that have passed.
func (s *Server) catchUp(t *task) {
	now := s.options.Now()
	for !t.invocation.plan.once() && t.Next.Before(now) {
		next, ok := t.invocation.plan.after(t.Next, t.invocation.Created)
		if !ok {
			t.Status = statusAborted
			s.finish(t, statusAborted, "ClientNotRunning", "the schedule ended while the agent was away")
			return
		}
		t.Next = next
	}
	s.arm(t)
}
