package tablestore

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/aliyun/aliyun-tablestore-go-sdk/tablestore/otsprotocol"
	"github.com/golang/protobuf/proto"
)

// table is a stored table: an id that is never used again, and DescribeTable's
// answer.
type table struct {
	id          uint64
	description *otsprotocol.DescribeTableResponse
}

func (t *table) schema() []*otsprotocol.PrimaryKeySchema { return t.description.TableMeta.PrimaryKey }

func (t *table) options() *otsprotocol.TableOptions { return t.description.TableOptions }

// loadTable reads a table; its error is errNoTable if it does not exist.
func loadTable(t tx, instance, name string) (*table, error) {
	b := t.get(tableKey(instance, name))
	if b == nil {
		return nil, errNoTable()
	}
	out := &table{id: binary.BigEndian.Uint64(b), description: new(otsprotocol.DescribeTableResponse)}
	if err := proto.Unmarshal(b[8:], out.description); err != nil {
		return nil, fmt.Errorf("decode table %s: %w", name, err)
	}
	return out, nil
}

func (t *table) save(to tx, instance string) error {
	b, err := proto.Marshal(t.description)
	if err != nil {
		return fmt.Errorf("encode table: %w", err)
	}
	key := tableKey(instance, t.description.TableMeta.GetTableName())
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
	case len(req.IndexMetas) > 0 || len(req.TableMeta.IndexMeta) > 0:
		return nil, errUnsupported("A secondary index")
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
	return &table{description: &otsprotocol.DescribeTableResponse{
		TableMeta: req.TableMeta,
		ReservedThroughputDetails: &otsprotocol.ReservedThroughputDetails{
			CapacityUnit:     &otsprotocol.CapacityUnit{Read: proto.Int32(unit.GetRead()), Write: proto.Int32(unit.GetWrite())},
			LastIncreaseTime: proto.Int64(now.Unix()),
		},
		TableOptions:  options,
		TableStatus:   otsprotocol.TableStatus_ACTIVE.Enum(),
		StreamDetails: stream,
	}}, nil
}

