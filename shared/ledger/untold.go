package ledger

import (
	"context"
	"errors"
	"sync"

	"aftercare/shared/decide"
	"aftercare/shared/dispatch"
	"aftercare/shared/engine"
)

// Lost records that a flush was given up for a channel. It may be repeated.
func (s *Alerts) Lost(ctx context.Context, n dispatch.Notice, channel, why string) error {
	lost := decide.GivenUp{Channel: channel, Flush: n.ID, Group: n.Group, Route: n.Route, Firing: n.Firing, Recovered: n.Recovered, Why: why}
	a := decide.Alert{Kind: decide.AlertGivenUp, At: n.At, Fingerprint: n.ID + "/" + channel, Summary: lost.String()}
	b := rowsOf(engine.Commit{
		ID: a.Fingerprint, InstanceID: decide.ActsID, At: s.l.now(),
		Changes: decide.Changes{Lost: []decide.Message{{Key: a.Fingerprint, Kind: decide.MessageAlert, Alert: &a, GivenUp: &lost, PlannedAt: n.At}}},
	})
	return s.l.write(ctx, idempotent, "record an alert that was given up", b)
}

// EachUndelivered calls each with the groups that have flushes which some channel has
// not confirmed, in no order. It looks at most at so many groups that have something to
// do; more says that there are others.
func (l *Ledger) EachUndelivered(ctx context.Context, most int, each func(dispatch.Group)) (more bool, err error) {
	var keys []string
	err = l.Alerts().Armed(ctx, func(a dispatch.Armed) bool {
		if more = len(keys) == most; !more {
			keys = append(keys, a.Group)
		}
		return !more
	})
	if err != nil {
		return false, err
	}
	var mu sync.Mutex
	errs := make([]error, len(keys))
	engine.SideBySide(len(keys), func(i int) {
		g, _, err := l.Alerts().Load(ctx, keys[i], nil)
		mu.Lock()
		defer mu.Unlock()
		if errs[i] = err; err == nil && len(g.Flushes) > 0 {
			each(g)
		}
	})
	return more, errors.Join(errs...)
}
