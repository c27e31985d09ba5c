package tablestore

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/aliyun/aliyun-tablestore-go-sdk/tablestore/otsprotocol"
	"github.com/golang/protobuf/proto"
)

// table is a stored table or index: an id that is never used again, and
// DescribeTable's answer.
type table struct {
	id          uint64
	description *otsprotocol.DescribeTableResponse
	indexes     []*table // in the order of the description's metas
	index       *index   // nil for a table
}

func (t *table) name() string { return t.description.TableMeta.GetTableName() }

func (t *table) schema() []*otsprotocol.PrimaryKeySchema { return t.description.TableMeta.PrimaryKey }

func (t *table) options() *otsprotocol.TableOptions { return t.description.TableOptions }

// loadTable reads a table or an index; its error is errNoTable if there is
// neither.
func loadTable(t tx, instance, name string) (*table, error) {
	b := t.get(tableKey(instance, name))
	if b == nil {
		return loadIndex(t, instance, name)
	}
	out := &table{id: binary.BigEndian.Uint64(b), description: new(otsprotocol.DescribeTableResponse)}
	if err := proto.Unmarshal(b[8:], out.description); err != nil {
		return nil, fmt.Errorf("decode table %s: %w", name, err)
	}
	for _, meta := range out.description.IndexMetas {
		index := out.newIndex(meta)
		index.decodeIndex(t.get(indexKey(instance, meta.GetName())))
		out.indexes = append(out.indexes, index)
	}
	return out, nil
}

func (t *table) save(to tx, instance string) error {
	b, err := proto.Marshal(t.description)
	if err != nil {
		return fmt.Errorf("encode table: %w", err)
	}
	key := tableKey(instance, t.name())
	return to.put(key, append(binary.BigEndian.AppendUint64(nil, t.id), b...))
}

// nextNumber adds one to a counter, raises it to floor if it is still less, and
// returns it.
func nextNumber(t tx, key []byte, floor uint64) (uint64, error) {
	n := floor
	if b := t.get(key); b != nil {
		n = max(n, binary.BigEndian.Uint64(b)+1)
	}
	return n, t.put(key, binary.BigEndian.AppendUint64(nil, n))
}

func createTable(c *call) (proto.Message, error) {
	req := new(otsprotocol.CreateTableRequest)
	if err := c.decode(req); err != nil {
		return nil, err
	}
	created, err := newTable(req, c.now())
	if err != nil {
		return nil, err
	}
	return &otsprotocol.CreateTableResponse{}, c.server.store.update(func(t tx) error {
		return created.create(t, c.instance)
	})
}

