package tablestore

import (
	"github.com/aliyun/aliyun-tablestore-go-sdk/tablestore/otsprotocol"
	"github.com/golang/protobuf/proto"
)

func putRow(c *call) (proto.Message, error) {
	req := new(otsprotocol.PutRowRequest)
	if err := c.decode(req); err != nil {
		return nil, err
	}
	out, err := c.single(otsprotocol.OperationType_PUT, req.GetTableName(), req.Row, req.Condition, req.ReturnContent, req.TransactionId)
	if err != nil {
		return nil, err
	}
	return &otsprotocol.PutRowResponse{Consumed: out.consumed, Row: out.row}, nil
}

func updateRow(c *call) (proto.Message, error) {
	req := new(otsprotocol.UpdateRowRequest)
	if err := c.decode(req); err != nil {
		return nil, err
	}
	out, err := c.single(otsprotocol.OperationType_UPDATE, req.GetTableName(), req.RowChange, req.Condition, req.ReturnContent, req.TransactionId)
	if err != nil {
		return nil, err
	}
	return &otsprotocol.UpdateRowResponse{Consumed: out.consumed, Row: out.row}, nil
}

func deleteRow(c *call) (proto.Message, error) {
	req := new(otsprotocol.DeleteRowRequest)
	if err := c.decode(req); err != nil {
		return nil, err
	}
	out, err := c.single(otsprotocol.OperationType_DELETE, req.GetTableName(), req.PrimaryKey, req.Condition, req.ReturnContent, req.TransactionId)
	if err != nil {
		return nil, err
	}
	return &otsprotocol.DeleteRowResponse{Consumed: out.consumed, Row: out.row}, nil
}

// single writes one row.
func (c *call) single(operation otsprotocol.OperationType, name string, b []byte, condition *otsprotocol.Condition, content *otsprotocol.ReturnContent, transaction *string) (*written, error) {
	if transaction != nil {
		return nil, errUnsupported("A local transaction")
	}
	change, err := parseChange(operation, b, condition, content)
	if err != nil {
		return nil, err
	}
	var out *written
	err = c.server.store.update(func(t tx) error {
		in, err := c.writable(t, name)
		if err != nil {
			return err
		}
		out, err = change.apply(t, in, c.moment())
		return err
	})
	return out, err
}
