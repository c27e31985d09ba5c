package engine

import (
	"context"
	"errors"
	"time"

	"aftercare/shared/command"
	"aftercare/shared/decide"
)

// act performs what this invocation's commits claimed, and claims more until
// nothing is left: sends first, then messages, which hold up nothing and may be
// left out. An error leaves the rest to a sweep.
func (h *handling) act(ctx context.Context, messages bool) (err error) {
	acting, cancel := context.WithTimeout(ctx, h.deadline.Add(-h.reserve).Sub(h.Now()))
	defer cancel()
	for err == nil {
		var results decide.Results
		if sends := h.mySends(h.state); len(sends) > 0 {
			results.Sends = h.sendAll(acting, h.state, sends)
		} else if h.more && !h.late() {
			h.state, h.more, err = h.decide(ctx, h.state, decide.Continue{})
			continue
		} else if news := h.myMessages(h.state); messages && len(news) > 0 {
			results.Deliveries = h.deliverAll(acting, news)
		} else {
			return nil
		}
		h.state, h.more, err = h.settle(ctx, h.state, results)
	}
	return err
}

// sendAll sends commands and stops, one after another. The commands behind one
// that was refused for a reason that concerns all of them keep their place.
func (h *handling) sendAll(ctx context.Context, s decide.State, sends []decide.Send) []decide.Result {
	var results []decide.Result
	var held decide.Result
	by := sender{h.Engine, h.instanceID, h.texts, &h.ration}
	for _, e := range sends {
		h.done[claimed{e.Key, e.Claim.Commit}] = true
		h.out.Performed++
		t := s.Tasks[e.TaskID]
		r := decide.Result{Key: e.Key, Commit: e.Claim.Commit}
		switch {
		case e.Kind == decide.SendStop:
			r = by.stop(ctx, t, r)
		case held.Kind != "":
			r.Kind, r.Reason = held.Kind, held.Reason
			h.ration.giveBack(1)
		default:
			claimed := h.ration.claimed
			if r = by.send(ctx, t, e, r); r.Kind.Holds() && !t.Cancel {
				held = r
			}
			if !t.Cancel && h.ration.claimed == claimed {
				h.ration.giveBack(1)
			}
		}
		results = append(results, r)
	}
	return results
}

// sender sends commands and stops to one instance.
type sender struct {
	*Engine
	instanceID string
	texts      map[string]command.Command
	ration     *ration
}

// send sends a command. If an earlier claim may have sent it, send asks Cloud
// Assistant first. A cancelled command is only looked for.
func (s sender) send(ctx context.Context, t decide.Task, e decide.Send, r decide.Result) decide.Result {
	if !e.PriorSent.IsZero() {
		inv, err := s.Commander.FindByToken(ctx, s.instanceID, e.Key)
		late := s.Now().Sub(e.PriorSent) > s.Policy.SendWindow
		switch {
		case err != nil && !(late && permanent(err)):
			r = failed(r, err)
			if r.Kind == decide.ResultInvalid {
				// Cloud Assistant refused the question, not the command.
				r.Kind = decide.ResultNotSent
			}
			return r
		case inv != nil:
			return done(r, inv.InvokeID)
		case late:
			r.Kind, r.Reason = decide.ResultGivenUp, "first sent too long ago"
			return r
		}
	}
	if t.Cancel {
		r.Kind, r.Reason = decide.ResultNotSent, "it was cancelled, and Cloud Assistant has no run of it"
		return r
	}
	if s.Sends.isClosed(s.Now()) {
		r.Kind, r.Reason = decide.ResultThrottled, "the service refused another command of this function instance"
		return r
	}
	s.ration.use(s.Now())
	id, err := s.Commander.Send(ctx, Send{
		InstanceID: s.instanceID, TaskID: t.ID, Token: e.Key, Command: s.texts[t.ID],
	})
	switch {
	case err == nil:
		return done(r, id)
	case errors.Is(err, ErrThrottled):
		s.Sends.close(s.nextMinute())
	case errors.Is(err, ErrQuotaExceeded):
		s.Sends.close(decide.NextDay(s.Now()))
	case errors.Is(err, ErrAcceptedBefore):
		inv, findErr := s.Commander.FindByToken(ctx, s.instanceID, e.Key)
		if findErr == nil && inv != nil {
			return done(r, inv.InvokeID)
		}
		r.Kind, r.Reason, r.MaybeSent = decide.ResultUnknown, err.Error(), true
		return r
	}
	return failed(r, err)
}

// nextMinute is when the service's next minute has begun for certain: its clock
// may be a little behind this one.
func (s sender) nextMinute() time.Time {
	minute := s.Policy.Minute
	return s.Now().Truncate(minute).Add(minute + minute/60)
}

// permanent reports whether retrying the question cannot help.
func permanent(err error) bool {
	return errors.Is(err, ErrInvalid) || errors.Is(err, ErrDenied)
}

func (s sender) stop(ctx context.Context, t decide.Task, r decide.Result) decide.Result {
	if err := s.Commander.Stop(ctx, s.instanceID, t.InvokeID); err != nil {
		return failed(r, err)
	}
	return done(r, "")
}

func done(r decide.Result, invokeID string) decide.Result {
	r.Kind, r.InvokeID = decide.ResultDone, invokeID
	return r
}

// failed sets the kind of result that an error of the Commander stands for.
func failed(r decide.Result, err error) decide.Result {
	r.Reason = err.Error()
	r.MaybeSent = errors.Is(err, ErrUnknownOutcome)
	switch {
	case errors.Is(err, ErrInvalid) && !r.MaybeSent:
		r.Kind = decide.ResultInvalid
	case errors.Is(err, ErrThrottled):
		r.Kind = decide.ResultThrottled
	case errors.Is(err, ErrQuotaExceeded):
		r.Kind = decide.ResultQuota
	case errors.Is(err, ErrInstanceDown):
		r.Kind = decide.ResultDown
	case r.MaybeSent:
		r.Kind = decide.ResultUnknown
	case errors.Is(err, ErrDenied):
		r.Kind = decide.ResultDenied
	default:
		r.Kind = decide.ResultNotSent
	}
	return r
}
