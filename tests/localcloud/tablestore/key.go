package tablestore

import (
	"encoding/binary"

	"github.com/aliyun/aliyun-tablestore-go-sdk/tablestore/otsprotocol"
)

// The store has one key space. The first byte of a key is its purpose.
const (
	spaceTable   = 't' // instance 0x00 table: the table's id and description
	spaceIndex   = 'i' // instance 0x00 index: the index's id, age and table
	spaceRow     = 'r' // table id, ordered primary key: the row
	spaceCounter = 'c' // table id: the last auto-increment value; no id: the last table id
)

func tableKey(instance, table string) []byte {
	b := append([]byte{spaceTable}, instance...)
	return append(append(b, 0), table...)
}

func indexKey(instance, index string) []byte {
	b := append([]byte{spaceIndex}, instance...)
	return append(append(b, 0), index...)
}

func counterKey(table uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{spaceCounter}, table)
}

func rowPrefix(table uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{spaceRow}, table)
}

// behind returns the smallest key greater than every key with the prefix.
func behind(prefix []byte) []byte {
	out := append([]byte(nil), prefix...)
	for i := len(out) - 1; i >= 0; i-- {
		out[i]++
		if out[i] != 0 {
			return out[:i+1]
		}
	}
	return []byte{0xff}
}

// rowKey encodes a primary key, or a bound of a range, so that keys sort in the
// order of their rows.
func rowKey(table uint64, key []cell) []byte {
	b := rowPrefix(table)
	for _, c := range key {
		switch c.value.kind {
		case kindInfMin:
			b = append(b, 0x00)
		case kindInfMax:
			b = append(b, 0xff)
		case kindInteger:
			b = binary.BigEndian.AppendUint64(append(b, 0x01), c.value.number^(1<<63))
		default:
			b = append(b, 0x01)
			for i := range len(c.value.text) {
				b = append(b, c.value.text[i])
				if c.value.text[i] == 0 {
					b = append(b, 0xff)
				}
			}
			b = append(b, 0x00, 0x01)
		}
	}
	return b
}

// keyUse says which values a primary key may hold.
type keyUse int

const (
	keyOfRow   keyUse = iota // an existing or wanted row
	keyOfWrite               // a row to write: may leave a column to auto-increment
	keyOfBound               // an end of a range: INF_MIN and INF_MAX
)

// checkKey compares a primary key with the table's schema.
func checkKey(schema []*otsprotocol.PrimaryKeySchema, key []cell, use keyUse) error {
	if len(key) != len(schema) {
		return errInvalidKey()
	}
	for i, c := range key {
		if c.name != schema[i].GetName() || !c.hasValue {
			return errInvalidKey()
		}
		switch c.value.kind {
		case kindInteger:
			if schema[i].GetType() != otsprotocol.PrimaryKeyType_INTEGER {
				return errInvalidKey()
			}
		case kindString:
			if schema[i].GetType() != otsprotocol.PrimaryKeyType_STRING {
				return errInvalidKey()
			}
		case kindBinary:
			if schema[i].GetType() != otsprotocol.PrimaryKeyType_BINARY {
				return errInvalidKey()
			}
		case kindInfMin, kindInfMax:
			if use != keyOfBound {
				return errInvalidKey()
			}
		case kindAutoIncrement:
			if use != keyOfWrite || schema[i].Option == nil {
				return errInvalidKey()
			}
		default:
			return errInvalidKey()
		}
	}
	return nil
}
