package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/aliyun/aliyun-tablestore-go-sdk/tablestore"

	"aftercare/shared/decide"
	"aftercare/shared/engine"
	"aftercare/shared/flow"
)

// carried is what the row of an order holds: it was carried out.
type carried struct {
	Act     decide.Act     `json:"act"`
	Ordered decide.Ordered `json:"ordered"`
}

// Order carries out a stop or a resume, and records it as an act. It does so once
// for each Key: again says that an earlier call did it, and gave the answer. The
// row of the order is in the batch that changes its stop, so an order that comes
// late undoes nothing newer.
func (l *Ledger) Order(ctx context.Context, o decide.Order) (answer decide.Ordered, again bool, err error) {
	what := string(o.Kind)
	if o.At = instant(o.At); o.Key == "" || o.At.IsZero() || !valid(o.Scope) {
		return answer, false, fmt.Errorf("%s: key, scope or time is missing or malformed: %w", what, engine.ErrInvalid)
	}
	o.What = o.Scope.String()
	pk, doubt := sharedKey(scopeControl, prefixOrder+o.Key), false
	for range writeTries {
		v, err := l.get(ctx, what, tableShared, pk)
		if err != nil {
			return answer, false, doubtful(err, doubt)
		}
		if v != nil {
			answer, err = l.recall(ctx, o, v)
			return answer, !doubt, err
		}
		changes, done, err := l.carryOut(ctx, o)
		if err != nil {
			return answer, false, doubtful(err, doubt)
		}
		data, err := encoded(what, done)
		if err != nil {
			return answer, false, err
		}
		changes = append(changes, putOf(tableShared, pk, absent(), data, column{colKey, o.Key}, column{colHash, o.Hash}).PutRowChange)
		err = l.writeRows(ctx, once, what, tableShared, changes)
		switch {
		case err == nil:
			return done.Ordered, false, l.recordAct(ctx, o.Scope.Instance, done.Act, absent())
		case errors.Is(err, engine.ErrUnknownOutcome):
			doubt = true
		case !errors.Is(err, engine.ErrConflict):
			return answer, false, doubtful(err, doubt)
		}
	}
	return answer, false, contended(what, doubt)
}

// valid reports whether a scope names one thing at most, and a flow by a flow's name.
func valid(s decide.Scope) bool {
	return s == decide.Scope{Instance: s.Instance} || s == decide.Scope{Label: s.Label} || s == decide.Scope{Flow: s.Flow} && flow.ValidName(s.Flow)
}

// recall gives the answer of an order that was carried out, and records its act:
// who carried it out may have died before that.
func (l *Ledger) recall(ctx context.Context, o decide.Order, v values) (decide.Ordered, error) {
	var done carried
	switch {
	case v.text(colHash) != o.Hash:
		return decide.Ordered{Outcome: decide.Refused, Reason: decide.OtherBody}, nil
	case json.Unmarshal([]byte(v.text(colData)), &done) != nil:
		return decide.Ordered{}, unreadable(prefixOrder + o.Key)
	}
	return done.Ordered, l.recordAct(ctx, o.Scope.Instance, done.Act, absent())
}

// carryOut returns the changes that an order makes to what is stored now.
func (l *Ledger) carryOut(ctx context.Context, o decide.Order) ([]tablestore.RowChange, carried, error) {
	do := l.stop
	if o.Kind == decide.ActResume {
		do = l.resume
	}
	changes, ordered, err := do(ctx, o)
	o.Outcome = ordered.Outcome
	return changes, carried{o.Act, ordered}, err
}

// stop puts a stop. One that is there stays, and is written again, so that the
// batch fails if somebody resumes it meanwhile. One that cannot be read is
// replaced.
func (l *Ledger) stop(ctx context.Context, o decide.Order) ([]tablestore.RowChange, decide.Ordered, error) {
	row := stopRow(o.Scope)
	pk := sharedKey(scopeControl, row)
	v, err := l.get(ctx, "stop", tableShared, pk)
	if err != nil {
		return nil, decide.Ordered{}, err
	}
	if there, err := stopIn(row, v); err == nil {
		same := putOf(tableShared, pk, hasKey(v.text(colKey)), others(v)...)
		return []tablestore.RowChange{same.PutRowChange}, decide.Ordered{Outcome: decide.AlreadyStopped, Stop: &there}, nil
	}
	s := decide.Stop{Scope: o.Scope, By: o.By, Reason: o.Reason, At: o.At}
	data, err := encoded("stop", s)
	if err != nil {
		return nil, decide.Ordered{}, err
	}
	put := putOf(tableShared, pk, unchanged(v), data, column{colKey, o.Key})
	return []tablestore.RowChange{put.PutRowChange}, decide.Ordered{Outcome: decide.Stopped, Stop: &s}, nil
}

// resume removes the stop of exactly this scope, and a flow's breaker with it. The
// failures of that flow until now count no more. It also removes a row that cannot
// be read, and answers only its scope or flow.
func (l *Ledger) resume(ctx context.Context, o decide.Order) (changes []tablestore.RowChange, a decide.Ordered, err error) {
	a.Outcome = decide.NotStopped
	remove := func(row string) (v values, err error) {
		pk := sharedKey(scopeControl, row)
		if v, err = l.get(ctx, "resume", tableShared, pk); v != nil {
			a.Outcome = decide.Resumed
			changes = append(changes, &tablestore.DeleteRowChange{TableName: tableShared, PrimaryKey: pk, Condition: unchanged(v)})
		}
		return v, err
	}
	row := stopRow(o.Scope)
	v, err := remove(row)
	if v != nil {
		s, _ := stopIn(row, v)
		s.Scope = o.Scope
		a.Stop = &s
	}
	if err != nil || o.Scope.Flow == "" {
		return changes, a, err
	}
	row = prefixBreaker + o.Scope.Flow
	if v, err = remove(row); v != nil {
		b, _ := breakerIn(row, v)
		b.Flow = o.Scope.Flow
		a.Breaker = &b
	}
	if err == nil {
		err = l.resetFailures(ctx, o.Scope.Flow, l.now())
	}
	return changes, a, err
}

// unchanged is the condition that a row is still the one that was read, or is not
// there if it was not. Rows without a key look alike.
func unchanged(v values) *tablestore.RowCondition {
	switch key := v.text(colKey); {
	case v == nil:
		return absent()
	case key == "":
		return anyway()
	default:
		return hasKey(key)
	}
}
