package tablestore

import (
	"math"
	"slices"
	"strings"

	"github.com/aliyun/aliyun-tablestore-go-sdk/tablestore/otsprotocol"
	"github.com/golang/protobuf/proto"
)

// change is one checked write of one row.
type change struct {
	operation otsprotocol.OperationType
	row       row
	existence otsprotocol.RowExistenceExpectation
	condition *filter
	content   *otsprotocol.ReturnContent
}

// written is the answer to a change.
type written struct {
	row      []byte
	consumed *otsprotocol.ConsumedCapacity
}

// parseChange decodes a change, and checks it as far as possible without its
// table.
func parseChange(operation otsprotocol.OperationType, b []byte, condition *otsprotocol.Condition, content *otsprotocol.ReturnContent) (*change, error) {
	decoded, err := decodeRow(b)
	if err != nil {
		return nil, errParameter("Invalid row: %v.", err)
	}
	out := &change{operation: operation, row: decoded, existence: condition.GetRowExistence(), content: content}
	if out.condition, err = parseFilter(condition.GetColumnCondition(), false); err != nil {
		return nil, err
	}
	if err := checkKeySizes(decoded.key); err != nil {
		return nil, err
	}
	cells := decoded.cells
	switch {
	case operation == otsprotocol.OperationType_DELETE && len(cells) > 0:
		return nil, errParameter("A row to delete must not have attribute columns.")
	case operation == otsprotocol.OperationType_UPDATE && len(cells) == 0:
		return nil, errParameter("No column is specified while updating row.")
	case len(cells) > maxColumns:
		return nil, errTooManyColumns()
	case decoded.size() > maxRowSize:
		return nil, errRowTooLarge()
	}
	type version struct {
		name    string
		time    int64
		hasTime bool
	}
	seen := make(map[version]bool, len(cells))
	for _, c := range cells {
		if err := checkCell(operation, c); err != nil {
			return nil, err
		}
		v := version{c.name, c.time, c.hasTime}
		if seen[v] {
			return nil, errParameter("Duplicated attribute column name: '%s'.", c.name)
		}
		seen[v] = true
	}
	return out, nil
}

func checkKeySizes(key []cell) error {
	for _, c := range key {
		if n := len(c.value.text); n > maxKeySize {
			return errParameter("The length of primary key column: '%s' exceeds the MaxLength: %d with CurrentLength: %d.", c.name, maxKeySize, n)
		}
	}
	return nil
}

func checkCell(operation otsprotocol.OperationType, c cell) error {
	if err := checkName("column", c.name); err != nil {
		return err
	}
	if n := len(c.value.text); n > maxValueSize {
		return errParameter("The length of attribute column: '%s' exceeds the MaxLength: %d with CurrentLength: %d.", c.name, maxValueSize, n)
	}
	if c.hasTime && c.time < 0 {
		return errParameter("The version of column '%s' must not be negative.", c.name)
	}
	ok := c.hasValue && c.value.kind <= kindBinary
	switch c.op {
	case opDeleteAll:
		ok = !c.hasValue && !c.hasTime
	case opDeleteOne:
		ok = !c.hasValue && c.hasTime
	case opIncrement:
		if c.value.kind != kindInteger {
			return errParameter("The increment of column '%s' must be an integer.", c.name)
		}
		ok = c.hasValue && !c.hasTime
	}
	if !ok || operation == otsprotocol.OperationType_PUT && c.op != opPut {
		return errParameter("Invalid cell of column '%s'.", c.name)
	}
	return nil
}

// apply makes the change inside an update.
func (ch *change) apply(t tx, in *table, m moment) (*written, error) {
	now := m.now
	if err := checkKey(in.schema(), ch.row.key, keyOfWrite); err != nil {
		return nil, err
	}
	for _, c := range ch.row.cells {
		for _, k := range in.schema() {
			if c.name == k.GetName() {
				return nil, errParameter("Duplicated attribute column name with primary key column: '%s'.", c.name)
			}
		}
		if err := checkVersion(in.options(), c, now); err != nil {
			return nil, err
		}
	}
	if ch.operation == otsprotocol.OperationType_UPDATE && !in.options().GetAllowUpdate() {
		return nil, errParameter("The table does not allow UpdateRow.")
	}
	key, err := ch.assignKey(t, in, now)
	if err != nil {
		return nil, err
	}
	at := rowKey(in.id, key)
	old, exists, err := in.visible(t.get(at), m)
	if err != nil {
		return nil, err
	}
	if !exists {
		old = row{key: key}
	}
	switch {
	case ch.existence == otsprotocol.RowExistenceExpectation_EXPECT_EXIST && !exists,
		ch.existence == otsprotocol.RowExistenceExpectation_EXPECT_NOT_EXIST && exists,
		!ch.condition.matches(old):
		return nil, errConditionFailed()
	}

	next, err := ch.result(old, now)
	if err != nil {
		return nil, err
	}
	switch {
	case ch.operation == otsprotocol.OperationType_DELETE:
		if err = in.reindex(t, at, nil, m); err == nil {
			err = t.delete(at)
		}
	case !exists && ch.onlyDeletes():
		// An update that only deletes columns makes no row.
	default:
		next.cells = newest(next.cells, int(in.options().GetMaxVersions()))
		if err = in.reindex(t, at, &next, m); err == nil {
			err = t.put(at, encodeStored(next, now))
		}
	}
	if err != nil {
		return nil, err
	}
	return &written{row: ch.answer(next), consumed: ch.consumed()}, nil
}

