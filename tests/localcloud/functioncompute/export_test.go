package functioncompute

import "time"

// NextFiring lets tests ask a cron expression for its next firing.
func NextFiring(cron string, after time.Time) (time.Time, error) {
	t, err := newTimer(Timer{Name: "t", Cron: cron})
	if err != nil {
		return time.Time{}, err
	}
	return t.schedule.next(after), nil
}
