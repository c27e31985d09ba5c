package ledger

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aliyun/aliyun-tablestore-go-sdk/tablestore"

	"aftercare/shared/decide"
	"aftercare/shared/dispatch"
	"aftercare/shared/engine"
)

// InboxShards is how many shards the inbox has.
const InboxShards = 16

// Scopes of the table of alerts, and the rows of a group. Its own row is first in
// key order, then come its flushes: one read has both.
const (
	scopeArmed   = "armed"
	scopeChannel = "channel"
	rowGroup     = "!"
	prefixFlush  = "flush/"
	prefixNew    = "new/"
	prefixTold   = "told/"
	groupEnd     = "flush0"
	newEnd       = "new0"
	toldEnd      = "told0"

	colAtMS = "at_ms"
	colHeld = "held" // ids with commas
)

// newKey is a value that no row had before.
func newKey() string { return strconv.FormatUint(rand.Uint64(), 36) }

func scopeInbox(shard int) string { return fmt.Sprintf("in/%02d", shard) }

func scopeGroup(group string) string { return "group/" + group }

// Alerts is the ledger's part for the function alerts: a dispatch.Store.
type Alerts struct{ l *Ledger }

// Alerts returns the inbox and the groups.
func (l *Ledger) Alerts() *Alerts { return &Alerts{l} }

// InboxShard is the shard of an alert's letter.
func InboxShard(a decide.Alert) int { return shard(a.InstanceID, InboxShards) }

// Post puts an alert into the inbox, unless one with its key and the same or a
// higher rev is there. It may be repeated.
func (l *Ledger) Post(ctx context.Context, key string, rev int64, a decide.Alert) error {
	const what = "put an alert into the inbox"
	data, err := encoded(what, &a)
	if err != nil {
		return err
	}
	older := tablestore.NewSingleColumnCondition(colRev, tablestore.CT_LESS_THAN, rev)
	older.LatestVersionOnly = true
	condition := anyway()
	condition.ColumnCondition = older
	pk := sharedKey(scopeInbox(InboxShard(a)), key)
	err = l.put(ctx, idempotent, what, putOf(tableAlerts, pk, condition, data, column{colRev, rev}))
	if errors.Is(err, engine.ErrConflict) {
		return nil // a newer one, or this one, is there
	}
	return err
}

// Inbox calls each with the letters of a shard.
func (s *Alerts) Inbox(ctx context.Context, shard int, each func(dispatch.Letter) bool) error {
	scope := scopeInbox(shard)
	return s.scan(ctx, "read the inbox", scope, "", "", func(row string, v values) (bool, error) {
		a, err := decode[decide.Alert](v)
		if err != nil {
			return false, unreadable(row)
		}
		return each(dispatch.Letter{Shard: shard, Key: row, Rev: v.int(colRev), Alert: a}), nil
	})
}

// scan calls each with the rows of a scope from a row on and before another, until
// it returns false. An empty end is the scope's.
func (s *Alerts) scan(ctx context.Context, what, scope, from, to string, each func(row string, v values) (bool, error)) error {
	end := sharedEnd(scope)
	if to != "" {
		end = sharedKey(scope, to)
	}
	stop := errors.New("enough")
	err := s.l.scan(ctx, what, tableAlerts, sharedKey(scope, from), end, nil, func(r *tablestore.Row) error {
		more, err := each(keyText(r, 1), valuesOf(r.Columns))
		if err == nil && !more {
			err = stop
		}
		return err
	})
	if errors.Is(err, stop) {
		return nil
	}
	return err
}

// Remove removes those letters of a shard whose rev is still the same.
func (s *Alerts) Remove(ctx context.Context, letters []dispatch.Letter) error {
	for some := range slices.Chunk(letters, maxBatchRows) {
		var rows []tablestore.RowChange
		for _, l := range some {
			rows = append(rows, &tablestore.DeleteRowChange{
				TableName: tableAlerts, PrimaryKey: sharedKey(scopeInbox(l.Shard), l.Key), Condition: guardOf(l.Rev),
			})
		}
		if err := s.l.removeEach(ctx, "take letters from the inbox", rows); err != nil {
			return err
		}
	}
	return nil
}

// memberKeys is how many members one call asks for: each can be in two places.
const memberKeys = 50

// Load reads a group, its flushes and some members. The group's own row is read
// first, so that a commit that lands meanwhile makes a later one fail.
func (s *Alerts) Load(ctx context.Context, group string, keys []string) (dispatch.Group, map[string]dispatch.Member, error) {
	g := dispatch.Group{Key: group}
	err := s.scan(ctx, "load a group", scopeGroup(group), rowGroup, groupEnd, func(row string, v values) (bool, error) {
		var err error
		if row == rowGroup {
			flushes := g.Flushes
			if g, err = decode[dispatch.Group](v); err != nil {
				return false, unreadable(row)
			}
			g.Key, g.Rev, g.Flushes = group, v.int(colRev), flushes
			return true, nil
		}
		f, err := decode[dispatch.Flush](v)
		if err == nil {
			f.Number, err = strconv.ParseInt(row[len(prefixFlush):], 10, 64)
		}
		if err != nil {
			return false, unreadable(row)
		}
		g.Flushes = append(g.Flushes, f)
		return true, nil
	})
	if err != nil {
		return g, nil, err
	}
	members, of := map[string]dispatch.Member{}, column{colScope, scopeGroup(group)}
	for some := range slices.Chunk(keys, memberKeys) {
		var rows []*tablestore.PrimaryKey
		for _, key := range some {
			rows = append(rows, keyOf(of, column{colRow, prefixNew + key}), keyOf(of, column{colRow, prefixTold + key}))
		}
		found, err := s.l.rowsAt(ctx, "read members of a group", tableAlerts, rows)
		if err != nil {
			return g, nil, err
		}
		for i, v := range found {
			if v == nil {
				continue
			}
			if members[some[i/2]], err = memberIn(some[i/2], v); err != nil {
				return g, nil, err
			}
		}
	}
	return g, members, nil
}

