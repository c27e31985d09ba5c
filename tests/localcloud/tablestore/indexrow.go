package tablestore

import (
	"bytes"
	"encoding/binary"
)

// reindex replaces the stored row by the next one, nil for no row, in all indexes
// of its table. It must be called before the row itself is written.
func (t *table) reindex(to tx, at []byte, next *row, m moment) error {
	if len(t.indexes) == 0 {
		return nil
	}
	var old row
	stored := to.get(at)
	if stored != nil {
		var err error
		if old, _, err = decodeStored(stored); err != nil {
			return err
		}
	}
	for _, x := range t.indexes {
		var from, into, content []byte
		if stored != nil {
			if gone, _, ok := x.derive(old, 0); ok {
				from = rowKey(x.id, gone.key)
			}
		}
		if next != nil {
			if added, stamp, ok := x.derive(*next, m.now); ok {
				if err := checkKeySizes(added.key); err != nil {
					return err
				}
				into, content = rowKey(x.id, added.key), encodeStored(added, stamp)
			}
		}
		if from != nil && !bytes.Equal(from, into) {
			if err := x.set(to, from, nil, m); err != nil {
				return err
			}
		}
		if into != nil {
			if err := x.set(to, into, content, m); err != nil {
				return err
			}
		}
	}
	return nil
}

// derive returns the index row of a base row, given when that was written, and the
// time that its expiry counts from: the index row ends with the base row, or
// earlier with an index column. It reports false if the row lacks an index column.
func (x *table) derive(base row, written int64) (out row, stamp int64, ok bool) {
	cells := newest(base.cells, 1)
	stamp = written
	for i, c := range cells {
		if i == 0 || c.time > stamp {
			stamp = c.time
		}
	}
	for _, k := range x.schema() {
		c, ok := findCell(base.key, k.GetName())
		if !ok {
			if c, ok = findCell(cells, k.GetName()); ok {
				stamp = min(stamp, c.time)
			}
		}
		if !ok || kindNames[c.value.kind] != k.GetType().String() {
			return row{}, 0, false
		}
		out.key = append(out.key, cell{name: c.name, value: c.value, hasValue: true})
	}
	for _, c := range cells {
		if x.definedColumn(c.name) != nil {
			out.cells = append(out.cells, c)
		}
	}
	return out, stamp, true
}

func findCell(cells []cell, name string) (cell, bool) {
	for _, c := range cells {
		if c.name == name {
			return c, true
		}
	}
	return cell{}, false
}

// fill puts the rows that a base has into its new index. They show with the
// index itself.
func (x *table) fill(to tx, base *table, m moment) (failed error) {
	rows := make(map[string][]byte)
	prefix := rowPrefix(base.id)
	to.scan(prefix, behind(prefix), func(_, stored []byte) bool {
		var r row
		var written int64
		if r, written, failed = decodeStored(stored); failed != nil {
			return false
		}
		if added, stamp, ok := x.derive(r, written); ok {
			if failed = checkKeySizes(added.key); failed != nil {
				return false
			}
			rows[string(rowKey(x.id, added.key))] = encodeStored(added, stamp)
		}
		return true
	})
	for at, content := range rows {
		if failed == nil {
			failed = x.set(to, []byte(at), content, m)
		}
	}
	return failed
}

// The store keeps under a key of an index what shows there, and the changes that
// do not show yet: for each a delay, the content's size, and the content, which
// is empty if the row is gone.

// set makes a change under a key of an index; nil content removes the row.
func (x *table) set(to tx, at, content []byte, m moment) error {
	if x.index.local {
		m.lag = 0
	}
	var out []byte
	if m.lag > 0 {
		out = since(to.get(at), m)
	}
	if len(out) == 0 && content == nil {
		return to.delete(at)
	}
	out = appendDelay(out[:len(out):len(out)], m.after())
	out = binary.BigEndian.AppendUint32(out, uint32(len(content)))
	return to.put(at, append(out, content...))
}

const changeHead = 20 // bytes of a delay and a size

// since returns the changes under a key of an index from the last one that shows.
func since(b []byte, m moment) []byte {
	out := b
	for rest := b; len(rest) > 0; {
		if m.shows(decodeDelay(rest)) {
			out = rest
		}
		rest = rest[changeHead+binary.BigEndian.Uint32(rest[16:]):]
	}
	return out
}

// shown returns the row that shows under a key of an index, nil for no row.
func shown(b []byte, m moment) []byte {
	b = since(b, m)
	if len(b) == 0 || !m.shows(decodeDelay(b)) {
		return nil
	}
	if size := binary.BigEndian.Uint32(b[16:]); size > 0 {
		return b[changeHead : changeHead+size]
	}
	return nil
}

func appendDelay(b []byte, d delay) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(b, uint64(d.made)), uint64(d.shows))
}

func decodeDelay(b []byte) delay {
	return delay{int64(binary.BigEndian.Uint64(b)), int64(binary.BigEndian.Uint64(b[8:]))}
}
