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

// runTimer fires t until the server is closed. The schedule runs on a clock
// that TimerScale makes faster or slower.
func (s *Server) runTimer(function string, t timer) {
	begin := time.Now()
	scheduled := s.opt.Now()
	for {
		next := t.schedule.next(scheduled)
		if next.IsZero() {
			s.logf("timer %s of %s never fires again", t.Name, function)
			return
		}
		// Waits are counted from the beginning, so that they do not drift.
		begin = begin.Add(time.Duration(float64(next.Sub(scheduled)) * s.opt.TimerScale))
		scheduled = next
		select {
		case <-time.After(time.Until(begin)):
		case <-s.stop:
			return
		}
		if _, err := s.InvokeAsync(function, timerEvent(t.Timer, s.opt.Now())); err != nil && !errors.Is(err, errClosed) {
			s.logf("timer %s of %s: %v", t.Name, function, err)
		}
	}
}

// FireTimer fires a timer now, and waits for the result. It fails if the timer
// does not exist.
func (s *Server) FireTimer(ctx context.Context, function, name string) (Result, error) {
	f, err := s.resolve(target{name: function})
	if err != nil {
		return Result{}, fmt.Errorf("fire timer %s: %w", name, err)
	}
	for _, t := range f.timers {
		if t.Name == name {
			return s.Invoke(ctx, function, timerEvent(t.Timer, s.opt.Now()))
		}
	}
	return Result{}, fmt.Errorf("fire timer: function %s has no timer %q", function, name)
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