// create stores a new table under an id of its own.
func (t *table) create(to tx, instance string) (err error) {
	if to.get(tableKey(instance, t.description.TableMeta.GetTableName())) != nil {
		return errTableExists()
	}
	if len(tableNames(to, instance)) >= maxTables {
		return errTooManyTables()
	}
	if t.id, err = nextNumber(to, counterKey(0), 1); err != nil {
		return err
	}
	return t.save(to, instance)
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
		return errParameter("The number of predefined columns exceeds the limit, limit count: %d, column count: %d.", maxPredefined, n)
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

func checkThroughput(unit *otsprotocol.CapacityUnit) error {
	for _, n := range []int32{unit.GetRead(), unit.GetWrite()} {
		if n < 0 || n > maxThroughput {
			return errParameter("The reserved throughput must be in range: [0, %d].", int(maxThroughput))
		}
	}
	return nil
}

// tableOptions fills in the defaults of a new table's options.
func tableOptions(o *otsprotocol.TableOptions) (*otsprotocol.TableOptions, error) {
	out := &otsprotocol.TableOptions{
		TimeToLive:                proto.Int32(-1),
		MaxVersions:               proto.Int32(1),
		DeviationCellVersionInSec: proto.Int64(defaultDeviation),
		AllowUpdate:               proto.Bool(true),
		UpdateFullRow:             proto.Bool(false),
	}
	if o != nil {
		proto.Merge(out, o)
	}
	return out, checkOptions(out)
}

func checkOptions(o *otsprotocol.TableOptions) error {
	if ttl := o.GetTimeToLive(); ttl != -1 && ttl < minTimeToLive {
		return errParameter("The time to live must be -1 or at least %d seconds.", minTimeToLive)
	}
	if o.GetMaxVersions() < 1 {
		return errParameter("The max versions must be greater than 0.")
	}
	if o.GetDeviationCellVersionInSec() < 1 {
		return errParameter("The deviation of cell versions must be greater than 0.")
	}
	return nil
}

func streamDetails(spec *otsprotocol.StreamSpecification, name string, now time.Time) (*otsprotocol.StreamDetails, error) {
	if !spec.GetEnableStream() {
		return &otsprotocol.StreamDetails{EnableStream: proto.Bool(false)}, nil
	}
	if hours := spec.GetExpirationTime(); hours < 1 || hours > maxStreamExpiration {
		return nil, errParameter("The expiration time of a stream must be in range: [1, %d].", maxStreamExpiration)
	}
	return &otsprotocol.StreamDetails{
		EnableStream:   proto.Bool(true),
		StreamId:       proto.String(fmt.Sprintf("%s_%d", name, now.UnixMicro())),
		ExpirationTime: spec.ExpirationTime,
		LastEnableTime: proto.Int64(now.UnixMicro()),
		ColumnsToGet:   spec.ColumnsToGet,
	}, nil
}

func listTable(c *call) (proto.Message, error) {
	out := &otsprotocol.ListTableResponse{}
	return out, c.server.store.view(func(t tx) error {
		out.TableNames = tableNames(t, c.instance)
		return nil
	})
}

func tableNames(t tx, instance string) []string {
	var out []string
	prefix := tableKey(instance, "")
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
	return found.description, nil
}

func deleteTable(c *call) (proto.Message, error) {
	req := new(otsprotocol.DeleteTableRequest)
	if err := c.decode(req); err != nil {
		return nil, err
	}
	return &otsprotocol.DeleteTableResponse{}, c.server.store.update(func(t tx) error {
		found, err := loadTable(t, c.instance, req.GetTableName())
		if err != nil {
			return err
		}
		gone := [][]byte{tableKey(c.instance, req.GetTableName()), counterKey(found.id)}
		prefix := rowPrefix(found.id)
		t.scan(prefix, behind(prefix), func(key, _ []byte) bool {
			gone = append(gone, append([]byte(nil), key...))
			return true
		})
		for _, key := range gone {
			if err := t.delete(key); err != nil {
				return err
			}
		}
		return nil
	})
}

func updateTable(c *call) (proto.Message, error) {
	req := new(otsprotocol.UpdateTableRequest)
	if err := c.decode(req); err != nil {
		return nil, err
	}
	if req.ReservedThroughput == nil && req.TableOptions == nil && req.StreamSpec == nil {
		return nil, errParameter("No option is specified while updating table.")
	}
	if req.GetTableOptions() != nil && req.TableOptions.UpdateFullRow != nil {
		return nil, errParameter("The table options of UpdateTable must not contain updateFullRow.")
	}
	var d *otsprotocol.DescribeTableResponse
	err := c.server.store.update(func(t tx) error {
		found, err := loadTable(t, c.instance, req.GetTableName())
		if err != nil {
			return err
		}
		d = found.description
		if req.ReservedThroughput != nil {
			if err := adjustThroughput(d.ReservedThroughputDetails, req.ReservedThroughput.CapacityUnit, c.now()); err != nil {
				return err
			}
		}
		if req.TableOptions != nil {
			proto.Merge(d.TableOptions, req.TableOptions)
			if err := checkOptions(d.TableOptions); err != nil {
				return err
			}
		}
		if req.StreamSpec != nil {
			if d.StreamDetails, err = streamDetails(req.StreamSpec, req.GetTableName(), c.now()); err != nil {
				return err
			}
		}
		return found.save(t, c.instance)
	})
	if err != nil {
		return nil, err
	}
	return &otsprotocol.UpdateTableResponse{
		ReservedThroughputDetails: d.ReservedThroughputDetails,
		TableOptions:              d.TableOptions,
		StreamDetails:             d.StreamDetails,
	}, nil
}

// adjustThroughput changes the reserved capacity, which the service allows
// once in two minutes. A request that changes no value is always allowed.
func adjustThroughput(d *otsprotocol.ReservedThroughputDetails, wanted *otsprotocol.CapacityUnit, now time.Time) error {
	if err := checkThroughput(wanted); err != nil {
		return err
	}
	old := d.CapacityUnit
	next := proto.Clone(old).(*otsprotocol.CapacityUnit)
	proto.Merge(next, wanted)
	if proto.Equal(old, next) {
		return nil
	}
	last := max(d.GetLastIncreaseTime(), d.GetLastDecreaseTime())
	if now.Sub(time.Unix(last, 0)) < throughputAdjustment {
		return errThroughputTooOften()
	}
	d.CapacityUnit = next
	if next.GetRead() > old.GetRead() || next.GetWrite() > old.GetWrite() {
		d.LastIncreaseTime = proto.Int64(now.Unix())
	} else {
		d.LastDecreaseTime = proto.Int64(now.Unix())
	}
	return nil
}
