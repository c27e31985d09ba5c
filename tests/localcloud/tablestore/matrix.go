package tablestore

import (
	"encoding/binary"
	"slices"
)

// SimpleRowMatrix is the compact format that a GetRange may ask for: each column
// name once, then the rows' values, with one version of each column.
const (
	matrixVersion  = 0x304d5253
	matrixChecksum = 1
	matrixRow      = 2
	matrixRowCount = 3
)

// fitsMatrix reports whether rows have at most one version of each column;
// if not, the answer is in PlainBuffer, as the hint allows.
func fitsMatrix(rows []row) bool {
	for _, r := range rows {
		for i := 1; i < len(r.cells); i++ {
			if r.cells[i].name == r.cells[i-1].name {
				return false
			}
		}
	}
	return true
}

// encodeMatrix encodes rows of one table, at least one.
func encodeMatrix(rows []row) []byte {
	names := make(map[string]bool)
	for _, r := range rows {
		for _, c := range r.cells {
			names[c.name] = true
		}
	}
	columns := make([]string, 0, len(names))
	for name := range names {
		columns = append(columns, name)
	}
	slices.Sort(columns)

	b := binary.LittleEndian.AppendUint32(nil, matrixVersion)
	b = append(b, make([]byte, 8)...) // the offsets of data and options
	b = binary.LittleEndian.AppendUint32(b, uint32(len(rows[0].key)))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(columns)))
	for _, c := range rows[0].key {
		b = appendMatrixName(b, c.name)
	}
	for _, name := range columns {
		b = appendMatrixName(b, name)
	}
	binary.LittleEndian.PutUint32(b[8:], uint32(len(b)))
	b = binary.LittleEndian.AppendUint32(append(b, matrixRowCount), uint32(len(rows)))
	binary.LittleEndian.PutUint32(b[4:], uint32(len(b)))
	for _, r := range rows {
		b = append(b, matrixRow)
		for _, c := range r.key {
			b = appendVariant(b, c.value)
		}
		at := 0
		for _, name := range columns {
			if at < len(r.cells) && r.cells[at].name == name {
				b = appendVariant(b, r.cells[at].value)
				at++
			} else {
				b = append(b, byte(kindNull))
			}
		}
	}
	sum := byte(0)
	for _, x := range b {
		sum = crc8(sum, x)
	}
	return append(b, matrixChecksum, sum)
}

func appendMatrixName(b []byte, name string) []byte {
	return append(binary.LittleEndian.AppendUint16(b, uint16(len(name))), name...)
}
