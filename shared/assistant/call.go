package assistant

import (
	"context"
	"errors"
	"time"

	"aftercare/shared/engine"
	"aftercare/shared/transport"
)

// call is one API call with all its tries.
type call struct {
	name   string
	params map[string]string
	// write: the call changes something, so that its outcome is unknown if no
	// answer arrives.
	write bool
	// decode reads the answer; if it fails, the answer counts as lost.
	decode func(body []byte) error
}

// do tries a call until its outcome is clear, or until the time or the tries are
// used up. It returns nil or an *Error.
func (c *Client) do(ctx context.Context, req call) error {
	stop := c.stopAt(ctx)
	var last Error
	var v verdict
	maybe := false // some try may have taken effect
	for n := 0; ; n++ {
		if !stop.open(c.cfg.Now()) || ctx.Err() != nil {
			if n == 0 {
				v = verdict{class: engine.ErrUnavailable}
				last = Error{Cause: "not sent, too little time left"}
			}
			break
		}
		out := c.try(ctx, stop, req)
		v, last = judge(out, req)
		last.Tries = n + 1
		if v.class == nil {
			return nil
		}
		maybe = maybe || errors.Is(v.class, engine.ErrUnknownOutcome)
		if !v.again || n >= c.cfg.Retries {
			break
		}
		wait := c.cfg.Backoff.Wait(n + 1)
		if !stop.open(c.cfg.Now().Add(wait)) {
			break
		}
		c.cfg.Sleep(ctx, wait)
	}
	last.Call = req.name
	if maybe && !errors.Is(v.class, engine.ErrAcceptedBefore) && !errors.Is(v.class, engine.ErrUnknownOutcome) {
		last.classes = append(last.classes, engine.ErrUnknownOutcome)
	}
	last.classes = append(last.classes, v.class)
	return &last
}

// judge returns the verdict on a try, and an Error with what may be shown of it.
func judge(out transport.Outcome, req call) (verdict, Error) {
	shown := Error{Status: out.Status, Cause: out.Cause}
	lost := verdict{class: engine.ErrUnknownOutcome, again: true}
	if !req.write {
		lost = lost.forRead()
	}
	switch {
	case !out.Sent:
		return verdict{class: engine.ErrUnavailable, again: true}, shown
	case !out.Complete:
		return lost, shown
	}
	accepted := out.Status >= 200 && out.Status < 300
	if accepted && req.decode(out.Body) == nil {
		return verdict{}, shown
	}
	f := readError(out.Body)
	shown.RequestID = transport.Printable(string(f.RequestID))
	if accepted {
		shown.Cause = "unreadable answer"
		return lost, shown
	}
	shown.Code = transport.Printable(string(f.Code))
	v := classify(out.Status, string(f.Code))
	if !req.write {
		v = v.forRead()
	}
	return v, shown
}

// limit is the time after which a call sends nothing and waits for nothing; the
// zero value means no limit.
type limit struct{ at time.Time }

func (c *Client) stopAt(ctx context.Context) limit {
	deadline, ok := ctx.Deadline()
	if !ok {
		return limit{}
	}
	return limit{at: deadline.Add(-c.cfg.Margin)}
}

// open reports whether the limit is still ahead. The monotonic clock may stand
// still while a function instance is frozen, so the wall clock counts too.
func (l limit) open(now time.Time) bool {
	return l.at.IsZero() || now.Before(l.at) && now.Round(0).Before(l.at.Round(0))
}
