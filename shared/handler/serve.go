package handler

import (
	"context"
	"fmt"
	"strings"

	"github.com/rs/zerolog"

	"aftercare/shared/event"
	"aftercare/shared/remediation"
)

// TaskCompleted handles the ends of commands.
func (f *Function) TaskCompleted(ctx context.Context, payload []byte) (Outcome, error) {
	return f.events(ctx, payload, event.KindTaskCompleted)
}

// FirstHeartbeat handles the first heartbeats of instances' agents.
func (f *Function) FirstHeartbeat(ctx context.Context, payload []byte) (Outcome, error) {
	return f.events(ctx, payload, event.KindFirstHeartbeat)
}

// SubmitTask takes a command for one or several instances, or a cancel.
func (f *Function) SubmitTask(ctx context.Context, payload []byte) (Outcome, error) {
	return f.invoke(ctx, func(v *invocation) error {
		targets, err := parseSubmission(payload, v.requestID, f.settings.Policy)
		if err != nil {
			return v.quarantine(payload, err.Error())
		}
		for _, t := range targets {
			v.submit(t)
		}
		return nil
	})
}

// Sweep handles the wake-ups that are due. Its payload does not matter.
func (f *Function) Sweep(ctx context.Context, _ []byte) (Outcome, error) {
	return f.invoke(ctx, func(v *invocation) error {
		s, err := v.engine.Sweep(v.ctx, f.settings.Parallel)
		for _, out := range s.Outcomes {
			line(v.log, out).Msg("instance looked at")
		}
		if err != nil {
			return err
		}
		v.out.Items = []Item{{Result: ResultSwept, Woken: s.Woken, Failed: s.Failed, Complete: &s.Complete}}
		v.log.Info().Int("woken", s.Woken).Int("failed", s.Failed).Bool("complete", s.Complete).Msg("swept")
		return nil
	})
}

func (f *Function) events(ctx context.Context, payload []byte, kind event.Kind) (Outcome, error) {
	return f.invoke(ctx, func(v *invocation) error {
		events := event.Parse(payload)
		if err := v.keep(payload, events); err != nil {
			v.fail(v.log.Error(), err)
		}
		for _, e := range events {
			switch e := e.(type) {
			case event.Ignored:
				v.ignore(e.Envelope, e.Reason)
			case event.TaskCompleted:
				if v.accepts(e.Envelope, kind) {
					v.handle(e.Envelope, Item{Result: ResultRecorded, InstanceID: e.InstanceID, InvokeID: e.InvokeID},
						remediation.Ended{Event: v.placed(e), Received: f.now(), Source: remediation.SourceEvent})
				}
			case event.FirstHeartbeat:
				if v.accepts(e.Envelope, kind) {
					if e.Region == "" {
						e.Region = v.region
					}
					v.handle(e.Envelope, Item{Result: ResultNoticed, InstanceID: e.InstanceID},
						remediation.Heartbeat{Event: e, Received: f.now()})
				}
			}
		}
		return nil
	})
}

// placed fills in the function's region if the event tells none.
func (v *invocation) placed(e event.TaskCompleted) event.TaskCompleted {
	if e.Region == "" {
		e.Region = v.region
	}
	return e
}

// accepts reports whether an event is this function's business, and ignores
// it if not. An event without an account is accepted.
func (v *invocation) accepts(e event.Envelope, kind event.Kind) bool {
	switch {
	case e.Kind != kind:
		v.ignore(e, fmt.Sprintf("this function handles %s only", kind))
	case e.Account != "" && v.account != "" && e.Account != v.account:
		v.ignore(e, "it belongs to another account")
	default:
		return true
	}
	return false
}

func (v *invocation) ignore(e event.Envelope, reason string) {
	v.out.Items = append(v.out.Items, Item{Result: ResultIgnored, Reason: reason})
	v.log.Warn().Str("event_id", e.ID).Str("kind", string(e.Kind)).Str("reason", reason).Msg("event ignored")
}

// handle hands one event to the engine.
func (v *invocation) handle(e event.Envelope, item Item, in remediation.Input) {
	log := v.log.With().Str("event_id", e.ID).Logger()
	start := v.now()
	out, err := v.engine.Handle(v.ctx, item.InstanceID, in)
	took := v.now().Sub(start).Milliseconds()
	if err != nil {
		v.fail(line(log, out).Int64("took_ms", took), err)
		return
	}
	if out.Duplicate {
		item.Result = ResultDuplicate
	}
	item.EffectsLeft = out.Left
	v.out.Items = append(v.out.Items, item)
	line(log, out).Str("invoke_id", item.InvokeID).Str("result", item.Result).Int64("took_ms", took).Msg("event handled")
}

// submit hands one instance's part of a submission to the engine.
func (v *invocation) submit(t target) {
	out, err := v.engine.Handle(v.ctx, t.instanceID, t.input)
	if err != nil {
		v.fail(line(v.log, out), err)
		return
	}
	item := Item{Result: ResultAccepted, InstanceID: t.instanceID, Answer: &out.Answer, EffectsLeft: out.Left}
	switch {
	case out.Answer.Outcome == remediation.Refused:
		item.Result = ResultRefused
	case out.Duplicate:
		item.Result = ResultDuplicate
	}
	v.out.Items = append(v.out.Items, item)
	line(v.log, out).Str("task_id", out.Answer.TaskID).Str("result", item.Result).
		Str("answer", out.Answer.Outcome).Msg("submission handled")
}

// line begins the log line of an outcome, with what was decided and why.
func line(log zerolog.Logger, out remediation.Outcome) *zerolog.Event {
	level := log.Info()
	if out.Trouble != nil {
		level = log.Warn().AnErr("trouble", out.Trouble)
	}
	notes := make([]string, len(out.Notes))
	for i, n := range out.Notes {
		notes[i] = n.String()
	}
	return level.Str("instance_id", out.InstanceID).Strs("decided", notes).
		Int("effects_performed", out.Performed).Int("effects_left", out.Left)
}

// maxKept is how many malformed elements of one payload are kept by
// themselves.
const maxKept = 20

// keep puts what is malformed of a payload into quarantine: each element by
// itself, or the payload as a whole if there are so many that keeping each
// would take the time of the others.
func (v *invocation) keep(payload []byte, events []event.Event) error {
	var bad []event.Malformed
	for _, e := range events {
		if m, ok := e.(event.Malformed); ok {
			bad = append(bad, m)
		}
	}
	if len(bad) > maxKept {
		return v.quarantine(payload, fmt.Sprintf("%d of %d elements are malformed; %s", len(bad), len(events), bad[0].Reason))
	}
	for _, m := range bad {
		if err := v.quarantine(m.Raw, m.Reason); err != nil {
			return err
		}
	}
	return nil
}

// maxReason bounds what is said about a payload, in bytes.
const maxReason = 2000

// quarantine keeps what no redelivery can repair.
func (v *invocation) quarantine(payload []byte, reason string) error {
	if len(reason) > maxReason {
		reason = strings.ToValidUTF8(reason[:maxReason], "") + " …"
	}
	id, err := v.ledger.Quarantine(v.ctx, v.name, payload, reason, v.now())
	if err != nil {
		return fmt.Errorf("keep a malformed payload: %w", err)
	}
	v.out.Items = append(v.out.Items, Item{Result: ResultQuarantined, Reason: reason, Quarantine: id})
	v.log.Warn().Str("quarantine", id).Int("size_bytes", len(payload)).Str("reason", reason).Msg("payload quarantined")
	return nil
}
