package ecs

import (
	"slices"
	"strconv"
	"time"
)

// Run is one script that was really started.
type Run struct {
	InvokeID   string
	InstanceID string
	Name       string // of the command
	Repeats    int
	Start      time.Time
	End        time.Time // zero while it runs
	ExitCode   int64
	Output     string // what it printed, as far as the service keeps it
}

// run is a Run as it is stored, with what identifies its process.
type run struct {
	Run
	Seq     uint64
	PID     int
	Started string // the process's own start time, as the system counts it
}

// Runs are the scripts that were started on an instance, in that order.
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

func ordinal(n int) string { return strconv.Itoa(n) }

// recordRun notes a run before its script starts. The caller holds the lock
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

// recordProcess notes the process of a run, so that what is left of it after a
// kill of this program can be found.
func (s *Server) recordProcess(r *run, pid int) error {
	if s.options.Path == "" {
		return nil
	}
	started := processStart(pid)
	s.mu.Lock()
	defer s.mu.Unlock()
	r.PID, r.Started = pid, started
	s.put(bucketRuns, ordered(r.Seq), r)
	return s.commit()
}

// endRun notes the end of a run, or drops one whose script never started. The
// caller holds the lock and commits.
func (s *Server) endRun(r *run, end ending) {
	if !end.started {
		s.runs = slices.DeleteFunc(s.runs, func(o *run) bool { return o == r })
		s.remove(bucketRuns, ordered(r.Seq))
		return
	}
	r.End, r.ExitCode, r.Output, r.PID = s.options.Now(), end.exit, string(end.output), 0
	s.put(bucketRuns, ordered(r.Seq), r)
}

// killOrphans ends the process groups of scripts that outlived this program,
// if they are provably the same processes. The caller holds the lock.
func (s *Server) killOrphans() {
	for _, r := range s.runs {
		if !r.End.IsZero() {
			continue
		}
		if r.PID != 0 && r.Started != "" && processStart(r.PID) == r.Started {
			killGroup(r.PID)
		}
		r.End, r.PID = s.options.Now(), 0
		s.put(bucketRuns, ordered(r.Seq), r)
	}
}