// newTable is the table that a request describes.
func newTable(req *otsprotocol.CreateTableRequest, now time.Time) (*table, error) {
	switch {
	case len(req.Partitions) > 0:
		return nil, errUnsupported("A table with pre-split partitions")
	case req.GetSseSpec().GetEnable():
		return nil, errUnsupported("Server-side encryption")
	case len(req.TableMeta.IndexMeta) > 0:
		return nil, errParameter("The indexes of a new table must not be in its meta.")
	case req.GetEnableLocalTxn():
		return nil, errUnsupported("A local transaction")
	}
	if err := checkMeta(req.TableMeta); err != nil {
		return nil, err
	}
	options, err := tableOptions(req.TableOptions)
	if err != nil {
		return nil, err
	}
	unit := req.ReservedThroughput.CapacityUnit
	if err := checkThroughput(unit); err != nil {
		return nil, err
	}
	stream, err := streamDetails(req.StreamSpec, req.TableMeta.GetTableName(), now)
	if err != nil {
		return nil, err
	}
	out := &table{description: &otsprotocol.DescribeTableResponse{
		TableMeta: req.TableMeta,
		ReservedThroughputDetails: &otsprotocol.ReservedThroughputDetails{
			CapacityUnit:     &otsprotocol.CapacityUnit{Read: proto.Int32(unit.GetRead()), Write: proto.Int32(unit.GetWrite())},
			LastIncreaseTime: proto.Int64(now.Unix()),
		},
		TableOptions:  options,
		TableStatus:   otsprotocol.TableStatus_ACTIVE.Enum(),
		StreamDetails: stream,
	}}
	for _, meta := range req.IndexMetas {
		if err := checkIndexMeta(meta); err != nil {
			return nil, err
		}
		if _, err := out.addIndex(meta); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// create stores a new table with its indexes, each under an id of its own.
func (t *table) create(to tx, instance string) error {
	if err := t.claim(to, instance); err != nil {
		return err
	}
	if err := t.save(to, instance); err != nil {
		return err
	}
	for _, x := range t.indexes {
		if err := x.createIndex(to, instance, t.name()); err != nil {
			return err
		}
	}
	return nil
}

// claim gives a new table or index its id, if its name is free.
func (t *table) claim(to tx, instance string) (err error) {
	if to.get(tableKey(instance, t.name())) != nil || to.get(indexKey(instance, t.name())) != nil {
		return errTableExists()
	}
	if len(names(to, tableKey(instance, "")))+len(names(to, indexKey(instance, ""))) >= maxTables {
		return errTooManyTables()
	}
	t.id, err = nextNumber(to, counterKey(0), 1)
	return err
}

// checkMeta checks a new table's name and columns.
func checkMeta(meta *otsprotocol.TableMeta) error {
	if err := checkName("table", meta.GetTableName()); err != nil {
		return err
	}
	if n := len(meta.PrimaryKey); n < 1 || n > maxKeyColumns {
		return errParameter("The number of primary key columns must be in range: [1, %d].", maxKeyColumns)
	}
	if n := len(meta.DefinedColumn); n > maxPredefined {
		return errParameter("The number of defined columns must be in range: [0, %d].", maxPredefined)
	}
	seen := make(map[string]bool)
	increments := 0
	for i, column := range meta.PrimaryKey {
		if err := checkNewColumn(column.GetName(), seen); err != nil {
			return err
		}
		if column.Option != nil {
			increments++
			if i == 0 || column.GetType() != otsprotocol.PrimaryKeyType_INTEGER || increments > 1 {
				return errParameter("Only one integer primary key column that is not the partition key can be auto-increment.")
			}
		}
	}
	for _, column := range meta.DefinedColumn {
		if err := checkNewColumn(column.GetName(), seen); err != nil {
			return err
		}
	}
	return nil
}

func checkNewColumn(name string, seen map[string]bool) error {
	if seen[name] {
		return errParameter("Duplicated column name: '%s'.", name)
	}
	seen[name] = true
	return checkName("column", name)
}

// checkName checks the name of a table or a column.
func checkName(what, name string) error {
	ok := len(name) >= 1 && len(name) <= maxNameSize
	for i := range len(name) {
		c := name[i]
		letter := c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		ok = ok && (letter || i > 0 && '0' <= c && c <= '9')
	}
	if !ok {
		return errParameter("Invalid %s name: '%s'.", what, name)
	}
	return nil
}

func listTable(c *call) (proto.Message, error) {
	out := &otsprotocol.ListTableResponse{}
	return out, c.server.store.view(func(t tx) error {
		out.TableNames = names(t, tableKey(c.instance, ""))
		return nil
	})
}

// names returns what follows a prefix in the keys of a store.
func names(t tx, prefix []byte) []string {
	var out []string
	t.scan(prefix, behind(prefix), func(key, _ []byte) bool {
		out = append(out, string(key[len(prefix):]))
		return true
	})
	return out
}

func describeTable(c *call) (proto.Message, error) {
	req := new(otsprotocol.DescribeTableRequest)
	if err := c.decode(req); err != nil {
		return nil, err
	}
	var found *table
	err := c.server.store.view(func(t tx) (err error) {
		found, err = loadTable(t, c.instance, req.GetTableName())
		return err
	})
	if err != nil {
		return nil, err
	}
	found.describeIndexes(c.moment())
	return found.description, nil
}

func deleteTable(c *call) (proto.Message, error) {
	req := new(otsprotocol.DeleteTableRequest)
	if err := c.decode(req); err != nil {
		return nil, err
	}
	return &otsprotocol.DeleteTableResponse{}, c.server.store.update(func(t tx) error {
		found, err := c.writable(t, req.GetTableName())
		if err != nil {
			return err
		}
		for _, x := range found.indexes {
			if err := x.remove(t, indexKey(c.instance, x.name())); err != nil {
				return err
			}
		}
		return found.remove(t, tableKey(c.instance, found.name()))
	})
}

// remove deletes all that the store has of a table or an index.
func (t *table) remove(from tx, at []byte) error {
	gone := [][]byte{at, counterKey(t.id)}
	prefix := rowPrefix(t.id)
	from.scan(prefix, behind(prefix), func(key, _ []byte) bool {
		gone = append(gone, append([]byte(nil), key...))
		return true
	})
	for _, key := range gone {
		if err := from.delete(key); err != nil {
			return err
		}
	}
	return nil
}
