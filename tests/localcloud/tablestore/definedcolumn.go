package tablestore

import (
	"slices"

	"github.com/aliyun/aliyun-tablestore-go-sdk/tablestore/otsprotocol"
	"github.com/golang/protobuf/proto"
)

func addDefinedColumn(c *call) (proto.Message, error) {
	req := new(otsprotocol.AddDefinedColumnRequest)
	if err := c.decode(req); err != nil {
		return nil, err
	}
	if len(req.Columns) == 0 {
		return nil, errParameter("No column is specified.")
	}
	return &otsprotocol.AddDefinedColumnResponse{}, c.changeMeta(req.GetTableName(), func(t *table) error {
		meta := t.description.TableMeta
		meta.DefinedColumn = append(meta.DefinedColumn, req.Columns...)
		return checkMeta(meta)
	})
}

func deleteDefinedColumn(c *call) (proto.Message, error) {
	req := new(otsprotocol.DeleteDefinedColumnRequest)
	if err := c.decode(req); err != nil {
		return nil, err
	}
	if len(req.Columns) == 0 {
		return nil, errParameter("No column is specified.")
	}
	return &otsprotocol.DeleteDefinedColumnResponse{}, c.changeMeta(req.GetTableName(), func(t *table) error {
		for _, name := range req.Columns {
			column := t.definedColumn(name)
			if column == nil {
				return errParameter("The defined column '%s' does not exist.", name)
			}
			for _, index := range t.description.IndexMetas {
				if slices.Contains(index.PrimaryKey, name) || slices.Contains(index.DefinedColumn, name) {
					return errParameter("The defined column '%s' is used by the index '%s'.", name, index.GetName())
				}
			}
			meta := t.description.TableMeta
			meta.DefinedColumn = slices.DeleteFunc(meta.DefinedColumn, func(have *otsprotocol.DefinedColumnSchema) bool { return have == column })
		}
		return nil
	})
}

// changeMeta changes a table's columns.
func (c *call) changeMeta(name string, change func(*table) error) error {
	return c.server.store.update(func(t tx) error {
		found, err := c.writable(t, name)
		if err != nil {
			return err
		}
		if err := change(found); err != nil {
			return err
		}
		return found.save(t, c.instance)
	})
}
