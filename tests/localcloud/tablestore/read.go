package tablestore

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/aliyun/aliyun-tablestore-go-sdk/tablestore/otsprotocol"
	"github.com/golang/protobuf/proto"
)

// visible decodes a stored row, nil if there is no such row, and returns its
// visible part: no expired cells, no more versions than the table keeps, the newest
// version of a column first. It reports false if nothing is visible.
func (t *table) visible(b []byte, m moment) (row, bool, error) {
	if t.index != nil {
		b = shown(b, m)
	}
	if b == nil {
		return row{}, false, nil
	}
	out, stamp, err := decodeStored(b)
	if err != nil {
		return row{}, false, err
	}
	if ttl := int64(t.options().GetTimeToLive()) * 1000; ttl > 0 {
		old := func(time int64) bool { return m.now-time >= ttl }
		byStamp := t.index != nil || len(out.cells) == 0
		out.cells = slices.DeleteFunc(out.cells, func(c cell) bool { return old(c.time) })
		if byStamp && old(stamp) || !byStamp && len(out.cells) == 0 {
			return row{}, false, nil
		}
	}
	out.cells = newest(out.cells, int(t.options().GetMaxVersions()))
	return out, true, nil
}

// encodeStored encodes a row for the store: a time, and the row in PlainBuffer
// without a header. The expiry of a row without cells counts from that time, which
// is that of its last write, and so does the expiry of a row of an index.
func encodeStored(r row, stamp int64) []byte {
	return appendRow(binary.BigEndian.AppendUint64(nil, uint64(stamp)), r)
}

func decodeStored(b []byte) (out row, stamp int64, err error) {
	if len(b) < 8 {
		return row{}, 0, fmt.Errorf("stored row of %d bytes", len(b))
	}
	r := reader{rest: b[8:]}
	if out, err = r.row(); err != nil {
		return row{}, 0, fmt.Errorf("decode stored row: %w", err)
	}
	return out, int64(binary.BigEndian.Uint64(b)), nil
}

// query is what GetRow, BatchGetRow and GetRange ask of each row.
type query struct {
	columns     map[string]bool // nil: all
	first, last int64           // versions, last excluded
	versions    int
	filter      *filter
	from, to    *string // columns, to excluded
	keyColumns  bool    // only the wanted primary key columns
}

// querier is the part that the three messages share.
type querier interface {
	GetColumnsToGet() []string
	GetTimeRange() *otsprotocol.TimeRange
	GetFilter() []byte
}

// parseRead reads the query of a GetRow or GetRange.
func parseRead(m querier, transaction *string, token []byte, versions *int32, from, to *string) (*query, error) {
	if transaction != nil {
		return nil, errUnsupported("A local transaction")
	}
	if token != nil {
		return nil, errUnsupported("A continuation token inside a row")
	}
	return parseQuery(m, versions, from, to)
}

// parseQuery reads a query. versions, from and to are nil if the message has
// no such field.
func parseQuery(m querier, versions *int32, from, to *string) (*query, error) {
	q := &query{first: 0, last: math.MaxInt64, versions: math.MaxInt, from: from, to: to}
	columns := m.GetColumnsToGet()
	if len(columns) > maxColumnsToGet {
		return nil, errParameter("The number of columns to get exceeds the limit, limit count: %d, column count: %d.", maxColumnsToGet, len(columns))
	}
	for _, name := range columns {
		if err := checkName("column", name); err != nil {
			return nil, err
		}
		if q.columns == nil {
			q.columns = make(map[string]bool, len(columns))
		}
		q.columns[name] = true
	}
	if versions != nil {
		if q.versions = int(*versions); q.versions < 1 {
			return nil, errParameter("The max versions must be greater than 0.")
		}
	}
	if err := q.setTimes(m.GetTimeRange(), versions != nil); err != nil {
		return nil, err
	}
	var err error
	q.filter, err = parseFilter(m.GetFilter(), true)
	return q, err
}

