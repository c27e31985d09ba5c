package tablestore

import (
	"errors"

	"github.com/aliyun/aliyun-tablestore-go-sdk/tablestore/otsprotocol"
	"github.com/golang/protobuf/proto"
)

func batchGetRow(c *call) (proto.Message, error) {
	req := new(otsprotocol.BatchGetRowRequest)
	if err := c.decode(req); err != nil {
		return nil, err
	}
	queries := make([]*query, len(req.Tables))
	keys := make([][][]cell, len(req.Tables))
	seen := make(map[string]bool)
	total := 0
	for i, part := range req.Tables {
		if err := checkPart(part.GetTableName(), len(part.PrimaryKey), seen); err != nil {
			return nil, err
		}
		for _, token := range part.Token {
			if len(token) > 0 {
				return nil, errUnsupported("A continuation token inside a row")
			}
		}
		var err error
		if queries[i], err = parseQuery(part, part.MaxVersions, part.StartColumn, part.EndColumn); err != nil {
			return nil, err
		}
		for _, b := range part.PrimaryKey {
			key, err := decodeKey(b)
			if err != nil {
				return nil, err
			}
			keys[i] = append(keys[i], key)
		}
		total += len(part.PrimaryKey)
	}
	if err := checkTotal(total, maxBatchGetRows); err != nil {
		return nil, err
	}
	out := &otsprotocol.BatchGetRowResponse{}
	return out, c.server.store.view(func(t tx) error {
		for i, part := range req.Tables {
			answers := &otsprotocol.TableInBatchGetRowResponse{TableName: part.TableName}
			out.Tables = append(out.Tables, answers)
			in, err := c.readable(t, part.GetTableName())
			for _, key := range keys[i] {
				answer := &otsprotocol.RowInBatchGetRowResponse{IsOk: proto.Bool(err == nil)}
				failed := err
				if failed == nil {
					answer.Row, answer.Consumed, failed = queries[i].one(t, in, key, c.moment())
				}
				if failed != nil {
					f := (*failure)(nil)
					if !errors.As(failed, &f) {
						return failed
					}
					answer.IsOk, answer.Error = proto.Bool(false), f.proto()
				}
				answers.Rows = append(answers.Rows, answer)
			}
		}
		return nil
	})
}

// checkPart checks one table's part of a batch.
func checkPart(name string, rows int, seen map[string]bool) error {
	if err := checkName("table", name); err != nil {
		return err
	}
	if seen[name] {
		return errParameter("Duplicated table name: '%s'.", name)
	}
	seen[name] = true
	if rows == 0 {
		return errParameter("No row is specified in table: '%s'.", name)
	}
	return nil
}

func checkTotal(rows, limit int) error {
	if rows == 0 {
		return errParameter("No row is specified in the request.")
	}
	if rows > limit {
		return errParameter("Rows count exceeds the upper limit: %d.", limit)
	}
	return nil
}

func batchWriteRow(c *call) (proto.Message, error) {
	req := new(otsprotocol.BatchWriteRowRequest)
	if err := c.decode(req); err != nil {
		return nil, err
	}
	if req.TransactionId != nil {
		return nil, errUnsupported("A local transaction")
	}
	changes := make([][]*change, len(req.Tables))
	seen := make(map[string]bool)
	total, size := 0, 0
	for i, part := range req.Tables {
		if err := checkPart(part.GetTableName(), len(part.Rows), seen); err != nil {
			return nil, err
		}
		for _, wanted := range part.Rows {
			change, err := parseChange(wanted.GetType(), wanted.RowChange, wanted.Condition, wanted.ReturnContent)
			if err != nil {
				return nil, err
			}
			changes[i] = append(changes[i], change)
			size += change.row.size()
		}
		total += len(part.Rows)
	}
	if err := checkTotal(total, maxBatchWriteRows); err != nil {
		return nil, err
	}
	if size > maxBatchWriteSize {
		return nil, errParameter("The total data size of the request exceeds the limit: %d.", maxBatchWriteSize)
	}

	b := &batchWrite{call: c, atomic: req.GetIsAtomic()}
	if err := b.prepare(req, changes); err != nil {
		return nil, err
	}
	out := &otsprotocol.BatchWriteRowResponse{}
	for i, part := range req.Tables {
		rows, err := b.table(part.GetTableName(), changes[i])
		if err != nil {
			return nil, err
		}
		out.Tables = append(out.Tables, &otsprotocol.TableInBatchWriteRowResponse{TableName: part.TableName, Rows: rows})
	}
	return out, nil
}

// batchWrite is a checked BatchWriteRow. Its tables are independent.
type batchWrite struct {
	call   *call
	atomic bool
}

// prepare refuses the whole request for what its tables' schemas show.
func (b *batchWrite) prepare(req *otsprotocol.BatchWriteRowRequest, changes [][]*change) error {
	return b.call.server.store.view(func(t tx) error {
		for i, part := range req.Tables {
			in, err := b.call.writable(t, part.GetTableName())
			if err != nil {
				return err
			}
			seen := make(map[string]bool)
			for _, ch := range changes[i] {
				if err := checkKey(in.schema(), ch.row.key, keyOfWrite); err != nil {
					return err
				}
				key := string(encodeRow(row{key: ch.row.key}))
				if seen[key] && !b.atomic && !ch.autoIncrement() {
					return errParameter("Duplicated primary key in table: '%s'.", part.GetTableName())
				}
				seen[key] = true
			}
		}
		return nil
	})
}

func (ch *change) autoIncrement() bool {
	for _, c := range ch.row.key {
		if c.value.kind == kindAutoIncrement {
			return true
		}
	}
	return false
}

// table writes one table's rows: each on its own, or all or none if atomic.
func (b *batchWrite) table(name string, changes []*change) ([]*otsprotocol.RowInBatchWriteRowResponse, error) {
	rows := make([]*otsprotocol.RowInBatchWriteRowResponse, len(changes))
	err := b.call.server.store.update(func(t tx) error {
		in, err := b.call.writable(t, name)
		if err != nil {
			return err
		}
		if b.atomic && !samePartition(changes) {
			return errParameter("The rows of an atomic batch must have the same partition key.")
		}
		if b.atomic && len(in.indexes) > 0 && b.call.server.options.NoAtomicBatchOnIndexes {
			return errParameter("An atomic batch must not write to a table with a secondary index.")
		}
		for i, ch := range changes {
			done, err := ch.apply(t, in, b.call.moment())
			f := (*failure)(nil)
			switch {
			case err == nil:
				rows[i] = &otsprotocol.RowInBatchWriteRowResponse{IsOk: proto.Bool(true), Consumed: done.consumed, Row: done.row}
			case !b.atomic && errors.As(err, &f):
				rows[i] = &otsprotocol.RowInBatchWriteRowResponse{IsOk: proto.Bool(false), Error: f.proto()}
			default:
				return err
			}
		}
		return nil
	})
	if f := (*failure)(nil); errors.As(err, &f) {
		for i := range rows {
			rows[i] = &otsprotocol.RowInBatchWriteRowResponse{IsOk: proto.Bool(false), Error: f.proto()}
		}
		return rows, nil
	}
	return rows, err
}

func samePartition(changes []*change) bool {
	for _, ch := range changes {
		if ch.row.key[0].value != changes[0].row.key[0].value {
			return false
		}
	}
	return true
}
