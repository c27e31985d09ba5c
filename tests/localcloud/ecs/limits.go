package ecs

import (
	"sync"
	"time"
)

// throttle counts calls per action and calendar minute.
type throttle struct {
	mu     sync.Mutex
	minute time.Time
	calls  map[string]int
}

// allow counts a call and reports whether it is within the limit; over it, the
// action is refused until the next minute.
func (t *throttle) allow(action string, limit int, now time.Time) bool {
	if limit <= 0 {
		return true
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if minute := now.Truncate(time.Minute); !minute.Equal(t.minute) {
		t.minute, t.calls = minute, make(map[string]int)
	}
	t.calls[action]++
	return t.calls[action] <= limit
}

var chinaTime = time.FixedZone("CST", 8*60*60)

// spent counts the invocations of a day.
type spent struct {
	Day   string
	Count int
}

// takeQuota counts an invocation against the daily quota. The caller holds the
// lock.
func (s *Server) takeQuota() *apiError {
	if s.options.Quota <= 0 {
		return nil
	}
	day := s.options.Now().In(chinaTime).Format(time.DateOnly)
	if s.spent.Day != day {
		s.spent = spent{Day: day}
	}
	if s.spent.Count >= s.options.Quota {
		return forbidden("Invocation.ExceedQuota", "the invocation quota of this region is used up for today")
	}
	s.spent.Count++
	s.put(bucketMeta, "spent", s.spent)
	return nil
}
