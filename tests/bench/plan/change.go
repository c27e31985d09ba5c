package plan

import "github.com/aliyun/aliyun-tablestore-go-sdk/tablestore"

// PrimaryKey is the row's key as the SDK takes it.
func (c Change) PrimaryKey() *tablestore.PrimaryKey {
	key := new(tablestore.PrimaryKey)
	for _, k := range c.Key {
		key.AddPrimaryKeyColumn(k.Name, k.Value())
	}
	return key
}

// Put is the change as a put into a table, named without the common prefix.
func (c Change) Put(table string) *tablestore.PutRowChange {
	out := new(tablestore.PutRowChange)
	out.TableName = "aftercare_" + table
	out.PrimaryKey = c.PrimaryKey()
	out.SetCondition(tablestore.RowExistenceExpectation(c.Existence))
	if c.Guarded {
		guard := tablestore.NewSingleColumnCondition("rev", tablestore.CT_EQUAL, int64(1))
		guard.FilterIfMissing = true
		out.SetColumnCondition(guard)
	}
	for _, column := range c.Columns {
		out.AddColumn(column.Name, column.Value())
	}
	return out
}

// Remove is the change as a removal from a table.
func (c Change) Remove(table string) *tablestore.DeleteRowChange {
	out := new(tablestore.DeleteRowChange)
	out.TableName = "aftercare_" + table
	out.PrimaryKey = c.PrimaryKey()
	out.SetCondition(tablestore.RowExistenceExpectation(c.Existence))
	return out
}