// checkVersion refuses versions that are too far from now.
func checkVersion(o *otsprotocol.TableOptions, c cell, now int64) error {
	if !c.hasTime || c.op == opDeleteOne {
		return nil
	}
	deviation := min(o.GetDeviationCellVersionInSec(), 1<<40) * 1000 // without overflow
	low := now - deviation
	if ttl := int64(o.GetTimeToLive()) * 1000; ttl > 0 {
		low = max(low, now-ttl)
	}
	if c.time < low || c.time >= now+deviation {
		return errParameter("The version of column '%s' is not in the valid range: [%d, %d).", c.name, low, now+deviation)
	}
	return nil
}

// assignKey gives the auto-increment column of a new row its value.
func (ch *change) assignKey(t tx, in *table, now int64) ([]cell, error) {
	key := slices.Clone(ch.row.key)
	for i := range key {
		if key[i].value.kind != kindAutoIncrement {
			continue
		}
		if ch.operation == otsprotocol.OperationType_DELETE {
			return nil, errInvalidKey()
		}
		// As in the service, the values do not depend on the existing rows.
		n, err := nextNumber(t, counterKey(in.id), uint64(now)*1000)
		if err != nil {
			return nil, err
		}
		key[i].value = value{kind: kindInteger, number: n}
	}
	return key, nil
}

func (ch *change) onlyDeletes() bool {
	return ch.operation == otsprotocol.OperationType_UPDATE && !slices.ContainsFunc(ch.row.cells, func(c cell) bool {
		return c.op != opDeleteAll && c.op != opDeleteOne
	})
}

// result returns the row after the change, with all its versions.
func (ch *change) result(old row, now int64) (row, error) {
	next := row{key: old.key}
	if ch.operation == otsprotocol.OperationType_DELETE {
		return next, nil
	}
	if ch.operation == otsprotocol.OperationType_UPDATE {
		next.cells = slices.Clone(old.cells)
	}
	for _, c := range ch.row.cells {
		op, stamp := c.op, c.time
		if !c.hasTime {
			stamp = now
		}
		switch op {
		case opDeleteAll:
			next.cells = slices.DeleteFunc(next.cells, func(have cell) bool { return have.name == c.name })
			continue
		case opIncrement:
			sum, err := increment(next.cells, c)
			if err != nil {
				return row{}, err
			}
			c.value = sum
		}
		next.cells = slices.DeleteFunc(next.cells, func(have cell) bool { return have.name == c.name && have.time == stamp })
		if op != opDeleteOne {
			next.cells = append(next.cells, cell{name: c.name, value: c.value, hasValue: true, time: stamp, hasTime: true})
		}
	}
	slices.SortStableFunc(next.cells, compareCells)
	return next, nil
}

// compareCells orders cells by name, and puts the newest version first.
func compareCells(a, b cell) int {
	if order := strings.Compare(a.name, b.name); order != 0 {
		return order
	}
	switch {
	case a.time > b.time:
		return -1
	case a.time < b.time:
		return 1
	}
	return 0
}

// increment adds to the newest version of a column; a missing one is 0.
func increment(cells []cell, by cell) (value, error) {
	at := -1
	for i, c := range cells {
		if c.name == by.name && (at < 0 || c.time > cells[at].time) {
			at = i
		}
	}
	if at < 0 {
		return by.value, nil
	}
	if cells[at].value.kind != kindInteger {
		return value{}, errParameter("The column '%s' to increment is not an integer.", by.name)
	}
	a, b := cells[at].value.integer(), by.value.integer()
	if b > 0 && a > math.MaxInt64-b || b < 0 && a < math.MinInt64-b {
		return value{}, errParameter("The increment of column '%s' overflows.", by.name)
	}
	return value{kind: kindInteger, number: uint64(a + b)}, nil
}

// newest keeps at most n versions of each column of sorted cells.
func newest(cells []cell, n int) []cell {
	out := cells[:0:0]
	kept := 0
	for i, c := range cells {
		if i > 0 && c.name == cells[i-1].name {
			kept++
		} else {
			kept = 1
		}
		if kept <= n {
			out = append(out, c)
		}
	}
	return out
}

// answer returns the row that the caller asked for, nil for no row.
func (ch *change) answer(after row) []byte {
	switch ch.content.GetReturnType() {
	case otsprotocol.ReturnType_RT_PK:
		return encodeRow(row{key: after.key})
	case otsprotocol.ReturnType_RT_AFTER_MODIFY:
		out := row{key: after.key}
		for _, c := range newest(after.cells, 1) {
			if slices.Contains(ch.content.ReturnColumnNames, c.name) {
				out.cells = append(out.cells, c)
			}
		}
		return encodeRow(out)
	}
	return nil
}

func (ch *change) consumed() *otsprotocol.ConsumedCapacity {
	read := 0
	if ch.existence != otsprotocol.RowExistenceExpectation_IGNORE || ch.condition != nil {
		read = 1
	}
	return capacity(read, units(ch.row.size()))
}

// units converts bytes to capacity units, at least one.
func units(size int) int {
	return max(1, (size+capacityUnit-1)/capacityUnit)
}

func capacity(read, write int) *otsprotocol.ConsumedCapacity {
	return &otsprotocol.ConsumedCapacity{CapacityUnit: &otsprotocol.CapacityUnit{
		Read: proto.Int32(int32(read)), Write: proto.Int32(int32(write)),
	}}
}
