package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/aliyun/aliyun-tablestore-go-sdk/tablestore"
	"github.com/aliyun/aliyun-tablestore-go-sdk/tablestore/otsprotocol"
	"github.com/golang/protobuf/proto"

	"aftercare/tests/bench/budget"
	"aftercare/tests/bench/plan"
	"aftercare/tests/bench/wire"
)

// planOf returns the bare handler's plan for the calls that a function made.
// The calls that run in parallel come first.
func planOf(calls []wire.Call) ([]plan.Call, error) {
	var beside, path []plan.Call
	for _, c := range calls {
		p := plan.Call{Name: c.Name, Table: c.Table}
		var err error
		switch {
		case c.Service == wire.ECS:
			p.Params, err = paramsOf(c.Request)
		default:
			p.Changes, err = changesOf(c)
			p.Queue = c.Name == "GetRange" && readsQueue(c.Request)
		}
		if err != nil {
			return nil, fmt.Errorf("plan %s: %w", c, err)
		}
		if sorted := budget.Sort([]wire.Call{c}); len(sorted.Beside) > 0 {
			p.Beside = true
			beside = append(beside, p)
		} else {
			path = append(path, p)
		}
	}
	return append(beside, path...), nil
}

func paramsOf(form []byte) (map[string]string, error) {
	values, err := url.ParseQuery(string(form))
	if err != nil {
		return nil, err
	}
	out := make(map[string]string, len(values))
	for name := range values {
		out[name] = values.Get(name)
	}
	return out, nil
}

// changesOf decodes the rows that a Tablestore call reads or writes by key.
func changesOf(c wire.Call) ([]plan.Change, error) {
	switch c.Name {
	case "GetRange":
		return nil, nil
	case "GetRow":
		var m otsprotocol.GetRowRequest
		if err := proto.Unmarshal(c.Request, &m); err != nil {
			return nil, err
		}
		return changes(changeOf(m.PrimaryKey, nil))
	case "BatchGetRow":
		var m otsprotocol.BatchGetRowRequest
		if err := proto.Unmarshal(c.Request, &m); err != nil {
			return nil, err
		}
		var out []plan.Change
		for _, key := range m.Tables[0].PrimaryKey {
			row, err := changeOf(key, nil)
			if err != nil {
				return nil, err
			}
			out = append(out, row)
		}
		return out, nil
	case "PutRow":
		var m otsprotocol.PutRowRequest
		if err := proto.Unmarshal(c.Request, &m); err != nil {
			return nil, err
		}
		return changes(changeOf(m.Row, m.Condition))
	case "DeleteRow":
		var m otsprotocol.DeleteRowRequest
		if err := proto.Unmarshal(c.Request, &m); err != nil {
			return nil, err
		}
		return changes(changeOf(m.PrimaryKey, m.Condition))
	case "BatchWriteRow":
		var m otsprotocol.BatchWriteRowRequest
		if err := proto.Unmarshal(c.Request, &m); err != nil {
			return nil, err
		}
		var out []plan.Change
		for _, row := range m.Tables[0].Rows {
			change, err := changeOf(row.RowChange, row.Condition)
			if err != nil {
				return nil, err
			}
			change.Delete = row.GetType() == otsprotocol.OperationType_DELETE
			out = append(out, change)
		}
		return out, nil
	}
	return nil, fmt.Errorf("no plan for %s", c.Name)
}

// readsQueue reports whether a range begins at an instance's queue.
func readsQueue(request []byte) bool {
	var m otsprotocol.GetRangeRequest
	return proto.Unmarshal(request, &m) == nil && bytes.Contains(m.InclusiveStartPrimaryKey, []byte("live/~queue/"))
}

func changes(c plan.Change, err error) ([]plan.Change, error) { return []plan.Change{c}, err }

// canned answers every request with one body.
type canned []byte

func (c canned) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(c))}, nil
}

// changeOf decodes one row's change. A written row has the same form on the wire
// as a read one, so the SDK can decode it.
func changeOf(row []byte, condition *otsprotocol.Condition) (plan.Change, error) {
	answer, err := proto.Marshal(&otsprotocol.GetRowResponse{
		Consumed: &otsprotocol.ConsumedCapacity{CapacityUnit: &otsprotocol.CapacityUnit{Read: proto.Int32(0), Write: proto.Int32(0)}},
		Row:      row,
	})
	if err != nil {
		return plan.Change{}, err
	}
	config := tablestore.NewDefaultTableStoreConfig()
	config.Transport = canned(answer)
	got, err := tablestore.NewClientWithConfig("http://127.0.0.1", "bench", "id", "secret", "", config).GetRow(
		&tablestore.GetRowRequest{SingleRowQueryCriteria: &tablestore.SingleRowQueryCriteria{
			TableName: "any", PrimaryKey: new(tablestore.PrimaryKey), MaxVersion: 1,
		}})
	if err != nil {
		return plan.Change{}, err
	}
	c := plan.Change{
		Existence: int(condition.GetRowExistence()), Guarded: len(condition.GetColumnCondition()) > 0,
	}
	for _, k := range got.PrimaryKey.PrimaryKeys {
		c.Key = append(c.Key, columnOf(k.ColumnName, k.Value))
	}
	for _, a := range got.Columns {
		c.Columns = append(c.Columns, columnOf(a.ColumnName, a.Value))
	}
	return c, nil
}

func columnOf(name string, value any) plan.Column {
	if n, ok := value.(int64); ok {
		return plan.Column{Name: name, Number: n, IsNumber: true}
	}
	return plan.Column{Name: name, Text: fmt.Sprint(value)}
}

func encodePlan(p []plan.Call) []byte {
	text, err := json.Marshal(p)
	if err != nil {
		panic(err) // texts and numbers
	}
	return text
}
