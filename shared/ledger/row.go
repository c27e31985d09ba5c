package ledger

import (
	"crypto/md5"
	"encoding/hex"
	"fmt"

	"github.com/aliyun/aliyun-tablestore-go-sdk/tablestore"

	"aftercare/shared/decide"
)

// Column names of the instances' table. Live rows and records for people hold
// one JSON object in "data".
const (
	colPartition = "pk"
	colRow       = "row"
	colRev       = "rev"
	colData      = "data"
	colVersion   = "v"
	colCommit    = "commit_id"
	colAnswer    = "answer"
	colHash      = "hash"
	colDecided   = "decided"
)

// Row keys. The instance's row is first in key order on purpose: rows that are
// read after it are at least as new.
const (
	rowInstance   = "live/!"
	liveFirst     = "live/"
	liveEnd       = "live0"
	prefixSend    = "live/send/"
	prefixMessage = "live/message/"
	prefixRun     = "live/flow/"
	prefixQueue   = "live/~queue/"
	prefixText    = "text/"
	prefixTask    = "live/task/"
	prefixLate    = "live/unmatched/"
	prefixLimit   = "live/limit/"
	prefixBad     = "live/failing/"
	prefixRepair  = "live/repair/"
	prefixAlerted = "live/alerted/"
	logFirst      = "log/"
	logEnd        = "log0"
	logMessage    = "log/message/"
	logBoot       = "log/boot/"
	logExec       = "log/exec/"
	logRun        = "log/flow/"
	logInput      = "log/input/"
	logTask       = "log/task/"
	logAct        = "log/act/"
)

// partition spreads instances over the key space.
func partition(instanceID string) string { return spread(instanceID) + ":" + instanceID }

// spread returns 4 hex digits derived from the id.
func spread(id string) string {
	sum := md5.Sum([]byte(id))
	return hex.EncodeToString(sum[:2])
}

// shard returns a number below n derived from the id.
func shard(id string, n int) int {
	sum := md5.Sum([]byte(id))
	return int(sum[2]) % n
}

func taskRow(t decide.Task) string {
	if t.State != decide.TaskQueued {
		return prefixTask + t.ID
	}
	return fmt.Sprintf("%s%d/%013d/%s", prefixQueue, 9-t.Priority, t.SubmittedAt.UnixMilli(), t.ID)
}

func primaryKey(instanceID, row string) *tablestore.PrimaryKey {
	return keyOf(ownerOf(instanceID), column{colRow, row})
}

// ownerOf is the first column of the keys of an instance's rows.
func ownerOf(instanceID string) column { return column{colPartition, partition(instanceID)} }

// edge stands in a key before or behind all values.
type edge int

const (
	first edge = iota
	last
)

// keyOf is a primary key with these columns.
func keyOf(columns ...column) *tablestore.PrimaryKey {
	pk := new(tablestore.PrimaryKey)
	for _, c := range columns {
		switch c.value {
		case first:
			pk.AddPrimaryKeyColumnWithMinValue(c.name)
		case last:
			pk.AddPrimaryKeyColumnWithMaxValue(c.name)
		default:
			pk.AddPrimaryKeyColumn(c.name, c.value)
		}
	}
	return pk
}

// Limits of one atomic batch, and of one column in it.
const (
	maxBatchRows   = 200
	maxBatchBytes  = 4 << 20
	maxColumnBytes = 2 << 20
)

// batch collects the row changes of one commit.
type batch struct {
	table      string
	owner      column // the first of the rows' keys
	instanceID string // whose rows they are, if an instance's
	rows       []tablestore.RowChange
	keys       map[string]bool // of the rows
	bytes      int             // of keys, names and values
	err        error
}

// instanceBatch begins a batch of an instance's rows.
func instanceBatch(table, instanceID string) *batch {
	return &batch{table: table, owner: ownerOf(instanceID), instanceID: instanceID}
}

// addKey registers a row and builds its key. Tablestore refuses a batch that
// contains a row twice.
func (b *batch) addKey(row string) *tablestore.PrimaryKey {
	if b.keys[row] {
		b.fail(fmt.Errorf("row %s appears twice", row))
	}
	if b.keys == nil {
		b.keys = map[string]bool{}
	}
	b.keys[row] = true
	b.bytes += len(b.owner.name) + len(b.owner.value.(string)) + len(colRow) + len(row)
	return keyOf(b.owner, column{colRow, row})
}

