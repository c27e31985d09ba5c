package handler

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/engine"
	"aftercare/shared/flow"
	"aftercare/shared/timetable"
)

// renewTiming is the age from which it is noted anew that no tick was due, so that
// the row lives on and a sweep looks at few minutes.
const renewTiming = time.Hour

// tick makes the ticks of flows on schedule that are due. Each is a submission of the
// flow, which is kept, and carried out as any other that was left (flow rules 64, 65).
func (v *invocation) tick(ctx context.Context) (err error) {
	defer engine.Recovered(&err)
	timed := v.settings.Policy.Flows.Timed()
	if len(timed) == 0 {
		return nil
	}
	known, err := v.ledger.Timings(ctx)
	if err != nil {
		return err
	}
	var failed []error
	for _, f := range timed {
		if err := v.tickFlow(ctx, f, known[f.Flow]); err != nil {
			failed = append(failed, fmt.Errorf("the schedule of flow %s: %w", f.Flow, err))
		}
	}
	return errors.Join(failed...)
}

// tickFlow makes the ticks of one flow that are due.
func (v *invocation) tickFlow(ctx context.Context, f flow.Timed, known decide.Timing) error {
	next := decide.Timing{Kept: known.Kept, Flow: f.Flow, Schedule: f.Schedule.String(), Since: v.now()}
	if known.Schedule != next.Schedule { // it is new, or another one
		return v.ledger.NoteTiming(ctx, next)
	}
	due, missed, err := f.Schedule.Ticks(known.Since, next.Since)
	switch {
	case err != nil:
		return err
	case len(due) == 0 && missed.IsZero():
		if next.Since.Sub(known.Since) < renewTiming {
			return nil
		}
		return v.ledger.NoteTiming(ctx, next)
	}
	control, err := v.ledger.Control(ctx)
	if err != nil || control.Stopped(f.Flow) != nil {
		return err // they are due until it is resumed
	}
	if len(due) == 0 {
		begun, err := v.ledger.Kept(ctx, decide.TickOf(f.Flow, missed, "").Key)
		if err != nil {
			return err
		}
		if due = []time.Time{missed}; f.Schedule.Missed == timetable.MissedSkip && begun == nil {
			v.log.Warn().Str("flow", f.Flow).Time("tick", missed).Msg("tick missed")
			due = nil
		}
	}
	for _, tick := range due {
		if err := v.makeTick(ctx, f, tick); err != nil {
			return err
		}
	}
	return v.ledger.NoteTiming(ctx, next)
}

// makeTick keeps the submissions of one tick, each for at most maxTargets of the
// instances in the flow's scope. What is kept stands: the next one is for those whose
// ids come after its last, so each instance is in one of them, whoever makes them.
func (v *invocation) makeTick(ctx context.Context, f flow.Timed, tick time.Time) error {
	sel := engine.Selector{Tags: map[string]string{}}
	for key, of := range f.Instances.Tags { // ECS knows no patterns
		if len(of) == 1 && !strings.ContainsAny(of[0], "*?") && len(sel.Tags) < maxTags {
			sel.Tags[key] = of[0]
		}
	}
	found, err := v.engine.Commander.Instances(ctx, sel)
	if err != nil {
		return err
	}
	var ids []string
	for id, m := range found {
		if why, _ := f.Instances.WhyNot(m.Instance(id)); why == "" {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	v.log.Info().Str("flow", f.Flow).Time("tick", tick).Int("instances", len(ids)).Msg("tick")
	for after := ""; len(ids) > 0; {
		in := decide.TickOf(f.Flow, tick, after)
		kept, err := v.ledger.Kept(ctx, in.Key)
		if err == nil && kept == nil {
			m := v.many(ctx, in, ids[:min(len(ids), maxTargets)])
			m.Until = m.At // a sweep carries it out at once
			m, err = v.ledger.Keep(ctx, m)
			kept = &m
		}
		if err != nil {
			return err
		}
		after = kept.Targets[len(kept.Targets)-1].InstanceID
		next, _ := slices.BinarySearch(ids, after+"\x00")
		ids = ids[next:]
	}
	return nil
}
