package ledger

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aliyun/aliyun-tablestore-go-sdk/tablestore"
)

// Query is a part of the history.
type Query struct {
	// From and Before bound the time, to the millisecond.
	From, Before time.Time
	// Kinds are those that are wanted; all of them if it is empty.
	Kinds []EntryKind
	// Bad leaves out what went well, and what can go no other way.
	Bad bool
	// InstanceID limits it to one instance, if it is set.
	InstanceID string
	// ID leaves out most records that have not this text in an id, if it is set:
	// their own, their task's or their event's.
	ID string
	// OldestFirst: the oldest come first, not the newest.
	OldestFirst bool
}

// Entry is a record as the history lists it.
type Entry struct {
	Kind       EntryKind
	InstanceID string
	// ID is the record's among those of its kind and instance: an invoke id, a
	// task's, a run's, the number of a boot.
	ID string
	At time.Time
	Brief
	row string
}

// Started is when an execution or a run began; zero if unknown.
func (e Entry) Started() time.Time { return fromMillis(e.StartMS) }

// Asked is when a person or a schedule started a run; zero if an event did.
func (e Entry) Asked() time.Time { return fromMillis(e.AskedMS) }

// History calls each with the records of a query, the newest first unless it says
// otherwise, as they come. It reads no more than that takes, and ends with the error of
// each.
func (l *Ledger) History(ctx context.Context, q Query, each func(Entry) error) error {
	if q.Before.UnixMilli() <= q.From.UnixMilli() {
		return nil // the service refuses an empty range
	}
	wanted := q.wanted()
	var months []time.Time
	for month := monthOf(q.From); month.Before(q.Before); month = month.AddDate(0, 1, 0) {
		months = append(months, month)
	}
	if !q.OldestFirst {
		slices.Reverse(months)
	}
	for _, month := range months {
		parts := q.parts(month)
		for {
			if err := l.fill(ctx, "read the history", parts); err != nil {
				return err
			}
			rows := q.settled(parts)
			if len(rows) == 0 {
				break
			}
			for _, row := range rows {
				if !wanted(row) {
					continue
				}
				if err := each(entryOf(row)); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// Reported reports whether the history has an execution from a time on that an event
// reported.
func (l *Ledger) Reported(ctx context.Context, since time.Time) (bool, error) {
	found := errors.New("found")
	err := l.History(ctx, Query{From: since, Before: l.now().Add(time.Hour), Kinds: []EntryKind{EntryExecution}}, func(e Entry) error {
		if e.Polled {
			return nil
		}
		return found
	})
	if errors.Is(err, found) {
		return true, nil
	}
	return false, err
}

// wanted returns whether a row is of the query's instance, and may have its id. So most
// rows of a long history need not be decoded.
func (q Query) wanted() func(row *tablestore.Row) bool {
	quoted, _ := json.Marshal(q.ID) // a text can be written
	inBrief := strings.Trim(string(quoted), `"`)
	return func(row *tablestore.Row) bool {
		return (q.InstanceID == "" || keyText(row, 2) == partition(q.InstanceID)) &&
			(strings.Contains(keyText(row, 3), q.ID) || strings.Contains(columnText(row, colBrief), inBrief))
	}
}

// parts are the parts of the history's key space that a query reads of a month.
func (q Query) parts(month time.Time) (parts []*cursor) {
	for _, kind := range EntryKinds {
		if len(q.Kinds) > 0 && !slices.Contains(q.Kinds, kind) {
			continue
		}
		for n := range listShards {
			if q.InstanceID != "" && n != shard(q.InstanceID, listShards) {
				continue
			}
			if kind.mixed() || kind == EntryMessage {
				parts = append(parts, q.cursor(histKey(kind, true, month, n)))
			}
			if !q.Bad && kind != EntryMessage {
				parts = append(parts, q.cursor(histKey(kind, false, month, n)))
			}
		}
	}
	return parts
}

func monthOf(t time.Time) time.Time {
	t = t.UTC()
	return time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC)
}

// cursor reads one part of an index.
type cursor struct {
	span
	rows []*tablestore.Row // that are read and not used
	page int               // how many the last page had
}

// A part's first page is small, because most readers want few rows of many parts;
// each page is twice as long as the one before, up to the most.
const (
	firstPage = 16
	mostPage  = 1024
)

func (q Query) cursor(hist string) *cursor {
	bound := func(at time.Time) *tablestore.PrimaryKey {
		return keyOf(column{colHist, hist}, column{colAt, at.UnixMilli()}, column{colPartition, first}, column{colRow, first})
	}
	s := span{table: indexHistory, from: bound(q.From), to: bound(q.Before), limit: firstPage}
	if !q.OldestFirst {
		s.from, s.to, s.backward = s.to, s.from, true
	}
	return &cursor{span: s}
}

// sideBySide is how many pages are read at once.
const sideBySide = 16

// fill reads the next page of each part, side by side, if one of them has no rows
// left: those that have half of their last page left need it soon, too.
func (l *Ledger) fill(ctx context.Context, what string, parts []*cursor) error {
	isDry := func(c *cursor) bool { return len(c.rows) == 0 && c.from != nil }
	if !slices.ContainsFunc(parts, isDry) {
		return nil
	}
	var all sync.WaitGroup
	room, errs := make(chan struct{}, sideBySide), make([]error, len(parts))
	for i, c := range parts {
		if c.from == nil || len(c.rows) > c.page/2 {
			continue
		}
		room <- struct{}{}
		all.Go(func() {
			var rows []*tablestore.Row
			for more := true; more && errs[i] == nil; more = isDry(c) {
				rows, errs[i] = l.page(ctx, what, &c.span)
				c.rows = append(c.rows, rows...)
			}
			c.page, c.limit = len(rows), min(2*c.limit, mostPage)
			<-room
		})
	}
	all.Wait()
	return cmp.Or(errs...)
}

// settled takes those rows of the parts that no unread row comes before, in order.
// Each part has rows, or is read.
func (q Query) settled(parts []*cursor) (rows []*tablestore.Row) {
	order := func(a, b *tablestore.Row) int {
		if q.OldestFirst {
			a, b = b, a
		}
		return cmp.Compare(keyInt(b, 1), keyInt(a, 1))
	}
	var until *tablestore.Row
	for _, c := range parts {
		if c.from == nil {
			continue
		}
		if last := c.rows[len(c.rows)-1]; until == nil || order(last, until) < 0 {
			until = last
		}
	}
	for _, c := range parts {
		n := 0
		for n < len(c.rows) && (until == nil || order(c.rows[n], until) <= 0) {
			n++
		}
		rows, c.rows = append(rows, c.rows[:n]...), c.rows[n:]
	}
	slices.SortStableFunc(rows, order)
	return rows
}

// entryOf returns what a row of the history's index says.
func entryOf(row *tablestore.Row) Entry {
	_, instanceID, _ := strings.Cut(keyText(row, 2), ":")
	e := Entry{InstanceID: instanceID, At: fromMillis(keyInt(row, 1)), row: keyText(row, 3)}
	kind, id, _ := strings.Cut(strings.TrimPrefix(e.row, logFirst), "/")
	e.Kind, e.ID = EntryKind(kind), id
	if e.Kind == EntryExecution {
		e.ID, _, _ = strings.Cut(id, "/")
	}
	_ = json.Unmarshal([]byte(columnText(row, colBrief)), &e.Brief) // only people read it
	return e
}
