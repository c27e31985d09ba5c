package ecs

import (
	"slices"
	"time"
)

// Run is one script that really started.
type Run struct {
	InvokeID   string
	InstanceID string
	Name       string // of the command
	Repeats    int
	Start      time.Time
	End        time.Time // zero while it runs
	ExitCode   *int64    // nil if it did not end by itself
	Output     string    // what it printed, as far as the service keeps it
}

// run is a Run as it is stored.
type run struct {
	Run
	Seq uint64
}

// Runs returns the scripts that were started on an instance, in that order.
func (s *Server) Runs(instanceID string) []Run {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Run
	for _, r := range s.runs {
		if r.InstanceID == instanceID {
			out = append(out, r.Run)
		}
	}
	return out
}

// recordRun records a run before its script starts. The caller holds the lock
// and commits.
func (s *Server) recordRun(t *task) *run {
	r := &run{Run: Run{
		InvokeID: t.InvokeID, InstanceID: t.InstanceID, Name: t.invocation.Command.Name,
		Repeats: t.Repeats, Start: t.Start,
	}}
	s.started++
	r.Seq = s.started
	s.runs = append(s.runs, r)
	s.put(bucketRuns, ordered(r.Seq), r)
	return r
}

// endRun records the end of a run, or drops a run whose script never started. The
// caller holds the lock and commits.
func (s *Server) endRun(r *run, end ending) {
	if !end.started {
		s.runs = slices.DeleteFunc(s.runs, func(o *run) bool { return o == r })
		s.remove(bucketRuns, ordered(r.Seq))
		return
	}
	r.End, r.Output = s.options.Now(), string(end.output)
	s.put(bucketRuns, ordered(r.Seq), r)
}

// endLostRuns ends the processes that an earlier server on the same folder left
// running, if it and its guard were killed. The caller holds the lock.
func (s *Server) endLostRuns() {
	lost := false
	for _, r := range s.runs {
		if r.End.IsZero() {
			lost = true
			r.End = s.options.Now()
			s.put(bucketRuns, ordered(r.Seq), r)
		}
	}
	if lost {
		sweep(s.guard.folder)
	}
}
