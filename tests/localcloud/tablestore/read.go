package tablestore

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/aliyun/aliyun-tablestore-go-sdk/tablestore/otsprotocol"
	"github.com/golang/protobuf/proto"
)

// loadRow reads what is visible of a row: no expired cells, no more versions
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
	GetMaxVersions() int32
	GetFilter() []byte
	GetStartColumn() string
	GetEndColumn() string
}

func parseQuery(m querier, hasVersions, hasFrom, hasTo bool) (*query, error) {
	q := &query{first: 0, last: math.MaxInt64, versions: math.MaxInt}
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
	if hasVersions {
		if q.versions = int(m.GetMaxVersions()); q.versions < 1 {
			return nil, errParameter("The max versions must be greater than 0.")
		}
	}
	if err := q.setTimes(m.GetTimeRange(), hasVersions); err != nil {
		return nil, err
	}
	if hasFrom {
		from := m.GetStartColumn()
		q.from = &from
	}
	if hasTo {
		to := m.GetEndColumn()
		q.to = &to
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

// pick takes from a row what was asked for; it reports false if the row is
// not part of the answer. A row is its primary key at least, but with columns
// to get it must have one of them.
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

// page keeps limit columns, all versions of each, after the first offset ones.
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
	if req.TransactionId != nil {
		return nil, errUnsupported("A local transaction")
	}
	if req.Token != nil {
		return nil, errUnsupported("A continuation token inside a row")
	}
	q, err := parseQuery(req, req.MaxVersions != nil, req.StartColumn != nil, req.EndColumn != nil)
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

// one reads the row with the given key. A row that is missing or filtered out
// is empty, not nil: the field is required.
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

// decodeKey reads a row that is a primary key only.
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
