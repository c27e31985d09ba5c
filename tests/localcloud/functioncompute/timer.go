package functioncompute

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// timer is a checked Timer.
type timer struct {
	Timer
	schedule schedule
}

// schedule computes the first firing after a moment.
type schedule interface {
	next(after time.Time) time.Time
}

// every fires at multiples of an interval, counted from the last firing.
type every time.Duration

func (e every) next(after time.Time) time.Time { return after.Add(time.Duration(e)) }

func newTimer(t Timer) (timer, error) {
	if t.Name == "" {
		return timer{}, errors.New("name is missing")
	}
	if interval, ok := strings.CutPrefix(t.Cron, "@every "); ok {
		d, err := time.ParseDuration(strings.TrimSpace(interval))
		if err != nil || d <= 0 {
			return timer{}, fmt.Errorf("%q is not an interval", interval)
		}
		return timer{t, every(d)}, nil
	}
	c, err := parseCron(t.Cron)
	if err != nil {
		return timer{}, err
	}
	return timer{t, c}, nil
}

// runTimer fires t until it is stopped or the server is closed. The schedule runs
// on a clock that TimerScale makes faster or slower.
func (s *Server) runTimer(to target, t timer, stop chan struct{}) {
	begin := time.Now()
	scheduled := s.opt.Now()
	for {
		next := t.schedule.next(scheduled)
		if next.IsZero() {
			s.logf("timer %s of %s never fires again", t.Name, to.name)
			return
		}
		// Waits are counted from the beginning, so that they do not drift.
		begin = begin.Add(time.Duration(float64(next.Sub(scheduled)) * s.opt.TimerScale))
		scheduled = next
		if !s.waitUntil(begin, stop) {
			return
		}
		call := Call{to.name, to.qualifier, true, timerEvent(t.Timer, s.opt.Now())}
		if _, err := s.Do(context.Background(), call); err != nil && !errors.Is(err, errClosed) {
			s.logf("timer %s of %s: %v", t.Name, to.name, err)
		}
	}
}

// ErrNoTimer says that a function has no timer of a name.
var ErrNoTimer = errors.New("there is no such timer")

// FireTimer fires a timer now, and waits for the result. The error may be
// ErrNoTimer.
func (s *Server) FireTimer(ctx context.Context, function, name string) (Result, error) {
	s.mu.Lock()
	d, err := s.deployed(function)
	var t trigger
	if err == nil {
		t = d.Triggers[name]
	}
	s.mu.Unlock()
	switch {
	case err != nil:
		return Result{}, fmt.Errorf("fire timer %s: %w", name, err)
	case t.Kind != kindTimer:
		return Result{}, fmt.Errorf("fire timer %s of %s: %w", name, function, ErrNoTimer)
	}
	fired, _, err := t.timer()
	if err != nil {
		return Result{}, fmt.Errorf("fire timer %s: %w", name, err)
	}
	return s.Do(ctx, Call{Function: function, Qualifier: t.Qualifier, Payload: timerEvent(fired.Timer, s.opt.Now())})
}

// timerEvent is the payload of a timer trigger, in the form of
// https://alibabacloud.com/help/doc-detail/70140.htm
func timerEvent(t Timer, at time.Time) []byte {
	event, _ := json.Marshal(struct {
		TriggerTime string `json:"triggerTime"`
		TriggerName string `json:"triggerName"`
		Payload     string `json:"payload"`
	}{at.UTC().Format("2006-01-02T15:04:05Z"), t.Name, t.Payload})
	return event
}
