package tablestore

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// PlainBuffer is the format of rows inside the protobuf messages, and of the
// rows in the store. These are its tags.
const (
	plainHeader = 0x75

	tagRowPK        = 0x01
	tagRowData      = 0x02
	tagCell         = 0x03
	tagCellName     = 0x04
	tagCellValue    = 0x05
	tagCellType     = 0x06
	tagCellTime     = 0x07
	tagDeleteMarker = 0x08
	tagRowChecksum  = 0x09
	tagCellChecksum = 0x0a
)

// kind is the type of a value.
type kind byte

const (
	kindInteger       kind = 0x0
	kindDouble        kind = 0x1
	kindBoolean       kind = 0x2
	kindString        kind = 0x3
	kindNull          kind = 0x6
	kindBinary        kind = 0x7
	kindInfMin        kind = 0x9
	kindInfMax        kind = 0xa
	kindAutoIncrement kind = 0xb
)

// operation is what an update does to a cell.
type operation byte

const (
	opPut       operation = 0x0 // the cell carries no operation
	opDeleteAll operation = 0x1 // all versions of the column
	opDeleteOne operation = 0x3 // the version with the cell's timestamp
	opIncrement operation = 0x4
)

// value is one value. Number holds integers, booleans and the bits of
// doubles; text holds strings and binaries.
type value struct {
	kind   kind
	number uint64
	text   string
}

// cell is one version of one column, or a part of a primary key.
type cell struct {
	name     string
	value    value
	hasValue bool
	op       operation
	time     int64 // milliseconds
	hasTime  bool
}

// row is a primary key and its cells.
type row struct {
	key     []cell
	cells   []cell
	deleted bool // has a delete marker
}

var errShort = errors.New("unexpected end of data")

// reader walks over a PlainBuffer. It never panics, whatever the bytes.
type reader struct {
	rest []byte
}

func (r *reader) byte() (byte, error) {
	if len(r.rest) == 0 {
		return 0, errShort
	}
	b := r.rest[0]
	r.rest = r.rest[1:]
	return b, nil
}

func (r *reader) uint32() (uint32, error) {
	if len(r.rest) < 4 {
		return 0, errShort
	}
	n := binary.LittleEndian.Uint32(r.rest)
	r.rest = r.rest[4:]
	return n, nil
}

func (r *reader) uint64() (uint64, error) {
	if len(r.rest) < 8 {
		return 0, errShort
	}
	n := binary.LittleEndian.Uint64(r.rest)
	r.rest = r.rest[8:]
	return n, nil
}

func (r *reader) text() (string, error) {
	n, err := r.uint32()
	if err != nil {
		return "", err
	}
	if uint64(n) > uint64(len(r.rest)) {
		return "", errShort
	}
	s := string(r.rest[:n])
	r.rest = r.rest[n:]
	return s, nil
}

// skip consumes the next byte if it is the given tag, and reports whether it was.
func (r *reader) skip(tag byte) bool {
	if len(r.rest) == 0 || r.rest[0] != tag {
		return false
	}
	r.rest = r.rest[1:]
	return true
}

// variant reads a type and its payload, the form of values in filters.
func (r *reader) variant() (value, error) {
	k, err := r.byte()
	if err != nil {
		return value{}, err
	}
	v := value{kind: kind(k)}
	switch v.kind {
	case kindInteger, kindDouble:
		v.number, err = r.uint64()
	case kindBoolean:
		var b byte
		if b, err = r.byte(); err == nil && b > 1 {
			err = fmt.Errorf("boolean %d", b)
		}
		v.number = uint64(b)
	case kindString, kindBinary:
		v.text, err = r.text()
	case kindInfMin, kindInfMax, kindAutoIncrement:
	default:
		err = fmt.Errorf("unknown value type %d", k)
	}
	return v, err
}

// sized reads the total length in front of a variant, and the variant.
func (r *reader) sized() (value, error) {
	total, err := r.uint32()
	if err != nil {
		return value{}, err
	}
	before := len(r.rest)
	v, err := r.variant()
	if err != nil {
		return value{}, err
	}
	if used := before - len(r.rest); uint64(used) != uint64(total) {
		return value{}, fmt.Errorf("value of %d bytes says that it has %d", used, total)
	}
	return v, nil
}

// cell reads a cell behind its tag, and verifies its checksum.
func (r *reader) cell() (c cell, sum byte, err error) {
	if !r.skip(tagCellName) {
		return c, 0, errors.New("cell without a name")
	}
	if c.name, err = r.text(); err != nil {
		return c, 0, err
	}
	if r.skip(tagCellValue) {
		c.hasValue = true
		if c.value, err = r.sized(); err != nil {
			return c, 0, err
		}
	}
	if r.skip(tagCellType) {
		op, err := r.byte()
		if err != nil {
			return c, 0, err
		}
		c.op = operation(op)
		if c.op != opDeleteAll && c.op != opDeleteOne && c.op != opIncrement {
			return c, 0, fmt.Errorf("unknown cell type %d", op)
		}
	}
	if r.skip(tagCellTime) {
		n, err := r.uint64()
		if err != nil {
			return c, 0, err
		}
		c.time, c.hasTime = int64(n), true
	}
	if !r.skip(tagCellChecksum) {
		return c, 0, errors.New("cell without a checksum")
	}
	if sum, err = r.byte(); err != nil {
		return c, 0, err
	}
	if sum != c.checksum() {
		return c, 0, fmt.Errorf("wrong checksum of cell %q", c.name)
	}
	return c, sum, nil
}

