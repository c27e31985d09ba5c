package handler

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"aftercare/shared/decide"
	"aftercare/shared/engine"
	"aftercare/shared/event"
	"aftercare/shared/ledger"
)

// SubmitTask accepts a command or a flow for one or several instances, a cancel, a stop or a
// resume.
func (f *Function) SubmitTask(ctx context.Context, payload []byte) (Outcome, error) {
	return f.invoke(ctx, func(ctx context.Context, v *invocation) error {
		text, event := submittedIn(payload)
		if event != "" {
			defer v.showRefused() // nobody reads the answer
			v.log = v.log.With().Str("event_id", event).Logger()
		}
		s, err := parseSubmission(text, f.settings.Policy, f.now())
		if err != nil {
			return v.quarantine(ctx, payload, err.Error())
		}
		id := cmp.Or(event, v.requestID)
		if order := s.order(id, f.settings.Policy.Mask); order != nil {
			return v.carryOut(ctx, *order)
		}
		in := s.input(id, f.settings.Policy.Mask)
		if many, ok := in.(decide.Submission); ok && s.Select != nil {
			return v.submitSelected(ctx, many, *s.Select)
		} else if ok && len(s.InstanceIDs) > 1 {
			return v.submitMany(ctx, v.many(ctx, many, s.InstanceIDs))
		}
		out, err := v.engine.Handle(ctx, s.InstanceIDs[0], in)
		if err != nil {
			v.fail(outcome(v.log.Error(), out), err)
			return nil
		}
		v.out.add(v.submitted(out))
		return nil
	})
}

// Sweep handles the wake-ups that are due. It ignores its payload.
func (f *Function) Sweep(ctx context.Context, _ []byte) (Outcome, error) {
	return f.invoke(ctx, func(ctx context.Context, v *invocation) error {
		if err := v.tick(ctx); err != nil {
			withStack(v.log.Warn().AnErr("trouble", err), err).Msg("ticks left")
		}
		finished, trouble := v.finishSubmissions(ctx)
		if trouble != nil {
			withStack(v.log.Warn().AnErr("trouble", trouble), trouble).Msg("submissions left")
		}
		s, err := v.engine.Sweep(ctx, f.settings.Parallel)
		s.Complete = s.Complete && finished
		for _, out := range s.Outcomes {
			line(v.log, out).Msg("instance looked at")
		}
		if err != nil {
			return err
		}
		if s.Asked {
			v.watchEvents(ctx)
		}
		v.tidyConcerns(ctx)
		v.noteSweep(ctx)
		v.out.add(Item{Result: ResultSwept, Woken: s.Woken, Failed: s.Failed, Waiting: s.Waiting, Complete: &s.Complete, Repairs: s.Repairs})
		v.log.Info().Int("woken", s.Woken).Int("failed", s.Failed).Int("waiting", s.Waiting).Int64("late_ms", s.Late.Milliseconds()).Bool("complete", s.Complete).Any("repairs", s.Repairs).Str("flows", v.settings.Policy.Flows.Version()).Msg("swept")
		return nil
	})
}

// noteTime is how long it is tried to note that a sweep ended.
const noteTime = time.Second

// noteSweep notes for people that a sweep ended. If that fails, the sweep does not.
func (v *invocation) noteSweep(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, noteTime)
	defer cancel()
	if err := recovered(func() error { return v.ledger.Swept(ctx, v.now()) }); err != nil {
		withStack(v.log.Warn().AnErr("trouble", err), err).Msg("end of sweep not noted")
	}
}

// submitted notes what became of one instance's part of a submission.
func (v *invocation) submitted(out engine.Outcome) Item {
	item := answered(out.Answer, out.Duplicate)
	item.Left = out.Left
	line(v.log, out).Str("task_id", out.Answer.TaskID).Str("result", item.Result).
		Str("answer", out.Answer.Outcome).Msg("submission handled")
	return item
}

// answered is the item of an answer.
func answered(a decide.Answer, before bool) Item {
	item := Item{Result: ResultAccepted, InstanceID: a.InstanceID, Answer: &a}
	switch {
	case a.Outcome == decide.Refused:
		item.Result = ResultRefused
	case before:
		item.Result = ResultDuplicate
	}
	return item
}

// line begins the log line of an outcome, with the decisions and their reasons.
func line(log zerolog.Logger, out engine.Outcome) *zerolog.Event {
	if out.Trouble != nil {
		return outcome(withStack(log.Warn().AnErr("trouble", out.Trouble), out.Trouble), out)
	}
	return outcome(log.Info(), out)
}

// outcome adds an outcome's fields to a line.
func outcome(line *zerolog.Event, out engine.Outcome) *zerolog.Event {
	notes := make([]string, len(out.Notes))
	for i, n := range out.Notes {
		notes[i] = n.String()
	}
	if len(out.Runs) > 0 {
		line.Strs("run_ids", out.Runs)
	}
	if len(out.Tasks) > 0 {
		line.Strs("task_ids", out.Tasks)
	}
	if out.Waited > 0 {
		line.Int64("waited_ms", out.Waited.Milliseconds())
	}
	return line.Str("instance_id", out.InstanceID).Strs("decided", notes).
		Int("performed", out.Performed).Int("left", out.Left).Int("queued", out.Queued)
}

// ignore logs that an event is not handled, and why.
func (v *invocation) ignore(e event.Envelope, reason string) Item {
	v.log.Warn().Str("event_id", e.ID).Str("kind", string(e.Kind)).Str("reason", reason).Msg("event ignored")
	return Item{Result: ResultIgnored, Reason: reason}
}

// quarantine keeps a payload that Aftercare cannot read, however often it is
// delivered.
func (v *invocation) quarantine(ctx context.Context, payload []byte, reason string) error {
	item, err := v.keep(ctx, payload, reason)
	if err == nil {
		v.out.add(item)
	}
	return err
}

// maxReason bounds the reason why a payload is in quarantine, in bytes.
const maxReason = 2000

// keep puts a payload or an element of one into quarantine, and notes that for people.
func (v *invocation) keep(ctx context.Context, payload []byte, reason string) (Item, error) {
	item, err := v.store(ctx, v.name, payload, reason)
	if err == nil {
		v.watch.show(decide.InQuarantine(v.called(), item.Reason, v.now()))
	}
	return item, err
}

// store puts a payload into quarantine.
func (v *invocation) store(ctx context.Context, function string, payload []byte, reason string) (_ Item, err error) {
	defer engine.Recovered(&err)
	if len(reason) > maxReason {
		reason = strings.ToValidUTF8(reason[:maxReason], "") + " …"
	}
	if err := v.ledger.Quarantine(ctx, function, payload, reason, v.now()); err != nil {
		return Item{}, fmt.Errorf("put a payload into quarantine: %w", err)
	}
	id := ledger.QuarantineID(payload)
	v.log.Warn().Str("quarantine", id).Int("size_bytes", len(payload)).Str("reason", reason).Msg("payload quarantined")
	return Item{Result: ResultQuarantined, Reason: reason, Quarantine: id}, nil
}
