package tablestore

import (
	"encoding/binary"
	"slices"
	"time"

	"github.com/aliyun/aliyun-tablestore-go-sdk/tablestore/otsprotocol"
	"github.com/golang/protobuf/proto"
)

// index makes a table a secondary index: its rows come from those of another
// table, its base, and show after a lag unless the index is local.
type index struct {
	local bool
	// built is when the rows that the base had before are in the index.
	built delay
}

// SetIndexLag sets how far global indexes lag behind their tables, to the
// millisecond. A shorter lag also counts for changes that do not show yet; a longer
// one, only for later changes. Local indexes have no lag.
func (s *Server) SetIndexLag(lag time.Duration) { s.indexLag.Store(lag.Milliseconds()) }

// delay is when a change of a global index was made, and when it shows, in
// milliseconds.
type delay struct{ made, shows int64 }

// after is the delay of a change that is made now: none without a lag, even if the
// clock is set back later.
func (m moment) after() delay {
	if m.lag <= 0 {
		return delay{}
	}
	return delay{m.now, m.now + m.lag}
}

// shows reports whether a change shows at this moment.
func (m moment) shows(d delay) bool { return m.now >= min(d.shows, d.made+m.lag) }

// loadIndex reads an index; its error is errNoTable if it does not exist.
func loadIndex(t tx, instance, name string) (*table, error) {
	b := t.get(indexKey(instance, name))
	if b == nil {
		return nil, errNoTable()
	}
	base, err := loadTable(t, instance, string(b[24:]))
	if err != nil {
		return nil, err
	}
	return base.indexes[base.findIndex(name)], nil
}

// decodeIndex reads what createIndex stored.
func (x *table) decodeIndex(b []byte) {
	x.id = binary.BigEndian.Uint64(b)
	x.index.built = decodeDelay(b[8:])
}

// createIndex stores a new index of a base under an id of its own.
func (x *table) createIndex(to tx, instance, base string) error {
	if err := x.claim(to, instance); err != nil {
		return err
	}
	b := appendDelay(binary.BigEndian.AppendUint64(nil, x.id), x.index.built)
	return to.put(indexKey(instance, x.name()), append(b, base...))
}

// findIndex returns the position of an index, -1 if no index has this name.
func (t *table) findIndex(name string) int {
	return slices.IndexFunc(t.indexes, func(x *table) bool { return x.name() == name })
}

// describeIndexes says which indexes still lack rows of the base.
func (t *table) describeIndexes(m moment) {
	for i, x := range t.indexes {
		phase := otsprotocol.IndexSyncPhase_ISP_INCR
		if !m.shows(x.index.built) {
			phase = otsprotocol.IndexSyncPhase_ISP_FULL
		}
		t.description.IndexMetas[i].IndexSyncPhase = phase.Enum()
	}
}

// addIndex adds an index with a checked meta to the table, if the table may have
// it.
func (t *table) addIndex(meta *otsprotocol.IndexMeta) (*table, error) {
	if err := checkIndexable(t.options()); err != nil {
		return nil, err
	}
	if err := t.checkIndex(meta); err != nil {
		return nil, err
	}
	x := t.newIndex(meta)
	t.description.IndexMetas = append(t.description.IndexMetas, meta)
	t.indexes = append(t.indexes, x)
	return x, nil
}

// checkIndexMeta checks an index as far as possible without its base.
func checkIndexMeta(meta *otsprotocol.IndexMeta) error {
	if err := checkName("index", meta.GetName()); err != nil {
		return err
	}
	if n := len(meta.PrimaryKey); n < 1 || n > maxIndexColumns {
		return errParameter("The number of primary key columns must be in range: [1, %d] in index.", maxIndexColumns)
	}
	if n := len(meta.DefinedColumn); n > maxIndexAttributes {
		return errParameter("The number of attribute columns must be in range: [0, %d] in index.", maxIndexAttributes)
	}
	local := meta.GetIndexType() == otsprotocol.IndexType_IT_LOCAL_INDEX
	if local != (meta.GetIndexUpdateMode() == otsprotocol.IndexUpdateMode_IUM_SYNC_INDEX) {
		return errParameter("A local index must be synchronous, and a global index asynchronous: '%s'.", meta.GetName())
	}
	seen := make(map[string]bool)
	for _, name := range slices.Concat(meta.PrimaryKey, meta.DefinedColumn) {
		if err := checkNewColumn(name, seen); err != nil {
			return err
		}
	}
	return nil
}

// checkIndexable checks whether a table with these options may have indexes.
func checkIndexable(o *otsprotocol.TableOptions) error {
	if o.GetMaxVersions() != 1 {
		return errParameter("The max versions of a table with an index must be 1.")
	}
	if o.GetTimeToLive() != -1 && o.GetAllowUpdate() {
		return errParameter("Don't support allow update operation on table with index and ttl")
	}
	return nil
}

