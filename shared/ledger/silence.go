package ledger

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aliyun/aliyun-tablestore-go-sdk/tablestore"

	"aftercare/shared/decide"
	"aftercare/shared/dispatch"
	"aftercare/shared/routing"
)

// The scope of silences, one in each row. A row lives for as long as it is read while
// the silence holds, and silenceKept after that.
const (
	scopeSilence = "silence"
	silenceKept  = 30 * 24 * time.Hour
)

// silenceIn reads the silence in a row. One of a version that knows more matchers is not
// read: it would silence too much.
func silenceIn(row string, v values) (s routing.Silence, err error) {
	d := json.NewDecoder(bytes.NewReader([]byte(v.text(colData))))
	d.DisallowUnknownFields()
	if d.Decode(&s) != nil || s.ID != row || s.At.IsZero() || s.Match == nil && s.Alert == "" || v.text(colKey) == "" {
		return routing.Silence{}, unreadable(row)
	}
	return s, nil
}

func putSilence(what string, s routing.Silence, condition *tablestore.RowCondition, beside ...column) (*tablestore.PutRowRequest, error) {
	data, err := encoded(what, s)
	return putOf(tableAlerts, sharedKey(scopeSilence, s.ID), condition, append(beside, data, column{colKey, newKey()})...), err
}

// EachSilence calls each with the silences that hold, and those that ended within 30
// days. What it cannot read silences nothing, and is left out. Older ones are removed,
// and those that hold are written anew after a quarter of their row's shortest life,
// if keep says so: that takes the right to write.
func (l *Ledger) EachSilence(ctx context.Context, keep bool, each func(routing.Silence) error) error {
	now := l.now()
	var rows []tablestore.RowChange
	err := l.scan(ctx, "read the silences", tableAlerts, sharedKey(scopeSilence, ""), sharedEnd(scopeSilence), nil, func(row *tablestore.Row) error {
		name, v := keyText(row, 1), valuesOf(row.Columns)
		s, err := silenceIn(name, v)
		if err != nil {
			return nil
		}
		pk, unchanged := sharedKey(scopeSilence, name), hasKey(v.text(colKey))
		switch {
		case !s.Holds(now.Add(-silenceKept)):
			rows = append(rows, &tablestore.DeleteRowChange{TableName: tableAlerts, PrimaryKey: pk, Condition: unchanged})
			return nil
		case s.Holds(now) && now.Sub(written(row)) > renewAfter:
			again := putOf(tableAlerts, pk, unchanged, others(v)...)
			rows = append(rows, again.PutRowChange)
		}
		return each(s)
	})
	if err != nil || !keep {
		return err
	}
	for some := range slices.Chunk(rows, maxBatchRows) {
		_ = l.writeOnce(tableAlerts, some, false) // the next reader does what failed: there is time
	}
	return nil
}

// Silences reads the silences, with those that ended lately.
func (s *Alerts) Silences(ctx context.Context) (list []dispatch.Silence, err error) {
	err = s.l.EachSilence(ctx, true, func(s routing.Silence) error {
		list = append(list, s.Dispatched())
		return nil
	})
	return list, err
}

// Silence stores a silence, unless one with its id is there, and records the act. It may
// be repeated: again says that an earlier call stored it.
func (l *Ledger) Silence(ctx context.Context, s routing.Silence, a decide.Act) (stored routing.Silence, again bool, err error) {
	const what = "store a silence"
	s.At, s.Until = instant(s.At), instant(s.Until)
	request, err := putSilence(what, s, absent())
	if err != nil {
		return s, false, err
	}
	err = l.put(ctx, once, what, request)
	if err == nil {
		return s, false, l.RecordAct(ctx, a)
	}
	if !readAgain(err) {
		return s, false, err
	}
	there, _, err := l.silence(ctx, what, s.ID)
	switch {
	case err != nil:
		return s, false, doubtful(err, true)
	case there == nil:
		return s, false, contended(what, true)
	}
	// Who stored it may have died before this.
	a.At = there.At
	return *there, true, l.RecordAct(ctx, a)
}

// silence reads one silence, with its row; nil if it is not there.
func (l *Ledger) silence(ctx context.Context, what, id string) (*routing.Silence, values, error) {
	v, err := l.get(ctx, what, tableAlerts, sharedKey(scopeSilence, id))
	if err != nil || v == nil {
		return nil, nil, err
	}
	s, err := silenceIn(id, v)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", what, err)
	}
	return &s, v, nil
}

// EndSilence ends a silence now, if it holds, and returns it as it is then; nil if there
// is none with this id. It may be repeated.
func (l *Ledger) EndSilence(ctx context.Context, id string, at time.Time, why routing.SilenceEnd, by, reason string) (*routing.Silence, error) {
	const what = "end a silence"
	for range writeTries {
		s, v, err := l.silence(ctx, what, id)
		if err != nil || s == nil || !s.Holds(at) {
			return s, err
		}
		s.Until, s.Ended, s.EndedBy, s.EndReason = instant(at), why, by, reason
		request, err := putSilence(what, *s, hasKey(v.text(colKey)), others(v, colData, colKey)...)
		if err != nil {
			return nil, err
		}
		if err = l.put(ctx, once, what, request); !readAgain(err) {
			return s, err
		}
	}
	return nil, contended(what, true)
}

// Recovered ends an acknowledgement, as what it covers has recovered.
func (s *Alerts) Recovered(ctx context.Context, id string, at time.Time) error {
	_, err := s.l.EndSilence(ctx, id, at, routing.SilenceRecovered, "", "")
	return err
}

// EachMember calls each with every member of every group that the table still has.
func (l *Ledger) EachMember(ctx context.Context, each func(group string, m dispatch.Member) error) error {
	err := l.scan(ctx, "read the alerts", tableAlerts, sharedKey(scopeGroup(""), ""), sharedKey(groupsEnd, ""), nil, func(row *tablestore.Row) error {
		group, name := strings.TrimPrefix(keyText(row, 0), scopeGroup("")), keyText(row, 1)
		for _, prefix := range []string{prefixNew, prefixTold} {
			key, ok := strings.CutPrefix(name, prefix)
			if !ok {
				continue
			}
			m, err := memberIn(key, valuesOf(row.Columns))
			if err == nil {
				err = each(group, m)
			}
			return err
		}
		return nil
	})
	return err
}

// groupsEnd sorts behind the scopes of all groups.
const groupsEnd = "group0"
