package tablestore

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/aliyun/aliyun-tablestore-go-sdk/tablestore/otsprotocol"
	"github.com/golang/protobuf/proto"
)

// loadRow reads the visible part of a row: no expired cells, no more versions
// than the table keeps, the newest version of a column first.
func loadRow(t tx, at []byte, o *otsprotocol.TableOptions, now int64) (row, bool, error) {
	b := t.get(at)
	if b == nil {
		return row{}, false, nil
	}
	return visible(b, o, now)
}

// visible decodes a stored row; it reports false if all of it has expired.
func visible(b []byte, o *otsprotocol.TableOptions, now int64) (row, bool, error) {
	if len(b) < 8 {
		return row{}, false, fmt.Errorf("stored row of %d bytes", len(b))
	}
	stamp := int64(binary.BigEndian.Uint64(b))
	r := reader{rest: b[8:]}
	out, err := r.row()
	if err != nil {
		return row{}, false, fmt.Errorf("decode stored row: %w", err)
	}
	if ttl := int64(o.GetTimeToLive()) * 1000; ttl > 0 {
		had := len(out.cells) > 0
		out.cells = slices.DeleteFunc(out.cells, func(c cell) bool { return now-c.time >= ttl })
		if had && len(out.cells) == 0 || !had && now-stamp >= ttl {
			return row{}, false, nil
		}
	}
	out.cells = newest(out.cells, int(o.GetMaxVersions()))
	return out, true, nil
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
		in, err := loadTable(t, c.instance, req.GetTableName())
		if err != nil {
			return err
		}
		found, consumed, err = q.one(t, in, key, c.milliseconds())
		return err
	})
	if err != nil {
		return nil, err
	}
	return &otsprotocol.GetRowResponse{Consumed: consumed, Row: found}, nil
}

// one reads the row with the given key. It returns empty bytes, not nil, for a
// row that is missing or filtered out: the field is required.
func (q *query) one(t tx, in *table, key []cell, now int64) ([]byte, *otsprotocol.ConsumedCapacity, error) {
	if err := checkKey(in.schema(), key, keyOfRow); err != nil {
		return nil, nil, err
	}
	stored, exists, err := loadRow(t, rowKey(in.id, key), in.options(), now)
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