func memberIn(key string, v values) (dispatch.Member, error) {
	m, err := decode[dispatch.Member](v)
	if err != nil {
		return m, unreadable(key)
	}
	m.Key = key
	return m, nil
}

// News reads members that no flush has told.
func (s *Alerts) News(ctx context.Context, group string, each func(dispatch.Member) bool) error {
	return s.members(ctx, group, prefixNew, newEnd, each)
}

// Told reads the other members.
func (s *Alerts) Told(ctx context.Context, group string, each func(dispatch.Member) bool) error {
	return s.members(ctx, group, prefixTold, toldEnd, each)
}

func (s *Alerts) members(ctx context.Context, group, from, to string, each func(dispatch.Member) bool) error {
	return s.scan(ctx, "read members of a group", scopeGroup(group), from, to, func(row string, v values) (bool, error) {
		m, err := memberIn(row[len(from):], v)
		return err == nil && each(m), err
	})
}

// Commit writes a change of a group in one atomic batch.
func (s *Alerts) Commit(ctx context.Context, c dispatch.Change) error {
	b := &batch{table: tableAlerts, owner: column{colScope, scopeGroup(c.Group.Key)}}
	b.change(rowGroup, &c.Group, guardOf(c.Group.Rev-1), []column{{colRev, c.Group.Rev}})
	for _, f := range c.Flushes {
		b.put(flushRow(f.Number), &f)
	}
	for _, n := range c.Ended {
		b.drop(flushRow(n))
	}
	for _, m := range c.New {
		b.put(prefixNew+m.Key, &m)
		b.drop(prefixTold + m.Key)
	}
	for _, m := range c.Told {
		b.put(prefixTold+m.Key, &m)
		b.drop(prefixNew + m.Key)
	}
	return s.l.write(ctx, once, "change a group", b)
}

func flushRow(number int64) string { return fmt.Sprintf("%s%012d", prefixFlush, number) }

// Armed calls each with the groups that have something to do, beginning with those
// that waited longest in a page.
func (s *Alerts) Armed(ctx context.Context, each func(dispatch.Armed) bool) error {
	return s.scan(ctx, "read which groups have something to do", scopeArmed, "", "", func(row string, v values) (bool, error) {
		a := dispatch.Armed{Group: row, Token: v.text(colKey)}
		if ms := v.int(colAtMS); ms != 0 {
			a.At = time.UnixMilli(ms).UTC()
		}
		if held := v.text(colHeld); held != "" {
			a.Held = strings.Split(held, ",")
		}
		return each(a), nil
	})
}

// Arm says that a group has something to do now.
func (s *Alerts) Arm(ctx context.Context, group string) error {
	return s.l.put(ctx, idempotent, "arm a group", putOf(tableAlerts, sharedKey(scopeArmed, group), anyway(), column{colKey, newKey()}))
}

// Settle says when a group has something to do again.
func (s *Alerts) Settle(ctx context.Context, a dispatch.Armed, at time.Time, held []string) error {
	const what = "settle a group"
	pk := sharedKey(scopeArmed, a.Group)
	var err error
	if at.IsZero() {
		err = s.l.remove(ctx, idempotent, what, tableAlerts, pk, hasKey(a.Token))
	} else {
		err = s.l.put(ctx, idempotent, what, putOf(tableAlerts, pk, hasKey(a.Token), column{colKey, newKey()}, column{colAtMS, at.UnixMilli()}, column{colHeld, strings.Join(held, ",")}))
	}
	if errors.Is(err, engine.ErrConflict) {
		return nil // somebody armed it
	}
	return err
}

// Slot takes the first free slot of a channel.
func (s *Alerts) Slot(ctx context.Context, channel string, now, last time.Time, each time.Duration) (at time.Time, ok bool, err error) {
	err = s.pace(ctx, channel, func(free time.Time) time.Time {
		at = now
		if free.After(now) {
			at = free
		}
		if ok = !at.After(last); !ok {
			return free
		}
		return at.Add(each)
	})
	return at, ok && err == nil, err
}

// Close keeps the slots of a channel before a time from being taken.
func (s *Alerts) Close(ctx context.Context, channel string, until time.Time) error {
	return s.pace(ctx, channel, func(free time.Time) time.Time {
		if free.After(until) {
			return free
		}
		return until
	})
}

// pace changes when the next slot of a channel is free.
func (s *Alerts) pace(ctx context.Context, channel string, next func(free time.Time) time.Time) error {
	const what = "take a slot of a channel"
	pk := sharedKey(scopeChannel, channel)
	for range writeTries {
		v, err := s.l.get(ctx, what, tableAlerts, pk)
		if err != nil {
			return err
		}
		free, condition := time.UnixMilli(v.int(colAtMS)).UTC(), absent()
		if v != nil {
			condition = hasKey(v.text(colKey))
		}
		to := next(free)
		if to.Equal(free) {
			return nil
		}
		columns := append(others(v, colKey, colAtMS), column{colKey, newKey()}, column{colAtMS, to.UnixMilli()})
		err = s.l.put(ctx, once, what, putOf(tableAlerts, pk, condition, columns...))
		if !readAgain(err) {
			return err
		}
	}
	return contended(what, false)
}