// row reads one row without a header, and verifies its checksum.
func (r *reader) row() (row, error) {
	var out row
	var sum byte
	if !r.skip(tagRowPK) {
		return out, errors.New("row without a primary key")
	}
	for r.skip(tagCell) {
		c, cellSum, err := r.cell()
		if err != nil {
			return out, err
		}
		out.key, sum = append(out.key, c), crc8(sum, cellSum)
	}
	if r.skip(tagRowData) {
		for r.skip(tagCell) {
			c, cellSum, err := r.cell()
			if err != nil {
				return out, err
			}
			out.cells, sum = append(out.cells, c), crc8(sum, cellSum)
		}
	}
	marker := byte(0)
	if r.skip(tagDeleteMarker) {
		out.deleted, marker = true, 1
	}
	sum = crc8(sum, marker)
	if !r.skip(tagRowChecksum) {
		return out, errors.New("row without a checksum")
	}
	said, err := r.byte()
	if err != nil {
		return out, err
	}
	if said != sum {
		return out, errors.New("wrong checksum of row")
	}
	return out, nil
}

// decodeRow reads a PlainBuffer that holds exactly one row. Zeros may follow:
// the Node.js SDK sends one for each INF_MIN and INF_MAX.
func decodeRow(b []byte) (row, error) {
	r := reader{rest: b}
	header, err := r.uint32()
	if err != nil {
		return row{}, err
	}
	if header != plainHeader {
		return row{}, fmt.Errorf("unknown header %#x", header)
	}
	out, err := r.row()
	if err != nil {
		return row{}, err
	}
	if len(bytes.TrimLeft(r.rest, "\x00")) > 0 {
		return row{}, errors.New("more than one row")
	}
	return out, nil
}

// encodeRow encodes a row for decodeRow.
func encodeRow(r row) []byte {
	return appendRow(appendHeader(nil), r)
}

func appendHeader(b []byte) []byte {
	return binary.LittleEndian.AppendUint32(b, plainHeader)
}

// appendRow appends a row without a header; several rows share one header.
func appendRow(b []byte, r row) []byte {
	var sum byte
	b = append(b, tagRowPK)
	for _, c := range r.key {
		b, sum = appendCell(b, c, sum)
	}
	if len(r.cells) > 0 {
		b = append(b, tagRowData)
		for _, c := range r.cells {
			b, sum = appendCell(b, c, sum)
		}
	}
	marker := byte(0)
	if r.deleted {
		b, marker = append(b, tagDeleteMarker), 1
	}
	return append(b, tagRowChecksum, crc8(sum, marker))
}

func appendCell(b []byte, c cell, rowSum byte) ([]byte, byte) {
	b = append(b, tagCell, tagCellName)
	b = appendText(b, c.name)
	if c.hasValue {
		b = append(b, tagCellValue)
		at := len(b)
		b = appendVariant(append(b, 0, 0, 0, 0), c.value)
		binary.LittleEndian.PutUint32(b[at:], uint32(len(b)-at-4))
	}
	if c.op != opPut {
		b = append(b, tagCellType, byte(c.op))
	}
	if c.hasTime {
		b = binary.LittleEndian.AppendUint64(append(b, tagCellTime), uint64(c.time))
	}
	sum := c.checksum()
	return append(b, tagCellChecksum, sum), crc8(rowSum, sum)
}

func appendVariant(b []byte, v value) []byte {
	b = append(b, byte(v.kind))
	switch v.kind {
	case kindInteger, kindDouble:
		b = binary.LittleEndian.AppendUint64(b, v.number)
	case kindBoolean:
		b = append(b, byte(v.number))
	case kindString, kindBinary:
		b = appendText(b, v.text)
	}
	return b
}

func appendText(b []byte, s string) []byte {
	return append(binary.LittleEndian.AppendUint32(b, uint32(len(s))), s...)
}

// size is a cell's size in bytes, as limits and capacity units count it.
func (c cell) size() int {
	n := len(c.name)
	switch c.value.kind {
	case kindString, kindBinary:
		n += len(c.value.text)
	case kindBoolean:
		n++
	default:
		n += 8
	}
	return n
}

// size is a row's size in bytes, as limits and capacity units count it.
func (r row) size() int {
	n := 0
	for _, c := range r.key {
		n += c.size()
	}
	for _, c := range r.cells {
		n += c.size()
	}
	return n
}

func (v value) integer() int64 { return int64(v.number) }

func (v value) double() float64 { return math.Float64frombits(v.number) }
