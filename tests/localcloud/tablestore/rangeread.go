package tablestore

import (
	"bytes"

	"github.com/aliyun/aliyun-tablestore-go-sdk/tablestore/otsprotocol"
	"github.com/golang/protobuf/proto"
)

// rangeRead is a running GetRange.
type rangeRead struct {
	call        *call
	name        string
	query       *query
	first, last []byte // store keys; first is skipped if it equals after
	limit       int

	in    *table
	rows  []row
	read  int    // rows, including those that the filter dropped
	size  int    // bytes of the rows read
	after []byte // the store key of the last row read
	next  []cell // the key of the first row that was not read, if any
}

func getRange(c *call) (proto.Message, error) {
	req := new(otsprotocol.GetRangeRequest)
	if err := c.decode(req); err != nil {
		return nil, err
	}
	q, err := parseRead(req, req.TransactionId, req.Token, req.MaxVersions, req.StartColumn, req.EndColumn)
	if err != nil {
		return nil, err
	}
	q.keyColumns = !req.GetReturnEntirePrimaryKeys()
	rr := &rangeRead{call: c, name: req.GetTableName(), query: q, limit: maxRangeRows}
	if req.Limit != nil {
		if req.GetLimit() < 1 {
			return nil, errParameter("The limit must be greater than 0.")
		}
		rr.limit = min(rr.limit, int(req.GetLimit()))
	}
	if err := rr.bound(req); err != nil {
		return nil, err
	}
	if err := rr.run(); err != nil {
		return nil, err
	}

	out := &otsprotocol.GetRangeResponse{Consumed: capacity(units(rr.size), 0), Rows: []byte{}}
	if rr.next != nil {
		out.NextStartPrimaryKey = encodeRow(row{key: rr.next})
	}
	out.DataBlockType = otsprotocol.DataBlockType_DBT_PLAIN_BUFFER.Enum()
	if len(rr.rows) == 0 {
		return out, nil
	}
	if req.GetDataBlockTypeHint() == otsprotocol.DataBlockType_DBT_SIMPLE_ROW_MATRIX && fitsMatrix(rr.rows) {
		out.DataBlockType = otsprotocol.DataBlockType_DBT_SIMPLE_ROW_MATRIX.Enum()
		out.Rows = encodeMatrix(rr.rows)
		return out, nil
	}
	out.Rows = appendHeader(out.Rows)
	for _, r := range rr.rows {
		out.Rows = appendRow(out.Rows, r)
	}
	return out, nil
}

// bound finds the table and the two ends of the range in it.
func (rr *rangeRead) bound(req *otsprotocol.GetRangeRequest) error {
	first, err := decodeKey(req.InclusiveStartPrimaryKey)
	if err != nil {
		return err
	}
	last, err := decodeKey(req.ExclusiveEndPrimaryKey)
	if err != nil {
		return err
	}
	err = rr.call.server.store.view(func(t tx) (err error) {
		rr.in, err = rr.call.readable(t, rr.name)
		return err
	})
	if err != nil {
		return err
	}
	for _, key := range [][]cell{first, last} {
		if err := checkKey(rr.in.schema(), key, keyOfBound); err != nil {
			return err
		}
	}
	rr.first, rr.last = rowKey(rr.in.id, first), rowKey(rr.in.id, last)
	order := bytes.Compare(rr.first, rr.last)
	if req.GetDirection() == otsprotocol.Direction_FORWARD {
		if order >= 0 {
			return errParameter("Begin key must less than end key in FORWARD.")
		}
	} else if order <= 0 {
		return errParameter("Begin key must more than end key in BACKWARD.")
	}
	return nil
}

// run reads all rows in one transaction, or, with a hook, each row in its own.
func (rr *rangeRead) run() error {
	for {
		hook := rr.call.server.onRow.Load()
		more := false
		var failed error
		err := rr.call.server.store.view(func(t tx) error {
			before := rr.read
			t.scan(rr.first, rr.last, func(key, stored []byte) bool {
				if bytes.Equal(key, rr.after) {
					return true
				}
				var next bool
				next, failed = rr.add(key, stored)
				if hook != nil && next && rr.read > before && !rr.full() {
					more = true
					return false
				}
				return next
			})
			return failed
		})
		if err != nil || !more {
			return err
		}
		(*hook)(rr.name, rr.read)
		rr.first = rr.after
	}
}

// full reports whether the answer has no room for another row.
func (rr *rangeRead) full() bool {
	return len(rr.rows) >= rr.limit || rr.read >= maxRangeRows || rr.size >= maxRangeSize
}

// add reads one stored row, and reports whether to read the next.
func (rr *rangeRead) add(key, stored []byte) (bool, error) {
	r, exists, err := rr.in.visible(stored, rr.call.moment())
	if err != nil || !exists {
		return err == nil, err
	}
	if rr.full() {
		rr.next = r.key
		return false, nil
	}
	rr.after = bytes.Clone(key)
	rr.read++
	rr.size += r.size()
	if picked, ok := rr.query.pick(r); ok {
		rr.rows = append(rr.rows, picked)
	}
	return true, nil
}