// checkIndex compares a new index with the columns and indexes of its base.
func (t *table) checkIndex(meta *otsprotocol.IndexMeta) error {
	if len(t.indexes) >= maxIndexes {
		return errParameter("Number of index per table exceeds the quota:%d.", maxIndexes)
	}
	for _, name := range meta.PrimaryKey {
		if _, ok := t.indexColumn(name); !ok {
			return errParameter("The index column '%s' must be a primary key column or a defined column of the type STRING, INTEGER or BINARY.", name)
		}
	}
	for _, name := range meta.DefinedColumn {
		if t.definedColumn(name) == nil {
			return errParameter("The attribute column '%s' of an index must be a defined column.", name)
		}
	}
	first := meta.PrimaryKey[0]
	if meta.GetIndexType() == otsprotocol.IndexType_IT_LOCAL_INDEX && first != t.schema()[0].GetName() {
		return errParameter("The first primary key column of a local index must be that of its table: '%s'.", t.schema()[0].GetName())
	}
	for _, k := range t.schema() {
		if k.GetName() == first && k.Option != nil {
			return errParameter("The first primary key column of an index must not be auto-increment: '%s'.", first)
		}
	}
	return nil
}

var keyTypes = map[otsprotocol.DefinedColumnType]otsprotocol.PrimaryKeyType{
	otsprotocol.DefinedColumnType_DCT_INTEGER: otsprotocol.PrimaryKeyType_INTEGER,
	otsprotocol.DefinedColumnType_DCT_STRING:  otsprotocol.PrimaryKeyType_STRING,
	otsprotocol.DefinedColumnType_DCT_BLOB:    otsprotocol.PrimaryKeyType_BINARY,
}

// indexColumn returns the type of a column as an index column, and false if it
// cannot be one.
func (t *table) indexColumn(name string) (otsprotocol.PrimaryKeyType, bool) {
	for _, k := range t.schema() {
		if k.GetName() == name {
			return k.GetType(), true
		}
	}
	if defined := t.definedColumn(name); defined != nil {
		kind, ok := keyTypes[defined.GetType()]
		return kind, ok
	}
	return 0, false
}

// definedColumn returns a predefined column, nil if no column has this name.
func (t *table) definedColumn(name string) *otsprotocol.DefinedColumnSchema {
	for _, c := range t.description.TableMeta.DefinedColumn {
		if c.GetName() == name {
			return c
		}
	}
	return nil
}

// newIndex is the index that a checked meta describes: its key is the index
// columns, completed by the key of the base.
func (t *table) newIndex(meta *otsprotocol.IndexMeta) *table {
	columns := slices.Clone(meta.PrimaryKey)
	for _, k := range t.schema() {
		if !slices.Contains(columns, k.GetName()) {
			columns = append(columns, k.GetName())
		}
	}
	own := &otsprotocol.TableMeta{TableName: meta.Name}
	for _, name := range columns {
		kind, _ := t.indexColumn(name)
		own.PrimaryKey = append(own.PrimaryKey, &otsprotocol.PrimaryKeySchema{Name: proto.String(name), Type: kind.Enum()})
	}
	for _, name := range meta.DefinedColumn {
		own.DefinedColumn = append(own.DefinedColumn, t.definedColumn(name))
	}
	d := t.description
	return &table{
		index: &index{local: meta.GetIndexType() == otsprotocol.IndexType_IT_LOCAL_INDEX},
		description: &otsprotocol.DescribeTableResponse{
			TableMeta:                 own,
			ReservedThroughputDetails: d.ReservedThroughputDetails,
			TableOptions:              d.TableOptions,
			TableStatus:               d.TableStatus,
			StreamDetails:             &otsprotocol.StreamDetails{EnableStream: proto.Bool(false)},
		},
	}
}

func createIndex(c *call) (proto.Message, error) {
	req := new(otsprotocol.CreateIndexRequest)
	if err := c.decode(req); err != nil {
		return nil, err
	}
	if err := checkIndexMeta(req.IndexMeta); err != nil {
		return nil, err
	}
	return &otsprotocol.CreateIndexResponse{}, c.server.store.update(func(t tx) error {
		base, err := c.writable(t, req.GetMainTableName())
		if err != nil {
			return err
		}
		x, err := base.addIndex(req.IndexMeta)
		if err != nil {
			return err
		}
		m := c.moment()
		if req.GetIncludeBaseData() && !x.index.local {
			x.index.built = m.after()
		}
		if err := x.createIndex(t, c.instance, base.name()); err != nil {
			return err
		}
		if req.GetIncludeBaseData() {
			if err := x.fill(t, base, m); err != nil {
				return err
			}
		}
		return base.save(t, c.instance)
	})
}

func dropIndex(c *call) (proto.Message, error) {
	req := new(otsprotocol.DropIndexRequest)
	if err := c.decode(req); err != nil {
		return nil, err
	}
	return &otsprotocol.DropIndexResponse{}, c.server.store.update(func(t tx) error {
		base, err := c.writable(t, req.GetMainTableName())
		if err != nil {
			return err
		}
		at := base.findIndex(req.GetIndexName())
		if at < 0 {
			return errNoIndex()
		}
		base.description.IndexMetas = slices.Delete(base.description.IndexMetas, at, at+1)
		if err := base.save(t, c.instance); err != nil {
			return err
		}
		return base.indexes[at].remove(t, indexKey(c.instance, req.GetIndexName()))
	})
}