func (q *query) setTimes(r *otsprotocol.TimeRange, hasVersions bool) error {
	switch {
	case r == nil && !hasVersions:
		return errParameter("No version condition is specified while querying row.")
	case r == nil:
		return nil
	case r.SpecificTime != nil && (r.StartTime != nil || r.EndTime != nil || hasVersions):
		return errParameter("A specific time allows neither a time range nor max versions.")
	case r.SpecificTime != nil:
		if q.first = r.GetSpecificTime(); q.first < 0 || q.first == math.MaxInt64 {
			return errParameter("Invalid specific time: %d.", q.first)
		}
		q.last = q.first + 1
		return nil
	case r.StartTime == nil || r.EndTime == nil:
		return errParameter("A time range needs a start time and an end time.")
	}
	if q.first, q.last = r.GetStartTime(), r.GetEndTime(); q.first < 0 || q.first >= q.last {
		return errParameter("Invalid time range: [%d, %d).", q.first, q.last)
	}
	return nil
}

// pick returns the part of a row that was asked for, and false if the row is
// not in the answer. A row without cells is in it, unless columns to get are
// named: then it must have one of them.
func (q *query) pick(r row) (row, bool) {
	inTime := slices.DeleteFunc(slices.Clone(r.cells), func(c cell) bool {
		return c.time < q.first || c.time >= q.last || q.columns != nil && !q.columns[c.name]
	})
	r.cells = newest(inTime, q.versions)
	if q.columns != nil && len(r.cells) == 0 &&
		!slices.ContainsFunc(r.key, func(c cell) bool { return q.columns[c.name] }) {
		return row{}, false
	}
	if !q.filter.matches(r) {
		return row{}, false
	}
	r.cells = slices.DeleteFunc(r.cells, func(c cell) bool {
		return q.from != nil && c.name < *q.from || q.to != nil && c.name >= *q.to
	})
	if q.filter != nil && q.filter.page != nil {
		r.cells = page(r.cells, int(q.filter.page.GetOffset()), int(q.filter.page.GetLimit()))
	}
	if q.keyColumns && q.columns != nil {
		r.key = slices.DeleteFunc(slices.Clone(r.key), func(c cell) bool { return !q.columns[c.name] })
	}
	return r, true
}

// page skips offset columns and keeps the next limit ones, with all versions.
func page(cells []cell, offset, limit int) []cell {
	var out []cell
	column := -1
	for i, c := range cells {
		if i == 0 || c.name != cells[i-1].name {
			column++
		}
		if column >= offset && column-offset < limit {
			out = append(out, c)
		}
	}
	return out
}

func getRow(c *call) (proto.Message, error) {
	req := new(otsprotocol.GetRowRequest)
	if err := c.decode(req); err != nil {
		return nil, err
	}
	q, err := parseRead(req, req.TransactionId, req.Token, req.MaxVersions, req.StartColumn, req.EndColumn)
	if err != nil {
		return nil, err
	}
	key, err := decodeKey(req.PrimaryKey)
	if err != nil {
		return nil, err
	}
	var found []byte
	var consumed *otsprotocol.ConsumedCapacity
	err = c.server.store.view(func(t tx) error {
		in, err := c.readable(t, req.GetTableName())
		if err != nil {
			return err
		}
		found, consumed, err = q.one(t, in, key, c.moment())
		return err
	})
	if err != nil {
		return nil, err
	}
	return &otsprotocol.GetRowResponse{Consumed: consumed, Row: found}, nil
}

// one reads the row with the given key. It returns empty bytes, not nil, for a
// row that is missing or filtered out: the field is required.
func (q *query) one(t tx, in *table, key []cell, m moment) ([]byte, *otsprotocol.ConsumedCapacity, error) {
	if err := checkKey(in.schema(), key, keyOfRow); err != nil {
		return nil, nil, err
	}
	stored, exists, err := in.visible(t.get(rowKey(in.id, key)), m)
	if err != nil {
		return nil, nil, err
	}
	consumed := capacity(units(stored.size()), 0)
	if !exists {
		return []byte{}, consumed, nil
	}
	picked, ok := q.pick(stored)
	if !ok {
		return []byte{}, consumed, nil
	}
	return encodeRow(picked), consumed, nil
}

// decodeKey reads a row that has only a primary key.
func decodeKey(b []byte) ([]cell, error) {
	r, err := decodeRow(b)
	if err != nil {
		return nil, errParameter("Invalid primary key: %v.", err)
	}
	if len(r.cells) > 0 {
		return nil, errParameter("A primary key must not have attribute columns.")
	}
	return r.key, checkKeySizes(r.key)
}