// add adds a column to a row, and counts its size.
func (b *batch) add(change *tablestore.PutRowChange, c column) {
	size := 8
	switch v := c.value.(type) {
	case string:
		size = len(v)
	case []byte:
		size = len(v)
	}
	if size > maxColumnBytes {
		b.fail(fmt.Errorf("column %s has %d bytes, at most %d fit", c.name, size, maxColumnBytes))
	}
	b.bytes += len(c.name) + size
	change.AddColumn(c.name, c.value)
}

func (b *batch) fail(err error) {
	if b.err == nil {
		b.err = err
	}
}

// check returns why Tablestore would refuse the batch.
func (b *batch) check() error {
	if len(b.rows) > maxBatchRows {
		b.fail(fmt.Errorf("%d rows, at most %d fit into a batch", len(b.rows), maxBatchRows))
	}
	if b.bytes > maxBatchBytes {
		b.fail(fmt.Errorf("%d bytes, at most %d fit into a batch", b.bytes, maxBatchBytes))
	}
	return b.err
}

// put writes a whole row, in place of an earlier one.
func (b *batch) put(row string, v any, columns ...column) {
	b.change(row, v, anyway(), columns)
}

// putOnce writes a row that must not exist yet.
func (b *batch) putOnce(row string, v any, columns ...column) {
	b.change(row, v, absent(), columns)
}

func (b *batch) change(row string, v any, condition *tablestore.RowCondition, columns []column) {
	change := &tablestore.PutRowChange{TableName: b.table, PrimaryKey: b.addKey(row), Condition: condition}
	version := column{colVersion, int64(schemaVersion)}
	if v != nil {
		b.add(change, column{colData, b.encode(v)})
		if k := keptOf(v); k != nil {
			version.value = max(k.version, schemaVersion)
			for name, value := range k.columns {
				b.add(change, column{name, value})
			}
		}
	}
	for _, c := range append(columns, version) {
		b.add(change, c)
	}
	b.rows = append(b.rows, change)
}

// encode returns a value as JSON.
func (b *batch) encode(v any) string {
	data, err := encode(v)
	if err != nil {
		b.fail(fmt.Errorf("encode a row: %w", err))
	}
	return data
}

// putWhole writes a row as it was read.
func (b *batch) putWhole(row string, read values) {
	change := &tablestore.PutRowChange{TableName: b.table, PrimaryKey: b.addKey(row), Condition: anyway()}
	for name, value := range read {
		b.add(change, column{name, value})
	}
	b.rows = append(b.rows, change)
}

func (b *batch) drop(row string) {
	change := new(tablestore.DeleteRowChange)
	change.TableName = b.table
	change.PrimaryKey = b.addKey(row)
	change.SetCondition(tablestore.RowExistenceExpectation_IGNORE)
	b.rows = append(b.rows, change)
}

// column is one column to write. The value is a string, an int64 or what was
// read: the SDK panics on other integers.
type column struct {
	name  string
	value any
}

// values are the columns of a row that was read.
type values map[string]any

func valuesOf(columns []*tablestore.AttributeColumn) values {
	v := make(values, len(columns))
	for _, c := range columns {
		v[c.ColumnName] = c.Value
	}
	return v
}

func (v values) text(name string) string {
	s, _ := v[name].(string)
	return s
}

func (v values) int(name string) int64 {
	n, _ := v[name].(int64)
	return n
}

// columnText is the text in a column of a row; empty without that column.
func columnText(row *tablestore.Row, name string) string {
	for _, c := range row.Columns {
		if c.ColumnName == name {
			s, _ := c.Value.(string)
			return s
		}
	}
	return ""
}

// keyText is the text of the i-th primary key column of a row that was read.
func keyText(row *tablestore.Row, i int) string {
	s, _ := row.PrimaryKey.PrimaryKeys[i].Value.(string)
	return s
}

func keyInt(row *tablestore.Row, i int) int64 {
	n, _ := row.PrimaryKey.PrimaryKeys[i].Value.(int64)
	return n
}
