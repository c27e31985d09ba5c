package ecs

import (
	"slices"
	"time"
)

// retention is how long the real service keeps the record of an invocation.
const retention = 30 * 24 * time.Hour

// forget drops ended invocations over Options.Retain and those that are too old. The caller
// holds the lock and commits.
func (s *Server) forget() {
	now := s.options.Now()
	surplus := len(s.invocations) + 1 - s.options.Retain
	gone := make(map[string]bool)
	for _, inv := range s.invocations {
		if surplus <= len(gone) && now.Sub(inv.Created) <= retention {
			break // those behind it are younger
		}
		if !slices.ContainsFunc(inv.tasks, func(t *task) bool { return !t.ended() }) {
			gone[inv.ID] = true
			s.remove(bucketInvocations, ordered(inv.Seq))
			delete(s.byID, inv.ID)
			for _, t := range inv.tasks {
				s.remove(bucketTasks, t.InvokeID+"/"+t.InstanceID)
			}
		}
	}
	if len(gone) == 0 {
		return
	}
	s.invocations = slices.DeleteFunc(s.invocations, func(inv *invocation) bool { return gone[inv.ID] })
	s.runs = slices.DeleteFunc(s.runs, func(r *run) bool {
		if gone[r.InvokeID] {
			s.remove(bucketRuns, ordered(r.Seq))
		}
		return gone[r.InvokeID]
	})
}

// forgetTokens drops expired tokens, now and then. The caller holds the lock.
func (s *Server) forgetTokens(now time.Time) {
	if now.Sub(s.tokensSwept).Abs() < time.Minute {
		return
	}
	s.tokensSwept = now
	for key, known := range s.tokens {
		if !known.processing && now.Sub(known.At) > s.options.Delays.TokenTTL {
			delete(s.tokens, key)
			s.remove(bucketTokens, key)
		}
	}
}
