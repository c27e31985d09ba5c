package engine_test

import (
	"strings"
	"testing"

	"aftercare/shared/decide"
	"aftercare/shared/engine"
	"aftercare/shared/event"
)

// news is a planned alert.
func news(severity decide.Severity, recovered bool) func(*decide.State) {
	return func(s *decide.State) {
		m := decide.Message{
			Key: id(string(severity)), Rev: 1, Kind: decide.MessageAlert, PlannedAt: now,
			Alert: &decide.Alert{Severity: severity, InstanceID: s.Instance.ID, Recovered: recovered},
		}
		s.Messages[m.Row()] = m
	}
}

// Who is woken finds the alert, and nothing waits for the call.
// (decide rule 53)
func TestACriticalAlertWakesAlertsWhenAllElseIsDone(t *testing.T) {
	for name, c := range map[string]struct {
		rows []func(*decide.State)
		fate fate
		want string
	}{
		"a critical one":               {[]func(*decide.State){news(decide.SeverityCritical, false)}, fate{}, "load arm commit send commit alert commit wake-alerts"},
		"two":                          {[]func(*decide.State){news(decide.SeverityCritical, false), news(decide.SeverityInfo, false)}, fate{}, "load arm commit send commit alert alert commit wake-alerts"},
		"one that is not critical":     {[]func(*decide.State){news(decide.SeverityError, false)}, fate{}, "load arm commit send commit alert commit"},
		"the end of a critical one":    {[]func(*decide.State){news(decide.SeverityCritical, true)}, fate{}, "load arm commit send commit alert commit"},
		"one that is not in the inbox": {[]func(*decide.State){news(decide.SeverityCritical, false)}, refused, "load arm commit send commit alert arm commit"},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk()
			d.store(state(decide.BootBootable, c.rows...))
			d.on = func(what, _ string) fate {
				if what == "alert" {
					return c.fate
				}
				return fate{}
			}
			mustHandle(t, d.engine(policy()), submission("a"))
			if got := d.calls(); got != c.want {
				t.Errorf("calls: %s\nwant:  %s", got, c.want)
			}
		})
	}
}

// (decide rule 53)
func TestASweepWakesAlertsForEachInstanceThatHasACriticalOne(t *testing.T) {
	d := fleetDesk(2, news(decide.SeverityCritical, false))
	out, err := sweep(t, d.engine(policy()), timeLimit, 1)
	if got := d.calls(); err != nil || out.Woken != 2 || strings.Count(got, "alert commit disarm wake-alerts") != 2 {
		t.Errorf("sweep %+v, %v: calls %s, want each woken for when its instance is done", out, err, got)
	}
}

// (decide rule 53)
func TestAFailedCallToAlertsChangesNothing(t *testing.T) {
	d := newDesk()
	d.store(state(decide.BootBootable, news(decide.SeverityCritical, false)))
	d.on = func(what, _ string) fate {
		if what == "wake-alerts" {
			return fate{err: engine.ErrUnavailable}
		}
		return fate{}
	}
	if out := mustHandle(t, d.engine(policy()), ended("t-other", "", event.StatusSuccess, "")); out.Left != 0 || out.Trouble != nil || d.open() != 0 {
		t.Errorf("outcome %+v, %d open, want nothing left", out, d.open())
	}
}
