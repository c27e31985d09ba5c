package handler

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/engine"
)

// notedAtOnce is how many instances of a submission are handled before it is noted
// what became of them.
const notedAtOnce = 100

// later is why an instance of a submission has no answer yet.
const later = "not done yet: a sweep does it"

// submitMany carries out a submission for several instances. It is committed once
// it is kept.
func (v *invocation) submitMany(ctx context.Context, m decide.Many) error {
	kept, err := v.ledger.Keep(ctx, m)
	if err != nil {
		return err
	}
	if kept.Hash != m.Hash {
		for _, t := range m.Targets {
			a := decide.Answer{InstanceID: t.InstanceID}
			a.Refuse(decide.OtherBody)
			v.out.add(answered(a, false))
		}
		return nil
	}
	items, err := v.continueMany(ctx, kept)
	if err != nil {
		v.log.Warn().Err(err).Str("dedupe_key", m.DedupeKey).Msg("a submission is left to a sweep")
	}
	for _, t := range kept.Targets {
		switch item, there := items[t.InstanceID]; {
		case t.Answer != nil:
			v.out.add(answered(*t.Answer, true))
		case there:
			v.out.add(item)
		default:
			v.out.add(Item{Result: ResultPending, InstanceID: t.InstanceID, Reason: later})
		}
	}
	return nil
}

// submitSelected carries out a submission for the instances that ECS finds now, or
// that it found when the submission began.
func (v *invocation) submitSelected(ctx context.Context, in decide.Submission, s selector) error {
	kept, err := v.ledger.Kept(ctx, in.Key)
	if err != nil {
		return err
	}
	m := v.many(ctx, in, nil)
	if kept != nil {
		m.Targets = kept.Targets
		return v.submitMany(ctx, m)
	}
	found, err := v.engine.Commander.Instances(ctx, engine.Selector{Tags: s.Tags, Name: s.Name, ResourceGroup: s.ResourceGroup})
	switch n := len(found); {
	case err != nil:
		return fmt.Errorf("%w: %w", engine.Undecided("ECS does not say now which instances it selects"), err)
	case n == 0:
		v.out.add(Item{Result: ResultRefused, Reason: "ECS finds no instance that fits select"})
		return nil
	case n > maxTargets:
		v.out.add(Item{Result: ResultRefused, Reason: fmt.Sprintf("%d instances fit select, at most %d are allowed", n, maxTargets)})
		return nil
	}
	return v.submitMany(ctx, v.many(ctx, in, slices.Sorted(maps.Keys(found))))
}

// many is a submission for these instances, as it is kept. A spread counts from now,
// also if a sweep continues it.
func (v *invocation) many(ctx context.Context, in decide.Submission, ids []string) decide.Many {
	m := decide.Many{Submission: in, At: v.now(), Until: v.now()}
	if m.Spread > 0 {
		m.NotBefore = decide.Later(m.NotBefore, m.At)
	}
	if deadline, ok := ctx.Deadline(); ok {
		m.Until = m.At.Add(time.Until(deadline))
	}
	for _, id := range ids {
		m.Targets = append(m.Targets, decide.Target{InstanceID: id})
	}
	return m
}

// continueMany submits to the instances that are left, and returns what became of
// them.
func (v *invocation) continueMany(ctx context.Context, m decide.Many) (map[string]Item, error) {
	if m.Over(v.settings.Policy, v.now()) {
		return v.endMany(ctx, m)
	}
	items := map[string]Item{}
	for ids := range slices.Chunk(m.Left(), notedAtOnce) {
		parts := make([]engine.Part, len(ids))
		for i, id := range ids {
			parts[i] = engine.Part{InstanceID: id, Inputs: []decide.Input{m.Submission}}
		}
		all := make([]Item, len(ids))
		v.engine.HandleAll(ctx, parts, func(i, _ int, out engine.Outcome, err error) { all[i] = v.submittedOneOfMany(out, err) })
		answers := map[string]decide.Answer{}
		for _, item := range all {
			if items[item.InstanceID] = item; item.Answer != nil {
				answers[item.InstanceID] = *item.Answer
			}
		}
		if err := v.ledger.Answer(ctx, m.Key, answers); err != nil {
			return items, err
		}
		if ctx.Err() != nil {
			return items, ctx.Err()
		}
	}
	return items, nil
}

// endMany refuses the instances that are left of a submission whose tasks would have
// expired by now, and alerts once.
func (v *invocation) endMany(ctx context.Context, m decide.Many) (map[string]Item, error) {
	items, answers, left := map[string]Item{}, map[string]decide.Answer{}, m.Left()
	if len(left) == 0 {
		return items, nil
	}
	out, err := v.engine.Handle(ctx, decide.SweepID, decide.Unreached{Many: m})
	if err != nil {
		return items, err
	}
	line(v.log, out).Str("dedupe_key", m.DedupeKey).Msg("submission ended")
	for _, id := range left {
		a := decide.Answer{InstanceID: id}
		a.Refuse("it could not be submitted in time")
		answers[id], items[id] = a, answered(a, false)
	}
	return items, v.ledger.Answer(ctx, m.Key, answers)
}

// submittedOneOfMany notes what became of one instance. What failed is left to a
// sweep.
func (v *invocation) submittedOneOfMany(out engine.Outcome, err error) Item {
	if err == nil {
		return v.submitted(out)
	}
	item := Item{Result: ResultPending, InstanceID: out.InstanceID, Reason: later}
	if why := engine.Undecided(""); errors.As(err, &why) {
		item.Reason += ": " + string(why)
	}
	outcome(withStack(v.log.Warn().AnErr("trouble", err), err), out).Str("result", item.Result).Msg("submission handled")
	return item
}

// finishSubmissions continues the submissions for several instances that others
// left, and reports whether none is left now.
func (v *invocation) finishSubmissions(ctx context.Context) (complete bool, err error) {
	defer engine.Recovered(&err)
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc // the rest of the time is for the wake-ups
		ctx, cancel = context.WithTimeout(ctx, time.Until(deadline)/2)
		defer cancel()
	}
	complete = true
	err = v.ledger.EachLeft(ctx, func(m decide.Many) error {
		if m.Until.After(v.now()) {
			return nil
		}
		items, err := v.continueMany(ctx, m)
		for _, item := range items {
			complete = complete && item.Result != ResultPending
		}
		return err
	})
	if err != nil {
		err = fmt.Errorf("finish submissions: %w", err)
	}
	return complete && err == nil, err
}
