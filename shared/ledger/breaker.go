package ledger

import (
	"context"
	"errors"
	"fmt"

	"aftercare/shared/decide"
	"aftercare/shared/engine"
	"aftercare/shared/flow"
)

// OpenBreaker stores b in one conditional put; if another breaker is in the
// way, it reads that one. It may be repeated, even after b's ResumeAt: as long
// as a breaker with b's key is stored, that one is the answer.
func (l *Ledger) OpenBreaker(ctx context.Context, b decide.Breaker) (decide.Breaker, error) {
	const what = "open a breaker"
	b.OpenedAt, b.ResumeAt = instant(b.OpenedAt), instant(b.ResumeAt)
	if !flow.ValidName(b.Flow) || b.Key == "" {
		return decide.Breaker{}, fmt.Errorf("%s: flow or key is missing or malformed: %w", what, engine.ErrInvalid)
	}
	data, err := encoded(what, b)
	if err != nil {
		return decide.Breaker{}, err
	}
	pk := sharedKey(scopeControl, prefixBreaker+b.Flow)
	condition, doubt := absent(), false
	for range writeTries {
		err := l.putShared(ctx, once, what, pk, condition, data, column{colKey, b.Key})
		switch {
		case err == nil:
			return b, nil
		case errors.Is(err, engine.ErrUnknownOutcome):
			doubt = true
		case !errors.Is(err, engine.ErrConflict):
			return decide.Breaker{}, doubtful(err, doubt)
		}
		v, err := l.get(ctx, what, tableShared, pk)
		switch {
		case err != nil:
			return decide.Breaker{}, doubtful(err, doubt)
		case v == nil:
			condition = absent()
			continue
		}
		stored, err := breakerIn(prefixBreaker+b.Flow, v)
		if err != nil {
			return decide.Breaker{}, doubtful(fmt.Errorf("%s: %w", what, err), doubt)
		}
		if stored.Key == b.Key || stored.ResumeAt.After(b.OpenedAt) {
			return stored, nil
		}
		condition = hasKey(stored.Key)
	}
	return decide.Breaker{}, contended(what, doubt)
}

// CloseBreaker removes the breaker of a flow that was opened under key, and
// reports whether this call, as far as is known, removed it. The failures up to
// its ResumeAt count no more: the count is reset first, so that nothing opens it
// again in between.
func (l *Ledger) CloseBreaker(ctx context.Context, name, key string) (bool, error) {
	const what = "close a breaker"
	if !flow.ValidName(name) || key == "" {
		return false, fmt.Errorf("%s: flow or key is missing or malformed: %w", what, engine.ErrInvalid)
	}
	pk := sharedKey(scopeControl, prefixBreaker+name)
	v, err := l.get(ctx, what, tableShared, pk)
	if err != nil || v == nil || v.text(colKey) != key {
		return false, err
	}
	b, err := breakerIn(prefixBreaker+name, v)
	if err != nil {
		return false, fmt.Errorf("%s: %w", what, err)
	}
	if err := l.resetFailures(ctx, name, b.ResumeAt); err != nil {
		return false, err
	}
	v, err = l.takeShared(ctx, what, pk, key)
	return v != nil, err
}
